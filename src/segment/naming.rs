//! Names change hands: removed, replaced, given up by the last user.
//!
//! A name that stands for an object changes only under its [`NameLock`], so no two processes undo
//! each other's work. Only plain creation needs no lock, because it fails if the name is taken.

use super::control::Control;
use super::facts::{Access, Claim, Trust};
use super::inspect::{check_ours, is_in_use, is_left_by_the_dead, read_control};
use super::name::{Address, Name};
use super::region::Region;
use super::trust::{check_ours_to_remove, check_trusted};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::steps::step;
use crate::sys::name_lock::{NameLock, unlink_if_still};
use crate::sys::names;
use crate::sys::object::{Facts, Object};
use crate::sys::place::Place;
use crate::sys::wait;

/// Removes the name of a segment, or its file. Attached processes keep their memory until they
/// detach.
///
/// # Errors
///
/// [`NotFound`](ErrorKind::NotFound) when there is none; [`NotASegment`](ErrorKind::NotASegment)
/// when nothing shows that it is a segment, or was one before it was damaged, and then it is left
/// alone; [`NotTrusted`](ErrorKind::NotTrusted) when another user owns it;
/// [`ForeignLock`](ErrorKind::ForeignLock) when another program keeps its name by a lock on the
/// file; and [`Timeout`](ErrorKind::Timeout) when a process that changes its name is stuck for five
/// seconds. A damaged segment is removed.
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

/// Removes the segment that has that name now. Returns false when the name changed hands meanwhile.
fn remove_once(name: &Name) -> Result<bool> {
    let (object, _) = open_to_take_away(name)?;
    step!("remove: opened");
    unlink_if_still(name.place(), &object)
}

/// Opens a segment that is ours to remove, whole or damaged.
fn open_to_take_away(name: &Name) -> Result<(Object, Facts)> {
    let (object, facts) = Object::open(name.place())?;
    check_ours_to_remove(&object, &facts)?;
    check_ours(&object, &facts)?;
    Ok((object, facts))
}

/// A finished object that is to get its name.
pub(super) struct Candidate<'a> {
    pub(super) object: &'a Object,
    pub(super) id: [u8; 16],
    /// Which users may write the segment that it replaces. That one is mapped, to notify the
    /// processes attached to it.
    pub(super) trust: Trust,
}

impl Candidate<'_> {
    /// Gives the object the name. If a segment has the name and `claim` covers it, that one is
    /// replaced. Returns where others find the object.
    ///
    /// The name stands for the old segment or for the new one at every moment. Processes attached
    /// to the old one are notified. If this process dies on the way, the next one that reaps
    /// notifies them.
    pub(super) fn publish(&self, name: &Name, claim: Claim) -> Result<Place> {
        loop {
            let taken = match self.object.publish(name.place()) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => error,
                published => return published,
            };
            match claim {
                Claim::Free => return Err(told_of_the_dead(name, taken)),
                Claim::Dead if left_by_the_dead(name).is_none() => return Err(taken),
                Claim::Dead | Claim::Any => {}
            }
            if replace_once(self, name, claim)? {
                return Ok(name.place().clone());
            }
        }
    }
}

/// The segment that has that name, if only the dead have left it.
fn left_by_the_dead(name: &Name) -> Option<Control> {
    let (object, facts) = Object::open_to_look(name.place()).ok()?;
    check_ours_to_remove(&object, &facts).ok()?;
    let control = read_control(&object, &facts).ok()?;
    is_left_by_the_dead(&object, &control).is_ok_and(|dead| dead).then_some(control)
}

/// The error for a taken name. It adds what to do if only the dead have left that name.
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

