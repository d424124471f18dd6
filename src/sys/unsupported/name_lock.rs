//! Name locks, of which there are none.

use super::Never;
use super::object::Object;
use crate::error::Result;
use crate::sys::place::Place;

/// The right to change what a name stands for.
#[derive(Debug)]
pub(crate) struct NameLock(Never);

impl NameLock {
    pub(crate) fn take(_place: &Place, object: &Object) -> Result<Option<Self>> {
        object.never()
    }

    pub(crate) fn take_to_leave(_place: &Place, object: &Object) -> Result<Option<Self>> {
        object.never()
    }

    pub(crate) fn try_take(_place: &Place, object: &Object) -> Result<Option<Self>> {
        object.never()
    }

    pub(crate) fn unlink(self) -> Result<()> {
        match self.0 {}
    }
}

pub(crate) fn unlink_if_still(_place: &Place, object: &Object) -> Result<bool> {
    object.never()
}

pub(crate) fn unlink_to_leave(_place: &Place, object: &Object) -> Result<bool> {
    object.never()
}
