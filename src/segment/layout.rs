//! Where everything in a segment lies. All offset arithmetic is done here, and checked once.

use crate::atomic::{AtomicU32, AtomicU64};
use crate::error::{Error, ErrorKind, Result, size};
use crate::lock::{Slot, Stripe};
use crate::npy::UNIT;

use super::records::{RingState, State};

/// The data of shared `.npy` files begins at a multiple of this. Every version of NumPy writes it
/// so; since 1.14 it begins at a multiple of 64. Copies without a lock only need 8 bytes, since
/// they go word by word. Where an element needs more, that is checked where its type is known.
pub(super) const SHARED_ALIGNMENT: usize = 16;

/// A cache line.
const LINE: usize = 64;

/// The most axes that an array may have. NumPy 1 has the same limit.
pub(crate) const MAX_AXES: usize = 32;

/// The numbers from which the layout follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measures {
    /// Offset of the payload.
    pub(crate) data_offset: usize,
    /// Length of the payload in bytes.
    pub(crate) data_len: usize,
    /// Length of the control block's immutable head.
    pub(crate) head_len: usize,
    pub(crate) participants: u32,
    pub(crate) stripes: u32,
    /// Length of the shadow copy of a large value, otherwise 0.
    pub(crate) shadow_len: usize,
    /// Number of a ring's slots, otherwise 0.
    pub(crate) frames: u32,
    /// How many of them one participant may lease, otherwise 0.
    pub(crate) leases: u32,
}

/// Where everything lies. All offsets but the first three count from the control block's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) data_offset: usize,
    pub(crate) data_len: usize,
    pub(crate) control_offset: usize,
    pub(crate) state: usize,
    pub(crate) slots: usize,
    pub(crate) stripes: usize,
    pub(crate) cells: usize,
    /// Bytes from one participant's cells to the next one's.
    pub(crate) cell_row: usize,
    pub(crate) shadow: usize,
    /// A ring's words, if it is one. The next three fields are a ring's as well.
    pub(crate) ring: usize,
    pub(crate) sequences: usize,
    pub(crate) leases: usize,
    /// Bytes from one participant's leases to the next one's.
    pub(crate) lease_row: usize,
    pub(crate) frames: u32,
    pub(crate) lease_count: u32,
    pub(crate) control_len: usize,
    /// Length of the whole segment.
    pub(crate) total: usize,
}

impl Layout {
    /// Lays out a segment, or fails when it does not fit.
    pub(crate) fn new(measures: Measures) -> Result<Self> {
        Self::fit(measures).filter(|layout| isize::try_from(layout.total).is_ok()).ok_or_else(
            || too_large(format!("{} of data and their bookkeeping", size(measures.data_len))),
        )
    }

    fn fit(measures: Measures) -> Option<Self> {
        let participants = usize::try_from(measures.participants).ok()?;
        let stripe_count = usize::try_from(measures.stripes).ok()?;
        let data_end = measures.data_offset.checked_add(measures.data_len)?;
        let control_offset = data_end.checked_next_multiple_of(UNIT)?;

        let state = measures.head_len.checked_next_multiple_of(LINE)?;
        let slots = state.checked_add(size_of::<State>())?;
        let slots_len = participants.checked_mul(size_of::<Slot>())?;
        let stripes = slots.checked_add(slots_len)?.checked_next_multiple_of(LINE)?;
        let stripes_len = stripe_count.checked_mul(size_of::<Stripe>())?;
        let cells = stripes.checked_add(stripes_len)?.checked_next_multiple_of(LINE)?;
        let cell_row = stripe_count.checked_mul(4)?.checked_next_multiple_of(LINE)?;
        let shadow = cells.checked_add(participants.checked_mul(cell_row)?)?;
        let shadow_end = shadow.checked_add(measures.shadow_len)?;
        let ring = shadow_end.checked_next_multiple_of(LINE)?;
        let (frames, lease_count) =
            (usize::try_from(measures.frames).ok()?, usize::try_from(measures.leases).ok()?);
        let ring_len = if frames == 0 { 0 } else { size_of::<RingState>() };
        let sequences = ring.checked_add(ring_len)?;
        let sequences_len = frames.checked_mul(size_of::<AtomicU64>())?;
        let leases = sequences.checked_add(sequences_len)?.checked_next_multiple_of(LINE)?;
        let lease_row =
            lease_count.checked_mul(size_of::<AtomicU32>())?.checked_next_multiple_of(LINE)?;
        let control_len = leases.checked_add(participants.checked_mul(lease_row)?)?;
        let total = control_offset.checked_add(control_len)?;
        Some(Self {
            data_offset: measures.data_offset,
            data_len: measures.data_len,
            control_offset,
            state,
            slots,
            stripes,
            cells,
            cell_row,
            shadow,
            ring,
            sequences,
            leases,
            lease_row,
            frames: measures.frames,
            lease_count: measures.leases,
            control_len,
            total,
        })
    }
}

/// Number of bytes that an array of that shape and item size takes.
///
/// The product of the axes that are not empty must fit as well, because views over an empty array
/// compute with it.
pub(crate) fn data_len(shape: &[usize], item_size: usize) -> Result<usize> {
    let too_large = || too_large(format!("an array of shape {shape:?} and {item_size}-byte items"));
    let mut spanned = item_size.max(1);
    for &len in shape.iter().filter(|&&len| len != 0) {
        spanned = spanned.checked_mul(len).ok_or_else(too_large)?;
    }
    if isize::try_from(spanned).is_err() {
        return Err(too_large());
    }
    if shape.contains(&0) { Ok(0) } else { Ok(shape.iter().product::<usize>() * item_size) }
}

