//! Removing what only the dead have left.

use super::facts::Claim;
use super::inspect::{Info, is_left_by_the_dead, read_control};
use super::name::Name;
use super::naming::finish_leftover;
use super::options::Options;
use super::trust::check_ours_to_remove;
use crate::error::{Error, ErrorKind, Result};
use crate::steps::step;
use crate::sys::name_lock::NameLock;
use crate::sys::names;
use crate::sys::object::Object;

/// Removes the names of segments whose creators died before they could, and which no live process
/// takes part in; returns what was removed.
///
/// Death is judged by the kernel's locks, never by age or process id. Left alone are
/// [`Lifetime::Persistent`](crate::Lifetime::Persistent) segments, files elsewhere than in `/dev/shm`,
/// copies that `cp` made of a segment's file, what belongs to other users, what is damaged, what another
/// program has locked, and all that is not a segment. Finished as well, though not listed, is what killed
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
    let names = names::all()?;
    for leftover in names.iter().filter_map(|name| Name::leftover(name)) {
        // One that cannot be judged is left alone.
        let _ = finish_leftover(&leftover);
    }
    Ok(names.iter().filter_map(|name| reap_one(name).ok()).collect())
}

/// Does what [`reap`] does with segments whose names begin with `prefix`, and touches nothing else: for a
/// program that cleans up after its own earlier runs. What killed creators and replacers left under names of
/// the library's own is left to [`reap`].
///
/// # Errors
///
/// Those of [`reap`].
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// // What an earlier run of this job was killed with.
/// for removed in ndshm::reap_prefix("doc-job-17-")? {
///     println!("removed {}", removed.name());
/// }
/// # Ok(()) }
/// ```
pub fn reap_prefix(prefix: &str) -> Result<Vec<Info>> {
    let names = names::all()?;
    let ours = names.iter().filter(|name| name.starts_with(prefix));
    Ok(ours.filter_map(|name| reap_one(name).ok()).collect())
}

impl<H> Options<H> {
    /// Has a new segment take the name of one that only the dead have left, which is
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) otherwise: of what [`reap`] would remove. The name stands for the old
    /// one or for the new one at every moment, and of several who try that at once one succeeds.
    ///
    /// What a live process takes part in, what was to stay ([`Lifetime::Persistent`](crate::Lifetime::Persistent)), what
    /// belongs to another user and what is damaged keeps its name. Those who are attached to the old one without
    /// taking part are told, as by `create_or_replace`. `open_or_create` opens what is there, whoever left it, and of
    /// a [`Block`](crate::Block) nobody can tell; there this changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let options = ndshm::Array1::<f32>::options().reclaim_dead();
    /// // Succeeds whether or not an earlier run was killed with it.
    /// let array = options.create("doc-reclaim", 100)?;
    /// assert_eq!(
    ///     options.create("doc-reclaim", 100).unwrap_err().kind(),
    ///     ndshm::ErrorKind::AlreadyExists,
    ///     "this process has it, and lives"
    /// );
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reclaim_dead(self) -> Self {
        self.set_claim(Claim::Dead)
    }
}

/// Removes one segment if only the dead hold it, else fails.
fn reap_one(name: &str) -> Result<Info> {
    let name = Name::new(name)?;
    let (object, facts) = Object::open(name.place())?;
    check_ours_to_remove(&object, &facts)?;
    let control = read_control(&object, &facts)?;
    let stays = || Error::new(ErrorKind::AlreadyExists, "is still in use").of(name.as_str());
    // Most are used, so look before locking; and again under the lock, where nobody begins to use it.
    if !is_left_by_the_dead(&object, &control)? {
        return Err(stays());
    }
    step!("reap: nobody holds it");
    let Some(lock) = NameLock::take(name.place(), &object)? else { return Err(stays()) };
    if !is_left_by_the_dead(&object, &control)? {
        return Err(stays());
    }
    lock.unlink()?;
    Ok(Info::new(name, control, facts))
}

/// Finishes what killed replacers left in the directory of a file.
pub(super) fn reap_beside(name: &Name) {
    for leftover in name.leftovers_beside() {
        // One that cannot be judged is left alone.
        let _ = finish_leftover(&leftover);
    }
}
