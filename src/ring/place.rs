//! Slots as `ndarray` views.
//!
//! # Safety
//!
//! The functions here find the frame in a slot, whose number is checked. Type and shape
//! of frames were compared with the segment when the ring was opened. Who calls them says who else may
//! touch the slot meanwhile.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

use ndarray::{ArrayView, ArrayViewMut, Dimension};

use super::Ring;
use super::meta::FrameMeta;
use crate::typed::element::Element;

impl<T: Element, D: Dimension> Ring<T, D> {
    /// The frame in that slot.
    ///
    /// # Safety
    ///
    /// Nobody writes the slot, and the segment stays mapped, as long as the view and all that is borrowed
    /// from it are used.
    pub(super) unsafe fn frame(&self, slot: usize) -> ArrayView<'static, T, D> {
        let frame = self.in_payload(slot * self.record.len, slot).cast::<T>();
        // SAFETY: a slot has room for the product of the shape in items of T (Record, which the opener
        // compared with the control block); slots begin at multiples of UNIT, which T's alignment does not
        // exceed (`Contents::shape_of`); any bytes are a T (Pod); the rest the caller promises.
        unsafe { ArrayView::from_shape_ptr(self.shape.clone(), frame.as_ptr()) }
    }

    /// The frame in that slot, to be written.
    ///
    /// # Safety
    ///
    /// The segment is mapped for writing and stays so, and nobody else touches the slot, as long as the view
    /// and all that is borrowed from it are used.
    pub(super) unsafe fn frame_mut(&self, slot: usize) -> ArrayViewMut<'static, T, D> {
        let frame = self.in_payload(slot * self.record.len, slot).cast::<T>();
        // SAFETY: as in `frame`, and the caller promises to be alone.
        unsafe { ArrayViewMut::from_shape_ptr(self.shape.clone(), frame.as_ptr()) }
    }

    /// A copy of the description in that slot.
    ///
    /// # Safety
    ///
    /// Nobody writes the slot meanwhile, and the segment is mapped.
    #[inline]
    pub(super) unsafe fn meta(&self, slot: usize) -> FrameMeta {
        let meta = self.in_payload(self.record.meta_offset(slot), slot).cast::<FrameMeta>();
        // SAFETY: a slot has room for its description, at a multiple of 64 (Record); any bytes are one
        // (Pod); the rest the caller promises.
        unsafe { meta.read() }
    }

    /// Writes the description in that slot, word by word, for those who copy without a lease.
    pub(super) fn write_meta(&self, slot: usize, meta: &FrameMeta) {
        let words: &[u64; size_of::<FrameMeta>() / 8] = bytemuck::cast_ref(meta);
        let place = &self.segment.region().payload_words()[self.record.meta_offset(slot) / 8..];
        for (place, &word) in place.iter().zip(words) {
            // What the last frame there said too is not written: its cache lines stay with their readers.
            // Relaxed: only publishers store it.
            if place.load(Relaxed) != word {
                // Publishing the frame's number releases it.
                place.store(word, Relaxed);
            }
        }
    }

    fn in_payload(&self, offset: usize, slot: usize) -> NonNull<u8> {
        assert!(slot < self.slots(), "slot {slot} of {}", self.slots());
        // SAFETY: the payload is `slots` records long, and the offset is within the record of this slot.
        unsafe { self.segment.region().payload().add(offset) }
    }
}
