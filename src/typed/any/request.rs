//! Locks on rows of any dtype.

use super::AnyArray;
use super::guard::{AnyReadGuard, AnyWriteGuard};
use crate::error::Result;
use crate::sync::acquired;
use crate::typed::request::Request;

/// The guards may go anywhere. The rules that turn waiting for oneself into an error follow
/// threads, so they do not cover these guards: asking for rows that one holds already waits.
impl Request<'_, AnyArray> {
    /// Locks for reading.
    ///
    /// # Errors
    ///
    /// Those of a request to an [`Array`](crate::Array), except `Deadlock`.
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
    /// Those of a request to an [`Array`](crate::Array), except `Deadlock`.
    ///
    /// # Examples
    ///
    /// See [`Request`].
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
}
