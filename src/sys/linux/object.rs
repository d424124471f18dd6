//! Shared-memory objects: files in the tmpfs at `/dev/shm`.
//!
//! # Safety
//!
//! The descriptor that an [`Object`] keeps for years may be closed by the program behind our back
//! and its number given to another file. The unsafe code here borrows that number; every use is
//! either harmless on a foreign file (`fstat`) or comes after a check that it still is our inode.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};

use rustix::fs::{AtFlags, FallocateFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::os_error;
use crate::error::{Error, ErrorKind, Result};

/// Where named objects live.
const DIRECTORY: &str = "/dev/shm";

/// Programs that close "all" descriptors usually mean the low ones.
const LOWEST_DESCRIPTOR: RawFd = 64;

/// `f_type` of tmpfs, from `linux/magic.h`.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// One `fallocate` covers this much, so that signals interrupt it at sane intervals.
const RESERVE_STEP: u64 = 64 << 20;

/// Which file a descriptor or a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

/// What the filesystem says about an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) identity: Identity,
    pub(crate) len: u64,
    pub(crate) owner: u32,
}

/// An open shared-memory object; closes its descriptor when dropped.
#[derive(Debug)]
pub(crate) struct Object {
    descriptor: AtomicI32,
    identity: Identity,
}

impl Object {
    /// Creates an object of `len` zero bytes that has no name yet.
    pub(crate) fn create_unnamed(len: u64, mode: u32) -> Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let descriptor = rustix::fs::open(DIRECTORY, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| missing_directory(errno, "create an object in /dev/shm"))?;
        let descriptor = raise(descriptor);
        // Whatever the umask left of the mode given above.
        rustix::fs::fchmod(&descriptor, Mode::from_raw_mode(mode))
            .map_err(|errno| os_error("set the mode of a new object", errno))?;
        rustix::fs::ftruncate(&descriptor, len)
            .map_err(|errno| os_error(&format!("give a new object {len} bytes"), errno))?;
        let (object, _) = Self::own(descriptor)?;
        object.check_filesystem()?;
        Ok(object)
    }

    /// Opens the object called `name` for reading and writing.
    ///
    /// Never follows a symbolic link, never blocks on a FIFO, and refuses what is not a regular file.
    pub(crate) fn open(name: &str) -> Result<(Self, Facts)> {
        let (object, facts) = Self::own(raise(open_flags(name, OFlags::RDWR)?))?;
        object.check_filesystem()?;
        Ok((object, facts))
    }

    /// Opens the object called `name` for a short look at its bytes.
    pub(crate) fn open_to_look(name: &str) -> Result<(Self, Facts)> {
        Self::own(open_flags(name, OFlags::RDONLY)?)
    }

    /// Takes over a descriptor; refuses what is not a regular file.
    fn own(descriptor: OwnedFd) -> Result<(Self, Facts)> {
        let stat = rustix::fs::fstat(&descriptor).map_err(|errno| os_error("stat it", errno))?;
        let file_type = FileType::from_raw_mode(stat.st_mode);
        if file_type != FileType::RegularFile {
            return Err(Error::new(
                ErrorKind::NotASegment,
                format!("is a {file_type:?}, not a shared-memory segment: choose another name"),
            ));
        }
        let facts = facts(&stat);
        let descriptor = AtomicI32::new(descriptor.into_raw_fd());
        Ok((Self { descriptor, identity: facts.identity }, facts))
    }

    /// Refuses filesystems on which locks or mappings do not behave; costs a call once per device.
    fn check_filesystem(&self) -> Result<()> {
        static LAST_GOOD: AtomicU64 = AtomicU64::new(u64::MAX);
        if LAST_GOOD.load(Relaxed) == self.identity.device {
            return Ok(());
        }
        let statfs = rustix::fs::fstatfs(self.borrow())
            .map_err(|errno| os_error("stat its filesystem", errno))?;
        let magic = u64::try_from(statfs.f_type).unwrap_or(u64::MAX);
        if magic != TMPFS_MAGIC {
            return Err(Error::new(
                ErrorKind::UnsupportedFilesystem,
                format!("lies on a filesystem of type {magic:#x}: mount a tmpfs at {DIRECTORY}"),
            ));
        }
        LAST_GOOD.store(self.identity.device, Relaxed);
        Ok(())
    }

    /// Allocates every page of a range of bytes, so that a full tmpfs is an error now and not a
    /// SIGBUS later; pages that exist keep what they hold.
    pub(crate) fn reserve(&self, range: Range<u64>) -> Result<()> {
        let len = range.end.saturating_sub(range.start);
        let mut done = range.start;
        while done < range.end {
            let step = RESERVE_STEP.min(range.end - done);
            match rustix::fs::fallocate(self.borrow(), FallocateFlags::empty(), done, step) {
                Ok(()) => done += step,
                Err(Errno::INTR) => {}
                Err(Errno::NOSPC) => return Err(storage_full(len)),
                Err(errno) => return Err(os_error(&format!("reserve {len} bytes"), errno)),
            }
        }
        Ok(())
    }

    /// Gives the object its name; fails with `AlreadyExists` when the name is taken.
    pub(crate) fn publish(&self, name: &str) -> Result<()> {
        let to = c_path(name)?;
        let cwd = rustix::fs::CWD;
        let mut linked = rustix::fs::linkat(self.borrow(), c"", cwd, &to, AtFlags::EMPTY_PATH);
        if linked == Err(Errno::NOENT) {
            // Before Linux 6.10 only the privileged may do that; through /proc everybody may.
            let from = self.proc_path();
            linked = rustix::fs::linkat(cwd, from.as_str(), cwd, &to, AtFlags::SYMLINK_FOLLOW);
        }
        match linked {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(Error::new(
                ErrorKind::AlreadyExists,
                "exists already: open it, remove it first, or choose another name",
            )),
            Err(errno) => Err(os_error("publish the new segment", errno)),
        }
    }

    /// Fills `buffer` from `offset` on; an object that ends earlier is `Truncated`.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let mut done = 0;
        while done < buffer.len() {
            match rustix::io::pread(self.borrow(), &mut buffer[done..], offset + done as u64) {
                Ok(0) => {
                    return Err(Error::new(
                        ErrorKind::Truncated,
                        format!(
                            "ends at byte {}, inside its own header: it was cut short, remove it",
                            offset + done as u64
                        ),
                    ));
                }
                Ok(count) => done += count,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(os_error("read its header", errno)),
            }
        }
        Ok(())
    }

    /// Writes all of `bytes` from `offset` on.
    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            match rustix::io::pwrite(self.borrow(), &bytes[done..], offset + done as u64) {
                Ok(count) => done += count,
                Err(Errno::INTR) => {}
                Err(Errno::NOSPC) => return Err(storage_full(bytes.len() as u64)),
                Err(errno) => return Err(os_error("write its header", errno)),
            }
        }
        Ok(())
    }

    /// What the filesystem says about it now.
    pub(crate) fn facts(&self) -> Result<Facts> {
        let stat = rustix::fs::fstat(self.borrow()).map_err(|errno| os_error("stat it", errno))?;
        Ok(facts(&stat))
    }

    /// Which file this is.
    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// Opens a second, independent description of the same file.
    ///
    /// Locks conflict between descriptions, so who wants to hold one, or to see whether another
    /// holds it, needs a description of its own.
    pub(super) fn reopen(&self) -> Result<OwnedFd> {
        self.check_descriptor()?;
        rustix::fs::open(self.proc_path(), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| os_error("reopen the segment through /proc/self/fd", errno))
    }

    /// Opens a second description by `name`; `None` when the name is not this file's any more.
    pub(super) fn reopen_by_name(&self, name: &str) -> Result<Option<OwnedFd>> {
        let descriptor = match open_flags(name, OFlags::RDWR) {
            Ok(descriptor) => descriptor,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotASegment) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let stat = rustix::fs::fstat(&descriptor).map_err(|errno| os_error("stat it", errno))?;
        Ok((facts(&stat).identity == self.identity).then_some(descriptor))
    }

    /// Proves that the number we keep still is our file, reopening it by `name` if it is not.
    pub(crate) fn revive(&self, name: &str) -> Result<()> {
        if self.check_descriptor().is_ok() {
            return Ok(());
        }
        let (other, facts) = Self::open(name).map_err(|_| lost())?;
        if facts.identity != self.identity {
            return Err(lost());
        }
        self.descriptor.swap(other.into_raw(), Relaxed);
        Ok(())
    }

    /// Fails with `DescriptorLost` when the program closed our descriptor.
    pub(super) fn check_descriptor(&self) -> Result<()> {
        match rustix::fs::fstat(self.borrow()) {
            Ok(stat) if facts(&stat).identity == self.identity => Ok(()),
            _ => Err(lost()),
        }
    }

    pub(super) fn borrow(&self) -> BorrowedFd<'_> {
        // SAFETY: the number is not -1. It is open unless the program closed it, and then what is
        // done with it fails with EBADF or reaches a foreign file, which the module doc covers.
        unsafe { BorrowedFd::borrow_raw(self.descriptor.load(Relaxed)) }
    }

    fn proc_path(&self) -> String {
        format!("/proc/self/fd/{}", self.descriptor.load(Relaxed))
    }

    fn into_raw(self) -> RawFd {
        let raw = self.descriptor.load(Relaxed);
        mem::forget(self);
        raw
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        if self.check_descriptor().is_ok() {
            // SAFETY: the number was checked to be our file's, and nobody else closes it.
            drop(unsafe { OwnedFd::from_raw_fd(self.descriptor.load(Relaxed)) });
        }
    }
}

