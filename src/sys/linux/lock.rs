//! Byte locks of open file descriptions, far beyond the end of any file.
//!
//! The kernel drops such a lock when the last descriptor and the last mapping of its description
//! go, so it outlives nothing and nobody. Processes in different PID namespaces see each other's.
//! Described in `fcntl(2)`, "Open file description locks".
//!
//! # Safety
//!
//! The unsafe code here is the call of `fcntl` with a `struct flock` that lives on the stack, and a move
//! out of what is not dropped.
#![allow(unsafe_code)]

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use super::object::Object;
use super::{os_error, wait};
use crate::error::{Error, ErrorKind, Result};
use crate::steps::step;
use crate::sys::place::Place;

/// First of the bytes that participants lock; no file is that long.
const FIRST_SLOT: i64 = 1 << 60;

/// How often a lock that is held for a moment is tried before its holder is called stuck.
const TRIES: u32 = 5000;

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(1);

/// The call that takes a `struct flock64`, for the kernel lays that out alike in all C libraries. On
/// 32-bit targets glibc's function `fcntl` wants a `struct flock` with offsets of 32 bits instead.
#[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
const FCNTL: libc::c_long = libc::SYS_fcntl64;
#[cfg(not(all(target_pointer_width = "32", not(target_arch = "x86_64"))))]
const FCNTL: libc::c_long = libc::SYS_fcntl;

/// A byte with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Byte {
    /// Held for life by the participant in that slot.
    Slot(u32),
    /// Held while the name changes.
    Name,
    /// Held by who settles what a restart of the machine left.
    Init,
}

impl Byte {
    fn offset(self) -> i64 {
        match self {
            Self::Slot(slot) => FIRST_SLOT + i64::from(slot),
            Self::Name => FIRST_SLOT - 1,
            Self::Init => FIRST_SLOT - 2,
        }
    }
}

/// A description of its own, to hold byte locks with; they go when this is dropped.
///
/// A child that another thread forks meanwhile has the description too, so the locks are let go
/// by name then, and not by closing it.
#[derive(Debug)]
pub(crate) struct Locker(OwnedFd);

impl Drop for Locker {
    fn drop(&mut self) {
        // Fails only for a description that holds no locks any more.
        let _ = control(&self.0, libc::F_OFD_SETLK, &mut everything());
    }
}

impl Locker {
    /// Opens a fresh description of the object; by its place only where there is no `/proc`.
    pub(crate) fn new(object: &Object, place: &Place) -> Result<Self> {
        Ok(Self(object.reopen(place)?))
    }

    /// Opens a fresh description of the object if it still is at that place.
    pub(crate) fn at(object: &Object, place: &Place) -> Result<Option<Self>> {
        Ok(object.reopen_at(place)?.map(Self))
    }

    /// Takes the lock if nobody has it.
    pub(crate) fn try_lock(&self, byte: Byte) -> Result<bool> {
        let mut request = request(byte);
        match control(&self.0, libc::F_OFD_SETLK, &mut request) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
                Ok(false)
            }
            Err(error) => Err(os_error("lock a byte of it", error)),
        }
    }

    /// Takes a lock that is only ever held for a moment, waiting up to five seconds.
    pub(crate) fn lock(&self, byte: Byte) -> Result<()> {
        for _ in 0..TRIES {
            if self.try_lock(byte)? {
                return Ok(());
            }
            wait::pause(PAUSE);
            step!("lock: waited for");
        }
        Err(Error::new(
            ErrorKind::Timeout,
            format!(
                "has had its {byte:?} lock held for 5 s, by a process that is changing its name, \
                 sharing it, or opening it after a restart: that process is stopped or stuck, end it"
            ),
        ))
    }

    pub(super) fn descriptor(&self) -> &OwnedFd {
        &self.0
    }

    /// Closes its descriptor, and leaves the locks to what else keeps the description.
    pub(super) fn close(self) {
        let locker = ManuallyDrop::new(self);
        // SAFETY: the descriptor is moved out of what is never dropped, once.
        drop(unsafe { std::ptr::read(&raw const locker.0) });
    }
}

/// Whether some other description holds the byte.
///
/// A lock that participants never take there is `ForeignLock`: it would make the dead look alive.
pub(crate) fn is_held(object: &Object, byte: Byte) -> Result<bool> {
    object.check_descriptor()?;
    let mut request = request(byte);
    control(object.borrow(), libc::F_OFD_GETLK, &mut request)
        .map_err(|error| os_error("probe a lock of it", error))?;
    if i32::from(request.l_type) == libc::F_UNLCK {
        // A descriptor closed and reused between the check and the probe would say "unlocked" too.
        object.check_descriptor()?;
        return Ok(false);
    }
    let ours = i32::from(request.l_type) == libc::F_WRLCK
        && request.l_start == byte.offset()
        && request.l_len == 1
        && request.l_pid == -1;
    if ours {
        return Ok(true);
    }
    Err(Error::new(
        ErrorKind::ForeignLock,
        format!(
            "is locked by another program (lock type {}, {} bytes from {:#x}, pid {}): end that \
             program; nobody but this library may lock segments",
            request.l_type, request.l_len, request.l_start, request.l_pid
        ),
    ))
}

fn request(byte: Byte) -> libc::flock64 {
    // SAFETY: flock64 is a C struct of integers, for which all zeros is a value.
    let mut request: libc::flock64 = unsafe { std::mem::zeroed() };
    request.l_type = libc::c_short::try_from(libc::F_WRLCK).expect("F_WRLCK is 1");
    request.l_whence = libc::c_short::try_from(libc::SEEK_SET).expect("SEEK_SET is 0");
    request.l_start = byte.offset();
    request.l_len = 1;
    request
}

/// Lets go of all bytes that have a meaning.
fn everything() -> libc::flock64 {
    let mut request = request(Byte::Init);
    request.l_type = libc::c_short::try_from(libc::F_UNLCK).expect("F_UNLCK is 2");
    // To the end of all files.
    request.l_len = 0;
    request
}

fn control(
    descriptor: impl std::os::fd::AsFd,
    command: libc::c_int,
    request: &mut libc::flock64,
) -> io::Result<()> {
    let descriptor: BorrowedFd<'_> = descriptor.as_fd();
    loop {
        let request = std::ptr::from_mut(request);
        // SAFETY: F_OFD_SETLK and F_OFD_GETLK read and write one flock64, which `request` is.
        let result = unsafe { libc::syscall(FCNTL, descriptor.as_raw_fd(), command, request) };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
