//! Temporary names of unfinished objects, where these cannot be without a name.

use super::lock::{Byte, Locker};
use super::names::{identity_of, unlink};
use super::object::Object;
use super::process::random_id;
use crate::error::Result;
use crate::sys::place::Place;

/// A name that stands for an unfinished object. Its creator holds the name lock, so that nobody
/// takes the object for a dead creator's leftover.
#[derive(Debug)]
pub(super) struct Temporary {
    pub(super) place: Place,
    lock: Locker,
}

impl Temporary {
    /// Locks the name of an object that was just created. Returns `None` if another process took
    /// its creator for dead before the lock was held. That process removes the name.
    pub(super) fn lock(object: &Object, place: Place) -> Result<Option<Self>> {
        let locked = Self::lock_name(object, &place);
        if locked.is_err() {
            // Nobody else knows the name. A leftover is reaped later.
            let _ = unlink(&place);
        }
        Ok(locked?.map(|lock| Self { place, lock }))
    }

    fn lock_name(object: &Object, place: &Place) -> Result<Option<Locker>> {
        let Some(lock) = Locker::at(object, place)? else { return Ok(None) };
        let locked = lock.try_lock(Byte::Name)? && identity_of(place)? == Some(object.identity());
        Ok(locked.then_some(lock))
    }

    /// Removes the name, unless this is a copy in a forked child.
    pub(super) fn discard(self) {
        if self.lock.descriptor().is_ok() {
            // A leftover is reaped later.
            let _ = unlink(&self.place);
        }
    }
}

/// A place in the same directory, with a name that nobody else makes up.
pub(super) fn beside(place: &Place) -> Place {
    place.beside(random_id())
}
