//! Shared-memory objects, of which there are none.

use std::ops::Range;
use std::path::Path;

use super::users::UserId;
use super::{Never, unsupported};
use crate::error::Result;
use crate::sys::place::Place;

/// Which file a descriptor or a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity(Never);

impl Identity {
    pub(crate) fn inode(self) -> u64 {
        match self.0 {}
    }
}

/// What the filesystem says about an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) len: u64,
    pub(crate) allocated: u64,
    pub(crate) owner: UserId,
    pub(crate) has_several_names: bool,
    pub(crate) mode: u32,
}

/// An open shared-memory object.
#[derive(Debug)]
pub(crate) struct Object(Never);

impl Object {
    /// What follows from having an object here: anything.
    pub(super) fn never(&self) -> ! {
        match self.0 {}
    }

    pub(crate) fn create_unnamed(_place: &Place, _len: u64, _mode: u32) -> Result<Self> {
        Err(unsupported())
    }

    pub(crate) fn open(_place: &Place) -> Result<(Self, Facts)> {
        Err(unsupported())
    }

    pub(crate) fn open_to_observe(_place: &Place) -> Result<(Self, Facts)> {
        Err(unsupported())
    }

    pub(crate) fn open_to_look(_place: &Place) -> Result<(Self, Facts)> {
        Err(unsupported())
    }

    pub(crate) fn open_file(_path: &Path) -> Result<(Self, Facts)> {
        Err(unsupported())
    }

    pub(crate) fn reserve(&self, _range: Range<u64>) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn reserve_unshared(&self, _range: Range<u64>) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn lies_in_memory(&self) -> Result<bool> {
        match self.0 {}
    }

    pub(crate) fn publish(&self, _place: &Place) -> Result<Place> {
        match self.0 {}
    }

    pub(crate) fn set_len(&self, _len: u64) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn flush(&self) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn as_place(&self) -> Place {
        match self.0 {}
    }

    pub(crate) fn read_exact_at(&self, _buffer: &mut [u8], _offset: u64) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn write_all_at(&self, _bytes: &[u8], _offset: u64) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn is_sealed(&self) -> Result<bool> {
        match self.0 {}
    }

    pub(crate) fn seal(&self) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn facts(&self) -> Result<Facts> {
        match self.0 {}
    }

    pub(crate) fn identity(&self) -> Identity {
        match self.0 {}
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn revive(&self, _place: &Place) -> Result<()> {
        match self.0 {}
    }
}
