//! An array in a file: written by two processes, synced, and opened again later.
//!
//! `cargo run --release --example file_backed -- [DIRECTORY]`
//!
//! The directory is the current one by default, and lies on ext4, xfs, btrfs or f2fs, or on a tmpfs, where
//! it outlives no restart of the machine. The file is much larger than what is written, and takes
//! room on the disk for no more than that. Three runs of a program are played, each by processes of
//! their own: one that syncs before it ends, one that goes on where that stopped, and one that dies
//! while it writes. Ends by itself, and leaves nothing.

use std::env;
use std::error::Error;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitCode};

use ndshm::{Array2, ErrorKind, Lifetime, Reserve};

/// 2 GiB of numbers, of which a few rows are ever written.
const SHAPE: (usize, usize) = (1 << 18, 1 << 10);

/// The stripes that are written, by a process each: the first and the last.
const STRIPES: [u32; 2] = [0, 15];

/// How many rows each process writes in a run.
const ROWS: usize = 1000;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["add", path, stripe] => add(Path::new(path), stripe),
        ["die", path, stripe] => die(Path::new(path), stripe),
        [directory] => run(Path::new(directory)),
        _ => run(Path::new(".")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("file_backed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A file that goes with this, whatever happens.
struct Gone(PathBuf);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What the parent does: makes the file, and has others work on it.
fn run(directory: &Path) -> Result {
    let file = Gone(directory.canonicalize()?.join(format!("table-{}.npy", process::id())));
    let path = &file.0;
    let options = Array2::<f64>::options().reserve(Reserve::Lazy).lifetime(Lifetime::Persistent);
    options.create(path.as_path(), SHAPE)?.sync()?;

    println!("First run: two processes write, each the rows of a stripe of its own.");
    two("add", path)?;
    Array2::<f64>::open(path.as_path())?.sync()?;
    let metadata = std::fs::metadata(path)?;
    let mib = |bytes: u64| bytes >> 20;
    let (len, taken) = (mib(metadata.len()), mib(metadata.blocks() * 512));
    println!("  synced: {len} MiB long, and takes {taken} MiB of the disk");

    println!("Second run: two more go on where those stopped.");
    two("add", path)?;
    let array = Array2::<f64>::open(path.as_path())?;
    println!("  {} additions to each column so far", additions(&array)?);
    array.sync()?;
    drop(array);

    println!("Third run: both die while they write.");
    two("die", path)?;
    let array = Array2::<f64>::open(path.as_path())?;
    for stripe in STRIPES {
        let rows = array.stripe_range(stripe);
        let error = array.read_rows(rows.clone()).err().ok_or("nothing was told of the dead")?;
        println!("  rows {rows:?}, {:?}: {error}", error.kind());
        let mut mender = array.write_rows_recover(rows)?;
        // This program knows how a row looks that was half written: its ends differ.
        for mut row in mender.rows_mut().into_iter().take(ROWS) {
            let (first, last) = (row[0], row[row.len() - 1]);
            if first.to_bits() != last.to_bits() {
                row.fill(last);
            }
        }
        mender.mark_consistent();
    }
    println!("  mended: {} additions to each column", additions(&array)?);
    array.sync()?;
    println!(
        "Had the machine stopped instead, all rows would be {:?} until then.",
        ErrorKind::Poisoned
    );
    Ok(())
}

/// Has two processes do that, one on the first stripe and one on the last, and waits for both.
fn two(role: &str, path: &Path) -> Result {
    let start = |stripe: u32| -> Result<Child> {
        let mut program = Command::new(env::current_exe()?);
        Ok(program.arg(role).arg(path).arg(stripe.to_string()).spawn()?)
    };
    let children = STRIPES.map(start);
    for child in children {
        let mut child = child?;
        let status = child.wait()?;
        if role == "add" && !status.success() {
            return Err(format!("a child ended with {status}").into());
        }
    }
    Ok(())
}

/// What was added to the first column, which is as much as to each other one.
fn additions(array: &Array2<f64>) -> Result<f64> {
    let mut sum = 0.0;
    for stripe in STRIPES {
        let start = array.stripe_range(stripe).start;
        sum += array.read_rows(start..start + ROWS)?.column(0).sum();
    }
    Ok(sum)
}

/// Adds one to the first rows of a stripe.
fn add(path: &Path, stripe: &str) -> Result {
    let array = Array2::<f64>::open(path)?;
    let start = array.stripe_range(stripe.parse()?).start;
    *array.write_rows(start..start + ROWS)? += 1.0;
    Ok(())
}

/// Begins to do the same, and dies in the middle of a row.
fn die(path: &Path, stripe: &str) -> Result {
    let array = Array2::<f64>::open(path)?;
    let start = array.stripe_range(stripe.parse()?).start;
    let mut rows = array.write_rows(start..start + ROWS)?;
    let mut row = rows.row_mut(0);
    let half = row.len() / 2;
    row.slice_mut(ndarray::s![..half]).mapv_inplace(|x| x + 1.0);
    // Without unwinding, so that no guard is dropped, as a kill would have it.
    process::exit(1)
}
