//! Row 11: two workers fill disjoint halves of one array.
//!
//! All workers wait for the same value to change and count themselves done in another one, so that
//! only what lies between is compared.

mod support;

use std::thread;

use ndarray::{Array1, s};
use ndshm::Result;
use support::signals::{KINDS, Signals};
use support::{Helper, Row};

/// 64 MiB.
const LEN: usize = (64 << 20) / size_of::<f64>();

/// How the workers of a round lock: its kind.
const BY_ROWS: u64 = 0;
const WHOLE: u64 = 1;

fn main() -> Result<()> {
    if let Some((_, arguments)) = support::role() {
        let [array, start, done, half] = &arguments[..] else { panic!("four arguments") };
        return fill_shared(array, start, done, half.parse().expect("0 or 1"));
    }
    let mut criterion = support::criterion();
    let shared = ndshm::Array1::<f64>::create_unique("bench-halves-", LEN)?;
    shared.write()?.fill(1.0);
    let (threads, processes) = (Signals::new()?, Signals::new()?);
    let _workers = ["0", "1"].map(|half| {
        let [start, done] = [processes.start.name(), processes.done.name()];
        Helper::start("worker", &[shared.name(), start, done, half])
    });
    let mut private = Array1::<f64>::ones(LEN);
    let (low, high) = private.view_mut().split_at(ndarray::Axis(0), LEN / 2);
    thread::scope(|scope| {
        for mut half in [low, high] {
            let threads = &threads;
            scope.spawn(move || {
                let mut seen = 0;
                while let Some(round) = threads.next(&mut seen) {
                    half.fill(fresh(round));
                    threads.done.fetch_add(1).expect("a value can be added to");
                }
            });
        }
        let work = "two processes fill a half each, through write_rows";
        Row { number: 11, work, baseline: "two threads, one private array", target: 1.05 }
            .compare_few(&mut criterion, || threads.round(BY_ROWS), || processes.round(BY_ROWS));
        Row { number: 11, work, baseline: "two processes, one lock for all", target: 1.0 }
            .compare_few(&mut criterion, || processes.round(WHOLE), || processes.round(BY_ROWS));
        threads.end();
    });
    criterion.final_summary();
    Ok(())
}

/// A number to fill with that differs from round to round.
#[allow(clippy::cast_precision_loss, reason = "any number will do")]
fn fresh(round: u64) -> f64 {
    round as f64
}

/// What a worker process does until the benchmark ends it.
fn fill_shared(array: &str, start: &str, done: &str, half: usize) -> Result<()> {
    let array = ndshm::Array1::<f64>::open(array)?;
    let signals = Signals::open(start, done)?;
    let rows = half * LEN / 2..(half + 1) * LEN / 2;
    let mut seen = signals.start.get()?;
    array.write_rows(rows.clone())?.fill(1.0);
    support::end_with_parent();
    support::ready();
    while let Some(round) = signals.next(&mut seen) {
        if round % KINDS == BY_ROWS {
            array.write_rows(rows.clone())?.fill(fresh(round));
        } else {
            array.write()?.slice_mut(s![rows.clone()]).fill(fresh(round));
        }
        signals.done.fetch_add(1)?;
    }
    Ok(())
}
