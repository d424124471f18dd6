//! The name lock, and names that are removed under it.
//!
//! After locking, the holder looks up again what the name stands for. So no two processes undo each
//! other's work.

use super::lock::{Byte, Hold, Locker};
use super::names::{identity_of, rename, unlink};
use super::object::{Identity, Object};
use super::process::random_id;
use crate::error::{ErrorKind, Result};
use crate::steps::step;
use crate::sys::place::Place;

/// The right to change a name that stands for a given object. Dropping it releases the lock.
#[derive(Debug)]
pub(crate) struct NameLock {
    /// Held, never read.
    _locker: Locker,
    hold: Hold,
    place: Place,
    identity: Identity,
}

impl NameLock {
    /// Waits for the lock. Returns `None` when the name stands for another object by now, or for
    /// none. Fails with `ForeignLock` at once when another program holds it.
    pub(crate) fn take(place: &Place, object: &Object) -> Result<Option<Self>> {
        Self::take_by(place, object, |locker| locker.lock(Byte::Name).map(|()| Some(Hold::Alone)))
    }

    /// The same for a process that leaves for good and cannot come back for the name. It gets by beside
    /// another program's read lock.
    pub(crate) fn take_to_leave(place: &Place, object: &Object) -> Result<Option<Self>> {
        Self::take_by(place, object, |locker| locker.lock_beside(Byte::Name).map(Some))
    }

    /// Takes the lock if nobody holds it. Returns `None` otherwise, and where [`take`](Self::take) does.
    pub(crate) fn try_take(place: &Place, object: &Object) -> Result<Option<Self>> {
        let lock = |locker: &Locker| Ok(locker.try_lock(Byte::Name)?.then_some(Hold::Alone));
        Self::take_by(place, object, lock)
    }

    fn take_by(
        place: &Place,
        object: &Object,
        lock: impl FnOnce(&Locker) -> Result<Option<Hold>>,
    ) -> Result<Option<Self>> {
        let identity = object.identity();
        let Some(locker) = Locker::at(object, place)? else { return Ok(None) };
        let Some(hold) = lock(&locker)? else { return Ok(None) };
        step!("name: locked");
        let still = identity_of(place)? == Some(identity);
        Ok(still.then(|| Self { _locker: locker, hold, place: place.clone(), identity }))
    }

    /// Removes the name. Attached processes keep their memory.
    pub(crate) fn unlink(self) -> Result<()> {
        match self.hold {
            Hold::Alone => unlink(&self.place)?,
            Hold::Beside => unlink_aside(&self.place, self.identity)?,
        }
        step!("name: gone");
        Ok(())
    }
}

/// Removes the name under its lock if it still is this object's. Returns false when it is another's
/// by now.
pub(crate) fn unlink_if_still(place: &Place, object: &Object) -> Result<bool> {
    unlink_under(NameLock::take(place, object)?)
}

/// The same for a process that leaves for good: see [`NameLock::take_to_leave`]. Does without the
/// lock when this process has no descriptor left to hold it with.
pub(crate) fn unlink_to_leave(place: &Place, object: &Object) -> Result<bool> {
    match NameLock::take_to_leave(place, object) {
        Err(error) if error.kind() == ErrorKind::OutOfDescriptors => {
            let identity = object.identity();
            let still = identity_of(place)? == Some(identity);
            if still {
                unlink_aside(place, identity)?;
            }
            Ok(still)
        }
        lock => unlink_under(lock?),
    }
}

fn unlink_under(lock: Option<NameLock>) -> Result<bool> {
    lock.map_or(Ok(false), |lock| lock.unlink().map(|()| true))
}

/// Removes the name of an object while other processes may do the same. It renames the file first,
/// and checks whether it is the object. If another object got the name since, it puts that one
/// back.
///
/// An object that cannot be put back has lost its name to a third one. The next `reap` tells its users.
fn unlink_aside(place: &Place, identity: Identity) -> Result<()> {
    let aside = place.beside(random_id());
    rename(place, &aside)?;
    if identity_of(&aside)? == Some(identity) {
        return unlink(&aside);
    }
    rename(&aside, place)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn named_object() -> (Place, Object) {
        let id = u128::from_be_bytes(random_id());
        let place = Place::Named(format!("unit-names-{id:032x}").into());
        let object = Object::create_unnamed(&place, 1, 0o600).unwrap();
        object.publish(&place).unwrap();
        (place, object)
    }

    #[test]
    fn who_leaves_beside_others_takes_no_name_away_that_is_another_segments_by_now() {
        let [(place, object), (others, other)] = [(); 2].map(|()| named_object());
        unlink_aside(&place, other.identity()).unwrap();
        assert_eq!(identity_of(&place).unwrap(), Some(object.identity()));
        for (place, object) in [(place, object), (others, other)] {
            unlink_aside(&place, object.identity()).unwrap();
            assert_eq!(identity_of(&place).unwrap(), None);
        }
    }
}
