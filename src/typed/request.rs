//! Every way to ask for a lock on rows.

use std::ops::RangeBounds;
use std::time::Duration;

use ndarray::Dimension;

use super::array::Array;
use super::element::Element;
use super::guard::{OwnedReadGuard, OwnedWriteGuard, ReadGuard, WriteGuard};
use super::rows::Ask;
use crate::error::Result;
use crate::sync::acquired;

/// A request for a lock on rows of an array, put together step by step, for combinations that have no method of
/// their own on [`Array`] or [`AnyArray`](crate::AnyArray).
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use std::time::Duration;
///
/// let array = ndshm::Array2::<f32>::create_unique("doc-request-", (100, 100))?;
/// let guard = array
///     .request()
///     .rows(10..20)
///     .timeout(Duration::from_millis(50))
///     .recover()
///     .write_owned()?;
/// assert_eq!(guard.rows(), 10..20);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it reads or writes"]
pub struct Request<'a, A> {
    pub(super) array: &'a A,
    pub(super) ask: Ask,
}

impl<'a, A> Request<'a, A> {
    #[inline(always)]
    pub(super) fn new(array: &'a A) -> Self {
        Self { array, ask: Ask::new() }
    }

    /// Asks for some rows along axis 0 only, and locks no more than the stripes they lie in.
    ///
    /// # Examples
    ///
    /// See [`Request`].
    #[inline(always)]
    pub fn rows(mut self, rows: impl RangeBounds<usize>) -> Self {
        self.ask.rows(rows);
        self
    }

    /// Asks for the rows of one stripe.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::options().stripes(4).create_unique("doc-stripe-", 100)?;
    /// assert_eq!(array.request().stripe(1).write()?.rows(), 25..50);
    /// # Ok(()) }
    /// ```
    #[inline(always)]
    pub fn stripe(mut self, stripe: u32) -> Self {
        self.ask.stripe(stripe);
        self
    }

    /// Waits at most that long, by the monotonic clock.
    ///
    /// # Examples
    ///
    /// See [`Request`].
    #[inline(always)]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.ask.timeout(timeout);
        self
    }

    /// Hands out rows that a dead or panicked writer left suspect, instead of failing.
    ///
    /// # Examples
    ///
    /// See [`Poison`](crate::Poison).
    #[inline(always)]
    pub fn recover(mut self) -> Self {
        self.ask.recover();
        self
    }

    #[inline(always)]
    pub(super) fn at_once(mut self) -> Self {
        self.ask.at_once();
        self
    }
}

