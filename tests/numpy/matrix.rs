//! Files of many kinds, those that NumPy writes and those that it merely reads: each is read as NumPy reads
//! it, or refused for a reason that is true. `matrix.py` makes the files and compares.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ndshm::{AnyArray, AnySnapshot, Error, ErrorKind, NpyFile};

use super::{FreeName, Python};

/// A directory that is removed when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let name = format!("numpy-matrix-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn matrix(what: &str, path: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/numpy/matrix.py");
    Command::new(Python::interpreter()).arg(script).args([what, path]).output().unwrap()
}

#[test]
fn what_numpy_reads_is_read_alike_or_refused_for_a_true_reason() {
    let Some(_) = Python::start() else { return };
    let scratch = Scratch::new();
    let written = matrix("write", scratch.0.to_str().unwrap());
    let lines = String::from_utf8(written.stdout).unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));

    let (mut pairs, mut shared, mut count) = (String::new(), Vec::new(), 0);
    for (index, line) in lines.lines().enumerate() {
        let file = scratch.path(&format!("{index}.npy"));
        let reads = line.starts_with("reads");
        let must = line.starts_with("reads must");
        count += usize::from(must);
        let again = scratch.path(&format!("{index}-again.npy"));
        match read_and_write(&file, &again) {
            Ok(()) if reads => pairs += &format!("{file} {again}\n"),
            Ok(()) => {}
            Err(error) if reads => {
                assert!(!must, "{line}: {error}");
                // Not damaged, nor anything else that is not so.
                let reasons = [ErrorKind::Unsupported, ErrorKind::SizeOverflow];
                assert!(reasons.contains(&error.kind()), "{line}: {:?}: {error}", error.kind());
            }
            Err(_) => {}
        }

        let name = FreeName::new("numpy-matrix-");
        fs::copy(&file, name.path()).unwrap();
        // SAFETY: nobody else has the copy open.
        match unsafe { AnyArray::share_npy(name.path()) } {
            Ok(_) if reads => {
                pairs += &format!("{file} {}\n", name.path().display());
                shared.push(name);
            }
            Ok(_) => {}
            Err(error) if must => {
                let reasons = [ErrorKind::ForeignByteOrder, ErrorKind::Misaligned];
                assert!(reasons.contains(&error.kind()), "{line}: {:?}: {error}", error.kind());
            }
            Err(_) => {}
        }
    }
    assert!(count > 500 && shared.len() > 250, "{count} files, {} shared", shared.len());
    let list = scratch.path("pairs");
    fs::write(&list, pairs).unwrap();
    let judged = matrix("judge", &list);
    let (out, err) =
        (String::from_utf8_lossy(&judged.stdout), String::from_utf8_lossy(&judged.stderr));
    assert!(judged.status.success(), "{out}{err}");
}

/// Writes what is read of a file into another.
fn read_and_write(file: &str, again: &str) -> Result<(), Error> {
    let copy = AnySnapshot::of_file(&NpyFile::open(file)?)?;
    fs::write(again, [&copy.npy_header()?, copy.bytes()].concat()).unwrap();
    Ok(())
}
