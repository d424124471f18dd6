//! Which processor a process runs on. Left to the scheduler, two that wait for each other run on one
//! processor or on two, as it happens, and that makes more of a difference than anything measured here.

use rustix::thread::{self, CpuSet};

/// Two processors that this thread may run on; where it has but one, that one twice.
pub fn two() -> [usize; 2] {
    let allowed = thread::sched_getaffinity(None).expect("a thread may ask");
    let mut allowed = (0..CpuSet::MAX_CPU).filter(|&processor| allowed.is_set(processor));
    let first = allowed.next().expect("it runs on one");
    [first, allowed.next().unwrap_or(first)]
}

/// Keeps this thread there, and the threads and processes that it starts from now on.
pub fn stay_on(processor: usize) {
    let mut only = CpuSet::new();
    only.set(processor);
    thread::sched_setaffinity(None, &only).expect("there is that processor");
}
