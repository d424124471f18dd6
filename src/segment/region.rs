//! A mapped segment: the only place where offsets become references.
//!
//! # Safety
//!
//! Other processes read and write this memory at any time, so it is only ever seen as atomics
//! ([`Record`]) or as a raw pointer ([`Region::payload`]). Offsets come from [`Layout`], which was
//! checked when the region was made; indices are checked here, at each use.
//!
//! An observer's memory is read-only. It is loaded from and never stored to, which is for callers to
//! see to and for the kernel to enforce; loads of up to eight bytes, of any ordering, are instructions
//! that write nothing on every Linux target that has them.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::atomic;
use std::sync::atomic::Ordering::Relaxed;

use super::layout::Layout;
use super::options::{Access, Opening};
use super::records::{RingState, State};
use crate::atomic::{AtomicU32, AtomicU64};
use crate::error::Result;
use crate::lock::{Bell, Frames, Slot, Stripe};
use crate::sys::map::{Mapping, Protection};
use crate::sys::object::Object;

/// A type made of nothing but atomics, which may lie in memory that others write.
///
/// # Safety
///
/// Every byte belongs to an atomic, and every bit pattern is a value.
unsafe trait Record {}

// SAFETY: repr(C) of 12 AtomicU32 and 2 AtomicU64 filling 64 bytes.
unsafe impl Record for State {}
// SAFETY: repr(C) of 8 AtomicU32 filling 32 bytes.
unsafe impl Record for Slot {}
// SAFETY: repr(C) of 8 AtomicU32 filling 32 bytes.
unsafe impl Record for Stripe {}
// SAFETY: repr(C) of 2 AtomicU64 and 12 AtomicU32 filling 64 bytes.
unsafe impl Record for RingState {}
// SAFETY: an atomic.
unsafe impl Record for AtomicU32 {}

/// A standard atomic integer, which a payload may be.
///
/// # Safety
///
/// Every bit pattern is a value.
pub(crate) unsafe trait Payload {}
// SAFETY: an atomic integer.
unsafe impl Payload for atomic::AtomicU8 {}
// SAFETY: an atomic integer.
unsafe impl Payload for atomic::AtomicU16 {}
// SAFETY: an atomic integer.
unsafe impl Payload for atomic::AtomicU32 {}
// SAFETY: an atomic integer.
unsafe impl Payload for atomic::AtomicU64 {}
// SAFETY: stands for the atomic integer above; models have no payload.
#[cfg(loom)]
unsafe impl Payload for AtomicU32 {}

/// A segment in this process's address space; unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Region {
    layout: Layout,
    participants: u32,
    stripes: u32,
    payload: NonNull<u8>,
    control: NonNull<u8>,
    mappings: [Option<Mapping>; 2],
}

// SAFETY: the memory is reached as atomics and raw pointers only, from any thread.
unsafe impl Send for Region {}
// SAFETY: see `Send`.
unsafe impl Sync for Region {}

impl Region {
    /// Maps the object, which must be `layout.total` bytes long or longer.
    pub(crate) fn new(
        object: &Object,
        layout: Layout,
        participants: u32,
        stripes: u32,
        opening: impl Into<Opening>,
    ) -> Result<Self> {
        let Opening { access, paging, .. } = opening.into();
        let map = |len, protection| match paging.huge {
            true => Mapping::for_huge_pages(object, len, protection),
            false => Mapping::new(object, 0, len, protection),
        };
        let mappings = match access {
            Access::ReadWrite => [Some(map(layout.total, Protection::ReadWrite)?), None],
            Access::Observe => [Some(map(layout.total, Protection::Read)?), None],
            Access::Read => [
                Some(map(layout.control_offset, Protection::Read)?),
                Some(Mapping::new(
                    object,
                    layout.control_offset as u64,
                    layout.control_len,
                    Protection::ReadWrite,
                )?),
            ],
        };
        let whole = mappings[0].as_ref().expect("every kind of access maps the payload");
        // SAFETY: data_offset is at most control_offset, which the mapping covers.
        let payload = unsafe { whole.base().add(layout.data_offset) };
        let control = match &mappings[1] {
            Some(control) => control.base(),
            // SAFETY: this mapping is layout.total long, and control_offset is less.
            None => unsafe { whole.base().add(layout.control_offset) },
        };
        Ok(Self { layout, participants, stripes, payload, control, mappings })
    }

