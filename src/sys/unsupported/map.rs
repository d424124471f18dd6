//! Mappings of objects, of which there are none.

use std::ptr::NonNull;

use super::Never;
use super::object::Object;
use crate::error::Result;

/// Whether a mapping may be written through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    Read,
    ReadWrite,
}

/// A part of an object in this process's address space.
#[derive(Debug)]
pub(crate) struct Mapping(pub(super) Never);

impl Mapping {
    pub(crate) fn new(
        object: &Object,
        _offset: u64,
        _len: usize,
        _protection: Protection,
    ) -> Result<Self> {
        object.never()
    }

    pub(crate) fn for_huge_pages(
        object: &Object,
        _len: usize,
        _protection: Protection,
    ) -> Result<Self> {
        object.never()
    }

    pub(crate) fn flush(&self, _offset: usize, _len: usize) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn len(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        match self.0 {}
    }
}
