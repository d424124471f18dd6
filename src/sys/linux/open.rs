//! Opens files of unknown type, and refuses all but regular ones.
//!
//! Opening a FIFO or a device has effects: a writer that waits for a reader goes on, a terminal may
//! become the process's own, a tape rewinds. So the type of a file is determined before it is
//! opened. The way to do so depends on who may meanwhile change what a name stands for:
//!
//! - In `/dev/shm` only root can make a device, symbolic links are refused, and the directory is
//!   sticky. A user who swaps a file for a FIFO there owns both. One `lstat` before the open is
//!   enough.
//! - Any other path may lead through a directory of another user, who can swap the file for a
//!   device. The file is held by `O_PATH` first, which opens nothing. Once it is known to be
//!   regular, it is opened through `/proc/self/fd`. This takes longer.

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

/// A regular file that was opened, and the facts that the filesystem reports about it.
pub(super) struct Opened {
    pub(super) descriptor: OwnedFd,
    pub(super) stat: Stat,
}

/// Opens the regular file at that place. Refuses a symbolic link there.
pub(super) fn open_place(place: &Place, access: OFlags) -> Result<Opened> {
    let path = c_path(place)?;
    let explain = |errno| open_error(place, errno);
    match place {
        Place::Named(_) => {
            let seen = rustix::fs::lstat(path.as_c_str()).map_err(explain)?;
            check_regular(&seen)?;
            open_now(&path, access | OFlags::NOFOLLOW, explain)
        }
        // The path under which /proc shows a descriptor is always a link.
        Place::InProcess(_) => open_held(&path, access, OFlags::empty(), explain),
        _ => open_held(&path, access, OFlags::NOFOLLOW, explain),
    }
}

/// Opens the regular file at that path for reading. Follows symbolic links.
pub(super) fn open_file(path: &Path) -> Result<Opened> {
    let c_path = terminated(path.as_os_str().as_bytes())?;
    open_held(&c_path, OFlags::RDONLY, OFlags::empty(), |errno| match errno {
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

/// Opens a file that is held while its type is checked.
fn open_held(
    path: &CStr,
    access: OFlags,
    links: OFlags,
    explain: impl Fn(Errno) -> Error,
) -> Result<Opened> {
    let held = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC | links, Mode::empty())
        .map_err(&explain)?;
    let seen = stat_regular(&held)?;
    let through_proc = format!("/proc/self/fd/{}", held.as_raw_fd());
    match rustix::fs::open(through_proc, access | HARMLESS, Mode::empty()) {
        Ok(descriptor) => {
            let stat = stat_regular(&descriptor)?;
            // They differ only for a thread that has descriptors of its own: /proc shows the first
            // thread's.
            if (stat.st_dev, stat.st_ino) == (seen.st_dev, seen.st_ino) {
                return Ok(Opened { descriptor, stat });
            }
        }
        // There is no /proc.
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(explain(errno)),
    }
    open_now(path, access | links, explain)
}

/// If it is not regular after all, at least nothing waits, and no terminal becomes ours.
const HARMLESS: OFlags = OFlags::CLOEXEC.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

fn open_now(path: &CStr, flags: OFlags, explain: impl Fn(Errno) -> Error) -> Result<Opened> {
    let descriptor = rustix::fs::open(path, flags | HARMLESS, Mode::empty()).map_err(explain)?;
    let stat = stat_regular(&descriptor)?;
    Ok(Opened { descriptor, stat })
}

fn stat_regular(file: &OwnedFd) -> Result<Stat> {
    let stat = rustix::fs::fstat(file).map_err(|errno| os_error("stat it", errno))?;
    check_regular(&stat)?;
    Ok(stat)
}

fn check_regular(stat: &Stat) -> Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        other => Err(not_regular(other)),
    }
}
