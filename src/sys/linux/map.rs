//! Mappings of shared-memory objects.
//!
//! # Safety
//!
//! The one unsafe call here maps an object over pages that were reserved just before, for it alone.
#![allow(unsafe_code)]

use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};

use super::object::Object;
use super::os_error;
use super::pages::HUGE_PAGE;
use crate::error::{Error, ErrorKind, Result, size};

/// Whether a mapping may be written through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    Read,
    ReadWrite,
}

/// A part of an object in this process's address space; unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    /// The object's pages, and perhaps reserved ones around them.
    room: MmapRaw,
    /// Where in the room the object's pages begin.
    start: usize,
    pub(super) len: usize,
    pub(super) protection: Protection,
}

impl Mapping {
    /// Maps `len` bytes from the page-aligned `offset` on.
    pub(crate) fn new(
        object: &Object,
        offset: u64,
        len: usize,
        protection: Protection,
    ) -> Result<Self> {
        let mut options = MmapOptions::new();
        options.offset(offset).len(len).no_reserve_swap();
        let file = &object.borrow();
        let mapped = match protection {
            Protection::Read => options.map_raw_read_only(file),
            Protection::ReadWrite => options.map_raw(file),
        };
        let room = mapped.map_err(|error| match error.raw_os_error() {
            Some(libc::EOVERFLOW | libc::EINVAL) => Error::new(
                ErrorKind::SizeOverflow,
                format!("cannot be mapped: {} do not fit the address space", size(len)),
            )
            .caused_by(error),
            _ => os_error(&format!("map {} of it", size(len)), error),
        })?;
        Ok(Self { room, start: 0, len, protection })
    }

    /// Maps the first `len` bytes where huge pages can back them, and asks for these; as
    /// [`new`](Self::new) does, where that cannot be.
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
        let mut options = MmapOptions::new();
        options.len(len.checked_add(HUGE_PAGE)?).no_reserve_swap();
        let room = MmapRaw::from(options.map_anon().ok()?);
        let address = room.as_ptr().addr();
        let start = address.next_multiple_of(HUGE_PAGE) - address;
        let protection_bits = match protection {
            Protection::Read => libc::PROT_READ,
            Protection::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        };
        let flags = libc::MAP_SHARED | libc::MAP_NORESERVE | libc::MAP_FIXED;
        let place = room.as_mut_ptr().wrapping_add(start).cast();
        let descriptor = object.borrow().as_raw_fd();
        // SAFETY: `start` is less than HUGE_PAGE, by a page at least, so the range lies within the room,
        // which nothing else points into and which unmaps all of it.
        let mapped = unsafe { libc::mmap(place, len, protection_bits, flags, descriptor, 0) };
        (mapped == place).then_some(Self { room, start, len, protection })
    }

    /// Waits until `len` bytes from the page-aligned `offset` on are on the disk, if there is one.
    pub(crate) fn flush(&self, offset: usize, len: usize) -> Result<()> {
        self.room
            .flush_range(self.start + offset, len)
            .map_err(|error| os_error("flush it to its disk", error))
    }

    /// How many bytes are mapped.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Start of the mapping, page-aligned.
    pub(crate) fn base(&self) -> NonNull<u8> {
        NonNull::new(self.room.as_mut_ptr().wrapping_add(self.start))
            .expect("a mapping never starts at zero")
    }
}
