//! What the standard library does not offer: forks, PID namespaces, byte locks.
//!
//! # Safety
//!
//! The unsafe code here is calls of libc that take numbers, and `fork`, whose child runs one closure
//! and leaves through `_exit`.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The call that takes a `struct flock64`, as glibc's function `fcntl` does not on 32-bit systems.
#[cfg(target_arch = "x86")]
const FCNTL: libc::c_long = libc::SYS_fcntl64;
#[cfg(not(target_arch = "x86"))]
const FCNTL: libc::c_long = libc::SYS_fcntl;

/// How a forked child ended.
pub(crate) enum Forked {
    Passed,
    Failed,
    Killed,
}

/// Runs `act` in a forked child, which dies with this process, to its end.
pub(crate) fn fork(act: impl FnOnce()) -> Forked {
    // SAFETY: the child runs the closure on its copy of this thread and never returns from here; the
    // library promises to work in it, and the other threads are asleep, so they lock nothing else.
    let pid = unsafe { libc::fork() };
    assert_ne!(pid, -1, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        // SAFETY: takes numbers.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        let passed = catch_unwind(AssertUnwindSafe(act)).is_ok();
        // SAFETY: takes a number and does not return.
        unsafe { libc::_exit(if passed { 0 } else { 101 }) }
    }
    let mut status = 0;
    // SAFETY: the pointer is to a local integer.
    let result = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(result, pid, "waitpid: {}", std::io::Error::last_os_error());
    match status {
        0 => Forked::Passed,
        _ if libc::WIFSIGNALED(status) => Forked::Killed,
        _ => Forked::Failed,
    }
}

/// The child of a process that died; killed when dropped.
pub(crate) struct Orphan(pub(crate) libc::pid_t);

impl Drop for Orphan {
    fn drop(&mut self) {
        // SAFETY: takes numbers; the process sleeps for longer than any scenario takes.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }
}

/// Dies as a killed child did.
pub(crate) fn kill_self() {
    // SAFETY: takes a number, and does not return.
    unsafe { libc::raise(libc::SIGKILL) };
}

/// Gives an environment variable, where it is set, another name.
pub(crate) fn rename_variable(from: &str, to: &str) {
    if let Some(value) = std::env::var_os(from) {
        // SAFETY: a forked child has no thread beside this one.
        unsafe { std::env::set_var(to, value) };
    }
}

/// Puts the children that this thread starts from now on into a PID namespace of their own; false
/// when that is not permitted.
pub(crate) fn unshare_pids() -> bool {
    // SAFETY: takes a number; a thread that calls this starts no thread afterwards.
    unsafe { libc::unshare(libc::CLONE_NEWPID) == 0 }
}

/// Takes the name lock of a segment, until the file is dropped.
pub(crate) fn lock_name(file: &File) {
    // SAFETY: flock64 is a C struct of integers, for which all zeros is a value.
    let mut lock: libc::flock64 = unsafe { std::mem::zeroed() };
    lock.l_type = libc::c_short::try_from(libc::F_WRLCK).unwrap();
    lock.l_start = (1 << 60) - 1;
    lock.l_len = 1;
    // SAFETY: the command reads one flock64, which `lock` is.
    let result =
        unsafe { libc::syscall(FCNTL, file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    assert_eq!(result, 0, "lock: {}", std::io::Error::last_os_error());
}