/// Which file has that name now, if any.
pub(crate) fn identity_of(name: &str) -> Result<Option<Identity>> {
    match rustix::fs::lstat(c_path(name)?.as_c_str()) {
        Ok(stat) => Ok(Some(facts(&stat).identity)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(os_error("look its name up", errno)),
    }
}

/// Takes the name away; those attached keep their memory.
pub(crate) fn unlink(name: &str) -> Result<()> {
    rustix::fs::unlink(c_path(name)?.as_c_str()).map_err(|errno| os_error("remove its name", errno))
}

/// Names of all objects there are, ours or not, in no order.
pub(crate) fn names() -> Result<Vec<String>> {
    let entries = std::fs::read_dir(DIRECTORY).map_err(|error| os_error("list /dev/shm", error))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// Where other programs find the object of that name.
pub(crate) fn path_of(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

fn open_flags(name: &str, access: OFlags) -> Result<OwnedFd> {
    let never_trapped = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    rustix::fs::open(c_path(name)?.as_c_str(), access | never_trapped, Mode::empty())
        .map_err(|errno| open_error(name, errno))
}

fn c_path(name: &str) -> Result<CString> {
    CString::new(format!("{DIRECTORY}/{name}"))
        .map_err(|_| Error::new(ErrorKind::InvalidName, "holds a NUL byte: leave it out"))
}

/// Moves a descriptor out of the low numbers when the limit on descriptors allows.
fn raise(descriptor: OwnedFd) -> OwnedFd {
    if descriptor.as_raw_fd() >= LOWEST_DESCRIPTOR {
        return descriptor;
    }
    rustix::io::fcntl_dupfd_cloexec(&descriptor, LOWEST_DESCRIPTOR).unwrap_or(descriptor)
}

fn facts(stat: &rustix::fs::Stat) -> Facts {
    Facts {
        identity: Identity { device: stat.st_dev, inode: stat.st_ino },
        len: u64::try_from(stat.st_size).unwrap_or(0),
        owner: stat.st_uid,
    }
}

#[cold]
fn lost() -> Error {
    Error::new(
        ErrorKind::DescriptorLost,
        "lost the descriptor this library keeps for it: the program closed it; close only \
         descriptors you opened, or open the segment again",
    )
}

/// Words for a call that fails with `ENOENT` only where there is no directory for objects.
#[cold]
fn missing_directory(errno: Errno, what: &str) -> Error {
    match errno {
        Errno::NOENT => Error::new(
            ErrorKind::Unsupported,
            format!("cannot exist: {DIRECTORY} is missing, mount a tmpfs there"),
        ),
        errno => os_error(what, errno),
    }
}

#[cold]
fn open_error(name: &str, errno: Errno) -> Error {
    let not_ours = |what: &str| {
        Error::new(
            ErrorKind::NotASegment,
            format!("is a {what}, not a shared-memory segment: choose another name"),
        )
    };
    match errno {
        Errno::NOENT if !Path::new(DIRECTORY).is_dir() => missing_directory(errno, "open it"),
        Errno::NOENT => Error::new(
            ErrorKind::NotFound,
            "does not exist: create it first, or see `ndshm::list()` for what there is",
        ),
        Errno::LOOP => not_ours("symbolic link"),
        Errno::ISDIR => not_ours("directory"),
        Errno::NXIO => not_ours("socket or device"),
        Errno::NAMETOOLONG => Error::new(
            ErrorKind::InvalidName,
            format!("is {} bytes long, names have at most 255", name.len()),
        ),
        errno => os_error("open it", errno),
    }
}

#[cold]
fn storage_full(asked: u64) -> Error {
    let free = rustix::fs::statvfs(DIRECTORY).map_or(0, |stat| stat.f_bavail * stat.f_frsize);
    Error::new(
        ErrorKind::StorageFull,
        format!(
            "needs {asked} bytes but {DIRECTORY} has {free} free: remove segments, or raise its \
             size (mount -o remount,size=…; docker: --shm-size)"
        ),
    )
    .caused_by(io::Error::from_raw_os_error(libc::ENOSPC))
}
