//! Shared-memory objects, of which there are none.

use std::ops::Range;
use std::path::PathBuf;

use super::{Never, unsupported};
use crate::error::Result;

/// Which file a descriptor or a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity(Never);

/// What the filesystem says about an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) len: u64,
    pub(crate) owner: u32,
}

/// An open shared-memory object.
#[derive(Debug)]
pub(crate) struct Object(Never);

impl Object {
    /// What follows from having an object here: anything.
    pub(super) fn never(&self) -> ! {
        match self.0 {}
    }

    pub(crate) fn create_unnamed(_len: u64, _mode: u32) -> Result<Self> {
        Err(unsupported())
    }

    pub(crate) fn open(_name: &str) -> Result<(Self, Facts)> {
        Err(unsupported())
    }

    pub(crate) fn open_to_look(_name: &str) -> Result<(Self, Facts)> {
        Err(unsupported())
    }

    pub(crate) fn reserve(&self, _range: Range<u64>) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn publish(&self, _name: &str) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn read_exact_at(&self, _buffer: &mut [u8], _offset: u64) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn write_all_at(&self, _bytes: &[u8], _offset: u64) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn facts(&self) -> Result<Facts> {
        match self.0 {}
    }

    pub(crate) fn identity(&self) -> Identity {
        match self.0 {}
    }

    pub(crate) fn revive(&self, _name: &str) -> Result<()> {
        match self.0 {}
    }
}

pub(crate) fn identity_of(_name: &str) -> Result<Option<Identity>> {
    Err(unsupported())
}

pub(crate) fn unlink(_name: &str) -> Result<()> {
    Err(unsupported())
}

pub(crate) fn names() -> Result<Vec<String>> {
    Err(unsupported())
}

pub(crate) fn path_of(name: &str) -> PathBuf {
    PathBuf::from(name)
}
