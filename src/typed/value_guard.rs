//! Editing a value: a copy, committed when its guard is dropped.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use super::cells;
use super::element::Element;
use super::stays::StaysInItsThread;
use super::value::Value;
use crate::error::Result;
use crate::lock::Patience;
use crate::segment::Segment;
use crate::sync::{Hold, acquired};

/// A copy of a value to work on, committed when the guard is dropped.
///
/// # Examples
///
/// See [`Value::edit`].
#[must_use = "the copy is committed when the guard is dropped"]
pub struct ValueGuard<'a, T: Element> {
    value: &'a Value<T>,
    copy: T,
    changed: bool,
    /// Given back after `drop` committed.
    hold: Hold<&'a Segment>,
    _stays: StaysInItsThread,
}

/// Editing a copy.
impl<T: Element> Value<T> {
    /// Returns a copy of the value to work on. The copy is committed when the guard is dropped, if
    /// it was touched. A panic, or the death of the process, leaves the value as it was.
    ///
    /// Editors take turns. Setting or updating a value that is no word takes the same lock, and so
    /// takes turns with them. But operations on a value of 1, 2, 4 or 8 bytes take no lock and go
    /// on meanwhile, and the commit overwrites what they change. Change such a value by
    /// [`update`](Self::update) or [`compare_exchange`](Self::compare_exchange), which lose
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly), [`Deadlock`](crate::ErrorKind::Deadlock) when this thread
    /// edits it already, [`OutOfSlots`](crate::ErrorKind::OutOfSlots).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let pose = ndshm::Value::create_unique("doc-edit-", [0.0_f64; 7])?;
    /// let mut guard = pose.edit()?;
    /// guard[0] = 1.0;
    /// guard[3] = 0.5;
    /// assert_eq!(pose.get()?, [0.0; 7], "not committed yet");
    /// drop(guard);
    /// assert_eq!(pose.get()?[3], 0.5);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "lock")]
    pub fn edit(&self) -> Result<ValueGuard<'_, T>> {
        self.edit_with(Patience::Endless).map(acquired)
    }

    /// Returns a copy to work on, or `None` if somebody else has one.
    ///
    /// # Errors
    ///
    /// Those of [`edit`](Self::edit).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let pose = ndshm::Value::create_unique("doc-try-edit-", [0.0_f64; 7])?;
    /// assert!(pose.try_edit()?.is_some());
    /// # Ok(()) }
    /// ```
    #[doc(alias = "try_lock")]
    pub fn try_edit(&self) -> Result<Option<ValueGuard<'_, T>>> {
        self.edit_with(Patience::None)
    }

    /// Returns a copy to work on, waiting at most `timeout` for others who edit it.
    ///
    /// # Errors
    ///
    /// Those of [`edit`](Self::edit), and [`Timeout`](crate::ErrorKind::Timeout), which names the owner.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # use std::time::Duration;
    /// let pose = ndshm::Value::create_unique("doc-edit-timeout-", [0.0_f64; 7])?;
    /// pose.edit_timeout(Duration::from_secs(1))?[0] = 1.0;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "lock_timeout")]
    pub fn edit_timeout(&self, timeout: Duration) -> Result<ValueGuard<'_, T>> {
        self.edit_with(Patience::at_most(timeout)).map(acquired)
    }

    fn edit_with(&self, patience: Patience) -> Result<Option<ValueGuard<'_, T>>> {
        self.segment().writable()?;
        let Some(hold) = self.hold(patience)? else { return Ok(None) };
        let copy = self.get()?;
        Ok(Some(ValueGuard::new(self, copy, hold)))
    }
}

impl<'a, T: Element> ValueGuard<'a, T> {
    fn new(value: &'a Value<T>, copy: T, hold: Hold<&'a Segment>) -> Self {
        Self { value, copy, changed: false, hold, _stays: StaysInItsThread::HERE }
    }
}

impl<T: Element> Deref for ValueGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.copy
    }
}

impl<T: Element> DerefMut for ValueGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.changed = true;
        &mut self.copy
    }
}

impl<T: Element + fmt::Debug> fmt::Debug for ValueGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.copy.fmt(f)
    }
}

impl<T: Element + fmt::Display> fmt::Display for ValueGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.copy.fmt(f)
    }
}

impl<T: Element> Drop for ValueGuard<'_, T> {
    fn drop(&mut self) {
        if !self.changed || self.hold.is_unwound() || !self.hold.is_ours() {
            return;
        }
        let region = self.value.segment().region();
        if cells::is_word::<T>() {
            cells::swap(region, self.copy);
        } else {
            cells::commit(region, &self.copy);
        }
        self.value.announce();
    }
}
