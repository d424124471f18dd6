//! Removes the segments that only the dead have left.

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

/// Removes the names of segments whose creators died before they could do so, and in which no live
/// process takes part. Returns the segments removed.
///
/// The kernel's locks tell who is dead, never age or process id. These are left alone:
/// [`Lifetime::Persistent`](crate::Lifetime::Persistent) segments, files elsewhere than in
/// `/dev/shm`, copies that `cp` made of a segment's file, segments of other users, damaged
/// segments, segments that another program has locked, and everything that is not a segment. This
/// also finishes, without listing it, what killed creators and replacers left under the library's
/// own names. A process that is attached but never locked anything is no participant. It keeps its
/// memory, as after any removal. This opens each file, reads its headers, and probes each
/// participant's slot with two system calls.
///
/// # Errors
///
/// [`Os`](ErrorKind::Os) when the directory cannot be listed. A file that cannot be opened or
/// judged is left alone.
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
        // A leftover that cannot be judged is left alone.
        let _ = finish_leftover(&leftover);
    }
    Ok(names.iter().filter_map(|name| reap_one(name).ok()).collect())
}

/// Does what [`reap`] does, but only with segments whose names begin with `prefix`. It touches
/// nothing else. This is for a program that cleans up after its own earlier runs. Leftovers of
/// killed creators and replacers under the library's own names are left to [`reap`].
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
    /// Lets a new segment take over the name of one that only the dead have left, which [`reap`]
    /// would remove. Without this, such a name is [`AlreadyExists`](ErrorKind::AlreadyExists). The
    /// name stands for the old segment or for the new one at every moment. If several processes try
    /// this at once, one succeeds.
    ///
    /// A segment keeps its name if a live process takes part in it, if it was to stay
    /// ([`Lifetime::Persistent`](crate::Lifetime::Persistent)), if it belongs to another user, or
    /// if it is damaged. Processes attached to the old segment without taking part are notified, as
    /// by `create_or_replace`. `open_or_create` opens an existing segment, whoever left it. For a
    /// [`Block`](crate::Block) this changes nothing, because nobody can tell who left it.
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

/// Removes one segment if only the dead hold it. Fails otherwise.
fn reap_one(name: &str) -> Result<Info> {
    let name = Name::new(name)?;
    let (object, facts) = Object::open(name.place())?;
    check_ours_to_remove(&object, &facts)?;
    let control = read_control(&object, &facts)?;
    let stays = || Error::new(ErrorKind::AlreadyExists, "is still in use").of(name.as_str());
    // Most segments are used, so this looks before locking. It looks again under the lock, where
    // nobody begins to use it.
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
        // A leftover that cannot be judged is left alone.
        let _ = finish_leftover(&leftover);
    }
}
