//! Mappings of shared-memory objects.
//!
//! # Safety
//!
//! The unsafe code here maps memory in two ways: at addresses that the kernel chooses, or over
//! address space that was reserved just before, for this mapping alone. It also gives the kernel
//! advice about what was mapped. Nobody points into a mapping before it is whole.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

use super::object::Object;
use super::os_error;
use super::pages::{HUGE_PAGE, page_size};
use crate::error::{Error, ErrorKind, Result, size};

/// From `linux/mman.h`. The crate libc has it for glibc only.
const MLOCK_ONFAULT: libc::c_uint = 1;

/// Whether a mapping may be written through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    Read,
    ReadWrite,
}

impl Protection {
    fn bits(self) -> libc::c_int {
        match self {
            Self::Read => libc::PROT_READ,
            Self::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        }
    }
}

/// A part of an object in this process's address space. It is unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    /// The object's pages, and perhaps others around them.
    room: Room,
    /// Where in the room the object's part begins.
    start: usize,
    pub(super) len: usize,
    pub(super) protection: Protection,
}

impl Mapping {
    /// Maps `len` bytes from `offset` on. The offset need not be a multiple of a page.
    pub(crate) fn new(
        object: &Object,
        offset: u64,
        len: usize,
        protection: Protection,
    ) -> Result<Self> {
        let (page_start, start) = page_below(offset);
        let too_long = || {
            Error::new(
                ErrorKind::SizeOverflow,
                format!("cannot be mapped: {} do not fit the address space", size(len)),
            )
        };
        let whole = start.checked_add(len).filter(|whole| isize::try_from(*whole).is_ok());
        let (whole, page_start) =
            whole.zip(libc::off_t::try_from(page_start).ok()).ok_or_else(too_long)?;
        if protection == Protection::ReadWrite {
            object.check_stores()?;
        }
        let room = Room::of(object, page_start, whole, protection).map_err(|error| match error
            .raw_os_error()
        {
            Some(libc::EOVERFLOW | libc::EINVAL) => too_long().caused_by(error),
            _ => map_error(&format!("map {} of it", size(len)), error),
        })?;
        Ok(Self { room, start, len, protection })
    }

    /// Maps the first `len` bytes where huge pages can back them, and asks for huge pages. Where
    /// that is impossible, this does what [`new`](Self::new) does.
    pub(crate) fn for_huge_pages(
        object: &Object,
        len: usize,
        protection: Protection,
    ) -> Result<Self> {
        let ordinary = Self::new(object, 0, len, protection)?;
        if len < HUGE_PAGE {
            return Ok(ordinary);
        }
        let aligned = Self::aligned(object, len, protection).unwrap_or(ordinary);
        aligned.prefer_huge_pages();
        Ok(aligned)
    }

    /// Maps the first `len` bytes at a multiple of the length of a huge page.
    fn aligned(object: &Object, len: usize, protection: Protection) -> Option<Self> {
        let room = Room::reserved(len.checked_add(HUGE_PAGE)?).ok()?;
        let address = room.base.addr().get();
        let start = address.next_multiple_of(HUGE_PAGE) - address;
        // `start` is less than HUGE_PAGE, by a page at least. So the range lies within the room.
        room.put(start, object, len, protection).ok()?;
        Some(Self { room, start, len, protection })
    }

    /// Waits until `len` bytes from `offset` on are on the disk, if there is one.
    pub(crate) fn flush(&self, offset: usize, len: usize) -> Result<()> {
        let (start, skipped) = page_below((self.start + offset) as u64);
        let start = usize::try_from(start).expect("it is within the room");
        self.room
            .sync(start, skipped + len, libc::MS_SYNC)
            .map_err(|error| os_error("flush it to its disk", error))
    }

    /// How many bytes are mapped.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Start of the mapping.
    pub(crate) fn base(&self) -> NonNull<u8> {
        // SAFETY: the start is within the room.
        unsafe { self.room.base.add(self.start) }
    }
}

/// Turns a failed mapping into an error. `what` completes "could not …".
#[cold]
pub(super) fn map_error(what: &str, error: io::Error) -> Error {
    if error.raw_os_error() != Some(libc::EAGAIN) {
        return os_error(what, error);
    }
    Error::new(
        ErrorKind::LimitExceeded,
        format!(
            "could not {what}: this process locks all its memory (mlockall), and that is more than it may \
             lock: raise `ulimit -l`"
        ),
    )
    .caused_by(error)
}

