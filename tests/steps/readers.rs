//! Observers, who leave nothing.

use ndshm::{Access, Array1};

use crate::Run;
use crate::Scenario;
use crate::mortal::{DEADLINE, End};

const CELLS: usize = 8;

type Array = Array1<u64>;

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![Scenario { name: "observe", act: observe, play }]
}

fn observe(name: &str) {
    let array = Array::options().access(Access::Observe).open(name).unwrap();
    assert_eq!(array.snapshot_timeout(DEADLINE).unwrap().sum(), CELLS as u64);
}

fn play(run: &Run) -> End {
    let array = Array::options().stripes(2).create_unique("steps-readers-", CELLS).unwrap();
    array.write_timeout(DEADLINE).unwrap().fill(1);
    let end = run.start(array.name()).end();
    assert_eq!(array.segment().participants().unwrap().len(), 1, "an observer registered");
    assert!(array.try_write().unwrap().is_some(), "somebody is in the way");
    end
}
