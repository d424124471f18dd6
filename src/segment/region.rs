//! A mapped segment: the only place where offsets become references.
//!
//! # Safety
//!
//! Other processes read and write this memory at any time. So it is only ever seen as atomics
//! ([`Shared`]) or as a raw pointer ([`Region::payload`]). Offsets become pointers once, when a
//! region is made ([`Within`]). There each table of records is checked against the length of the
//! mapping that it lies in. From then on a table is a slice, so an index is checked at each use.
//!
//! An observer's memory is read-only. It is loaded from and never stored to: callers must see to
//! that, and the kernel enforces it. Loads of up to eight bytes, of any ordering, are instructions
//! that write nothing on every Linux target that has them.
#![allow(unsafe_code)]

use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic;
use std::sync::atomic::Ordering::Relaxed;

use super::facts::Access;
use super::layout::Layout;
use super::options::Opening;
use super::records::{RingState, State};
use crate::atomic::{AtomicU32, AtomicU64};
use crate::error::Result;
use crate::lock::{Bell, Frames, Slot, Stripe};
use crate::sys::map::{Mapping, Protection};
use crate::sys::object::Object;

/// A type that consists only of atomics, and so may lie in memory that others write.
///
/// # Safety
///
/// Every byte belongs to an atomic, and every bit pattern is a value.
unsafe trait Shared {}

// SAFETY: repr(C) of 12 AtomicU32 and 2 AtomicU64 filling 64 bytes.
unsafe impl Shared for State {}
// SAFETY: repr(C) of 8 AtomicU32 filling 32 bytes.
unsafe impl Shared for Slot {}
// SAFETY: repr(C) of 8 AtomicU32 filling 32 bytes.
unsafe impl Shared for Stripe {}
// SAFETY: repr(C) of 2 AtomicU64 and 12 AtomicU32 filling 64 bytes.
unsafe impl Shared for RingState {}
// SAFETY: an atomic.
unsafe impl Shared for AtomicU32 {}

// SAFETY: an atomic.
unsafe impl Shared for AtomicU64 {}

/// A standard atomic integer. A payload may be one.
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

/// A record, or a table of records, in a mapping that is kept beside it.
#[derive(Debug)]
struct Placed<R: ?Sized>(NonNull<R>);

/// A mapping in which records are found.
struct Within<'a>(&'a Mapping);

impl<'a> Within<'a> {
    /// # Safety
    ///
    /// Nothing that is found in the mapping is used after the mapping is dropped.
    unsafe fn new(mapping: &'a Mapping) -> Self {
        Self(mapping)
    }

    /// A table of so many records, the first of them `offset` bytes into the mapping.
    ///
    /// # Panics
    ///
    /// When the mapping ends before the last of them, or they are not aligned there.
    fn table<R: Shared>(&self, offset: usize, count: usize) -> Placed<[R]> {
        let len = size_of::<R>().checked_mul(count);
        let start = self.at(offset, len.expect("a table within the address space")).cast::<R>();
        assert!(start.is_aligned(), "records at byte {offset}");
        Placed(NonNull::slice_from_raw_parts(start, count))
    }

    /// The one record that begins `offset` bytes into the mapping.
    fn one<R: Shared>(&self, offset: usize) -> Placed<R> {
        Placed(self.table::<R>(offset, 1).0.cast())
    }

    /// The place `offset` bytes into the mapping. The mapping has `len` bytes from there.
    fn at(&self, offset: usize, len: usize) -> NonNull<u8> {
        let (end, mapped) = (offset.checked_add(len), self.0.len());
        assert!(end.is_some_and(|end| end <= mapped), "{offset} + {len} of {mapped} bytes");
        // SAFETY: the offset is within the mapping, or its end.
        unsafe { self.0.base().add(offset) }
    }
}

impl<R: ?Sized> Deref for Placed<R> {
    type Target = R;

    #[inline(always)]
    fn deref(&self) -> &R {
        // SAFETY: it is aligned and lies within a mapping that is not dropped before the last use
        // of `self` (`Within`). It consists only of atomics, so any bytes are a value, and others
        // may write them (`Shared`).
        unsafe { self.0.as_ref() }
    }
}

