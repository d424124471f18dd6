//! Kills this process at a step, for the tests of deaths at every step.
//!
//! # Safety
//!
//! The unsafe code here, of which an ordinary build has none, is `fork`, whose child calls nothing but
//! functions that are safe after it, and never returns.
#![allow(unsafe_code)]

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rustix::process::{Signal, getpid, kill_process};

/// Kills this process if `NDSHM_DIE_AT` is the name of this step, or how many were passed with it
/// since that was set. With `NDSHM_LEAVE_A_CHILD` it forks a child first, which lives on.
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

/// Forks a child that does nothing, for a minute, or until it is killed.
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
