//! Init locks, of which there are none.

use super::Never;
use super::object::Object;
use crate::error::Result;
use crate::sys::place::Place;

/// The right to settle or to convert an object.
#[derive(Debug)]
pub(crate) struct InitLock(Never);

impl InitLock {
    pub(crate) fn take(object: &Object, _place: &Place) -> Result<Self> {
        object.never()
    }
}