#[cold]
fn too_large(what: String) -> Error {
    Error::new(
        ErrorKind::SizeOverflow,
        format!("cannot hold {what}: that is more than the address space; choose a smaller shape"),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As much data as fits every address space.
    const MUCH: usize = match 1_usize.checked_shl(40) {
        Some(len) => len,
        None => 1 << 30,
    };

    proptest! {
        #[test]
        fn parts_follow_each_other_aligned_and_without_overlap(
            data_len in 0..MUCH,
            head_len in 512usize..8192,
            participants in 1u32..=1024,
            stripes in 1u32..=1024,
            shadow_len in 0usize..1 << 20,
            frames in 0u32..=1024,
            leases in 0u32..=1024,
        ) {
            let layout = Layout::new(Measures {
                data_offset: UNIT, data_len, head_len, participants, stripes, shadow_len,
                frames, leases,
            }).unwrap();
            let (p, s) = (participants as usize, stripes as usize);
            prop_assert!(layout.control_offset >= UNIT + data_len);
            prop_assert!(layout.control_offset - (UNIT + data_len) < UNIT);
            prop_assert_eq!(layout.control_offset % UNIT, 0);
            prop_assert!(layout.state >= head_len);
            prop_assert!(layout.slots >= layout.state + size_of::<State>());
            prop_assert!(layout.stripes >= layout.slots + p * size_of::<Slot>());
            prop_assert!(layout.cells >= layout.stripes + s * size_of::<Stripe>());
            prop_assert!(layout.cell_row >= s * 4);
            prop_assert!(layout.shadow >= layout.cells + p * layout.cell_row);
            let (f, l) = (frames as usize, leases as usize);
            prop_assert!(layout.ring >= layout.shadow + shadow_len);
            prop_assert!(f == 0 || layout.sequences >= layout.ring + size_of::<RingState>());
            prop_assert!(layout.leases >= layout.sequences + f * 8);
            prop_assert!(layout.lease_row >= l * 4);
            prop_assert!(layout.control_len >= layout.leases + p * layout.lease_row);
            prop_assert_eq!(layout.total, layout.control_offset + layout.control_len);
            for offset in [
                layout.state, layout.stripes, layout.cells, layout.cell_row, layout.shadow,
                layout.ring, layout.leases, layout.lease_row,
            ] {
                prop_assert_eq!(offset % LINE, 0);
            }
            prop_assert_eq!(layout.sequences % size_of::<AtomicU64>(), 0);
        }

        #[test]
        fn no_measures_overflow(
            data_offset: usize, data_len: usize, head_len: usize,
            participants: u32, stripes: u32, shadow_len: usize, frames: u32, leases: u32,
        ) {
            let measures = Measures {
                data_offset, data_len, head_len, participants, stripes, shadow_len, frames, leases,
            };
            if let Err(error) = Layout::new(measures) {
                prop_assert_eq!(error.kind(), ErrorKind::SizeOverflow);
            }
        }

        #[test]
        fn no_shape_overflows(shape in prop::collection::vec(any::<usize>(), 0..8), item: usize) {
            match data_len(&shape, item) {
                Ok(len) => prop_assert_eq!(
                    len as u128,
                    shape.iter().map(|&len| len as u128).product::<u128>() * item as u128
                ),
                Err(error) => prop_assert_eq!(error.kind(), ErrorKind::SizeOverflow),
            }
        }
    }

    /// Rows of the table under a heading of `docs/format.md`, its fields in backticks.
    pub(crate) fn table(heading: &str) -> Vec<(String, usize)> {
        let text = include_str!("../../docs/format.md");
        let section = text.split("\n## ").find(|section| section.starts_with(heading));
        section
            .unwrap_or_else(|| panic!("docs/format.md has no section {heading:?}"))
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| ")?.split(" | ");
                let offset = cells.next()?.trim().parse().ok()?;
                Some((cells.next()?.trim().trim_matches('`').to_owned(), offset))
            })
            .filter(|(field, _)| field != "reserved")
            .collect()
    }

    #[test]
    fn the_format_page_says_where_every_field_lies() {
        use super::super::{control, records};
        for (heading, pinned) in [
            ("The head", control::HEAD_FIELDS),
            ("The state line", records::STATE_FIELDS),
            ("A participant's slot", crate::lock::SLOT_FIELDS),
            ("A stripe's lock", crate::lock::STRIPE_FIELDS),
            ("A ring's words", records::RING_FIELDS),
        ] {
            let pinned: Vec<_> =
                pinned.iter().map(|&(field, offset)| (field.to_owned(), offset)).collect();
            assert_eq!(table(heading), pinned, "{heading}");
        }
    }

    #[test]
    fn an_empty_axis_does_not_hide_an_overflow() {
        assert_eq!(data_len(&[3, 0, 5], 8).unwrap(), 0);
        assert!(data_len(&[usize::MAX, 0, 2], 1).is_err());
        assert_eq!(data_len(&[], 4).unwrap(), 4);
    }
}
