//! Rows 13 and 14: what a segment costs besides its data, and what many of them cost.

mod support;

use std::fs;
use std::time::Instant;

use criterion::Criterion;
use ndshm::{Array1, Array2, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{Helper, Row};

/// How many segments are few, and how many are many.
const COUNTS: [usize; 2] = [1000, 10_000];

/// How many processes take part in the crowded array, this one included.
const PARTICIPANTS: usize = 64;

fn main() -> Result<()> {
    match support::role() {
        Some((role, arguments)) if role == "participant" => return take_part(&arguments[0]),
        Some((_, arguments)) => return create_many(&arguments[0], &arguments[1]),
        None => {}
    }
    let mut criterion = support::criterion();
    bytes()?;
    descriptors()?;
    crowd(&mut criterion)?;
    for count in COUNTS {
        many(count)?;
    }
    criterion.final_summary();
    Ok(())
}

/// A row without a baseline.
fn fact(number: u32, work: &str, fact: &str) {
    println!("| {number} | {work} | – | – | {fact} | – | – |");
}

fn bytes() -> Result<()> {
    for participants in [1, 64, 1024] {
        for stripes in [1, 16, 256] {
            let array = Array1::<u8>::options()
                .participants(participants)
                .stripes(stripes)
                .create_unique("bench-bytes-", 4096)?;
            let info = array.segment().info()?;
            let (header, control) = (info.data_offset(), info.control_len());
            fact(
                14,
                &format!("bytes besides the data, {participants} participants, {stripes} stripes"),
                &format!("{header} + {control}"),
            );
        }
    }
    Ok(())
}

fn descriptors() -> Result<()> {
    let open = || fs::read_dir("/proc/self/fd").expect("/proc is mounted").count();
    let helper = format!("bench-descriptors-{}", std::process::id());
    let made = Helper::start("many", &[&helper, "100"]);
    let before = open();
    let attached: Vec<_> = (0..100)
        .map(|number| Array1::<u8>::open(&format!("{helper}-{number}")))
        .collect::<Result<_>>()?;
    let (opened, locked) = (open() - before, {
        for array in &attached {
            drop(array.read()?);
        }
        open() - before
    });
    fact(14, "descriptors, 100 segments attached", &opened.to_string());
    fact(14, "descriptors, 100 segments attached and locked once", &locked.to_string());
    drop(made);
    Ok(())
}

/// Lock and unlock among many participants.
fn crowd(criterion: &mut Criterion) -> Result<()> {
    let array = || Array2::<f64>::options().stripes(1).create_unique("bench-crowd-", (64, 64));
    let (alone, crowded) = (array()?, array()?);
    let _helpers: Vec<_> =
        (1..PARTICIPANTS).map(|_| Helper::start("participant", &[crowded.name()])).collect();
    let write = |array: &Array2<f64>| array.write().expect("nobody else has it")[[0, 0]] = 1.0;
    let read = |array: &Array2<f64>| array.read().expect("nobody writes")[[0, 0]];
    let baseline = "alone";
    Row { number: 13, work: "read, one stripe, 64 participants", baseline, target: 1.0 }.compare(
        criterion,
        || read(&alone),
        || read(&crowded),
    );
    Row { number: 13, work: "write, one stripe, 64 participants", baseline, target: 4.0 }.compare(
        criterion,
        || write(&alone),
        || write(&crowded),
    );
    Ok(())
}

/// Has another process create so many, lists them, kills it, and reaps what it left.
fn many(count: usize) -> Result<()> {
    let prefix = format!("bench-many-{}", std::process::id());
    let each =
        |start: Instant| format!("{:.1} µs", start.elapsed().as_secs_f64() / count as f64 * 1e6);
    let start = Instant::now();
    let mut creator = Helper::start("many", &[&prefix, &count.to_string()]);
    fact(13, &format!("create, each of {count} segments"), &each(start));
    let start = Instant::now();
    let listed = ndshm::list()?.iter().filter(|info| info.name().starts_with(&prefix)).count();
    fact(13, &format!("list, each of {count} segments"), &each(start));
    assert_eq!(listed, count);
    creator.kill();
    creator.wait();
    let start = Instant::now();
    let reaped = ndshm::reap()?.iter().filter(|info| info.name().starts_with(&prefix)).count();
    fact(13, &format!("reap, each of {count} segments"), &each(start));
    assert_eq!(reaped, count);
    Ok(())
}

/// What a helper does: it creates so many segments, and stays.
fn create_many(prefix: &str, count: &str) -> Result<()> {
    let count: usize = count.parse().expect("a number");
    // One descriptor each.
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let _made: Vec<_> = (0..count)
        .map(|number| Array1::<u8>::create(&format!("{prefix}-{number}"), 64))
        .collect::<Result<_>>()?;
    support::stay();
    Ok(())
}

/// What a helper does: it registers, and stays.
fn take_part(name: &str) -> Result<()> {
    let array = Array2::<f64>::open(name)?;
    drop(array.read()?);
    support::stay();
    Ok(())
}
