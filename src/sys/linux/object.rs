//! Shared-memory objects: files in the tmpfs at `/dev/shm`, files elsewhere, and memory without a name.
//!
//! # Safety
//!
//! An [`Object`] keeps a descriptor for years. The program may close it behind our back, and its
//! number may be given to another file. The unsafe code here borrows that number. Every use is
//! either harmless on a foreign file (`fstat`), or comes after a check that it still is our inode.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Access, AtFlags, MemfdFlags, Mode, OFlags, SealFlags};
use rustix::io::Errno;

use super::names::{flush_name, rename};
use super::object_error::{create_error, lost, publish_error};
use super::open::{self, Opened, c_path};
use super::temporary::{self, Temporary};
use super::users::UserId;
use super::{DIRECTORY, os_error};
use crate::error::{Error, ErrorKind, Result, size};
use crate::steps::step;
use crate::sys::place::Place;

/// Programs that close "all" descriptors usually mean the low numbers.
const LOWEST_DESCRIPTOR: RawFd = 64;

/// The file that a descriptor or a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity {
    pub(super) device: u64,
    inode: u64,
}

impl Identity {
    /// Its number on its filesystem.
    pub(crate) fn inode(self) -> u64 {
        self.inode
    }
}

/// What the filesystem says about an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) identity: Identity,
    pub(crate) len: u64,
    /// How many of its bytes have memory, or room on its disk.
    pub(crate) allocated: u64,
    pub(crate) owner: UserId,
    pub(crate) has_several_names: bool,
    /// Its permission bits.
    pub(crate) mode: u32,
}

/// An open shared-memory object. It closes its descriptor when dropped.
#[derive(Debug)]
pub(crate) struct Object {
    descriptor: AtomicI32,
    identity: Identity,
    /// What the descriptor was opened for.
    access: OFlags,
    /// Its name until it is published, where an object cannot be without a name.
    temporary: Mutex<Option<Temporary>>,
}

impl Object {
    /// Creates an object of `len` zero bytes for that place. Nobody sees it there yet.
    pub(crate) fn create_unnamed(place: &Place, len: u64, mode: u32) -> Result<Self> {
        let object = match place {
            Place::Anonymous => Self::created(create_anonymous()?)?,
            place => match create_nameless(place)? {
                Some(descriptor) => Self::created(descriptor)?,
                None => Self::create_temporary(place)?,
            },
        };
        // The umask may have removed bits of the mode given above.
        rustix::fs::fchmod(object.borrow(), Mode::from_raw_mode(mode))
            .map_err(|errno| os_error("set the mode of a new object", errno))?;
        object.check_filesystem(place)?;
        object.overwrite_in_place()?;
        object.set_len(len)?;
        Ok(object)
    }

