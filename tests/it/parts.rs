//! Arrays shared out among workers, who may fail.

use std::process::Command;

use ndarray::{Ix0, Ix1};
use ndshm::{Array, Array1, ErrorKind, Part};

use crate::bad_input::refused;
use crate::support::{command, send_signal};

/// The role: fills its part with ones, and ends badly if told so.
pub(crate) fn work(part: &str, end: &str) {
    let part = part.parse::<Part>().unwrap().open::<u64, Ix1>().unwrap();
    let mut guard = part.write().unwrap();
    guard.fill(1);
    match end {
        "well" => drop(guard),
        "killed" => send_signal(std::process::id(), libc::SIGKILL),
        "badly" => std::process::exit(3),
        other => panic!("no end is called {other}"),
    }
}

fn worker(part: &Part, end: &str) -> Command {
    command(&format!("part {part} {end}"))
}

fn array(rows: usize, stripes: u32) -> Array1<u64> {
    Array1::options().stripes(stripes).create_unique("it-parts-", rows).unwrap()
}

#[test]
fn parts_are_whole_stripes_and_as_even_as_these_allow() {
    for (rows, stripes) in [(100, 16), (7, 16), (1, 1), (1000, 7), (0, 4)] {
        let array = array(rows, stripes);
        for workers in 0..20 {
            let parts = array.split_stripes(workers);
            let filled = rows.min(stripes as usize);
            assert_eq!(parts.len(), workers.min(filled), "{rows} {stripes} {workers}");
            let mut next = 0;
            let mut counts = Vec::new();
            for part in &parts {
                assert_eq!(part.rows().start, next);
                next = part.rows().end;
                let whole = (0..stripes).map(|stripe| array.stripe_range(stripe)).filter(|own| {
                    !own.is_empty() && part.rows().start <= own.start && own.end <= part.rows().end
                });
                let whole: Vec<_> = whole.collect();
                assert_eq!(
                    whole.iter().map(ExactSizeIterator::len).sum::<usize>(),
                    part.rows().len()
                );
                counts.push(whole.len());
            }
            assert!(parts.is_empty() || next == rows);
            let (most, least) = (counts.iter().max(), counts.iter().min());
            assert!(most.unwrap_or(&0) - least.unwrap_or(&0) <= 1, "{counts:?}");
        }
    }
}

#[test]
fn every_worker_does_its_part() {
    let array = array(1000, 16);
    array.scatter(5, |part| worker(part, "well")).unwrap();
    assert!(array.read().unwrap().iter().all(|&item| item == 1));
}

#[test]
fn the_rows_of_a_killed_worker_are_named_and_the_others_are_done() {
    let array = array(100, 4);
    let done = array
        .scatter(4, |part| worker(part, if part.rows() == (25..50) { "killed" } else { "well" }));
    let error = done.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WorkerFailed);
    assert_eq!(error.segment(), Some(array.name()));
    let text = error.to_string();
    assert!(text.contains("1 of 4 parts") && text.contains("rows 25..50 (signal: 9"), "{text}");
    assert!(!text.contains("50..75"), "{text}");

    assert!(array.read_rows(..25).unwrap().iter().all(|&item| item == 1));
    assert!(array.read_rows(50..).unwrap().iter().all(|&item| item == 1));
    refused(array.read_rows(25..50), ErrorKind::OwnerDied, "may be half written");
    let mut mended = array.write_rows_recover(25..50).unwrap();
    mended.fill(1);
    mended.mark_consistent();
    drop(mended);
    assert_eq!(array.read().unwrap().sum(), 100);
}

#[test]
fn a_worker_that_fails_or_cannot_be_started_is_named_and_the_others_are_waited_for() {
    let array = array(100, 4);
    let done = array.scatter(4, |part| match part.rows().start {
        0 => worker(part, "badly"),
        50 => Command::new("/nowhere/to/be/found"),
        _ => worker(part, "well"),
    });
    let text = done.unwrap_err().to_string();
    assert!(text.contains("2 of 4 parts"), "{text}");
    assert!(text.contains("rows 0..25 (exit status: 3)"), "{text}");
    assert!(text.contains("rows 50..75 (No such file"), "{text}");
    assert_eq!(array.read_rows(25..50).unwrap().sum() + array.read_rows(75..).unwrap().sum(), 50);
}

#[test]
fn what_cannot_be_shared_out_is_refused() {
    let never = |_: &Part| -> Command { panic!("nobody is started") };
    refused(array(10, 2).scatter(0, never), ErrorKind::InvalidArgument, "choose 1 or more");
    let one = Array::<u8, Ix0>::create_unique("it-parts-", ()).unwrap();
    refused(one.scatter(2, never), ErrorKind::OutOfBounds, "has no axes");
    array(0, 2).scatter(2, never).unwrap();
}

#[test]
fn a_part_of_another_array_is_refused() {
    let array = array(10, 2);
    let part: Part = format!("{}@5..11", array.handle()).parse().unwrap();
    refused(part.open::<u64, Ix1>(), ErrorKind::OutOfBounds, "has 10 rows");
    let part: Part = format!("{}@6..5", array.handle()).parse().unwrap();
    refused(part.open::<u64, Ix1>(), ErrorKind::OutOfBounds, "has 10 rows");
    let part: Part = format!("{}#{:032x}@0..5", array.name(), 7).parse().unwrap();
    refused(part.open::<u64, Ix1>(), ErrorKind::Replaced, "another segment");
}
