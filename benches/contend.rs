//! Rows 5 and 7: two processes add to one counter, and each addition takes the lock.

mod support;

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use ndshm::{Array1, Result, Value};
use support::pthread::{Kind, Mutex};
use support::signals::{KINDS, Signals, WORKERS};
use support::{Helper, Row};

/// How often each process adds in a round.
const TIMES: u64 = 5000;

/// Under which lock the workers of a round add: its kind.
const VALUE: u64 = 0;
const ROWS: u64 = 1;
const WHOLE: u64 = 2;
const PLAIN: u64 = 3;
const ROBUST: u64 = 4;

fn main() -> Result<()> {
    if let Some((_, arguments)) = support::role() {
        return add(&arguments);
    }
    let mut criterion = support::criterion();
    let value = Value::<u64>::create_unique("bench-value-", 0)?;
    let array = Array1::<u64>::options().stripes(16).create_unique("bench-contend-", 1024)?;
    let (plain, robust) = (Mutex::new(Kind::Plain), Mutex::new(Kind::Robust));
    let signals = Signals::new()?;
    let arguments = [signals.start.name(), signals.done.name(), value.name(), array.name()];
    let _workers = [(), ()].map(|()| {
        Helper::start("worker", &[&arguments[..], &[&plain.path(), &robust.path()]].concat())
    });

    let mut rounds_by_value = 0;
    let pthread = "pthread mutex, process-shared";
    for (work, kind) in [
        ("two processes add under Value::edit", VALUE),
        ("two processes add under write_rows", ROWS),
    ] {
        Row { number: 7, work, baseline: pthread, target: 1.0 }.compare_few(
            &mut criterion,
            || signals.round(PLAIN),
            || {
                rounds_by_value += u64::from(kind == VALUE);
                signals.round(kind);
            },
        );
    }
    let baseline = "pthread mutex, robust and process-shared";
    Row { number: 5, work: "write, 16 stripes, two processes contend", baseline, target: 1.0 }
        .compare_few(&mut criterion, || signals.round(ROBUST), || signals.round(WHOLE));
    if let Some(mut python) = Python::start() {
        let work = "two processes add under Value::edit";
        Row { number: 7, work, baseline: "Python's multiprocessing.Value", target: 0.01 }
            .compare_few(
                &mut criterion,
                || python.round(),
                || {
                    rounds_by_value += 1;
                    signals.round(VALUE);
                },
            );
    } else {
        eprintln!("SKIPPED: no python3, so nothing is compared with multiprocessing.Value");
    }
    assert_eq!(value.get()?, rounds_by_value * WORKERS * TIMES, "additions were lost");
    signals.end();
    criterion.final_summary();
    Ok(())
}

/// What a worker process does until the benchmark ends it.
fn add(arguments: &[String]) -> Result<()> {
    let [start, done, value, array, plain, robust] = arguments else { panic!("six arguments") };
    let signals = Signals::open(start, done)?;
    let (value, array) = (Value::<u64>::open(value)?, Array1::<u64>::open(array)?);
    let (plain, robust) = (Mutex::open(plain), Mutex::open(robust));
    let mut seen = signals.start.get()?;
    drop((value.edit()?, array.write()?));
    support::end_with_parent();
    support::ready();
    while let Some(round) = signals.next(&mut seen) {
        for _ in 0..TIMES {
            match round % KINDS {
                VALUE => *value.edit()? += 1,
                ROWS => array.write_rows(0..1)?[0] += 1,
                WHOLE => array.write()?[0] += 1,
                PLAIN => plain.increment(),
                ROBUST => robust.increment(),
                kind => unreachable!("kind {kind}"),
            }
        }
        signals.done.fetch_add(1)?;
    }
    Ok(())
}

/// Python with two processes that do the same.
struct Python {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Python {
    /// `None` where there is none.
    fn start() -> Option<Self> {
        let mut child = Command::new("python3")
            .args(["-c", include_str!("increment.py"), &TIMES.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
        matches!(lines.next(), Some(Ok(line)) if line == "ready").then_some(Self { child, lines })
    }

    fn round(&mut self) {
        let input = self.child.stdin.as_mut().expect("stdin is a pipe");
        input.write_all(b"go\n").expect("Python listens");
        let said = self.lines.next().expect("Python lives").expect("Python speaks UTF-8");
        assert_eq!(said, "done");
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
