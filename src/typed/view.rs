//! Payloads as `ndarray` views.
//!
//! # Safety
//!
//! The unsafe functions here make views of whole payloads. Their shape and element type were
//! compared with what the segment says of itself. A raw view becomes references only while a
//! [`Hold`] on its rows is kept beside it. That makes the references in guards sound. An [`Array`]
//! and a [`Log`] were compared when they were made, and keep the segment, so their raw views are
//! safe to have.
#![allow(unsafe_code)]

use std::borrow::Borrow;
use std::ops::Range;
use std::slice;

use ndarray::{
    ArrayView, ArrayViewMut, Axis, Dimension, Ix1, RawArrayView, RawArrayViewMut, ShapeBuilder,
    Slice,
};

use super::array::Array;
use super::element::Element;
use super::log::Log;
use crate::error::Result;
use crate::npy::Order;
use crate::segment::{Draft, Segment, data_len};
use crate::sync::{Hold, frozen};

/// Views that take no lock.
impl<T: Element, D: Dimension> Array<T, D> {
    /// Returns a raw view of the whole array, which takes no lock. It is valid while this handle
    /// lives. It is `unsafe` to dereference, because other processes may write meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-raw-", 4)?;
    /// let raw = array.raw_view();
    /// // SAFETY: the array is this test's own; nobody else writes it, and it outlives the view.
    /// let view = unsafe { raw.deref_into_view() };
    /// assert_eq!(view.sum(), 0);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn raw_view(&self) -> RawArrayView<T, D> {
        // SAFETY: an array's shape was checked against its segment when it was made.
        unsafe { raw(self.segment(), self.shape_ref()) }
    }

    /// Returns a raw view to write through, which takes no lock: see [`raw_view`](Self::raw_view).
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly) when the array was opened for less than writing, and
    /// [`Frozen`](crate::ErrorKind::Frozen).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-raw-mut-", 4)?;
    /// let raw = array.raw_view_mut()?;
    /// // SAFETY: the array is this test's own; nobody else uses it, and it outlives the view.
    /// unsafe { raw.deref_into_view_mut() }.fill(1);
    /// assert_eq!(array.read()?.sum(), 4);
    /// # Ok(()) }
    /// ```
    pub fn raw_view_mut(&self) -> Result<RawArrayViewMut<T, D>> {
        self.segment().writable()?;
        if self.segment().is_frozen() {
            return Err(frozen().of(self.name()));
        }
        // SAFETY: as in `raw_view`, and it has read-write access.
        Ok(unsafe { raw_mut(self.segment(), self.shape_ref()) })
    }
}

/// Views that take no lock.
impl<T: Element> Log<T> {
    /// Returns a raw view of all rows that there is room for, which takes no lock. It is valid
    /// while a clone of this handle lives. Rows behind [`len`](Self::len) may be half written.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::Log::<u64>::create_unique("doc-log-raw-", 10)?;
    /// log.append(&7)?;
    /// // SAFETY: the row is committed, so it never changes, and the log outlives the pointer.
    /// assert_eq!(unsafe { log.raw_view().as_ptr().read() }, 7);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn raw_view(&self) -> RawArrayView<T, Ix1> {
        // SAFETY: a log's rows were checked to be `T` when it was made, and there is room for
        // `capacity` of them.
        unsafe { raw(self.segment(), &Ix1(self.capacity())) }
    }
}

/// The whole payload, not to be read without a lock.
///
/// # Safety
///
/// [`Contents::shape_of`](super::contents::Contents::shape_of) found this shape, for this `T`, in what
/// this segment holds. The view is not used after the segment's last handle is dropped.
#[inline(always)]
pub(super) unsafe fn raw<T: Element, D: Dimension>(
    segment: &Segment,
    shape: &D,
) -> RawArrayView<T, D> {
    let shape = shape.clone().set_f(segment.control().order == Order::F);
    let data = segment.region().payload().cast::<T>();
    // SAFETY: the payload holds the product of the shape in items of T's size, begins at a multiple of
    // T's alignment (both compared by `shape_of`, as the caller promises), and spans no more than
    // isize::MAX, empty axes aside (Layout).
    unsafe { RawArrayView::from_shape_ptr(shape, data.as_ptr()) }
}

