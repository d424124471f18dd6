//! Row 10: an array of 64 MiB is summed by two workers, and its owner gets the result.
//!
//! The data lies where its owner has it: in private memory for threads and Python's `Pool`, in shared
//! memory for processes. Workers that stay are told by a value that a round begins.

mod support;

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use ndarray::{ArrayView1, Ix1};
use ndshm::{Array1, Part, Result};
use rayon::prelude::*;
use support::signals::{Signals, WORKERS};
use support::{Helper, Row};

/// 64 MiB.
const LEN: usize = (64 << 20) / size_of::<f64>();

/// The sum that all must find.
const SUM: f64 = LEN as f64;

fn main() -> Result<()> {
    match support::role() {
        Some((role, arguments)) if role == "stays" => return stay(&arguments),
        Some((_, arguments)) => return sum_part(&arguments),
        None => {}
    }
    let mut criterion = support::criterion();
    let shared = Array1::<f64>::create_from("bench-share-out", &ndarray::Array1::ones(LEN))?;
    let sums = Array1::<f64>::options().stripes(2).create_unique("bench-sums-", 2)?;
    let private = ndarray::Array1::<f64>::ones(LEN);
    let signals = Signals::new()?;
    let parts = shared.split_stripes(2);
    let _workers: Vec<_> = parts
        .iter()
        .map(|part| {
            let [start, done] = [signals.start.name(), signals.done.name()];
            Helper::start("stays", &[&part.to_string(), sums.name(), start, done])
        })
        .collect();
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(parts.len())
        .build()
        .expect("threads can be started");
    let by_threads = || threads.install(|| sum_in_parallel(&private));
    let by_those_who_stay = || {
        signals.round(0);
        let sum = sums.read().expect("nobody writes").sum();
        assert!(sum == SUM, "they found {sum}");
    };
    let program = std::env::current_exe().expect("a running program has a path");
    let by_those_started = || {
        shared
            .scatter(2, |part| {
                let mut worker = Command::new(&program);
                worker.args([part.to_string().as_str(), sums.name()]);
                worker.env(support::ROLE, "starts");
                worker
            })
            .expect("they can be started");
        let sum = sums.read().expect("nobody writes").sum();
        assert!(sum == SUM, "they found {sum}");
    };

    let stays = "sum by two processes that stay, 64 MiB";
    let starts = "sum by two processes started for it (scatter), 64 MiB";
    let rayon = "rayon, two threads, one private array";
    Row { number: 10, work: stays, baseline: rayon, target: 1.1 }.compare(
        &mut criterion,
        by_threads,
        by_those_who_stay,
    );
    Row { number: 10, work: starts, baseline: rayon, target: 1.1 }.compare(
        &mut criterion,
        by_threads,
        by_those_started,
    );
    let Some(mut python) = Python::start() else {
        eprintln!("SKIPPED: no Python with NumPy (see NDSHM_PYTHON), so none is compared with");
        return Ok(());
    };
    for (kind, baseline) in [
        ("pool", "Python's Pool, which stays, pickled chunks"),
        ("shared", "Python's Pool, which stays, and SharedMemory"),
    ] {
        Row { number: 10, work: stays, baseline, target: 1.0 }.compare_few(
            &mut criterion,
            || python.round(kind),
            by_those_who_stay,
        );
    }
    Row {
        number: 10,
        work: starts,
        baseline: "Python's Pool, started for it, and SharedMemory",
        target: 1.0,
    }
    .compare_few(&mut criterion, || python.round("start"), by_those_started);
    signals.end();
    criterion.final_summary();
    Ok(())
}

fn sum_in_parallel(array: &ndarray::Array1<f64>) {
    let numbers = array.as_slice().expect("contiguous");
    let halves = numbers.par_chunks(LEN / 2);
    let sum: f64 = halves.map(|half| ArrayView1::from(half).sum()).sum();
    assert!(sum == SUM, "they found {sum}");
}

/// What a worker does that sums its part whenever a round begins.
fn stay(arguments: &[String]) -> Result<()> {
    let [part, sums, start, done] = arguments else { panic!("four arguments") };
    let part = part.parse::<Part>()?.open::<f64, Ix1>()?;
    let sums = Array1::<f64>::open(sums)?;
    let signals = Signals::open(start, done)?;
    let mut seen = signals.start.get()?;
    let mine = usize::from(part.rows().start > 0);
    drop((part.read()?, sums.write_stripe(u32::from(mine > 0))?));
    support::end_with_parent();
    support::ready();
    while signals.next(&mut seen).is_some() {
        let sum = part.read()?.sum();
        sums.write_rows(mine..=mine)?[0] = sum;
        signals.done.fetch_add(1)?;
    }
    Ok(())
}

/// What a worker does that was started to sum its part.
fn sum_part(arguments: &[String]) -> Result<()> {
    let [part, sums] = arguments else { panic!("two arguments") };
    let part = part.parse::<Part>()?.open::<f64, Ix1>()?;
    let sum = part.read()?.sum();
    let mine = usize::from(part.rows().start > 0);
    Array1::<f64>::open(sums)?.write_rows(mine..=mine)?[0] = sum;
    Ok(())
}

/// Python, with NumPy, with as many workers.
struct Python {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Python {
    /// `None` where there is none, or no NumPy.
    fn start() -> Option<Self> {
        let python = std::env::var_os("NDSHM_PYTHON").unwrap_or_else(|| "python3".into());
        let mut child = Command::new(python)
            .args(["-c", include_str!("share_out.py"), &LEN.to_string(), &WORKERS.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
        matches!(lines.next(), Some(Ok(line)) if line == "ready").then_some(Self { child, lines })
    }

    fn round(&mut self, kind: &str) {
        let input = self.child.stdin.as_mut().expect("stdin is a pipe");
        writeln!(input, "{kind}").expect("Python listens");
        let said = self.lines.next().expect("Python lives").expect("Python speaks UTF-8");
        assert_eq!(said.parse(), Ok(SUM), "{said}");
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
