//! Names change hands: removed, replaced, given up by the last user.
//!
//! Whoever changes what a name stands for holds the *name lock* of the inode that it stands for, and
//! looks again after locking, so no two undo each other's work. Only plain creation needs no lock: it
//! fails where there is something.

use super::inspect::{check_ours, check_owner, is_in_use, read_control};
use super::name::{Address, Name};
use super::options::{Access, Trust};
use super::region::Region;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::steps::step;
use crate::sys::lock::{Byte, Locker};
use crate::sys::object::{self, Object};
use crate::sys::place::Place;
use crate::sys::wait;

/// The right to change what a name stands for, which is a given object.
pub(super) struct NameLock {
    /// Held, never read.
    _locker: Locker,
}

impl NameLock {
    /// Waits for the lock; `None` when something else is there by now, or nothing.
    pub(super) fn take(name: &Name, object: &Object) -> Result<Option<Self>> {
        let place = name.place();
        let Some(locker) = Locker::at(object, place)? else { return Ok(None) };
        locker.lock(Byte::Name)?;
        step!("name: locked");
        let still = object::identity_of(place)? == Some(object.identity());
        Ok(still.then_some(Self { _locker: locker }))
    }

    /// The lock if nobody has it; else, and where [`take`](Self::take) says so, `None`.
    pub(super) fn try_take(name: &Name, object: &Object) -> Result<Option<Self>> {
        let place = name.place();
        let Some(locker) = Locker::at(object, place)? else { return Ok(None) };
        let right =
            locker.try_lock(Byte::Name)? && object::identity_of(place)? == Some(object.identity());
        Ok(right.then_some(Self { _locker: locker }))
    }

    /// Takes the name away.
    pub(super) fn unlink(self, name: &Name) -> Result<()> {
        object::unlink(name.place())?;
        step!("name: gone");
        Ok(())
    }
}

/// Removes the name of a segment, or its file; those attached keep their memory until they detach.
///
/// # Errors
///
/// [`NotFound`](ErrorKind::NotFound) when there is none, [`NotASegment`](ErrorKind::NotASegment)
/// when nothing shows that it is one, or was before it was damaged: that is left alone;
/// [`NotTrusted`](ErrorKind::NotTrusted) when another user owns it. A damaged segment is removed.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let value = ndshm::Value::<u8>::create_unique("doc-remove-", 1)?;
/// ndshm::remove(value.name())?;
/// assert!(ndshm::Value::<u8>::open(value.name()).is_err());
/// assert_eq!(value.get()?, 1);
/// # Ok(()) }
/// ```
pub fn remove<'a>(address: impl Into<Address<'a>>) -> Result<()> {
    let name = Name::new(address)?;
    while !remove_once(&name).of(name.as_str())? {}
    Ok(())
}

/// Removes what has that name now; false when the name changed hands meanwhile.
fn remove_once(name: &Name) -> Result<bool> {
    let object = open_to_take_away(name)?;
    step!("remove: opened");
    unlink_if_still(name, &object)
}

/// Opens what is ours to take away: a segment, whole or damaged.
fn open_to_take_away(name: &Name) -> Result<Object> {
    let (object, facts) = Object::open(name.place())?;
    check_owner(&facts, Trust::Ours)?;
    check_ours(&object, &facts)?;
    Ok(object)
}

/// Unlinks the name under its lock if it still is this object's; false when it is another's now.
pub(super) fn unlink_if_still(name: &Name, object: &Object) -> Result<bool> {
    match NameLock::take(name, object)? {
        Some(lock) => lock.unlink(name).map(|()| true),
        None => Ok(false),
    }
}

/// Gives a finished object its name, whatever segment has it now; what is no segment is left alone.
///
/// The name stands for the old segment or for the new one at every moment. Those attached to the old
/// one are told, also when this process dies on the way: by whoever reaps next.
pub(super) fn publish_in_place_of(object: &Object, id: [u8; 16], name: &Name) -> Result<()> {
    loop {
        match object.publish(name.place()) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            published => return published.map(drop),
        }
        if replace_once(object, id, name)? {
            return Ok(());
        }
    }
}

/// Replaces what has that name now; false when the name changed hands meanwhile.
fn replace_once(object: &Object, id: [u8; 16], name: &Name) -> Result<bool> {
    let old = match open_to_take_away(name) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    step!("replace: opened");
    let Some(_lock) = NameLock::take(name, &old)? else { return Ok(false) };
    let beside = name.place().beside(id);
    object.publish(&beside)?;
    step!("replace: linked beside");
    let exchanged = object::exchange(&beside, name.place()).and_then(|()| {
        // Only who does not keep to the lock can have put something else there.
        if object::identity_of(&beside)? == Some(old.identity()) {
            return Ok(());
        }
        object::exchange(&beside, name.place())?;
        Err(Error::new(
            ErrorKind::AlreadyExists,
            "was replaced by another program while this one replaced it: nothing was changed, try \
             again",
        ))
    });
    if let Err(error) = exchanged {
        object::unlink(&beside)?;
        return Err(error);
    }
    step!("replace: exchanged");
    finish(&old, &beside).map(|()| true)
}

/// Tells those attached to what was replaced, and takes its last name away.
///
/// The caller holds its name lock.
fn finish(old: &Object, beside: &Place) -> Result<()> {
    // Nobody is attached to what is damaged.
    if let Ok(control) = old.facts().and_then(|facts| read_control(old, &facts)) {
        let (participants, stripes) = (control.participants, control.stripes);
        match Region::new(old, control.layout, participants, stripes, Access::ReadWrite) {
            Ok(region) => {
                let state = region.state();
                state.mark_replaced();
                step!("replace: old one marked");
                wait::wake_all(&state.changes);
            }
            // Nobody else has it mapped for writing either; who observes it sees what its name stands for.
            Err(error) if error.kind() == ErrorKind::UnsupportedFilesystem => {}
            Err(error) => return Err(error),
        }
    }
    object::unlink(beside)?;
    step!("replace: old one's name gone");
    Ok(())
}

/// Finishes what a killed process left under a temporary name.
///
/// What a creator did not finish, or could not give its name, only goes. What came out of an exchange,
/// whose temporary name says another id than its own, is marked first: those attached to it may not
/// know.
pub(super) fn finish_leftover(name: &Name) -> Result<()> {
    let (object, facts) = Object::open(name.place())?;
    check_owner(&facts, Trust::Ours)?;
    // Held by creators and replacers that live.
    let Some(_lock) = NameLock::try_take(name, &object)? else { return Ok(()) };
    step!("reap: temporary name locked");
    if let Ok(control) = read_control(&object, &facts)
        && *name.place() == name.place().beside(control.id)
        && is_in_use(&object, &control)?
    {
        // About to be exchanged.
        return Ok(());
    }
    finish(&object, name.place())
}
