//! Kills this process at a step, for the tests of deaths at every step.
//!
//! # Safety
//!
//! The unsafe code here, of which an ordinary build has none, is `fork` and what the child does.
//! The child calls only functions that are safe after a fork, and never returns.
#![allow(unsafe_code)]

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rustix::process::{Signal, getpid, kill_process};

/// Kills this process if `NDSHM_DIE_AT` is the name of this step, or the number of steps passed
/// since it was set, including this one. With `NDSHM_LEAVE_A_CHILD` it first forks a child, which
/// lives on.
pub(crate) fn at(step: &str) {
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let Ok(fatal) = std::env::var("NDSHM_DIE_AT") else { return };
    let passed = PASSED.fetch_add(1, Relaxed) + 1;
    if fatal == step || fatal.parse() == Ok(passed) {
        if std::env::var_os("NDSHM_LEAVE_A_CHILD").is_some() {
            let _ = writeln!(std::io::stderr(), "leaves {}", fork_a_child());
        }
        let _ = writeln!(std::io::stderr(), "dies at {step}");
        kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
    }
}

/// Forks a child that does nothing for a minute, or until it is killed.
fn fork_a_child() -> libc::pid_t {
    // SAFETY: the child goes on below. It calls only what is safe after a fork, and never returns.
    let pid = unsafe { libc::fork() };
    if pid != 0 {
        return pid;
    }
    // A process that reads the parent's output waits for the end of that output.
    for standard in 0..3 {
        // SAFETY: it takes a number. Nothing in this child uses the descriptor again.
        unsafe { libc::close(standard) };
    }
    // SAFETY: it takes a number. The signal ends this child.
    unsafe { libc::alarm(60) };
    loop {
        // SAFETY: takes nothing.
        unsafe { libc::pause() };
    }
}
