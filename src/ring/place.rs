//! Slots in memory: where a frame lies, and its description.
//!
//! # Safety
//!
//! A slot's number is checked, so the memory found for it lies in the payload. Descriptions are
//! written and read as atomic words.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

use super::any::AnyRing;
use super::meta::FrameMeta;
use super::record::META_WORDS;

impl AnyRing {
    /// Where the frame in that slot lies: so many bytes as a frame has, at a multiple of UNIT.
    pub(super) fn frame_in(&self, slot: usize) -> NonNull<u8> {
        assert!(slot < self.slots(), "slot {slot} of {}", self.slots());
        // SAFETY: the payload is `slots` records long, so the record of this slot begins in it.
        unsafe { self.segment.region().payload().add(slot * self.form.record.len) }
    }

    /// The description in that slot.
    #[inline]
    pub(super) fn meta(&self, slot: usize) -> FrameMeta {
        self.form.record.meta_in(self.segment.region(), slot)
    }

    /// Writes the description of a frame that has no number yet.
    pub(super) fn write_meta(&self, slot: usize, meta: &FrameMeta) {
        let words: &[u64; META_WORDS] = bytemuck::cast_ref(meta);
        let places = self.form.record.meta_words(self.segment.region(), slot);
        for (place, &word) in places.iter().zip(words) {
            // Words that the last frame there had too are not written. So their cache lines stay with their
            // readers. Relaxed: only publishers store them.
            if place.load(Relaxed) != word {
                // Publishing the frame's number releases it.
                place.store(word, Relaxed);
            }
        }
    }
}
