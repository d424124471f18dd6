//! Committed rows of a log.
//!
//! # Safety
//!
//! The payload of a log is split at its committed length, which only grows. Before it nobody writes
//! any more, so references to it are true without a lock; behind it there are no references, only the
//! raw pointer of the lock's owner (see [`turn`](super::turn)). That holds as long as all who may
//! write the segment keep the protocol, as it does for every guard. A view is kept beside the segment
//! that it lies in, and never handed out longer than a borrow.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::{Deref, Range};
use std::slice;

use ndarray::{ArrayRef1, ArrayView1};

use super::Log;
use crate::segment::{Kind, Segment};
use crate::typed::element::Element;

/// Rows of a log that are committed, in place: derefs to [`ndarray::ArrayRef1`], and
/// [`as_slice`](Self::as_slice) is a slice.
///
/// A committed row never changes again, so no lock is held and nobody is kept from appending. The rows
/// stay mapped as long as this lives; for the log's name it counts as a clone of the handle that it
/// came from. Cheap to clone, and usable from any thread.
///
/// A process that writes committed rows, NumPy say, makes these references untrue: undefined behaviour. All who may
/// write the segment are assumed not to: see [Trust](crate#trust).
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let log = ndshm::Log::<f64>::create_unique("doc-log-rows-", 1000)?;
/// log.extend(&[1.0, 2.0, 3.0])?;
/// let rows = log.rows();
/// log.append(&4.0)?;
/// assert_eq!(rows.as_slice(), [1.0, 2.0, 3.0]);
/// assert_eq!(rows.mean(), Some(2.0));
/// assert_eq!(log.rows_from(3).range(), 3..4);
/// # Ok(()) }
/// ```
pub struct LogRows<T: Element> {
    view: ArrayView1<'static, T>,
    start: usize,
    segment: Segment,
}

impl<T: Element> LogRows<T> {
    /// The rows of a log from number `start` on that are committed now; none if there are not that many.
    pub(super) fn of(log: &Log<T>, start: usize) -> Self {
        let len = log.len();
        let start = start.min(len);
        let first = log.segment().region().payload().cast::<T>();
        // SAFETY: a log's rows were checked to be `T` when it was made, and it has room for more than
        // `start` of them, or as many.
        let first = unsafe { first.add(start) };
        // SAFETY: the payload begins at a multiple of UNIT, which T's alignment does not exceed; any
        // bytes are a T (Pod); the rows are committed, so nobody writes them any more; and they stay
        // mapped as long as the segment, which is kept beside the view.
        let rows = unsafe { slice::from_raw_parts(first.as_ptr(), len - start) };
        Self { view: ArrayView1::from(rows), start, segment: log.segment().clone() }
    }

    /// Returns the rows as a slice.
    ///
    /// # Examples
    ///
    /// See [`LogRows`].
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        // Always a slice: rows of one axis, one behind the other.
        self.view.to_slice().unwrap_or_default()
    }

    /// Returns a view of the rows, valid as long as this is borrowed.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::Log::<u8>::create_unique("doc-log-view-", 10)?;
    /// log.extend(&[1, 2])?;
    /// assert_eq!(log.rows().view().sum(), 3);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn view(&self) -> ArrayView1<'_, T> {
        self.view
    }

    /// Returns which rows of the log these are.
    ///
    /// # Examples
    ///
    /// See [`LogRows`].
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.view.len()
    }
}

impl<T: Element> Deref for LogRows<T> {
    type Target = ArrayRef1<T>;

    fn deref(&self) -> &ArrayRef1<T> {
        &self.view
    }
}

impl<T: Element> AsRef<[T]> for LogRows<T> {
    fn as_ref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<'a, T: Element> IntoIterator for &'a LogRows<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter()
    }
}

impl<T: Element> Clone for LogRows<T> {
    fn clone(&self) -> Self {
        Self { view: self.view, start: self.start, segment: self.segment.clone() }
    }
}

impl<T: Element + fmt::Debug> fmt::Debug for LogRows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view.fmt(f)
    }
}

/// As `ndarray` shows arrays.
impl<T: Element + fmt::Display> fmt::Display for LogRows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view.fmt(f)
    }
}

/// All committed rows of a log, whatever they are.
pub(crate) struct CommittedBytes<'a> {
    /// How many rows.
    pub(crate) len: usize,
    pub(crate) bytes: &'a [u8],
}

/// Reads a log of any dtype.
///
/// # Panics
///
/// When the segment holds something else.
pub(crate) fn committed(segment: &Segment) -> CommittedBytes<'_> {
    let control = segment.control();
    let capacity = control.shape.first().copied().unwrap_or(0);
    assert_eq!(control.kind, Kind::Log);
    let len = segment.region().state().tail().len();
    let len = usize::try_from(len).map_or(capacity, |len| len.min(capacity));
    let row_len = segment.region().layout().data_len.checked_div(capacity).unwrap_or(0);
    let payload = segment.region().payload();
    // SAFETY: so many bytes are within the payload, mapped while the segment is borrowed, and those
    // of committed rows, which nobody writes any more.
    let bytes = unsafe { slice::from_raw_parts(payload.as_ptr(), len * row_len) };
    CommittedBytes { len, bytes }
}
