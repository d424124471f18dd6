//! The init lock: one process at a time settles or converts an object.

use super::lock::{Byte, Locker};
use super::object::Object;
use crate::error::Result;
use crate::sys::place::Place;

/// The right to settle an object after a restart, or to convert a file to a segment. Dropping it
/// releases the lock.
#[derive(Debug)]
pub(crate) struct InitLock(#[expect(dead_code, reason = "held, not read")] Locker);

impl InitLock {
    /// Waits for the lock. Fails with `ForeignLock` at once when another program has it.
    pub(crate) fn take(object: &Object, place: &Place) -> Result<Self> {
        let locker = Locker::new(object, place)?;
        locker.lock(Byte::Init)?;
        Ok(Self(locker))
    }
}
