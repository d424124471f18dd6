//! Names change hands: removed, replaced, given up by the last user.
//!
//! Whoever changes what a name stands for holds the *name lock* of the inode that it stands for, and
//! looks again after locking, so no two undo each other's work. Only plain creation needs no lock: it
//! fails where there is something.

use super::control::Control;
use super::inspect::{check_ours, is_in_use, is_left_by_the_dead, read_control};
use super::name::{Address, Name};
use super::options::Access;
use super::region::Region;
use super::trust::{Trust, check_ours_to_remove, check_trusted};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::steps::step;
use crate::sys::lock::{Byte, Locker};
use crate::sys::object::{self, Facts, Object};
use crate::sys::place::Place;
use crate::sys::wait;

/// Which names a new segment may have that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    OfNobody,
    /// Those that only the dead have left.
    OfTheDead,
    /// Those of any segments.
    OfAnybody,
}

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
    let (object, _) = open_to_take_away(name)?;
    step!("remove: opened");
    unlink_if_still(name, &object)
}

/// Opens what is ours to take away: a segment, whole or damaged.
fn open_to_take_away(name: &Name) -> Result<(Object, Facts)> {
    let (object, facts) = Object::open(name.place())?;
    check_ours_to_remove(&object, &facts)?;
    check_ours(&object, &facts)?;
    Ok((object, facts))
}

/// Unlinks the name under its lock if it still is this object's; false when it is another's now.
pub(super) fn unlink_if_still(name: &Name, object: &Object) -> Result<bool> {
    match NameLock::take(name, object)? {
        Some(lock) => lock.unlink(name).map(|()| true),
        None => Ok(false),
    }
}

/// A finished object that is to get its name.
pub(super) struct Candidate<'a> {
    pub(super) object: &'a Object,
    pub(super) id: [u8; 16],
    /// Who may write what it replaces, which is mapped to tell those attached to it.
    pub(super) trust: Trust,
}

impl Candidate<'_> {
    /// Gives it the name, also if a segment has it that `claim` is about; returns where others find it.
    ///
    /// The name stands for the old segment or for the new one at every moment. Those attached to the old
    /// one are told, also when this process dies on the way: by whoever reaps next.
    pub(super) fn publish(&self, name: &Name, claim: Claim) -> Result<Place> {
        loop {
            let taken = match self.object.publish(name.place()) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => error,
                published => return published,
            };
            match claim {
                Claim::OfNobody => return Err(told_of_the_dead(name, taken)),
                Claim::OfTheDead if left_by_the_dead(name).is_none() => return Err(taken),
                Claim::OfTheDead | Claim::OfAnybody => {}
            }
            if replace_once(self, name, claim)? {
                return Ok(name.place().clone());
            }
        }
    }
}

/// What has that name, if only the dead have left it.
fn left_by_the_dead(name: &Name) -> Option<Control> {
    let (object, facts) = Object::open_to_look(name.place()).ok()?;
    check_ours_to_remove(&object, &facts).ok()?;
    let control = read_control(&object, &facts).ok()?;
    is_left_by_the_dead(&object, &control).is_ok_and(|dead| dead).then_some(control)
}

/// The error of who finds a name taken, with what to do where only the dead have left it.
pub(super) fn told_of_the_dead(name: &Name, error: Error) -> Error {
    let is_taken = error.kind() == ErrorKind::AlreadyExists;
    let Some(control) = is_taken.then(|| left_by_the_dead(name)).flatten() else { return error };
    Error::new(
        ErrorKind::AlreadyExists,
        format!(
            "exists already, but nobody who lives takes part in it and its creator, process {}, is gone: \
             remove it with `reap`, or take its place with the option `reclaim_dead` or with \
             `create_or_replace`",
            control.creator.pid
        ),
    )
}

/// Replaces what has that name now, if `claim` is about it; false when the name changed hands meanwhile.
fn replace_once(new: &Candidate<'_>, name: &Name, claim: Claim) -> Result<bool> {
    let &Candidate { object, id, trust } = new;
    let (old, facts) = match open_to_take_away(name) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    check_trusted(name, &old, &facts, trust)?;
    step!("replace: opened");
    let Some(_lock) = NameLock::take(name, &old)? else { return Ok(false) };
    if claim == Claim::OfTheDead && !is_left_by_the_dead(&old, &read_control(&old, &facts)?)? {
        // Somebody began to use it, which the caller finds when it looks again.
        return Ok(false);
    }
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
        let region = Region::new(old, control.layout, participants, stripes, Access::ReadWrite)?;
        let state = region.state();
        state.mark_replaced();
        step!("replace: old one marked");
        wait::wake_all(&state.changes);
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
    check_ours_to_remove(&object, &facts)?;
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
    if check_trusted(name, &object, &facts, Trust::Ours).is_err() {
        // Not to be mapped, so that those attached learn of it when they look who has the name.
        return object::unlink(name.place());
    }
    finish(&object, name.place())
}
