//! Removing what only the dead have left.

use super::info::Info;
use super::inspect::{check_owner, is_in_use, read_control};
use super::name::Name;
use super::naming::{NameLock, finish_leftover};
use super::options::{Lifetime, Trust};
use crate::error::{Error, ErrorKind, Result};
use crate::steps::step;
use crate::sys::object::{self, Object};

/// Removes the names of segments whose creators died before they could, and which no live process
/// takes part in; returns what was removed.
///
/// Death is judged by the kernel's locks, never by age or process id. Left alone are
/// [`Lifetime::Persistent`] segments, files elsewhere than in `/dev/shm`, copies that `cp` made of a
/// segment's file, what belongs to other users, what is damaged, what another program has locked, and all
/// that is not a segment. Finished as well, though not listed, is what killed
/// creators and replacers left under names of the library's own. A process that is attached but never
/// locked anything is no participant; it keeps its memory, as after any removal. Opens each file,
/// reads its headers, and probes each participant's slot with two system calls.
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
    for leftover in names.iter().filter_map(|name| Name::leftover(name)) {
        // One that cannot be judged is left alone.
        let _ = finish_leftover(&leftover);
    }
    Ok(names.iter().filter_map(|name| reap_one(name).ok()).collect())
}

/// Removes one segment if only the dead hold it, else fails.
fn reap_one(name: &str) -> Result<Info> {
    let name = Name::new(name)?;
    let (object, facts) = Object::open(name.place())?;
    check_owner(&facts, Trust::Ours)?;
    let control = read_control(&object, &facts)?;
    let stays = || Error::new(ErrorKind::AlreadyExists, "is still in use").of(name.as_str());
    // Nobody takes part in a copy of a segment's file, which is not its creator's to remove.
    let is_copy = control.inode != 0 && control.inode != object.identity().inode();
    // Most are used, so look before locking; and again under the lock, where nobody begins to use it.
    if control.lifetime == Lifetime::Persistent || is_copy || is_in_use(&object, &control)? {
        return Err(stays());
    }
    step!("reap: nobody holds it");
    let Some(lock) = NameLock::take(&name, &object)? else { return Err(stays()) };
    if is_in_use(&object, &control)? {
        return Err(stays());
    }
    lock.unlink(&name)?;
    Ok(Info::new(name, control, facts))
}

/// Finishes what killed replacers left in the directory of a file.
pub(super) fn reap_beside(name: &Name) {
    for leftover in name.leftovers_beside() {
        // One that cannot be judged is left alone.
        let _ = finish_leftover(&leftover);
    }
}
