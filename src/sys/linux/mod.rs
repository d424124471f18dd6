//! Linux: `/dev/shm`, open-file-description locks, futexes.

pub(crate) mod clock;
#[cfg(ndshm_steps)]
pub(crate) mod death;
mod foreign;
pub(crate) mod init;
pub(crate) mod lifeline;
pub(crate) mod limits;
mod lock;
pub(crate) mod map;
mod mount;
pub(crate) mod name_lock;
pub(crate) mod names;
pub(crate) mod object;
mod object_error;
mod open;
pub(crate) mod pages;
pub(crate) mod process;
mod storage;
mod temporary;
mod unshared;
pub(crate) mod users;
pub(crate) mod wait;

use std::io;

use crate::error::{Error, ErrorKind};

/// The directory of named objects.
const DIRECTORY: &str = "/dev/shm";

/// Turns a failed system call into an error. `what` completes "could not …".
#[cold]
fn os_error(what: &str, source: impl Into<io::Error>) -> Error {
    let source = source.into();
    let (kind, advice) = match source.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => (
            ErrorKind::PermissionDenied,
            "run as its owner, or let the owner create it with a wider `mode`",
        ),
        Some(libc::EMFILE) => (
            ErrorKind::OutOfDescriptors,
            "this process has no free file descriptors: close some, or raise `ulimit -n`",
        ),
        Some(libc::ENFILE) => (
            ErrorKind::OutOfDescriptors,
            "the system has no free file descriptors: raise `fs.file-max`",
        ),
        Some(libc::EROFS) => (
            ErrorKind::ReadOnlyFilesystem,
            "its filesystem is mounted read-only: observe what is there, remount it (mount -o \
             remount,rw), or use another one",
        ),
        Some(libc::EDQUOT) => (
            ErrorKind::QuotaExceeded,
            "the disk quota of this user, group or project is used up: remove files of theirs, or \
             have the quota raised",
        ),
        Some(libc::ENOSPC) => (
            ErrorKind::StorageFull,
            "the filesystem has no room left: remove files there, or use another one",
        ),
        Some(libc::ENOMEM) => (
            ErrorKind::OutOfAddressSpace,
            "no address space is left: unmap something, or raise `ulimit -v` or \
             `vm.max_map_count`",
        ),
        _ => {
            let message = format!("could not {what}: {source}");
            return Error::new(ErrorKind::Os, message).caused_by(source);
        }
    };
    Error::new(kind, format!("could not {what}: {advice}")).caused_by(source)
}
