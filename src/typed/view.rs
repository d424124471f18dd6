//! Payloads as `ndarray` views.
//!
//! # Safety
//!
//! The functions here make raw views of whole payloads, whose shape, order and size were checked
//! when the segment was attached. A raw view is dereferenced only while a [`Hold`] on its rows is
//! kept beside it, which is what makes the references in guards true.
#![allow(unsafe_code)]

use std::borrow::Borrow;
use std::ops::Range;
use std::slice;

use ndarray::{
    ArrayView, ArrayViewMut, Axis, Dimension, RawArrayView, RawArrayViewMut, ShapeBuilder, Slice,
};

use super::element::Element;
use crate::npy::Order;
use crate::segment::{Draft, Segment};
use crate::sync::Hold;

/// The whole payload, not to be read without a lock.
#[inline(always)]
pub(super) fn raw<T: Element, D: Dimension>(segment: &Segment, shape: &D) -> RawArrayView<T, D> {
    let shape = shape.clone().set_f(segment.control().order == Order::F);
    let data = segment.region().payload().cast::<T>();
    // SAFETY: the payload holds the product of the shape in items of T's size (checked against the
    // control block by the opener, and by Layout, empty axes aside, against isize::MAX), begins at
    // a multiple of at least T's alignment (checked there too, for Contents), and stays mapped
    // as long as the segment, which every user of the raw view keeps beside it.
    unsafe { RawArrayView::from_shape_ptr(shape, data.as_ptr()) }
}

/// The whole payload of a segment with read-write access, not to be touched without a lock.
#[inline(always)]
pub(super) fn raw_mut<T: Element, D: Dimension>(
    segment: &Segment,
    shape: &D,
) -> RawArrayViewMut<T, D> {
    let shape = shape.clone().set_f(segment.control().order == Order::F);
    let data = segment.region().payload().cast::<T>();
    // SAFETY: as in `raw`, and the mapping is writable.
    unsafe { RawArrayViewMut::from_shape_ptr(shape, data.as_ptr()) }
}

/// The whole payload of a segment that nobody else sees yet; `T` and `shape` are what the draft was
/// made for.
pub(super) fn of_draft<'a, T: Element, D: Dimension>(
    draft: &'a mut Draft,
    shape: &D,
) -> ArrayViewMut<'a, T, D> {
    let shape = shape.clone().set_f(draft.order() == Order::F);
    let data = draft.region().payload().cast::<T>();
    assert_eq!(draft.region().layout().data_len, shape.size() * size_of::<T>());
    // SAFETY: as in `raw`, and the draft is borrowed alone.
    unsafe { ArrayViewMut::from_shape_ptr(shape, data.as_ptr()) }
}

/// The bytes of the whole payload of a segment that nobody else sees yet, which are any bytes.
pub(super) fn bytes_of_draft(draft: &mut Draft) -> &mut [u8] {
    let len = draft.region().layout().data_len;
    // SAFETY: the payload is that long, at most isize::MAX, mapped for writing and initialised, as all
    // of a file is, and the draft is borrowed alone.
    unsafe { slice::from_raw_parts_mut(draft.region().payload().as_ptr(), len) }
}

/// The rows under a hold, for reading.
///
/// # Safety
///
/// `hold` covers the rows and outlives the view and all that is borrowed from it.
#[inline(always)]
pub(super) unsafe fn held<T: Element, D: Dimension, S: Borrow<Segment>>(
    hold: &Hold<S>,
    shape: &D,
    rows: Option<&Range<usize>>,
) -> ArrayView<'static, T, D> {
    let mut view = raw::<T, D>(hold.segment(), shape);
    if let Some(rows) = rows {
        view.slice_axis_inplace(Axis(0), Slice::from(rows.clone()));
    }
    // SAFETY: memory is mapped while the hold is kept, any bytes are a T (Pod), and whoever writes
    // these rows takes their stripes first.
    unsafe { view.deref_into_view() }
}

/// The rows under a hold, for writing.
///
/// # Safety
///
/// `hold` covers the rows for writing, its segment has read-write access, and it outlives the view
/// and all that is borrowed from it.
#[inline(always)]
pub(super) unsafe fn held_mut<T: Element, D: Dimension, S: Borrow<Segment>>(
    hold: &Hold<S>,
    shape: &D,
    rows: Option<&Range<usize>>,
) -> ArrayViewMut<'static, T, D> {
    let mut view = raw_mut::<T, D>(hold.segment(), shape);
    if let Some(rows) = rows {
        view.slice_axis_inplace(Axis(0), Slice::from(rows.clone()));
    }
    // SAFETY: as in `held`, and nobody else reads these rows either.
    unsafe { view.deref_into_view_mut() }
}
