//! Byte locks on objects, of which there are none.

use super::Never;
use super::object::Object;
use crate::error::Result;
use crate::sys::place::Place;

/// A byte with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Byte {
    /// Held for life by the participant in that slot.
    Slot(u32),
    /// Held while the name changes.
    Name,
    /// Held by who settles what a restart of the machine left.
    Init,
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "nothing is held beside anything where there are no locks")]
pub(crate) enum Hold {
    Alone,
    /// Beside another program's read lock.
    Beside,
}

/// A description of its own, to hold byte locks with.
#[derive(Debug)]
pub(crate) struct Locker(Never);

impl Locker {
    pub(crate) fn new(object: &Object, _place: &Place) -> Result<Self> {
        object.never()
    }

    pub(crate) fn at(object: &Object, _place: &Place) -> Result<Option<Self>> {
        object.never()
    }

    pub(crate) fn try_lock(&self, _byte: Byte) -> Result<bool> {
        match self.0 {}
    }

    pub(crate) fn lock(&self, _byte: Byte) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn lock_beside(&self, _byte: Byte) -> Result<Hold> {
        match self.0 {}
    }
}

pub(crate) fn is_held(object: &Object, _byte: Byte) -> Result<bool> {
    object.never()
}