/// The whole payload of a segment with read-write access, not to be touched without a lock.
///
/// # Safety
///
/// As for [`raw`], and the segment has read-write access.
#[inline(always)]
unsafe fn raw_mut<T: Element, D: Dimension>(segment: &Segment, shape: &D) -> RawArrayViewMut<T, D> {
    let shape = shape.clone().set_f(segment.control().order == Order::F);
    let data = segment.region().payload().cast::<T>();
    // SAFETY: as in `raw`, and the mapping is writable.
    unsafe { RawArrayViewMut::from_shape_ptr(shape, data.as_ptr()) }
}

/// The whole payload of a segment that nobody else sees yet.
///
/// # Panics
///
/// When it does not hold as many bytes as `T` and `shape` say, or is not aligned for `T`.
pub(super) fn of_draft<'a, T: Element, D: Dimension>(
    draft: &'a mut Draft,
    shape: &D,
) -> ArrayViewMut<'a, T, D> {
    let data = draft.region().payload().cast::<T>();
    let len = data_len(shape.slice(), size_of::<T>());
    assert!(len.is_ok_and(|len| len == draft.region().layout().data_len) && data.is_aligned());
    let shape = shape.clone().set_f(draft.order() == Order::F);
    // SAFETY: the payload was just seen to hold so many items, aligned, of no more than isize::MAX bytes,
    // empty axes aside (`data_len`); any bytes are a T (Pod); it is mapped for writing as long as the
    // draft, which is borrowed alone.
    unsafe { ArrayViewMut::from_shape_ptr(shape, data.as_ptr()) }
}

/// The bytes of the whole payload of a segment that nobody else sees yet, which are any bytes.
pub(super) fn bytes_of_draft(draft: &mut Draft) -> &mut [u8] {
    let len = draft.region().layout().data_len;
    // SAFETY: the payload is that long, at most isize::MAX. It is mapped for writing, and
    // initialised, as all of a file is. The draft is borrowed alone.
    unsafe { slice::from_raw_parts_mut(draft.region().payload().as_ptr(), len) }
}

/// The rows under a hold, for reading.
///
/// # Safety
///
/// `hold` covers the rows and outlives the view and all that is borrowed from it. Its segment is one that
/// [`raw`] may be called for, with this shape.
#[inline(always)]
pub(super) unsafe fn held<T: Element, D: Dimension, S: Borrow<Segment>>(
    hold: &Hold<S>,
    shape: &D,
    rows: Option<&Range<usize>>,
) -> ArrayView<'static, T, D> {
    // SAFETY: the caller vouches for the shape, and keeps the hold, which keeps the segment.
    let mut view = unsafe { raw::<T, D>(hold.segment(), shape) };
    if let Some(rows) = rows {
        view.slice_axis_inplace(Axis(0), Slice::from(rows.clone()));
    }
    // SAFETY: memory is mapped while the hold is kept, any bytes are a T (Pod), and every writer of
    // these rows takes their stripes first.
    unsafe { view.deref_into_view() }
}

/// The rows under a hold, for writing.
///
/// # Safety
///
/// `hold` covers the rows for writing and outlives the view and all that is borrowed from it. Its segment
/// is one that [`raw_mut`] may be called for, with this shape.
#[inline(always)]
pub(super) unsafe fn held_mut<T: Element, D: Dimension, S: Borrow<Segment>>(
    hold: &Hold<S>,
    shape: &D,
    rows: Option<&Range<usize>>,
) -> ArrayViewMut<'static, T, D> {
    // SAFETY: the caller vouches for shape and access, and keeps the hold, which keeps the segment.
    let mut view = unsafe { raw_mut::<T, D>(hold.segment(), shape) };
    if let Some(rows) = rows {
        view.slice_axis_inplace(Axis(0), Slice::from(rows.clone()));
    }
    // SAFETY: as in `held`, and nobody else reads these rows either.
    unsafe { view.deref_into_view_mut() }
}
