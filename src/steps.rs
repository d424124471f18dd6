//! Named points between the steps of a protocol, at which a test kills the process.
//!
//! A step says what has just been done. `tests/steps` finds all steps in the source, lets a child
//! die at every one of them, and looks at what it leaves; see `cargo xtask step-kill`. Only built
//! with `--cfg ndshm_steps` is there anything behind them.

/// A point at which a test may kill this process; nothing at all in an ordinary build.
#[cfg(not(ndshm_steps))]
macro_rules! step {
    ($name:literal) => {};
}

/// A point at which a test may kill this process.
#[cfg(ndshm_steps)]
macro_rules! step {
    ($name:literal) => {
        crate::steps::pass($name)
    };
}

pub(crate) use step;

/// Kills this process if `NDSHM_DIE_AT` is the name of this step, or how many were passed with it
/// since that was set.
#[cfg(ndshm_steps)]
pub(crate) fn pass(name: &str) {
    use std::io::Write;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use rustix::process::{Signal, getpid, kill_process};

    static PASSED: AtomicU32 = AtomicU32::new(0);
    let Ok(at) = std::env::var("NDSHM_DIE_AT") else { return };
    let passed = PASSED.fetch_add(1, Relaxed) + 1;
    if at == name || at.parse() == Ok(passed) {
        let _ = writeln!(std::io::stderr(), "dies at {name}");
        kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
    }
}
