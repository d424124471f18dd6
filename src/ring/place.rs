//! Slots as `ndarray` views.
//!
//! # Safety
//!
//! The functions here find the frame in a slot, whose number is checked. Type and shape
//! of frames were compared with the segment when the ring was opened. Who calls the unsafe ones says who else
//! may touch the slot meanwhile. Descriptions are written and read as atomic words.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

use ndarray::{ArrayView, ArrayViewMut, Dimension};

use super::Ring;
use super::meta::FrameMeta;
use super::record::META_WORDS;
use crate::typed::element::Element;

impl<T: Element, D: Dimension> Ring<T, D> {
    /// The frame in that slot.
    ///
    /// # Safety
    ///
    /// Nobody writes the slot, and the segment stays mapped, as long as the view and all that is borrowed
    /// from it are used.
    pub(super) unsafe fn frame(&self, slot: usize) -> ArrayView<'static, T, D> {
        let frame = self.in_slot(slot).cast::<T>();
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
        let frame = self.in_slot(slot).cast::<T>();
        // SAFETY: as in `frame`, and the caller promises to be alone.
        unsafe { ArrayViewMut::from_shape_ptr(self.shape.clone(), frame.as_ptr()) }
    }

    /// A copy of the description in that slot.
    #[inline]
    pub(super) fn meta(&self, slot: usize) -> FrameMeta {
        self.record.meta_in(self.segment.region(), slot)
    }

    /// Writes the description in that slot, word by word, for those who copy without a lease.
    pub(super) fn write_meta(&self, slot: usize, meta: &FrameMeta) {
        let words: &[u64; META_WORDS] = bytemuck::cast_ref(meta);
        for (place, &word) in self.record.meta_words(self.segment.region(), slot).iter().zip(words)
        {
            // What the last frame there said too is not written: its cache lines stay with their readers.
            // Relaxed: only publishers store it.
            if place.load(Relaxed) != word {
                // Publishing the frame's number releases it.
                place.store(word, Relaxed);
            }
        }
    }

    /// Where the frame in that slot begins.
    fn in_slot(&self, slot: usize) -> NonNull<u8> {
        assert!(slot < self.slots(), "slot {slot} of {}", self.slots());
        // SAFETY: the payload is `slots` records long, so the record of this slot begins in it.
        unsafe { self.segment.region().payload().add(slot * self.record.len) }
    }
}
