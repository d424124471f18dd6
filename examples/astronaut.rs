//! Finds the edges in a picture with three processes that share it by name alone.
//!
//! `cargo run --release --example astronaut -- [--hold] [OUTPUT.png]`
//!
//! The picture becomes the named array `astronaut`. Two workers are spawned and one is forked; each
//! opens that name, reads its rows and one more at either side, and writes the edges into its
//! stripes of `astronaut-edges`. All of them count edge pixels in the value `astronaut-count`. At
//! the end the result is compared with that of a single process, bit for bit, and saved.
//!
//! The names go when this process ends, well or in error. A run that was killed leaves them, and
//! the next run removes them. With `--hold` they stay until Enter is pressed.

use std::env;
use std::error::Error;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitCode, ExitStatus};
use std::time::Instant;

use image::GrayImage;
use ndarray::{Array2, Array3, ArrayRef2, ArrayRef3, Axis};

const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/astronaut.png");
const WORKERS: u32 = 3;

/// The least magnitude that counts as an edge.
const EDGE: u8 = 200;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match &arguments[..] {
        [role, number] if role == "worker" => run_worker("spawned", number),
        _ => run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("astronaut: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the parent does: shares the picture, starts the workers, and looks at what they made.
fn run(arguments: &[String]) -> Result {
    let hold = arguments.iter().any(|argument| argument == "--hold");
    let output = match arguments.iter().find(|argument| *argument != "--hold") {
        Some(path) => PathBuf::from(path),
        None => env::current_exe()?.with_file_name("astronaut-edges.png"),
    };
    remove_stale(&["astronaut", "astronaut-edges", "astronaut-count"])?;

    let picture = decode(PICTURE)?;
    let (height, width, _) = picture.dim();
    let shared = ndshm::Array3::<u8>::create_from("astronaut", &picture)?;
    let edges = ndshm::Array2::<u8>::create("astronaut-edges", (height, width))?;
    let count = ndshm::Value::<u64>::create("astronaut-count", 0)?;

    println!("worker      process   attached in   rows   edge pixels");
    let start = Instant::now();
    let workers = [spawn_worker(0)?, spawn_worker(1)?, fork_worker(2)?];
    let ended = workers.map(Worker::wait);
    let took = start.elapsed();
    ended.into_iter().collect::<Result>()?;
    println!("total                 {took:>11.1?} {height:>6} {:>13}", count.get()?);

    let expected = sobel(&picture, 0..height);
    if *edges.read()? != expected {
        return Err("the edges differ from those that a single process finds".into());
    }
    if count.get()? != count_edges(&expected) {
        return Err("the count differs from that of a single process".into());
    }
    println!("The same as in a single process, bit for bit.");

    save(&edges.snapshot()?, &output)?;
    println!("Saved {}", output.display());
    println!("NumPy: np.load({:?}, mmap_mode=\"r\")", shared.segment().path());
    if hold {
        println!("The memory stays until you press Enter.");
        io::stdin().read_line(&mut String::new())?;
    } else {
        println!("       while it runs: --hold keeps the memory until you press Enter.");
    }
    Ok(())
}

/// What a worker does: it knows nothing but the names and its number.
fn run_worker(kind: &str, number: &str) -> Result {
    let start = Instant::now();
    let picture = ndshm::Array3::<u8>::open("astronaut")?;
    let attached = start.elapsed();
    let edges = ndshm::Array2::<u8>::open("astronaut-edges")?;
    let count = ndshm::Value::<u64>::open("astronaut-count")?;

    let (mut row_count, mut edge_count) = (0, 0);
    for stripe in (number.parse()?..edges.stripes()).step_by(WORKERS as usize) {
        let rows = edges.stripe_range(stripe);
        // A pixel's gradient needs its neighbours: one row more above and below, if there is one.
        let first = rows.start.saturating_sub(1);
        let last = (rows.end + 1).min(picture.shape()[0]);
        let found = sobel(&picture.read_rows(first..last)?, rows.start - first..rows.end - first);
        edges.write_stripe(stripe)?.assign(&found);
        count.fetch_add(count_edges(&found))?;
        row_count += rows.len();
        edge_count += count_edges(&found);
    }
    let process = process::id();
    println!("{kind:<9} {process:>9} {attached:>13.1?} {row_count:>6} {edge_count:>13}");
    Ok(())
}

/// Returns the magnitude of the gradient at each pixel in some rows of a picture, at most 255.
///
/// Luma is that of ITU-R BT.601. The gradient is Sobel and Feldman's, "A 3×3 isotropic gradient
/// operator for image processing", 1968; beyond its border the picture is taken to go on as it is
/// there.
fn sobel(picture: &ArrayRef3<u8>, rows: Range<usize>) -> Array2<u8> {
    let luma = picture.map_axis(Axis(2), |rgb| {
        let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(i32::from);
        (299 * r + 587 * g + 114 * b + 500) / 1000
    });
    let (height, width) = luma.dim();
    Array2::from_shape_fn((rows.len(), width), |(row, x)| {
        let near = |dy, dx| {
            let y = (rows.start + row).saturating_add_signed(dy).min(height - 1);
            luma[[y, x.saturating_add_signed(dx).min(width - 1)]]
        };
        let right = near(-1, 1) + 2 * near(0, 1) + near(1, 1);
        let left = near(-1, -1) + 2 * near(0, -1) + near(1, -1);
        let below = near(1, -1) + 2 * near(1, 0) + near(1, 1);
        let above = near(-1, -1) + 2 * near(-1, 0) + near(-1, 1);
        let magnitude = ((right - left).pow(2) + (below - above).pow(2)).isqrt();
        u8::try_from(magnitude).unwrap_or(u8::MAX)
    })
}

fn count_edges(edges: &ArrayRef2<u8>) -> u64 {
    edges.iter().map(|&magnitude| u64::from(magnitude >= EDGE)).sum()
}

fn decode(path: &str) -> Result<Array3<u8>> {
    let picture = image::open(path)?.into_rgb8();
    let shape = (picture.height() as usize, picture.width() as usize, 3);
    Ok(Array3::from_shape_vec(shape, picture.into_raw())?)
}

fn save(edges: &Array2<u8>, path: &Path) -> Result {
    let (height, width) = edges.dim();
    let pixels = edges.iter().copied().collect();
    let picture = GrayImage::from_raw(width.try_into()?, height.try_into()?, pixels);
    let saved = picture.ok_or("the edges are no picture")?.save(path);
    saved.map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Removes what a killed run left under these names; of a run that goes on nothing is touched.
fn remove_stale(names: &[&str]) -> Result {
    for name in names {
        let Ok(segment) = ndshm::Segment::open(name) else { continue };
        if !segment.participants()?.iter().any(ndshm::Participant::is_alive) {
            ndshm::remove(name)?;
        }
    }
    Ok(())
}

/// A process that works for us.
enum Worker {
    Spawned(Child),
    Forked(libc::pid_t),
}

/// Starts a worker as a program of its own.
fn spawn_worker(number: u32) -> Result<Worker> {
    let mut worker = Command::new(env::current_exe()?);
    Ok(Worker::Spawned(worker.args(["worker", &number.to_string()]).spawn()?))
}

/// Starts a worker as a copy of this process.
#[allow(unsafe_code)]
fn fork_worker(number: u32) -> Result<Worker> {
    // SAFETY: this process has a single thread, so the copy is whole: no lock is held by a thread
    // that it lacks; and no guard is held here that it could take for its own.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error().into()),
        0 => {
            let done = run_worker("forked", &number.to_string());
            if let Err(error) = &done {
                eprintln!("astronaut: {error}");
            }
            process::exit(done.is_err().into());
        }
        child => Ok(Worker::Forked(child)),
    }
}

impl Worker {
    /// Waits until the worker has ended, and fails unless it ended well.
    #[allow(unsafe_code)]
    fn wait(self) -> Result {
        use std::os::unix::process::ExitStatusExt;
        let status = match self {
            Self::Spawned(mut child) => child.wait()?,
            Self::Forked(child) => {
                let mut status = 0;
                // SAFETY: waitpid writes one c_int, to a place that outlives the call.
                if unsafe { libc::waitpid(child, &mut status, 0) } == -1 {
                    return Err(io::Error::last_os_error().into());
                }
                ExitStatus::from_raw(status)
            }
        };
        if status.success() { Ok(()) } else { Err(format!("a worker failed: {status}").into()) }
    }
}