    /// Start of the payload, `layout().data_len` bytes; writable with read-write access only. With
    /// [`Access::Observe`] the control block is not writable either.
    #[inline]
    pub(crate) fn payload(&self) -> NonNull<u8> {
        self.payload
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn participants(&self) -> u32 {
        self.participants
    }

    pub(crate) fn stripes(&self) -> u32 {
        self.stripes
    }

    #[inline]
    pub(crate) fn state(&self) -> &State {
        self.record(self.layout.state)
    }

    /// The participant in that slot; `slot` is below [`participants`](Self::participants).
    #[inline]
    pub(crate) fn slot(&self, slot: u32) -> &Slot {
        assert!(slot < self.participants, "slot {slot} of {}", self.participants);
        self.record(self.layout.slots + slot as usize * size_of::<Slot>())
    }

    /// That stripe's lock; `stripe` is below [`stripes`](Self::stripes).
    #[inline]
    pub(crate) fn stripe(&self, stripe: u32) -> &Stripe {
        assert!(stripe < self.stripes, "stripe {stripe} of {}", self.stripes);
        self.record(self.layout.stripes + stripe as usize * size_of::<Stripe>())
    }

    /// How many threads of the participant in `slot` read that stripe.
    #[inline]
    pub(crate) fn cell(&self, slot: u32, stripe: u32) -> &AtomicU32 {
        assert!(slot < self.participants && stripe < self.stripes);
        let row = self.layout.cells + slot as usize * self.layout.cell_row;
        self.record(row + stripe as usize * size_of::<AtomicU32>())
    }

    /// The mapping that the payload is in.
    pub(super) fn mapping(&self) -> &Mapping {
        self.mappings[0].as_ref().expect("every kind of access maps the payload")
    }

    /// Number of leases that one participant may have: 0 but in a ring.
    #[inline]
    pub(crate) fn leases(&self) -> u32 {
        self.layout.lease_count
    }

    /// A lease of the participant in `slot`; `lease` is below [`leases`](Self::leases).
    #[inline]
    pub(crate) fn lease(&self, slot: u32, lease: u32) -> &AtomicU32 {
        assert!(slot < self.participants && lease < self.leases());
        let row = self.layout.leases + slot as usize * self.layout.lease_row;
        self.record(row + lease as usize * size_of::<AtomicU32>())
    }

    /// Whether that lease keeps a frame, for reports.
    pub(crate) fn is_leased(&self, slot: u32, lease: u32) -> bool {
        self.lease(slot, lease).load(Relaxed) != 0
    }

    /// The words of a ring, which this must be.
    #[inline]
    pub(crate) fn frames(&self) -> Frames<'_> {
        assert!(self.layout.frames > 0, "no ring");
        let state: &RingState = self.record(self.layout.ring);
        // SAFETY: Layout placed the numbers of all slots within the control block.
        let sequences = unsafe { self.control.add(self.layout.sequences) };
        Frames {
            newest: &state.newest,
            dropped: &state.dropped,
            sequences: self.words(sequences, self.layout.frames as usize * size_of::<AtomicU64>()),
            news: self.state().bell(),
            returns: Bell { rings: &state.returns, waiting: &state.awaited },
        }
    }

    /// Waits until the payload is on the disk.
    pub(crate) fn flush_payload(&self) -> Result<()> {
        self.mapping().flush(0, self.layout.control_offset)
    }

    /// Waits until the control block is on the disk.
    pub(crate) fn flush_control(&self) -> Result<()> {
        let Layout { control_offset, control_len, .. } = self.layout;
        match &self.mappings {
            [_, Some(control)] => control.flush(0, control_len),
            [Some(whole), None] => whole.flush(control_offset, control_len),
            [None, None] => Ok(()),
        }
    }

    /// The payload as one atomic of its own length.
    #[inline]
    pub(crate) fn payload_atomic<A: Payload>(&self) -> &A {
        assert_eq!(self.layout.data_len, size_of::<A>());
        // SAFETY: the payload is that long, begins at a page, is mapped for as long as `self`, and
        // any bytes are an atomic integer.
        unsafe { self.payload.cast::<A>().as_ref() }
    }

    /// The payload as atomic words, the last one padded, for copies that race with writers.
    pub(crate) fn payload_words(&self) -> &[AtomicU64] {
        // Data begins at a page boundary and the control block at the next one, so the last word
        // does not reach into it.
        self.words(self.payload, self.layout.data_len)
    }

    /// Copies bytes of the payload out, from `offset` on, each word whole; words that others write
    /// meanwhile may be old or new.
    pub(crate) fn copy_from(&self, offset: usize, bytes: &mut [u8]) {
        assert!(offset <= self.layout.data_len && bytes.len() <= self.layout.data_len - offset);
        let mut words = &self.payload_words()[offset / size_of::<AtomicU64>()..];
        let (skip, mut bytes) = (offset % size_of::<AtomicU64>(), bytes);
        if let ([first, others @ ..], 1..) = (words, skip) {
            let word = &first.load(Relaxed).to_ne_bytes()[skip..];
            let (start, rest) = bytes.split_at_mut(bytes.len().min(word.len()));
            start.copy_from_slice(&word[..start.len()]);
            (words, bytes) = (others, rest);
        }
        let (whole, rest) = bytes.as_chunks_mut::<8>();
        for (bytes, word) in whole.iter_mut().zip(words) {
            *bytes = word.load(Relaxed).to_ne_bytes();
        }
        if let (false, Some(word)) = (rest.is_empty(), words.get(whole.len())) {
            rest.copy_from_slice(&word.load(Relaxed).to_ne_bytes()[..rest.len()]);
        }
    }

    /// The shadow copy of a large value, like [`payload_words`](Self::payload_words).
    pub(crate) fn shadow_words(&self) -> &[AtomicU64] {
        // SAFETY: Layout placed the shadow within the control block.
        let shadow = unsafe { self.control.add(self.layout.shadow) };
        // The control block's length is a multiple of 64, so the last word is in it.
        self.words(shadow, self.layout.control_len - self.layout.shadow)
    }

    #[inline]
    fn record<R: Record>(&self, offset: usize) -> &R {
        debug_assert!(offset + size_of::<R>() <= self.layout.control_len);
        debug_assert_eq!(offset % align_of::<R>(), 0);
        // SAFETY: Layout placed the record within the control block; callers check indices.
        let record = unsafe { self.control.add(offset) }.cast::<R>();
        // SAFETY: mapped for as long as `self`, aligned, and made of atomics alone (Record).
        unsafe { record.as_ref() }
    }

    fn words(&self, start: NonNull<u8>, len: usize) -> &[AtomicU64] {
        let count = len.div_ceil(size_of::<AtomicU64>());
        // SAFETY: all callers keep the range within the mapping, which lives as long as `self`,
        // and start it at a multiple of 8.
        unsafe { std::slice::from_raw_parts(start.cast::<AtomicU64>().as_ptr(), count) }
    }
}