impl<'a, T: Element, D: Dimension> Request<'a, Array<T, D>> {
    /// Locks for reading.
    ///
    /// # Errors
    ///
    /// [`Timeout`](crate::ErrorKind::Timeout), which names the owner; [`OwnerDied`](crate::ErrorKind::OwnerDied) and
    /// [`Poisoned`](crate::ErrorKind::Poisoned) without [`recover`](Self::recover);
    /// [`Deadlock`](crate::ErrorKind::Deadlock) when this thread would wait for itself;
    /// [`OutOfBounds`](crate::ErrorKind::OutOfBounds); [`OutOfSlots`](crate::ErrorKind::OutOfSlots) when this
    /// process is one too many.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-ask-", 100)?;
    /// assert_eq!(array.request().rows(90..).read()?.len(), 10);
    /// # Ok(()) }
    /// ```
    #[inline(always)]
    pub fn read(self) -> Result<ReadGuard<'a, T, D>> {
        ReadGuard::take(self.array, &self.ask).map(acquired)
    }

    /// Locks for reading if that is possible at once; `None` when somebody writes the rows.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read), without `Timeout`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-ask-", 100)?;
    /// assert!(array.request().rows(..10).try_read()?.is_some());
    /// # Ok(()) }
    /// ```
    #[inline(always)]
    pub fn try_read(self) -> Result<Option<ReadGuard<'a, T, D>>> {
        ReadGuard::take(self.array, &self.at_once().ask)
    }

    /// Locks for reading, with a guard that may go anywhere.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    ///
    /// # Examples
    ///
    /// See [`OwnedReadGuard`].
    #[inline(always)]
    pub fn read_owned(self) -> Result<OwnedReadGuard<T, D>> {
        OwnedReadGuard::take(self.array, &self.ask).map(acquired)
    }

    /// Locks for reading if that is possible at once, with a guard that may go anywhere.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read), without `Timeout`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-ask-", 100)?;
    /// assert!(array.request().try_read_owned()?.is_some());
    /// # Ok(()) }
    /// ```
    #[inline(always)]
    pub fn try_read_owned(self) -> Result<Option<OwnedReadGuard<T, D>>> {
        OwnedReadGuard::take(self.array, &self.at_once().ask)
    }

    /// Locks for writing.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read), [`ReadOnly`](crate::ErrorKind::ReadOnly) when the array was opened for
    /// less than writing, and [`Frozen`](crate::ErrorKind::Frozen).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-ask-", 100)?;
    /// array.request().rows(..10).write()?.fill(1);
    /// # Ok(()) }
    /// ```
    #[inline(always)]
    pub fn write(self) -> Result<WriteGuard<'a, T, D>> {
        WriteGuard::take(self.array, &self.ask).map(acquired)
    }

    /// Locks for writing if that is possible at once; `None` when somebody reads or writes the rows.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write), without `Timeout`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-ask-", 100)?;
    /// assert!(array.request().rows(..10).try_write()?.is_some());
    /// # Ok(()) }
    /// ```
    #[inline(always)]
    pub fn try_write(self) -> Result<Option<WriteGuard<'a, T, D>>> {
        WriteGuard::take(self.array, &self.at_once().ask)
    }

    /// Locks for writing, with a guard that may go anywhere.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write).
    ///
    /// # Examples
    ///
    /// See [`OwnedWriteGuard`].
    #[inline(always)]
    pub fn write_owned(self) -> Result<OwnedWriteGuard<T, D>> {
        OwnedWriteGuard::take(self.array, &self.ask).map(acquired)
    }

    /// Locks for writing if that is possible at once, with a guard that may go anywhere.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write), without `Timeout`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-ask-", 100)?;
    /// assert!(array.request().try_write_owned()?.is_some());
    /// # Ok(()) }
    /// ```
    #[inline(always)]
    pub fn try_write_owned(self) -> Result<Option<OwnedWriteGuard<T, D>>> {
        OwnedWriteGuard::take(self.array, &self.at_once().ask)
    }
}

