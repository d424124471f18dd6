//! Committed rows of a log.
//!
//! # Safety
//!
//! The payload of a log is split at its committed length, which only grows. Nobody writes before it
//! any more, so references to that part are sound without a lock. Behind it there are no
//! references, only the raw pointer of the lock's owner (see [`turn`](super::turn)). That holds as
//! long as all who may write the segment keep the protocol, as it does for every guard. A view is
//! kept beside the segment that it lies in, and never handed out for longer than a borrow.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::{Deref, Range};
use std::slice;

use ndarray::{ArrayRef1, ArrayView1, ArrayViewD, IxDyn};

use super::any::AnyLog;
use crate::error::{Result, ResultExt};
use crate::npy::datum::Datum;
use crate::npy::{Dtype, Order, UNIT};
use crate::segment::Segment;
use crate::typed::any::{offset_of, strides};
use crate::typed::contents::Contents;
use crate::typed::element::{Element, checked_dtype};

/// Rows of a log that are committed, in place. They deref to [`ndarray::ArrayRef1`], and
/// [`as_slice`](Self::as_slice) returns them as a slice.
///
/// A committed row never changes again, so no lock is held and nobody is kept from appending. The
/// rows stay mapped as long as this lives. For the log's name it counts as a clone of the handle
/// that it came from. It is cheap to clone, and usable from any thread.
///
/// A process that writes committed rows (NumPy, say) makes these references invalid, which is
/// undefined behaviour. All processes that may write the segment are assumed not to: see
/// [Trust](crate#trust).
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
    /// Keeps the view's memory mapped.
    any: AnyLogRows,
}

impl<T: Element> LogRows<T> {
    /// Wraps rows of a log of `T`.
    pub(super) fn of(any: AnyLogRows) -> Self {
        // SAFETY: the rows are those of a log that was checked to be of `T`. The payload begins at
        // a multiple of UNIT, which T's alignment does not exceed. Any bytes are a T (Pod). The
        // rows are committed, so nobody writes them any more. They stay mapped as long as the
        // segment, which is kept beside the view.
        let rows = unsafe { slice::from_raw_parts(any.first().cast::<T>(), any.range.len()) };
        Self { view: ArrayView1::from(rows), any }
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
        self.any.range()
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
        Self { view: self.view, any: self.any.clone() }
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

/// Committed rows of an [`AnyLog`](crate::AnyLog), in place. [`LogRows`] are those of a log whose
/// type is known.
///
/// They assume of other processes what [`LogRows`] assume.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let log = ndshm::AnyLog::create_unique("doc-any-rows-", &"<u2".parse()?, &[2], 10)?;
/// log.extend(&[1, 0, 2, 0, 3, 0, 4, 0])?;
/// let rows = log.rows();
/// assert_eq!((rows.dtype().to_string().as_str(), rows.shape()), ("<u2", vec![2, 2]));
/// assert_eq!((rows.range(), rows.bytes().len()), (0..2, 8));
/// assert_eq!(rows.view::<u16>()?.sum(), 10);
/// assert_eq!(rows.at(&[1, 1]).unwrap().to_string(), "4");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AnyLogRows {
    segment: Segment,
    range: Range<usize>,
    row_len: usize,
}

impl AnyLogRows {
    /// The rows of a log from number `start` on that are committed now. There are none if the log
    /// does not have that many.
    pub(super) fn of(log: &AnyLog, start: usize) -> Self {
        let len = log.len();
        let range = start.min(len)..len;
        Self { segment: log.segment().clone(), range, row_len: log.row_len() }
    }

    /// Returns the dtype of an item of a row.
    ///
    /// # Examples
    ///
    /// See [`AnyLogRows`].
    #[must_use]
    pub fn dtype(&self) -> &Dtype {
        &self.segment.control().dtype
    }

    /// Returns the lengths of the axes: the number of rows, and the shape of a row.
    ///
    /// # Examples
    ///
    /// See [`AnyLogRows`].
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        let mut shape = self.segment.control().shape.clone();
        shape[0] = self.range.len();
        shape
    }

    /// Returns which rows of the log these are.
    ///
    /// # Examples
    ///
    /// See [`AnyLogRows`].
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Returns the bytes of the rows as they lie in memory.
    ///
    /// # Examples
    ///
    /// See [`AnyLogRows`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes are within the payload, which is mapped while the segment is
        // borrowed. They are those of committed rows, which nobody writes any more.
        unsafe { slice::from_raw_parts(self.first(), self.range.len() * self.row_len) }
    }

    /// Returns a view of the rows as elements of `T`.
    ///
    /// # Errors
    ///
    /// [`DtypeMismatch`](crate::ErrorKind::DtypeMismatch) and
    /// [`ShapeMismatch`](crate::ErrorKind::ShapeMismatch) when they are something else.
    ///
    /// # Examples
    ///
    /// See [`AnyLogRows`].
    #[expect(
        clippy::missing_panics_doc,
        reason = "as many items as the rows have make their shape"
    )]
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'_, T>> {
        let shape = self.shape();
        let contents =
            Contents { dtype: self.dtype(), shape: &shape, order: Order::C, alignment: UNIT };
        let shape: IxDyn = checked_dtype::<T>()
            .and_then(|asked| contents.shape_of::<T, _>(asked))
            .of(self.segment.name())?;
        // Rows begin at multiples of their items' length, and so of their alignment.
        let items = bytemuck::cast_slice(self.bytes());
        Ok(ArrayViewD::from_shape(shape, items).expect("as many items as the rows have"))
    }

    /// Returns the item at that index of the rows; `None` when there is none.
    ///
    /// # Examples
    ///
    /// See [`AnyLogRows`].
    #[must_use]
    pub fn at(&self, index: &[usize]) -> Option<Datum> {
        let (dtype, shape) = (self.dtype(), self.shape());
        let offset = offset_of(index, &shape, &strides(dtype, &shape, Order::C))?;
        Some(Datum::read(dtype, &self.bytes()[offset..offset + dtype.item_size()]))
    }

    /// Where the first row lies, or would lie.
    fn first(&self) -> *const u8 {
        // SAFETY: a log has room for at least the rows before the first one.
        let first = unsafe { self.segment.region().payload().add(self.range.start * self.row_len) };
        first.as_ptr().cast_const()
    }
}

impl fmt::Debug for AnyLogRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyLogRows")
            .field("dtype", &format_args!("{}", self.dtype()))
            .field("shape", &self.shape())
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}
