//! Named points between the steps of a protocol, at which a test kills the process.
//!
//! A step says what has just been done. `tests/steps` finds all steps in the source, lets a child
//! die at every one of them, and looks at what it leaves; see `cargo xtask step-kill`. Only built
//! with `--cfg ndshm_steps` is there anything behind them.
//!
//! # Safety
//!
//! The unsafe code here, of which an ordinary build has none, is `fork`, whose child calls nothing but
//! functions that are safe after it, and never returns.
#![allow(unsafe_code)]

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
/// since that was set. With `NDSHM_LEAVE_A_CHILD` it forks a child first, which lives on.
#[cfg(ndshm_steps)]
pub(crate) fn pass(name: &str) {
    use std::io::Write;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use rustix::process::{Signal, getpid, kill_process};

    static PASSED: AtomicU32 = AtomicU32::new(0);
    let Ok(at) = std::env::var("NDSHM_DIE_AT") else { return };
    let passed = PASSED.fetch_add(1, Relaxed) + 1;
    if at == name || at.parse() == Ok(passed) {
        if std::env::var_os("NDSHM_LEAVE_A_CHILD").is_some() {
            let _ = writeln!(std::io::stderr(), "leaves {}", fork_a_child());
        }
        let _ = writeln!(std::io::stderr(), "dies at {name}");
        kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
    }
}

/// Forks a child that does nothing, for a minute, or until it is killed.
#[cfg(ndshm_steps)]
fn fork_a_child() -> libc::pid_t {
    // SAFETY: the child goes on below, where it calls what is safe after a fork, and never returns.
    let pid = unsafe { libc::fork() };
    if pid != 0 {
        return pid;
    }
    // Whoever reads what its parent says waits for the end of that.
    for standard in 0..3 {
        // SAFETY: takes a number; nothing in this child uses the descriptor again.
        unsafe { libc::close(standard) };
    }
    // SAFETY: takes a number; the signal ends this child.
    unsafe { libc::alarm(60) };
    loop {
        // SAFETY: takes nothing.
        unsafe { libc::pause() };
    }
}
