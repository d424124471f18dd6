//! Names of objects in the making, where those cannot be without a name.

use super::lock::{Byte, Locker};
use super::object::{Object, identity_of};
use super::process::random_id;
use crate::error::Result;
use crate::sys::place::{Place, TEMPORARY_PREFIX};

/// A name that stands for an object in the making. Its creator holds the name lock, so that nobody
/// takes it for one that a dead creator left.
#[derive(Debug)]
pub(super) struct Temporary {
    pub(super) place: Place,
    _lock: Locker,
}

impl Temporary {
    /// Locks the name of an object that was just made; `None` when somebody thought its creator dead
    /// before it was locked, and takes the name away.
    pub(super) fn lock(object: &Object, place: Place) -> Result<Option<Self>> {
        let Some(lock) = Locker::at(object, &place)? else { return Ok(None) };
        let locked = lock.try_lock(Byte::Name)? && identity_of(&place)? == Some(object.identity());
        Ok(locked.then_some(Self { place, _lock: lock }))
    }
}

/// A place in the same directory, of a name that nobody else makes up.
pub(super) fn beside(place: &Place) -> Place {
    let id = u128::from_le_bytes(random_id());
    let name = format!("{TEMPORARY_PREFIX}{id:032x}");
    match place.as_str().rsplit_once('/') {
        Some((directory, _)) => Place::File(format!("{directory}/{name}").into()),
        None => Place::Named(name.into()),
    }
}
