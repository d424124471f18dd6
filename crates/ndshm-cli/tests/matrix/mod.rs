//! `import` and `export` of files of many kinds: NumPy finds the same in the segment and in what is written
//! back, or the command says why not and ends with 1.

use std::fs;
use std::path::Path;

use crate::support::{FreeName, Scratch, ndshm, numpy, skip};

#[test]
fn what_numpy_reads_is_imported_alike_or_refused_with_code_1() {
    let Some(numpy) = numpy() else { return skip("no NumPy: `cargo xtask numpy` sets one up") };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/numpy/matrix.py");
    let script = fs::read_to_string(script).unwrap();
    let (name, scratch) = (FreeName::new(), Scratch::new());
    let lines = numpy.run(&script, &["write", scratch.root()]);
    let (mut pairs, mut count) = (String::new(), 0);
    for (index, line) in lines.lines().enumerate() {
        // Each file of those that NumPy reads, and some of the others.
        let reads = line.starts_with("reads");
        if !reads && index % 10 != 0 {
            continue;
        }
        let file = scratch.path(&format!("{index}.npy"));
        let segment = name.with(&format!("-{index}"));
        let run = ndshm(["import", &file, &segment]);
        assert!(run.code().is_some_and(|code| code <= 5), "{line}: {}", run.stderr);
        match run.code() {
            Some(0) if reads => {
                let again = scratch.path(&format!("{index}-again.npy"));
                ndshm(["export", &segment, "-o", &again]).is_fine();
                pairs += &format!("{file} /dev/shm/{segment}\n{file} {again}\n");
                count += 1;
            }
            Some(0) => {}
            code if reads => {
                assert!(line.starts_with("reads may"), "{line}: {}", run.stderr);
                assert_eq!(code, Some(1), "{line}: {}", run.stderr);
            }
            _ => {}
        }
    }
    assert!(count > 500, "{count} files");
    let list = scratch.path("pairs");
    fs::write(&list, pairs).unwrap();
    numpy.run(&script, &["judge", &list]);
}