/// Replaces the segment that has that name now, if `claim` covers it. Returns false when the name
/// changed hands meanwhile.
fn replace_once(new: &Candidate<'_>, name: &Name, claim: Claim) -> Result<bool> {
    let &Candidate { object, id, trust } = new;
    let (old, facts) = match open_to_take_away(name) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    check_trusted(name, &old, &facts, trust)?;
    step!("replace: opened");
    let Some(_lock) = NameLock::take(name.place(), &old)? else { return Ok(false) };
    if claim == Claim::Dead && !is_left_by_the_dead(&old, &read_control(&old, &facts)?)? {
        // Somebody began to use it. The caller finds that out when it looks again.
        return Ok(false);
    }
    // This comes before the exchange. After it nothing may prevent that attached processes are
    // notified.
    let farewell = Farewell::prepare(&old)?;
    let beside = name.place().beside(id);
    if let Err(error) = object.publish(&beside) {
        discard(&beside, object);
        return Err(error);
    }
    step!("replace: linked beside");
    give_name(object, name.place(), &beside, &old, &farewell)?;
    step!("replace: exchanged");
    farewell.tell();
    // A leftover is reaped later.
    let _ = names::unlink(&beside);
    step!("replace: old one's name gone");
    Ok(true)
}

/// Exchanges the new object, which lies beside, with the old one, or changes nothing.
fn give_name(
    new: &Object,
    place: &Place,
    beside: &Place,
    old: &Object,
    farewell: &Farewell,
) -> Result<()> {
    if let Err(error) = names::exchange(beside, place) {
        discard(beside, new);
        return Err(error);
    }
    let given = check_came_out(old, beside).and_then(|()| names::flush_name(place));
    if given.is_err() {
        match names::exchange(beside, place) {
            Ok(()) => discard(beside, new),
            // The old one has lost its name for good.
            Err(_) => farewell.tell(),
        }
    }
    given
}

/// Fails when something other than the old object came out of an exchange.
fn check_came_out(old: &Object, beside: &Place) -> Result<()> {
    match names::identity_of(beside)? {
        Some(found) if found != old.identity() => Err(Error::new(
            ErrorKind::AlreadyExists,
            // A process that keeps to the lock cannot have done that.
            "was replaced by another program while this one replaced it: nothing was changed, try \
             again",
        )),
        // Somebody may have taken it for a dead replacer's leftover and removed it.
        _ => Ok(()),
    }
}

/// Removes a name if it stands for that object.
fn discard(place: &Place, object: &Object) {
    if names::identity_of(place).is_ok_and(|found| found == Some(object.identity())) {
        // A leftover is reaped later.
        let _ = names::unlink(place);
    }
}

/// Notifies the processes attached to a segment that another one has its name.
///
/// Nobody is attached to a damaged segment, so nobody is notified.
struct Farewell(Option<Region>);

impl Farewell {
    fn prepare(old: &Object) -> Result<Self> {
        let Ok(control) = old.facts().and_then(|facts| read_control(old, &facts)) else {
            return Ok(Self(None));
        };
        let (participants, stripes) = (control.participants, control.stripes);
        match Region::new(old, control.layout, participants, stripes, Access::ReadWrite) {
            Ok(region) => Ok(Self(Some(region))),
            // Then nobody else has it mapped for writing either. Observers look at what its name
            // stands for.
            Err(error) if error.kind() == ErrorKind::UnsupportedFilesystem => Ok(Self(None)),
            Err(error) => Err(error),
        }
    }

    fn tell(&self) {
        if let Some(region) = &self.0 {
            let state = region.state();
            state.mark_replaced();
            step!("replace: old one marked");
            wait::wake_all(&state.changes);
        }
    }
}

