//! Opening what may be anything, and refusing all but regular files.
//!
//! To open a FIFO or a device is to do something: a writer that waits for a reader goes on, a terminal may
//! become the process's own, a tape rewinds. So a file is held by `O_PATH` first, which opens nothing, and
//! only what was seen to be regular is opened, through `/proc/self/fd`, whatever its name stands for by then.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::object_error::{not_regular, open_error};
use super::{DIRECTORY, os_error};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::place::Place;

/// A regular file that was opened, and what the filesystem says of it.
pub(super) struct Opened {
    pub(super) descriptor: OwnedFd,
    pub(super) stat: Stat,
}

/// Opens the regular file at that place; a symbolic link there is refused.
pub(super) fn open_place(place: &Place, access: OFlags) -> Result<Opened> {
    // What /proc shows of a descriptor is a link by nature.
    let links = match place {
        Place::Descriptor(_) => OFlags::empty(),
        _ => OFlags::NOFOLLOW,
    };
    open_regular(&c_path(place)?, access, links, |errno| open_error(place, errno))
}

/// Opens the regular file at that path for reading; symbolic links are followed.
pub(super) fn open_file(path: &Path) -> Result<Opened> {
    let c_path = terminated(path.as_os_str().as_bytes())?;
    open_regular(&c_path, OFlags::RDONLY, OFlags::empty(), |errno| match errno {
        Errno::NOENT => Error::new(ErrorKind::NotFound, "does not exist: check its path"),
        errno => os_error("open it", errno),
    })
}

/// The path of a place, as the kernel wants it.
pub(super) fn c_path(place: &Place) -> Result<CString> {
    match place {
        Place::Named(name) => terminated(format!("{DIRECTORY}/{name}").as_bytes()),
        place => terminated(place.as_str().as_bytes()),
    }
}

fn terminated(path: &[u8]) -> Result<CString> {
    let wrong = |_| Error::new(ErrorKind::InvalidName, "holds a NUL byte: leave it out");
    CString::new(path).map_err(wrong)
}

fn open_regular(
    path: &CStr,
    access: OFlags,
    links: OFlags,
    explain: impl Fn(Errno) -> Error,
) -> Result<Opened> {
    let held = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC | links, Mode::empty())
        .map_err(&explain)?;
    let seen = regular(&held)?;
    // Should it be something else after all, then at least nothing waits, and no terminal becomes ours.
    let flags = access | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let through_proc = format!("/proc/self/fd/{}", held.as_raw_fd());
    match rustix::fs::open(through_proc, flags, Mode::empty()) {
        Ok(descriptor) => {
            let stat = regular(&descriptor)?;
            // Another one only for a thread that has descriptors of its own: /proc shows the first thread's.
            if (stat.st_dev, stat.st_ino) == (seen.st_dev, seen.st_ino) {
                return Ok(Opened { descriptor, stat });
            }
        }
        // There is no /proc.
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(explain(errno)),
    }
    let descriptor = rustix::fs::open(path, flags | links, Mode::empty()).map_err(explain)?;
    let stat = regular(&descriptor)?;
    Ok(Opened { descriptor, stat })
}

fn regular(file: &OwnedFd) -> Result<Stat> {
    let stat = rustix::fs::fstat(file).map_err(|errno| os_error("stat it", errno))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(stat),
        other => Err(not_regular(other)),
    }
}