    /// Creates an object under a temporary name beside `place`, if it cannot be created without
    /// one.
    fn create_temporary(place: &Place) -> Result<Self> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        loop {
            let place = temporary::beside(place);
            let path = c_path(&place)?;
            let descriptor = match rustix::fs::open(path.as_c_str(), flags, Mode::RUSR | Mode::WUSR)
            {
                Err(Errno::EXIST) => continue,
                opened => {
                    opened.map_err(|errno| create_error(&place, directory_of(&place), errno))?
                }
            };
            step!("create: temporary name made");
            let mut object = Self::created(descriptor)?;
            let Some(temporary) = Temporary::lock(&object, place)? else { continue };
            step!("create: temporary name locked");
            object.temporary = Mutex::new(Some(temporary));
            return Ok(object);
        }
    }

    /// Opens the object at that place for reading and writing.
    ///
    /// Never follows a symbolic link. Refuses anything but a regular file, without opening it.
    pub(crate) fn open(place: &Place) -> Result<(Self, Facts)> {
        Self::open_for(place, OFlags::RDWR)
    }

    /// Opens the object at that place for reading only. Otherwise the same as [`open`](Self::open).
    pub(crate) fn open_to_observe(place: &Place) -> Result<(Self, Facts)> {
        Self::open_for(place, OFlags::RDONLY)
    }

    fn open_for(place: &Place, access: OFlags) -> Result<(Self, Facts)> {
        let (object, facts) = Self::own(open::open_place(place, access)?, access);
        object.check_filesystem(place)?;
        Ok((object, facts))
    }

    /// Opens the object at that place for a short look at its bytes.
    pub(crate) fn open_to_look(place: &Place) -> Result<(Self, Facts)> {
        Ok(Self::own(open::open_place(place, OFlags::RDONLY)?, OFlags::RDONLY))
    }

    /// Opens any regular file for reading, on whatever filesystem. Follows symbolic links.
    pub(crate) fn open_file(path: &Path) -> Result<(Self, Facts)> {
        Ok(Self::own(open::open_file(path)?, OFlags::RDONLY))
    }

    /// Takes over the descriptor of a file that was just made.
    fn created(descriptor: OwnedFd) -> Result<Self> {
        let stat = rustix::fs::fstat(&descriptor).map_err(|errno| os_error("stat it", errno))?;
        Ok(Self::own(Opened { descriptor, stat }, OFlags::RDWR).0)
    }

    /// Takes over a descriptor.
    fn own(Opened { descriptor, stat }: Opened, access: OFlags) -> (Self, Facts) {
        let facts = facts(&stat);
        let descriptor = AtomicI32::new(raise(descriptor).into_raw_fd());
        let temporary = Mutex::new(None);
        (Self { descriptor, identity: facts.identity, access, temporary }, facts)
    }

    /// Shows the object at its place. Fails with `AlreadyExists` when something is there.
    ///
    /// Returns where others find it. By then a file is on its disk, and so is its name.
    pub(crate) fn publish(&self, place: &Place) -> Result<Place> {
        match place {
            Place::Anonymous => return Ok(self.as_place()),
            Place::File(_) => self.flush()?,
            _ => {}
        }
        self.link(place)?;
        flush_name(place)?;
        Ok(place.clone())
    }

    fn link(&self, place: &Place) -> Result<()> {
        let mut temporary = self.temporary.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Temporary { place: from, .. }) = &*temporary {
            rename(from, place)?;
            let published = temporary.take();
            // Dropped without the mutex, because a thread that opens a description may take this
            // mutex while it holds another one.
            drop(temporary);
            drop(published);
            return Ok(());
        }
        let (to, cwd) = (c_path(place)?, rustix::fs::CWD);
        let mut linked = rustix::fs::linkat(self.borrow(), c"", cwd, &to, AtFlags::EMPTY_PATH);
        if linked == Err(Errno::NOENT) {
            // Before Linux 6.10 only privileged processes may do that. Through /proc every process
            // may.
            let from = self.proc_path();
            linked = rustix::fs::linkat(cwd, from.as_str(), cwd, &to, AtFlags::SYMLINK_FOLLOW);
        }
        linked.map_err(|errno| publish_error(directory_of(place), errno))
    }

    /// Whether the kernel has forbidden writing it and cutting it short.
    pub(crate) fn is_sealed(&self) -> Result<bool> {
        match rustix::fs::fcntl_get_seals(self.borrow()) {
            Ok(seals) => Ok(seals.contains(SealFlags::WRITE | SealFlags::SHRINK)),
            // Its filesystem has no seals.
            Err(Errno::INVAL) => Ok(false),
            Err(errno) => Err(os_error("look at its seals", errno)),
        }
    }

    /// Makes the kernel forbid writing it and changing its length.
    pub(crate) fn seal(&self) -> Result<()> {
        // Only a descriptor for writing may do that.
        let writable = self.reopen(&self.as_place())?;
        let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW;
        match rustix::fs::fcntl_add_seals(&writable, seals) {
            Ok(()) => Ok(()),
            Err(Errno::BUSY) => Err(Error::new(
                ErrorKind::Busy,
                "is still mapped for writing by somebody: seal it when they have dropped their \
                 handles",
            )),
            Err(Errno::INVAL | Errno::PERM) => Err(Error::new(
                ErrorKind::Unsupported,
                "cannot be sealed: the kernel seals only memory that was created without a name",
            )),
            Err(errno) => Err(os_error("seal it", errno)),
        }
    }

    /// Cuts the file off, or extends it with zeros.
    pub(crate) fn set_len(&self, len: u64) -> Result<()> {
        rustix::fs::ftruncate(self.borrow(), len)
            .map_err(|errno| os_error(&format!("give it {}", size(len)), errno))
    }

    /// Waits until all that was written is on the disk.
    pub(crate) fn flush(&self) -> Result<()> {
        rustix::fs::fsync(self.borrow()).map_err(|errno| os_error("flush it to its disk", errno))
    }

    /// The place where other processes find it while this one runs.
    pub(crate) fn as_place(&self) -> Place {
        let number = self.descriptor.load(Relaxed);
        // The number of this process in the mounted /proc, which may belong to another PID
        // namespace.
        let own =
            std::fs::read_link("/proc/self").ok().and_then(|link| link.to_str()?.parse().ok());
        let pid = own.unwrap_or_else(std::process::id);
        Place::InProcess(format!("/proc/{pid}/fd/{number}").into())
    }

    /// Fills `buffer` from `offset` on. Fails with `Truncated` when the object ends earlier.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let mut done = 0;
        while done < buffer.len() {
            match rustix::io::pread(self.borrow(), &mut buffer[done..], offset + done as u64) {
                Ok(0) => {
                    return Err(Error::new(
                        ErrorKind::Truncated,
                        format!(
                            "ends at byte {}, before what its header promises: it was cut short, remove it",
                            offset + done as u64
                        ),
                    ));
                }
                Ok(count) => done += count,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(os_error("read it", errno)),
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
                Err(Errno::NOSPC) => return Err(self.storage_full(bytes.len() as u64, u64::MAX)),
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
    /// Locks conflict between descriptions. So holding a lock, or checking whether another process
    /// holds it, takes a description of its own.
    pub(super) fn reopen(&self, place: &Place) -> Result<OwnedFd> {
        self.check_open()?;
        match rustix::fs::open(self.proc_path(), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
            Ok(descriptor) => Ok(descriptor),
            // Without /proc the only way is by name.
            Err(Errno::NOENT) => {
                let temporary = self.temporary.lock().unwrap_or_else(PoisonError::into_inner);
                let place = temporary.as_ref().map_or(place, |temporary| &temporary.place);
                self.reopen_at(place)?.ok_or_else(|| {
                    let problem = "cannot be opened again, for it has lost its name and /proc is not \
                                   mounted: mount it";
                    Error::new(ErrorKind::DescriptorLost, problem)
                })
            }
            Err(errno @ (Errno::ACCESS | Errno::PERM)) => Err(Error::new(
                ErrorKind::PermissionDenied,
                "could not be opened again to register: this process gave up privileges after it \
                 opened it; open it with `eager`, or with the privileges it keeps",
            )
            .caused_by(io::Error::from(errno))),
            Err(errno) => Err(os_error("reopen the segment through /proc/self/fd", errno)),
        }
    }

    /// Opens a second description by its place. Returns `None` when another file is there by now,
    /// or none.
    pub(super) fn reopen_at(&self, place: &Place) -> Result<Option<OwnedFd>> {
        let Opened { descriptor, stat } = match open::open_place(place, OFlags::RDWR) {
            Ok(opened) => opened,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotASegment) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok((facts(&stat).identity == self.identity).then_some(descriptor))
    }

    /// Proves that the kept number still is our file. Otherwise reopens the file by its place.
    pub(crate) fn revive(&self, place: &Place) -> Result<()> {
        if self.check_open().is_ok() {
            return Ok(());
        }
        let (other, facts) = Self::open_for(place, self.access).map_err(|_| lost())?;
        if facts.identity != self.identity {
            return Err(lost());
        }
        self.descriptor.swap(other.into_raw(), Relaxed);
        Ok(())
    }

    /// Fails with `DescriptorLost` when the program closed our descriptor.
    pub(crate) fn check_open(&self) -> Result<()> {
        match rustix::fs::fstat(self.borrow()) {
            Ok(stat) if facts(&stat).identity == self.identity => Ok(()),
            _ => Err(lost()),
        }
    }

    pub(super) fn borrow(&self) -> BorrowedFd<'_> {
        // SAFETY: the number is not -1. It is open unless the program closed it. If so, what is
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
        let temporary = self.temporary.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(temporary) = temporary.take() {
            temporary.discard();
        }
        if self.check_open().is_ok() {
            // SAFETY: the number was checked to be our file's, and nobody else closes it.
            drop(unsafe { OwnedFd::from_raw_fd(self.descriptor.load(Relaxed)) });
        }
    }
}

