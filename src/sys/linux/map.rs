//! Mappings of shared-memory objects.

use std::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};

use super::object::Object;
use super::os_error;
use crate::error::{Error, ErrorKind, Result};

/// Whether a mapping may be written through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    Read,
    ReadWrite,
}

/// A part of an object in this process's address space; unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Mapping(MmapRaw);

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
        mapped.map(Self).map_err(|error| match error.raw_os_error() {
            Some(libc::EOVERFLOW | libc::EINVAL) => Error::new(
                ErrorKind::SizeOverflow,
                format!("cannot be mapped: {len} bytes do not fit the address space"),
            )
            .caused_by(error),
            _ => os_error(&format!("map {len} bytes of it"), error),
        })
    }

    /// Waits until `len` bytes from the page-aligned `offset` on are on the disk, if there is one.
    pub(crate) fn flush(&self, offset: usize, len: usize) -> Result<()> {
        self.0.flush_range(offset, len).map_err(|error| os_error("flush it to its disk", error))
    }

    /// Start of the mapping, page-aligned.
    pub(crate) fn base(&self) -> NonNull<u8> {
        NonNull::new(self.0.as_mut_ptr()).expect("a mapping never starts at zero")
    }
}