/// The greatest multiple of a page that is at most `offset`, and the difference.
fn page_below(offset: u64) -> (u64, usize) {
    let rest = offset % page_size() as u64;
    (offset - rest, usize::try_from(rest).expect("less than a page"))
}

/// Address space of this process. It is unmapped when dropped.
#[derive(Debug)]
struct Room {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: it owns address space, which belongs to no thread, and it reaches nothing in it.
unsafe impl Send for Room {}
// SAFETY: see `Send`.
unsafe impl Sync for Room {}

impl Room {
    /// Maps so many bytes of an object.
    ///
    /// In a process that locks all its memory (`mlockall` with `MCL_FUTURE`) the kernel allocates
    /// every page of a mapping at once. A sparse object would then lose its sparseness. So sparse
    /// objects of some length are mapped without access first, and locked only as they are touched.
    /// That costs two more system calls.
    fn of(
        object: &Object,
        offset: libc::off_t,
        len: usize,
        protection: Protection,
    ) -> io::Result<Self> {
        let is_sparse =
            len >= HUGE_PAGE && object.facts().is_ok_and(|facts| facts.allocated < facts.len);
        let bits = if is_sparse { libc::PROT_NONE } else { protection.bits() };
        let room = Self::map(len, bits, libc::MAP_SHARED, object.borrow().as_raw_fd(), offset)?;
        if is_sparse {
            room.open_up(0, len, protection)?;
        }
        Ok(room)
    }

    /// Reserves so many bytes, which nobody may access.
    fn reserved(len: usize) -> io::Result<Self> {
        Self::map(len, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    }

    fn map(
        len: usize,
        bits: libc::c_int,
        flags: libc::c_int,
        descriptor: libc::c_int,
        offset: libc::off_t,
    ) -> io::Result<Self> {
        let (len, flags) = (len.max(1), flags | libc::MAP_NORESERVE);
        // SAFETY: a null hint without MAP_FIXED never replaces an existing mapping.
        let base = unsafe { libc::mmap(ptr::null_mut(), len, bits, flags, descriptor, offset) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).expect("a mapping never starts at zero");
        Ok(Self { base, len })
    }

    /// Maps the first `len` bytes of an object at `start`, over the reserved address space.
    fn put(
        &self,
        start: usize,
        object: &Object,
        len: usize,
        protection: Protection,
    ) -> io::Result<()> {
        let flags = libc::MAP_SHARED | libc::MAP_NORESERVE | libc::MAP_FIXED;
        let (place, descriptor) = (self.at(start, len), object.borrow().as_raw_fd());
        // SAFETY: the range lies within the room. Nothing points into the room, and the room unmaps
        // all of it.
        let mapped = unsafe { libc::mmap(place, len, libc::PROT_NONE, flags, descriptor, 0) };
        if mapped != place {
            return Err(io::Error::last_os_error());
        }
        self.open_up(start, len, protection)
    }

    /// Makes bytes accessible that were not before. If this process locks all its memory, they are
    /// locked when they are touched.
    fn open_up(&self, start: usize, len: usize, protection: Protection) -> io::Result<()> {
        let place = self.at(start, len);
        // The kernel does nothing here, except that it fails if the memory is locked.
        let locked = self.sync(start, len, libc::MS_INVALIDATE);
        if locked.is_err_and(|error| error.raw_os_error() == Some(libc::EBUSY)) {
            // SAFETY: the range lies within the room. The call changes only when pages get locked.
            if unsafe { libc::syscall(libc::SYS_mlock2, place, len, MLOCK_ONFAULT) } != 0 {
                // Before Linux 4.4 they are not locked at all.
                // SAFETY: as above.
                let _ = unsafe { libc::munlock(place, len) };
            }
        }
        // SAFETY: the range lies within the room. Nothing points into it yet.
        if unsafe { libc::mprotect(place, len, protection.bits()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    fn sync(&self, start: usize, len: usize, flags: libc::c_int) -> io::Result<()> {
        // SAFETY: the range lies within the room. At most, the call writes its contents to another
        // place.
        if unsafe { libc::msync(self.at(start, len), len, flags) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Where a range of the room begins.
    fn at(&self, start: usize, len: usize) -> *mut libc::c_void {
        assert!(start <= self.len && len <= self.len - start);
        self.base.as_ptr().wrapping_add(start).cast()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: this room mapped the range. Whoever points into it has borrowed its mapping.
        let _ = unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}