/// A segment in this process's address space. It is unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Region {
    layout: Layout,
    participants: u32,
    stripe_count: u32,
    state: Placed<State>,
    slots: Placed<[Slot]>,
    stripes: Placed<[Stripe]>,
    /// A row for each participant. A row has at least as many cells as there are stripes.
    cells: Placed<[AtomicU32]>,
    shadow: Placed<[AtomicU64]>,
    /// Only rings have this and the next two.
    ring: Option<Placed<RingState>>,
    sequences: Placed<[AtomicU64]>,
    /// A row for each participant. A row has at least as many leases as it may have.
    leases: Placed<[AtomicU32]>,
    payload: NonNull<u8>,
    words: Placed<[AtomicU64]>,
    /// Dropped last, because the fields above point into them.
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
        Ok(Self::over(mappings, layout, participants, stripes))
    }

    /// Finds in the mappings the records that the layout describes.
    fn over(
        mappings: [Option<Mapping>; 2],
        layout: Layout,
        participants: u32,
        stripe_count: u32,
    ) -> Self {
        let whole = mappings[0].as_ref().expect("every kind of access maps the payload");
        let (control, start) = match &mappings[1] {
            Some(control) => (control, 0),
            None => (whole, layout.control_offset),
        };
        // SAFETY: the region made here owns the mapping, and uses nothing in it after dropping it.
        let whole = unsafe { Within::new(whole) };
        // SAFETY: as above.
        let control = unsafe { Within::new(control) };
        let rows = participants as usize;
        let cells = rows * (layout.cell_row / size_of::<u32>());
        let leases = rows * (layout.lease_row / size_of::<u32>());
        let (frames, shadow_len) = (layout.frames as usize, layout.control_len - layout.shadow);
        Self {
            state: control.one(start + layout.state),
            slots: control.table(start + layout.slots, rows),
            stripes: control.table(start + layout.stripes, stripe_count as usize),
            cells: control.table(start + layout.cells, cells),
            shadow: control.table(start + layout.shadow, shadow_len / size_of::<u64>()),
            ring: (frames > 0).then(|| control.one(start + layout.ring)),
            sequences: control.table(start + layout.sequences, frames),
            leases: control.table(start + layout.leases, leases),
            payload: whole.at(layout.data_offset, layout.data_len),
            // The control block begins at the next page, so the last word does not reach into it.
            words: whole.table(layout.data_offset, layout.data_len.div_ceil(size_of::<u64>())),
            layout,
            participants,
            stripe_count,
            mappings,
        }
    }

    /// Start of the payload, `layout().data_len` bytes. It is writable only with read-write access.
    /// With [`Access::Observe`] the control block is not writable either.
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
        self.stripe_count
    }

    #[inline]
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The participant in that slot. `slot` is below [`participants`](Self::participants).
    #[inline]
    pub(crate) fn slot(&self, slot: u32) -> &Slot {
        &self.slots[slot as usize]
    }

    /// That stripe's lock. `stripe` is below [`stripes`](Self::stripes).
    #[inline]
    pub(crate) fn stripe(&self, stripe: u32) -> &Stripe {
        &self.stripes[stripe as usize]
    }

    /// How many threads of the participant in `slot` read that stripe.
    #[inline]
    pub(crate) fn cell(&self, slot: u32, stripe: u32) -> &AtomicU32 {
        assert!(stripe < self.stripe_count);
        let row = self.layout.cell_row / size_of::<u32>();
        &self.cells[slot as usize * row + stripe as usize]
    }

    /// The mapping that the payload is in.
    pub(super) fn mapping(&self) -> &Mapping {
        self.mappings[0].as_ref().expect("every kind of access maps the payload")
    }

    /// Number of leases that one participant may have. 0 except in a ring.
    #[inline]
    pub(crate) fn leases(&self) -> u32 {
        self.layout.lease_count
    }

    /// A lease of the participant in `slot`. `lease` is below [`leases`](Self::leases).
    #[inline]
    pub(crate) fn lease(&self, slot: u32, lease: u32) -> &AtomicU32 {
        assert!(lease < self.leases());
        let row = self.layout.lease_row / size_of::<u32>();
        &self.leases[slot as usize * row + lease as usize]
    }

    /// Whether that lease keeps a frame, for reports.
    pub(crate) fn is_leased(&self, slot: u32, lease: u32) -> bool {
        self.lease(slot, lease).load(Relaxed) != 0
    }

    /// The words of a ring. The segment must be one.
    #[inline]
    pub(crate) fn frames(&self) -> Frames<'_> {
        let state = self.ring.as_deref().expect("a ring");
        Frames {
            newest: &state.newest,
            dropped: &state.dropped,
            sequences: &self.sequences,
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
        let payload = self.payload.cast::<A>();
        assert!(self.layout.data_len == size_of::<A>() && payload.is_aligned());
        // SAFETY: the payload is that long and aligned, and is mapped as long as `self` lives. Any
        // bytes are an atomic integer.
        unsafe { payload.as_ref() }
    }

    /// The payload as atomic words, the last one padded.
    #[inline]
    pub(crate) fn payload_words(&self) -> &[AtomicU64] {
        &self.words
    }

    /// The shadow copy of a large value, like [`payload_words`](Self::payload_words).
    #[inline]
    pub(crate) fn shadow_words(&self) -> &[AtomicU64] {
        &self.shadow
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sys::place::Place;

    /// The number of records found at an offset into a mapping of one page.
    fn found(offset: usize, count: usize) -> usize {
        let object = Object::create_unnamed(&Place::Anonymous, 4096, 0o600).unwrap();
        let mapping = Mapping::new(&object, 0, 4096, Protection::ReadWrite).unwrap();
        // SAFETY: the table is gone before the mapping.
        let within = unsafe { Within::new(&mapping) };
        within.table::<Stripe>(offset, count).iter().filter(|stripe| !stripe.is_written()).count()
    }

    #[test]
    fn records_are_found_up_to_the_end_of_their_mapping() {
        assert_eq!((found(0, 128), found(4096 - 32, 1), found(4096, 0)), (128, 1, 0));
    }

    #[test]
    #[should_panic(expected = "32 + 4096 of 4096 bytes")]
    fn records_beyond_the_end_of_their_mapping_are_refused() {
        found(32, 128);
    }

    #[test]
    #[should_panic(expected = "within the address space")]
    fn more_records_than_there_are_addresses_are_refused() {
        found(0, usize::MAX / 16);
    }

    #[test]
    #[should_panic(expected = "records at byte 2")]
    fn records_out_of_line_are_refused() {
        found(2, 1);
    }
}