/// Declares the ways to lock: each a line over [`Request`].
macro_rules! locks {
    ($(
        $(#[$doc:meta])*
        $name:ident($($argument:ident: $type:ty),*) -> $result:ty =
            |$request:ident| $body:expr, $example:literal;
    )*) => {
        /// Locking. No method spins for long. A wait ends when the deadline passes or the owner
        /// dies. When nobody is in the way, a lock costs two atomic instructions a stripe.
        impl<T: Element, D: Dimension> Array<T, D> {$(
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// See [`Request::read`] and [`Request::write`].
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            /// # use std::time::Duration;
            /// let array = ndshm::Array2::<f32>::create_unique("doc-lock-", (64, 1024))?;
            #[doc = $example]
            /// # Ok(()) }
            /// ```
            pub fn $name(&self $(, $argument: $type)*) -> Result<$result> {
                let $request = self.request();
                $body
            }
        )*}
    };
}

locks! {
    /// Locks all rows for reading.
    read() -> ReadGuard<'_, T, D> = |request| request.read(),
        "assert_eq!(array.read()?.sum(), 0.0);";
    /// Locks all rows for reading if nobody writes them.
    try_read() -> Option<ReadGuard<'_, T, D>> = |request| request.try_read(),
        "assert!(array.try_read()?.is_some());";
    /// Locks all rows for reading, waiting at most `timeout`.
    read_timeout(timeout: Duration) -> ReadGuard<'_, T, D> = |request| request.timeout(timeout).read(),
        "array.read_timeout(Duration::from_secs(1))?;";
    /// Locks all rows for reading, even if a writer left them suspect: see the guard's `poison`.
    read_recover() -> ReadGuard<'_, T, D> = |request| request.recover().read(),
        "assert_eq!(array.read_recover()?.poison(), None);";
    /// Locks all rows for reading, with a guard that may go anywhere.
    read_owned() -> OwnedReadGuard<T, D> = |request| request.read_owned(),
        "assert_eq!(array.read_owned()?.sum(), 0.0);";

    /// Locks some rows along axis 0 for reading.
    read_rows(rows: impl RangeBounds<usize>) -> ReadGuard<'_, T, D> =
        |request| request.rows(rows).read(),
        "assert_eq!(array.read_rows(8..16)?.shape(), [8, 1024]);";
    /// Locks some rows for reading if nobody writes them.
    try_read_rows(rows: impl RangeBounds<usize>) -> Option<ReadGuard<'_, T, D>> =
        |request| request.rows(rows).try_read(),
        "assert!(array.try_read_rows(8..16)?.is_some());";
    /// Locks some rows for reading, waiting at most `timeout`.
    read_rows_timeout(rows: impl RangeBounds<usize>, timeout: Duration) -> ReadGuard<'_, T, D> =
        |request| request.rows(rows).timeout(timeout).read(),
        "array.read_rows_timeout(8..16, Duration::from_secs(1))?;";

    /// Locks all rows for writing.
    write() -> WriteGuard<'_, T, D> = |request| request.write(),
        "array.write()?.fill(1.0);";
    /// Locks all rows for writing if nobody reads or writes them.
    try_write() -> Option<WriteGuard<'_, T, D>> = |request| request.try_write(),
        "assert!(array.try_write()?.is_some());";
    /// Locks all rows for writing, waiting at most `timeout`.
    write_timeout(timeout: Duration) -> WriteGuard<'_, T, D> = |request| request.timeout(timeout).write(),
        "array.write_timeout(Duration::from_secs(1))?.fill(1.0);";
    /// Locks all rows for writing, even if a writer left them suspect: mend them, then call the
    /// guard's `mark_consistent`.
    write_recover() -> WriteGuard<'_, T, D> = |request| request.recover().write(),
        "assert_eq!(array.write_recover()?.poison(), None);";
    /// Locks all rows for writing, with a guard that may go anywhere.
    write_owned() -> OwnedWriteGuard<T, D> = |request| request.write_owned(),
        "array.write_owned()?.fill(1.0);";

    /// Locks some rows along axis 0 for writing; others may write other stripes meanwhile.
    write_rows(rows: impl RangeBounds<usize>) -> WriteGuard<'_, T, D> =
        |request| request.rows(rows).write(),
        "array.write_rows(..32)?.fill(1.0);";
    /// Locks some rows for writing if nobody reads or writes their stripes.
    try_write_rows(rows: impl RangeBounds<usize>) -> Option<WriteGuard<'_, T, D>> =
        |request| request.rows(rows).try_write(),
        "assert!(array.try_write_rows(..32)?.is_some());";
    /// Locks some rows for writing, waiting at most `timeout`.
    write_rows_timeout(rows: impl RangeBounds<usize>, timeout: Duration) -> WriteGuard<'_, T, D> =
        |request| request.rows(rows).timeout(timeout).write(),
        "array.write_rows_timeout(..32, Duration::from_secs(1))?.fill(1.0);";
    /// Locks some rows for writing, even if a writer left them suspect.
    write_rows_recover(rows: impl RangeBounds<usize>) -> WriteGuard<'_, T, D> =
        |request| request.rows(rows).recover().write(),
        "assert_eq!(array.write_rows_recover(..32)?.poison(), None);";
    /// Locks some rows for writing, with a guard that may go anywhere.
    write_rows_owned(rows: impl RangeBounds<usize>) -> OwnedWriteGuard<T, D> =
        |request| request.rows(rows).write_owned(),
        "array.write_rows_owned(..32)?.fill(1.0);";

    /// Locks the rows of one stripe for writing.
    write_stripe(stripe: u32) -> WriteGuard<'_, T, D> = |request| request.stripe(stripe).write(),
        "assert_eq!(array.write_stripe(3)?.rows(), array.stripe_range(3));";
    /// Locks the rows of one stripe for writing if nobody reads or writes them.
    try_write_stripe(stripe: u32) -> Option<WriteGuard<'_, T, D>> =
        |request| request.stripe(stripe).try_write(),
        "assert!(array.try_write_stripe(3)?.is_some());";
}
