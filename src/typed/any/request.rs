//! Every way to ask for a lock on rows of any dtype.

use std::ops::RangeBounds;
use std::time::Duration;

use super::AnyArray;
use super::guard::{AnyReadGuard, AnyWriteGuard};
use crate::error::Result;
use crate::sync::acquired;
use crate::typed::rows::Ask;

/// A request for a lock on an [`AnyArray`], put together step by step.
///
/// The guards may go anywhere, so the rules that turn waiting for oneself into an error, which follow
/// threads, do not know of them: asking for what one holds waits.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use std::time::Duration;
///
/// let array = ndshm::AnyArray::create_unique("doc-any-", &"<f8".parse()?, &[100, 3])?;
/// let guard = array
///     .request()
///     .rows(10..20)
///     .timeout(Duration::from_millis(50))
///     .recover()
///     .write()?;
/// assert_eq!((guard.rows(), guard.shape()), (10..20, &[10, 3][..]));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it reads or writes"]
pub struct AnyRequest<'a> {
    array: &'a AnyArray,
    ask: Ask,
}

impl<'a> AnyRequest<'a> {
    pub(super) fn new(array: &'a AnyArray) -> Self {
        Self { array, ask: Ask::new() }
    }

    /// Asks for some rows along axis 0 only, and locks no more than the stripes they lie in.
    ///
    /// # Examples
    ///
    /// See [`AnyRequest`].
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
    /// let options = ndshm::AnyArray::options().stripes(4);
    /// let array = options.create_unique("doc-any-", &"|u1".parse()?, &[100])?;
    /// assert_eq!(array.request().stripe(1).write()?.rows(), 25..50);
    /// # Ok(()) }
    /// ```
    pub fn stripe(mut self, stripe: u32) -> Self {
        self.ask.stripe(stripe);
        self
    }

    /// Waits at most that long, by the monotonic clock.
    ///
    /// # Examples
    ///
    /// See [`AnyRequest`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.ask.timeout(timeout);
        self
    }

    /// Hands out rows that a dead or panicked writer left suspect, instead of failing.
    ///
    /// # Examples
    ///
    /// See [`AnyRequest`].
    pub fn recover(mut self) -> Self {
        self.ask.recover();
        self
    }

    /// Locks for reading.
    ///
    /// # Errors
    ///
    /// Those of [`Request::read`](crate::Request::read).
    ///
    /// # Examples
    ///
    /// See [`AnyArray`].
    pub fn read(self) -> Result<AnyReadGuard> {
        AnyReadGuard::take(self.array, &self.ask).map(acquired)
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
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"|u1".parse()?, &[100])?;
    /// assert!(array.request().try_read()?.is_some());
    /// # Ok(()) }
    /// ```
    pub fn try_read(self) -> Result<Option<AnyReadGuard>> {
        AnyReadGuard::take(self.array, &self.at_once().ask)
    }

    /// Locks for writing.
    ///
    /// # Errors
    ///
    /// Those of [`Request::write`](crate::Request::write).
    ///
    /// # Examples
    ///
    /// See [`AnyRequest`].
    pub fn write(self) -> Result<AnyWriteGuard> {
        AnyWriteGuard::take(self.array, &self.ask).map(acquired)
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
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"|u1".parse()?, &[100])?;
    /// assert!(array.request().try_write()?.is_some());
    /// # Ok(()) }
    /// ```
    pub fn try_write(self) -> Result<Option<AnyWriteGuard>> {
        AnyWriteGuard::take(self.array, &self.at_once().ask)
    }

    fn at_once(mut self) -> Self {
        self.ask.at_once();
        self
    }
}
