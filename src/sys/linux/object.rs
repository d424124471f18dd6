//! Shared-memory objects: files in the tmpfs at `/dev/shm`, files elsewhere, and memory without a name.
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

use rustix::fs::{AtFlags, FallocateFlags, FileType, MemfdFlags, Mode, OFlags};
use rustix::io::Errno;

use super::os_error;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::place::Place;

/// Where named objects live.
const DIRECTORY: &str = "/dev/shm";

/// Programs that close "all" descriptors usually mean the low ones.
const LOWEST_DESCRIPTOR: RawFd = 64;

/// `f_type` of tmpfs, from `linux/magic.h`.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// `f_type` of the filesystems that a file may lie on: tmpfs, ext2 to ext4, xfs, btrfs, f2fs.
const FILESYSTEMS: [u64; 5] = [TMPFS_MAGIC, 0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010];

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
    /// Creates an object of `len` zero bytes for that place, where nobody sees it yet.
    pub(crate) fn create_unnamed(place: &Place, len: u64, mode: u32) -> Result<Self> {
        let descriptor = raise(match place {
            Place::Anonymous => create_anonymous()?,
            place => {
                let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
                let directory = directory_of(place);
                rustix::fs::open(directory, flags, Mode::RUSR | Mode::WUSR)
                    .map_err(|errno| create_error(place, directory, errno))?
            }
        });
        // Whatever the umask left of the mode given above.
        rustix::fs::fchmod(&descriptor, Mode::from_raw_mode(mode))
            .map_err(|errno| os_error("set the mode of a new object", errno))?;
        rustix::fs::ftruncate(&descriptor, len)
            .map_err(|errno| os_error(&format!("give a new object {len} bytes"), errno))?;
        let (object, _) = Self::own(descriptor)?;
        object.check_filesystem(place)?;
        Ok(object)
    }

    /// Opens the object at that place for reading and writing.
    ///
    /// Never follows a symbolic link, never blocks on a FIFO, and refuses what is not a regular file.
    pub(crate) fn open(place: &Place) -> Result<(Self, Facts)> {
        let (object, facts) = Self::own(raise(open_flags(place, OFlags::RDWR)?))?;
        object.check_filesystem(place)?;
        Ok((object, facts))
    }

    /// Opens the object at that place for a short look at its bytes.
    pub(crate) fn open_to_look(place: &Place) -> Result<(Self, Facts)> {
        Self::own(open_flags(place, OFlags::RDONLY)?)
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

    /// Refuses filesystems on which locks or mappings do not behave; where named objects live that is
    /// a call once per device.
    fn check_filesystem(&self, place: &Place) -> Result<()> {
        static LAST_GOOD: AtomicU64 = AtomicU64::new(u64::MAX);
        let wrong = |magic: u64, advice: String| {
            Err(Error::new(
                ErrorKind::UnsupportedFilesystem,
                format!("lies on a filesystem of type {magic:#x}: {advice}"),
            ))
        };
        if let Place::File(_) = place {
            return match self.filesystem()? {
                magic if FILESYSTEMS.contains(&magic) => Ok(()),
                magic => wrong(magic, "use tmpfs, ext4, xfs, btrfs or f2fs".to_owned()),
            };
        }
        if LAST_GOOD.load(Relaxed) == self.identity.device {
            return Ok(());
        }
        match self.filesystem()? {
            TMPFS_MAGIC => LAST_GOOD.store(self.identity.device, Relaxed),
            magic => return wrong(magic, format!("mount a tmpfs at {DIRECTORY}")),
        }
        Ok(())
    }

    fn filesystem(&self) -> Result<u64> {
        let statfs = rustix::fs::fstatfs(self.borrow())
            .map_err(|errno| os_error("stat its filesystem", errno))?;
        Ok(u64::try_from(statfs.f_type).unwrap_or(u64::MAX))
    }

    /// Whether its bytes take memory and no disk.
    pub(crate) fn lies_in_memory(&self) -> Result<bool> {
        Ok(self.filesystem()? == TMPFS_MAGIC)
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
                Err(Errno::NOSPC) => return Err(self.storage_full(len)),
                Err(errno) => return Err(os_error(&format!("reserve {len} bytes"), errno)),
            }
        }
        Ok(())
    }

    /// Shows the object at its place; fails with `AlreadyExists` when something is there.
    ///
    /// Returns where others find it. A file is on its disk by then, its name included.
    pub(crate) fn publish(&self, place: &Place) -> Result<Place> {
        match place {
            Place::Anonymous => return Ok(self.as_place()),
            Place::File(_) => {
                self.flush()?;
                self.link(place)?;
                flush_directory(place)?;
            }
            _ => self.link(place)?,
        }
        Ok(place.clone())
    }

    fn link(&self, place: &Place) -> Result<()> {
        let to = c_path(place)?;
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

    /// Waits until all that was written is on the disk.
    fn flush(&self) -> Result<()> {
        rustix::fs::fsync(self.borrow()).map_err(|errno| os_error("flush it to its disk", errno))
    }

    /// Where other processes find it as long as this one runs.
    pub(crate) fn as_place(&self) -> Place {
        let number = self.descriptor.load(Relaxed);
        Place::Descriptor(format!("/proc/{}/fd/{number}", std::process::id()).into())
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
                Err(Errno::NOSPC) => return Err(self.storage_full(bytes.len() as u64)),
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

    /// Opens a second description by its place; `None` when another file is there by now, or none.
    pub(super) fn reopen_at(&self, place: &Place) -> Result<Option<OwnedFd>> {
        let descriptor = match open_flags(place, OFlags::RDWR) {
            Ok(descriptor) => descriptor,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotASegment) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let stat = rustix::fs::fstat(&descriptor).map_err(|errno| os_error("stat it", errno))?;
        Ok((facts(&stat).identity == self.identity).then_some(descriptor))
    }

    /// Proves that the number we keep still is our file, reopening it by its place if it is not.
    pub(crate) fn revive(&self, place: &Place) -> Result<()> {
        if self.check_descriptor().is_ok() {
            return Ok(());
        }
        let (other, facts) = Self::open(place).map_err(|_| lost())?;
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

    #[cold]
    fn storage_full(&self, asked: u64) -> Error {
        let free =
            rustix::fs::fstatvfs(self.borrow()).map_or(0, |stat| stat.f_bavail * stat.f_frsize);
        let (home, advice) = if self.lies_in_memory().unwrap_or(true) {
            (DIRECTORY, "raise its size (mount -o remount,size=…; docker: --shm-size)")
        } else {
            ("its filesystem", "use another disk")
        };
        Error::new(
            ErrorKind::StorageFull,
            format!("needs {asked} bytes but {home} has {free} free: remove segments, or {advice}"),
        )
        .caused_by(io::Error::from_raw_os_error(libc::ENOSPC))
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

/// Which file is at that place now, if any.
pub(crate) fn identity_of(place: &Place) -> Result<Option<Identity>> {
    match rustix::fs::lstat(c_path(place)?.as_c_str()) {
        Ok(stat) => Ok(Some(facts(&stat).identity)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(os_error("look its name up", errno)),
    }
}

/// Takes the name away; those attached keep their memory.
pub(crate) fn unlink(place: &Place) -> Result<()> {
    rustix::fs::unlink(c_path(place)?.as_c_str())
        .map_err(|errno| os_error("remove its name", errno))
}

/// Names of all named objects there are, ours or not, in no order.
pub(crate) fn names() -> Result<Vec<String>> {
    let entries = std::fs::read_dir(DIRECTORY).map_err(|error| os_error("list /dev/shm", error))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// Where other programs find the object at that place.
pub(crate) fn path_of(place: &Place) -> PathBuf {
    match place {
        Place::Named(name) => Path::new(DIRECTORY).join(&**name),
        place => PathBuf::from(place.as_str()),
    }
}

/// Makes memory without a name, which may be sealed and never executed.
fn create_anonymous() -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    rustix::fs::memfd_create(c"ndshm", flags | MemfdFlags::NOEXEC_SEAL)
        // Before Linux 6.3.
        .or_else(|errno| match errno {
            Errno::INVAL => rustix::fs::memfd_create(c"ndshm", flags),
            errno => Err(errno),
        })
        .map_err(|errno| os_error("create memory without a name", errno))
}

/// The directory of a place that has a name.
fn directory_of(place: &Place) -> &Path {
    match place {
        Place::Named(_) => Path::new(DIRECTORY),
        place => Path::new(place.as_str()).parent().unwrap_or(Path::new("/")),
    }
}

/// Waits until the names in the place's directory are on the disk.
fn flush_directory(place: &Place) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(directory_of(place), flags, Mode::empty())
        .and_then(rustix::fs::fsync)
        .map_err(|errno| os_error("flush its directory to the disk", errno))
}

fn open_flags(place: &Place, access: OFlags) -> Result<OwnedFd> {
    let mut flags = access | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    // What /proc shows of a descriptor is a link by nature.
    flags.set(OFlags::NOFOLLOW, !matches!(place, Place::Descriptor(_)));
    rustix::fs::open(c_path(place)?.as_c_str(), flags, Mode::empty())
        .map_err(|errno| open_error(place, errno))
}

fn c_path(place: &Place) -> Result<CString> {
    let path = match place {
        Place::Named(name) => CString::new(format!("{DIRECTORY}/{name}")),
        place => CString::new(place.as_str()),
    };
    path.map_err(|_| Error::new(ErrorKind::InvalidName, "holds a NUL byte: leave it out"))
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

#[cold]
fn create_error(place: &Place, directory: &Path, errno: Errno) -> Error {
    match (place, errno) {
        (Place::Named(_), Errno::NOENT) => missing_directory(),
        (_, Errno::NOENT) => Error::new(
            ErrorKind::NotFound,
            format!("cannot be created: there is no directory {}, make it", directory.display()),
        ),
        (_, errno) => os_error(&format!("create a file in {}", directory.display()), errno),
    }
}

#[cold]
fn missing_directory() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("cannot exist: {DIRECTORY} is missing, mount a tmpfs there"),
    )
}

#[cold]
fn open_error(place: &Place, errno: Errno) -> Error {
    let not_ours = |what: &str| {
        Error::new(
            ErrorKind::NotASegment,
            format!("is a {what}, not a shared-memory segment: choose another name"),
        )
    };
    match (place, errno) {
        (Place::Named(_), Errno::NOENT) if !Path::new(DIRECTORY).is_dir() => missing_directory(),
        (Place::Named(_), Errno::NOENT) => Error::new(
            ErrorKind::NotFound,
            "does not exist: create it first, or see `ndshm::list()` for what there is",
        ),
        (Place::Descriptor(_), Errno::NOENT) => Error::new(
            ErrorKind::NotFound,
            "is gone with the process that had it open: ask one that still has it for a handle",
        ),
        (_, Errno::NOENT) => Error::new(ErrorKind::NotFound, "does not exist: create it first"),
        (_, Errno::LOOP) => not_ours("symbolic link"),
        (_, Errno::ISDIR) => not_ours("directory"),
        (_, Errno::NXIO) => not_ours("socket or device"),
        (_, Errno::NAMETOOLONG) => Error::new(
            ErrorKind::InvalidName,
            format!("is {} bytes long, names have at most 255", place.as_str().len()),
        ),
        (_, errno) => os_error("open it", errno),
    }
}
