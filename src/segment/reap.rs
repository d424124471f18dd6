//! Removing what only the dead have left.

use super::info::Info;
use super::life::{check_owner, read_control, unlink_if_still};
use super::name::Name;
use super::options::Lifetime;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::steps::step;
use crate::sys::lock::{Byte, is_held};
use crate::sys::object::{self, Object};

/// Removes the names of segments whose creators died before they could, and which no live process
/// takes part in; returns what was removed.
///
/// Death is judged by the kernel's locks, never by age or process id. Left alone are
/// [`Lifetime::Persistent`] segments, those of other users, damaged ones, and all that is not a
/// segment. A process that is attached but never locked anything is no participant; it keeps its
/// memory, as after any removal. Opens each file, reads its headers, and probes
/// each participant's slot with two system calls.
///
/// # Errors
///
/// [`Os`](ErrorKind::Os) when the directory cannot be listed. What cannot be opened or judged is
/// left alone.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let held = ndshm::Array1::<u8>::create_unique("doc-reap-", 4)?;
/// for removed in ndshm::reap()? {
///     println!("removed {}", removed.name());
/// }
/// assert!(ndshm::Array1::<u8>::open(held.name()).is_ok());
/// # Ok(()) }
/// ```
pub fn reap() -> Result<Vec<Info>> {
    let names = object::names()?;
    Ok(names.iter().filter_map(|name| reap_one(name).ok()).collect())
}

/// Removes one segment if only the dead hold it, else fails.
fn reap_one(name: &str) -> Result<Info> {
    let name = Name::new(name)?;
    let (object, facts) = Object::open(name.place())?;
    check_owner(&facts)?;
    let control = read_control(&object, &facts)?;
    let in_use = || Error::new(ErrorKind::AlreadyExists, "is still in use").of(name.as_str());
    if control.lifetime == Lifetime::Persistent {
        return Err(in_use());
    }
    for slot in 0..control.participants {
        if is_held(&object, Byte::Slot(slot)).of(name.as_str())? {
            return Err(in_use());
        }
    }
    step!("reap: nobody holds it");
    if !unlink_if_still(&name, &object)? {
        return Err(in_use());
    }
    Ok(Info::new(name, control, facts))
}