/// The identity of the file that a descriptor stands for. `None` when it stands for none.
pub(super) fn identity_of_descriptor(descriptor: BorrowedFd<'_>) -> Option<Identity> {
    rustix::fs::fstat(descriptor).ok().map(|stat| facts(&stat).identity)
}

/// Creates memory without a name. It may be sealed and is never executed.
fn create_anonymous() -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    rustix::fs::memfd_create(c"ndshm", flags | MemfdFlags::NOEXEC_SEAL)
        // Kernels before Linux 6.3 do not know the flag.
        .or_else(|errno| match errno {
            Errno::INVAL => rustix::fs::memfd_create(c"ndshm", flags),
            errno => Err(errno),
        })
        .map_err(|errno| os_error("create memory without a name", errno))
}

/// Creates a file without a name, if it can get a name later. Returns `None` where that is
/// impossible.
fn create_nameless(place: &Place) -> Result<Option<OwnedFd>> {
    // Before it has a name, /proc is the only way to open it again.
    if rustix::fs::access("/proc/self/fd", Access::EXISTS).is_err() {
        return Ok(None);
    }
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let directory = directory_of(place);
    match rustix::fs::open(directory, flags, Mode::RUSR | Mode::WUSR) {
        Ok(descriptor) => Ok(Some(descriptor)),
        // The answers of filesystems and sandboxes that do not know the flag.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None),
        Err(errno) => Err(create_error(place, directory, errno)),
    }
}

/// The directory of a place that has a name.
pub(super) fn directory_of(place: &Place) -> &Path {
    match place {
        Place::Named(_) => Path::new(DIRECTORY),
        place => Path::new(place.as_str()).parent().unwrap_or(Path::new("/")),
    }
}

/// Moves a descriptor out of the low numbers when the limit on descriptors allows.
fn raise(descriptor: OwnedFd) -> OwnedFd {
    if descriptor.as_raw_fd() >= LOWEST_DESCRIPTOR {
        return descriptor;
    }
    rustix::io::fcntl_dupfd_cloexec(&descriptor, LOWEST_DESCRIPTOR).unwrap_or(descriptor)
}

pub(super) fn facts(stat: &rustix::fs::Stat) -> Facts {
    Facts {
        identity: Identity { device: stat.st_dev, inode: stat.st_ino },
        len: u64::try_from(stat.st_size).unwrap_or(0),
        // In units of 512 bytes, whatever the filesystem's blocks are.
        allocated: u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512),
        owner: UserId(stat.st_uid),
        has_several_names: stat.st_nlink > 1,
        mode: stat.st_mode & 0o7777,
    }
}
