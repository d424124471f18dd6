//! What objects are called: names that stand for them, change hands under a lock, and are listed.
//!
//! Whoever changes what a name stands for holds the [`NameLock`] of the object that it stands for.

use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::lock::{Byte, Hold, Locker};
use super::object::{Identity, Object, directory_of, facts};
use super::object_error::publish_error;
use super::open::c_path;
use super::process::random_id;
use super::{DIRECTORY, os_error};
use crate::error::{ErrorKind, Result};
use crate::steps::step;
use crate::sys::place::Place;

/// How `/proc` shows descriptors of memory without a name that this library made.
const MEMORY: &str = "/memfd:ndshm ";

/// The right to change what a name stands for, which is a given object. Ends when this is dropped.
#[derive(Debug)]
pub(crate) struct NameLock {
    /// Held, never read.
    _locker: Locker,
    hold: Hold,
    place: Place,
    identity: Identity,
}

impl NameLock {
    /// Waits for the lock; `None` when something else is there by now, or nothing. `ForeignLock` at once
    /// when another program has it.
    pub(crate) fn take(place: &Place, object: &Object) -> Result<Option<Self>> {
        Self::take_by(place, object, |locker| locker.lock(Byte::Name).map(|()| Some(Hold::Alone)))
    }

    /// The same for who leaves for good, and cannot come back for the name: gets by beside another
    /// program's read lock.
    pub(crate) fn take_to_leave(place: &Place, object: &Object) -> Result<Option<Self>> {
        Self::take_by(place, object, |locker| locker.lock_beside(Byte::Name).map(Some))
    }

    /// The lock if nobody has it; else, and where [`take`](Self::take) says so, `None`.
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

    /// Takes the name away; those attached keep their memory.
    pub(crate) fn unlink(self) -> Result<()> {
        match self.hold {
            Hold::Alone => unlink(&self.place)?,
            Hold::Beside => unlink_aside(&self.place, self.identity)?,
        }
        step!("name: gone");
        Ok(())
    }
}

/// Takes the name away under its lock if it still is this object's; false when it is another's now.
pub(crate) fn unlink_if_still(place: &Place, object: &Object) -> Result<bool> {
    unlink_under(NameLock::take(place, object)?)
}

/// The same for who leaves for good: see [`NameLock::take_to_leave`]. Goes without the lock when this
/// process has no descriptor left to hold it with.
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

/// Takes the name of an object away while others may do the same: moves what has it out of the way
/// first, and puts it back if it is another object, which got the name since.
///
/// What cannot be put back has lost its name to a third one; whoever reaps tells those attached.
fn unlink_aside(place: &Place, identity: Identity) -> Result<()> {
    let aside = place.beside(random_id());
    rename(place, &aside)?;
    if identity_of(&aside)? == Some(identity) {
        return unlink(&aside);
    }
    rename(&aside, place)
}

/// Which file is at that place now, if any.
pub(crate) fn identity_of(place: &Place) -> Result<Option<Identity>> {
    match rustix::fs::lstat(c_path(place)?.as_c_str()) {
        Ok(stat) => Ok(Some(facts(&stat).identity)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(os_error("look its name up", errno)),
    }
}

/// Takes the name away; those attached keep their memory.
pub(crate) fn unlink(place: &Place) -> Result<()> {
    rustix::fs::unlink(c_path(place)?.as_c_str())
        .map_err(|errno| os_error("remove its name", errno))
}

/// Has two places change what is there, at once.
pub(crate) fn exchange(one: &Place, other: &Place) -> Result<()> {
    let (cwd, flags) = (rustix::fs::CWD, RenameFlags::EXCHANGE);
    rustix::fs::renameat_with(cwd, c_path(one)?, cwd, c_path(other)?, flags)
        .map_err(|errno| os_error("give its name to the new segment", errno))
}

/// Moves what is at one place to another; fails with `AlreadyExists` when something is there.
pub(super) fn rename(from: &Place, to: &Place) -> Result<()> {
    let (cwd, flags) = (rustix::fs::CWD, RenameFlags::NOREPLACE);
    rustix::fs::renameat_with(cwd, c_path(from)?, cwd, c_path(to)?, flags)
        .map_err(|errno| publish_error(directory_of(to), errno))
}

/// Waits until the name is on the disk that it is of; one in memory is at once.
pub(crate) fn flush_name(place: &Place) -> Result<()> {
    if !matches!(place, Place::File(_)) {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(directory_of(place), flags, Mode::empty())
        .and_then(rustix::fs::fsync)
        .map_err(|errno| os_error("flush its directory to the disk", errno))
}

/// Names of all named objects there are, ours or not, in no order.
pub(crate) fn all() -> Result<Vec<String>> {
    let entries = std::fs::read_dir(DIRECTORY).map_err(|error| os_error("list /dev/shm", error))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// Where memory without a name is that a process has open, if a text says so: `/proc/PID/fd/N`.
pub(crate) fn in_process(text: &str) -> Option<Place> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = text.split('/').collect();
    let is_shown = matches!(
        parts[..],
        ["", "proc", pid, "fd", descriptor] if number(pid) && number(descriptor)
    );
    is_shown.then(|| Place::InProcess(text.into()))
}

/// Memory of this library's without a name that the process has open which a place is of.
pub(crate) fn beside_in_process(place: &Place) -> Vec<Place> {
    let Place::InProcess(path) = place else { return Vec::new() };
    let entries = Path::new(&**path).parent().and_then(|parent| std::fs::read_dir(parent).ok());
    let paths = entries.into_iter().flatten().flatten().map(|entry| entry.path());
    paths
        .filter(|path| {
            std::fs::read_link(path).is_ok_and(|what| what.to_string_lossy().starts_with(MEMORY))
        })
        .filter_map(|path| Some(Place::InProcess(path.to_str()?.into())))
        .collect()
}

/// Where other programs find the object at that place.
pub(crate) fn path_of(place: &Place) -> PathBuf {
    match place {
        Place::Named(name) => Path::new(DIRECTORY).join(&**name),
        place => PathBuf::from(place.as_str()),
    }
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
