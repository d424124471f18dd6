//! Row 5: lock and unlock when nobody is in the way.

mod support;

use criterion::Criterion;
use ndshm::{Array2, Result};
use support::pthread::{Kind, Mutex};
use support::{Helper, Row};

/// How many processes take part in the crowded array, this one included.
const PARTICIPANTS: usize = 8;

fn main() -> Result<()> {
    if let Some((_, arguments)) = support::role() {
        return take_part(&arguments[0]);
    }
    let mut criterion = support::criterion();
    let alone = Array2::<f64>::options().stripes(1).create_unique("bench-alone-", (1024, 64))?;
    let crowded = Array2::<f64>::options().stripes(16).create_unique("bench-crowd-", (1024, 64))?;
    let _helpers: Vec<_> =
        (1..PARTICIPANTS).map(|_| Helper::start("participant", &[crowded.name()])).collect();

    one_stripe(&mut criterion, &alone);
    for (work, of) in [
        ("read, 16 stripes, 8 participants", read as fn(&Array2<f64>) -> f64),
        ("write, 16 stripes, 8 participants", write),
    ] {
        Row { number: 5, work, baseline: "ours, one stripe, alone", target: 6.0 }.compare(
            &mut criterion,
            || of(&alone),
            || of(&crowded),
        );
    }
    let work = "write_rows, 1 of 16 stripes, 8 participants";
    Row { number: 5, work, baseline: "ours, one stripe, alone", target: 2.0 }.compare(
        &mut criterion,
        || write_rows(&alone),
        || write_rows(&crowded),
    );
    criterion.final_summary();
    Ok(())
}

fn one_stripe(criterion: &mut Criterion, array: &Array2<f64>) {
    let pthread = Mutex::new(Kind::Robust);
    let local = parking_lot::RwLock::new(ndarray::Array2::<f64>::zeros((1024, 64)));
    let baseline = "pthread mutex, robust and process-shared";
    for (work, ours) in [
        ("read, one stripe", read as fn(&Array2<f64>) -> f64),
        ("write, one stripe", write),
        ("write_rows, one stripe", write_rows),
    ] {
        Row { number: 5, work, baseline, target: 1.0 }.compare(
            criterion,
            || pthread.lock_and_unlock(),
            || ours(array),
        );
    }
    let baseline = "parking_lot::RwLock";
    Row { number: 5, work: "read, one stripe", baseline, target: 2.0 }.compare(
        criterion,
        || local.read()[[0, 0]],
        || read(array),
    );
    Row { number: 5, work: "write, one stripe", baseline, target: 2.0 }.compare(
        criterion,
        || local.write()[[0, 0]] = 1.0,
        || write(array),
    );
}

fn read(array: &Array2<f64>) -> f64 {
    array.read().expect("nobody writes")[[0, 0]]
}

fn write(array: &Array2<f64>) -> f64 {
    let mut guard = array.write().expect("nobody else has it");
    guard[[0, 0]] = 1.0;
    1.0
}

fn write_rows(array: &Array2<f64>) -> f64 {
    let mut guard = array.write_rows(128..192).expect("nobody else has them");
    guard[[0, 0]] = 1.0;
    1.0
}

/// What a helper does: it registers, and stays.
fn take_part(name: &str) -> Result<()> {
    let array = Array2::<f64>::open(name)?;
    drop(array.read()?);
    support::stay();
    Ok(())
}
