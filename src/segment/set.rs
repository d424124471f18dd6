//! Segments that go together.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::life::Segment;
use crate::error::{Result, ResultExt};
use crate::lock::Owner;
use crate::sys::name_lock::{unlink_if_still, unlink_to_leave};
use crate::sys::object::Object;
use crate::sys::place::Place;

/// Segments whose names are removed together, when the last clone of the set is dropped or earlier.
///
/// Processes attached to members keep their memory, as after any removal. A forked child's copy of
/// a set removes nothing.
///
/// # Signals
///
/// A process that is ended by SIGINT or SIGTERM drops nothing. So its names stay until somebody
/// calls [`reap`](crate::reap), which removes the names of the dead. To remove them at once, handle
/// the signal: a clone of the set may be removed from any thread. With the crate `ctrlc`:
///
/// ```text
/// let set = SegmentSet::new();
/// let at_interrupt = set.clone();
/// ctrlc::set_handler(move || {
///     let _ = at_interrupt.remove();
///     std::process::exit(130);
/// })?;
/// ```
///
/// Against SIGKILL only [`reap`](crate::reap) helps.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Array1, ErrorKind, SegmentSet, Value};
///
/// let job = SegmentSet::new();
/// let input = Array1::<f32>::create_unique("doc-set-input-", 1000)?;
/// let progress = Value::create_unique("doc-set-progress-", 0.0)?;
/// job.add(input.segment())?;
/// job.add(progress.segment())?;
///
/// job.remove()?;
/// assert_eq!(Array1::<f32>::open(input.name()).unwrap_err().kind(), ErrorKind::NotFound);
/// assert_eq!(progress.get()?, 0.0);
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct SegmentSet(Arc<Members>);

#[derive(Default)]
struct Members(Mutex<Vec<Member>>);

struct Member {
    segment: Segment,
    /// The process that added it. A forked child is another one.
    added_by: Owner,
}

impl SegmentSet {
    /// Makes a set without members.
    ///
    /// # Examples
    ///
    /// See [`SegmentSet`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a segment that this process created or opened, and registers the process in it.
    ///
    /// # Errors
    ///
    /// [`OutOfSlots`](crate::ErrorKind::OutOfSlots) when the segment has all the participants it
    /// can.
    ///
    /// # Examples
    ///
    /// See [`SegmentSet`].
    pub fn add(&self, segment: &Segment) -> Result<()> {
        let added_by = segment.membership().me().of(segment.name())?;
        let segment = segment.clone();
        self.0.lock().push(Member { segment, added_by });
        Ok(())
    }

    /// Returns the names of the members.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let set = ndshm::SegmentSet::new();
    /// let value = ndshm::Value::create_unique("doc-set-names-", 0_u8)?;
    /// set.add(value.segment())?;
    /// assert_eq!(set.names(), [value.name()]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.lock().iter().map(|member| member.segment.name().to_owned()).collect()
    }

    /// Removes the names of all members that still have them, and empties the set.
    ///
    /// # Errors
    ///
    /// The first error of a member that could not be removed, after all others were removed.
    ///
    /// # Examples
    ///
    /// See [`SegmentSet`].
    pub fn remove(&self) -> Result<()> {
        self.0.remove(unlink_if_still)
    }
}

/// Removes a member's name.
type Unlink = fn(&Place, &Object) -> Result<bool>;

impl Members {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Member>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, unlink: Unlink) -> Result<()> {
        let members = std::mem::take(&mut *self.lock());
        members.iter().map(|member| member.remove(unlink)).fold(Ok(()), Result::and)
    }
}

impl Member {
    fn remove(&self, unlink: Unlink) -> Result<()> {
        let membership = self.segment.membership();
        if membership.registered() != Some(self.added_by) || !self.segment.address().is_shown() {
            return Ok(());
        }
        let object = membership.object();
        let removed = object.and_then(|object| unlink(self.segment.address().place(), object));
        removed.of(self.segment.name()).map(drop)
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        // There is nobody to report an error to. A leftover is reaped later.
        let _ = self.remove(unlink_to_leave);
    }
}

impl fmt::Debug for SegmentSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SegmentSet").field(&self.names()).finish()
    }
}