/// Finishes what a killed process left under a temporary name.
///
/// An object that its creator did not finish, or could not give its name, is just removed. So is an
/// object that has another name besides, since nothing of the library's own has two. An object that
/// came out of an exchange has a temporary name with another id than its own. It is marked first,
/// because processes attached to it may not know that it was replaced.
pub(super) fn finish_leftover(name: &Name) -> Result<()> {
    let (object, facts) = Object::open(name.place())?;
    check_ours_to_remove(&object, &facts)?;
    // Live creators and replacers hold this lock.
    let Some(_lock) = NameLock::try_take(name.place(), &object)? else { return Ok(()) };
    step!("reap: temporary name locked");
    let is_its_own = |id| *name.place() == name.place().beside(id);
    let control = read_control(&object, &facts);
    if let Ok(control) = &control
        && is_its_own(control.id)
        && is_in_use(&object, control)?
    {
        // It is about to be exchanged.
        return Ok(());
    }
    let came_out = control.is_ok_and(|control| !is_its_own(control.id));
    // An untrusted object is not mapped, so its users are not notified. They find out when they
    // look up what has the name.
    let is_trusted = check_trusted(name, &object, &facts, Trust::Ours).is_ok();
    if came_out && is_trusted && !object.facts()?.has_several_names {
        Farewell::prepare(&object)?.tell();
    }
    names::unlink(name.place())?;
    step!("reap: temporary name gone");
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::thread;

    use rustix::process::Uid;

    use super::super::facts::{Kind, Lifetime};
    use super::super::life::{Draft, Segment};
    use super::super::options::Options;
    use super::super::plan::Plan;
    use super::*;
    use crate::sys::process;

    /// A segment with its place, and an object opened to look at it.
    fn segment() -> (Segment, Place, Object) {
        segment_at(Name::unique("unit-naming-").unwrap())
    }

    fn segment_at(name: Name) -> (Segment, Place, Object) {
        let options = Options::<()>::new();
        let settings = options.settings();
        let plan = Plan::new(settings, Kind::Array, "<u8".parse().unwrap(), vec![8]).unwrap();
        let draft = Draft::new(name, plan, settings, Lifetime::Creator).unwrap();
        let segment = draft.publish().unwrap();
        let place = segment.address().place().clone();
        let object = Object::open(&place).unwrap().0;
        (segment, place, object)
    }

    fn rename(from: &Place, to: &Place) {
        fs::rename(names::path_of(from), names::path_of(to)).unwrap();
    }

    fn is_at(place: &Place, object: &Object) -> bool {
        names::identity_of(place).unwrap() == Some(object.identity())
    }

    #[test]
    fn a_segment_that_was_not_to_be_replaced_is_put_back() {
        let [(new, news_place, new_object), (found, place, found_object), (meant, _, meant_object)] =
            [(); 3].map(|()| segment());
        let beside = place.beside(new.id());
        rename(&news_place, &beside);
        let farewell = Farewell::prepare(&meant_object).unwrap();
        let error = give_name(&new_object, &place, &beside, &meant_object, &farewell).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
        assert!(is_at(&place, &found_object));
        assert_eq!(names::identity_of(&beside).unwrap(), None, "the new one is left there");
        assert!(!found.is_replaced() && !meant.is_replaced());
    }

    #[test]
    fn a_failure_after_the_exchange_puts_the_old_segment_back() {
        // This is for one thread alone. Root may read any directory, so nothing would fail.
        let as_somebody = || {
            if rustix::process::geteuid().is_root() {
                rustix::thread::set_thread_uid(Uid::from_raw(65534)).unwrap();
            }
            let id = u128::from_be_bytes(process::random_id());
            let directory = PathBuf::from(format!("/dev/shm/unit-naming-{id:032x}"));
            fs::create_dir(&directory).unwrap();
            let [(new, news_place, new_object), (old, place, old_object)] =
                ["new", "old"].map(|name| segment_at(Name::new(&*directory.join(name)).unwrap()));
            let beside = place.beside(new.id());
            rename(&news_place, &beside);
            let farewell = Farewell::prepare(&old_object).unwrap();
            // Names in the directory can change, but it cannot be opened to be flushed.
            fs::set_permissions(&directory, Permissions::from_mode(0o300)).unwrap();
            let error = give_name(&new_object, &place, &beside, &old_object, &farewell);
            assert_eq!(error.unwrap_err().kind(), ErrorKind::PermissionDenied);
            assert!(is_at(&place, &old_object) && !old.is_replaced());
            assert_eq!(names::identity_of(&beside).unwrap(), None, "the new one is left there");
            fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
            fs::remove_dir_all(&directory).unwrap();
        };
        thread::spawn(as_somebody).join().unwrap();
    }

    #[test]
    fn a_segment_that_came_out_and_was_taken_away_is_told_all_the_same() {
        let [(new, news_place, new_object), (old, place, old_object)] = [(); 2].map(|()| segment());
        let beside = place.beside(new.id());
        rename(&news_place, &beside);
        let farewell = Farewell::prepare(&old_object).unwrap();
        give_name(&new_object, &place, &beside, &old_object, &farewell).unwrap();
        names::unlink(&beside).unwrap();
        check_came_out(&old_object, &beside).unwrap();
        farewell.tell();
        assert!(is_at(&place, &new_object) && old.region().state().is_replaced());
        names::unlink(&place).unwrap();
    }
}
