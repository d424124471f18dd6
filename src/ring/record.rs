//! The layout of frame and description in a slot.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::meta::FrameMeta;
use crate::atomic::{AtomicU64, fence};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Entry, Frames, Sighting};
use crate::npy::UNIT;
use crate::npy::dtype::{Dtype, Field};
use crate::segment::{Kind, Plan, Region, Segment, Settings, data_len};
use crate::steps::step;

/// The description has cache lines of its own.
const LINE: usize = 64;

/// Length of a description in words.
pub(crate) const META_WORDS: usize = size_of::<FrameMeta>() / size_of::<u64>();

/// Where a slot's parts lie, in bytes: frame, description, and padding up to the next page of the
/// format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) frame_len: usize,
    pub(crate) meta: usize,
    pub(crate) len: usize,
}

/// What a ring's control block says about its frames.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    /// The dtype of an item, which is not an array.
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) record: Record,
}

impl Form {
    pub(crate) fn of(segment: &Segment) -> Result<Self> {
        let control = segment.control();
        Self::in_slots(control.kind, &control.dtype)
    }

    /// The frames in a segment of that kind whose items have that dtype.
    pub(crate) fn in_slots(kind: Kind, slot: &Dtype) -> Result<Self> {
        if kind != Kind::Ring {
            return Err(kind.mismatch(Kind::Ring));
        }
        let frame = match slot {
            Dtype::Struct(fields) => fields.first().map(|field| field.dtype().clone().fold()),
            _ => None,
        };
        let Some((dtype, shape)) = frame else { return Err(other_records()) };
        let record = Record::new(&dtype, &shape)?;
        if record.dtype(&dtype, &shape) != *slot {
            return Err(other_records());
        }
        Ok(Self { dtype, shape, record })
    }
}

#[cold]
fn other_records() -> Error {
    Error::new(
        ErrorKind::DtypeMismatch,
        "has slots of another form than this build's: use the same release of ndshm in all processes",
    )
}

/// The words of a ring, if its frames can be trusted. After a restart of the machine a file's
/// cannot, until the next publisher forgets them.
pub(crate) fn sound_frames(segment: &Segment) -> Option<Frames<'_>> {
    let sound = segment.region().stripe(0).entry() == Entry::Clean;
    sound.then(|| segment.region().frames())
}

impl Record {
    /// Lays out a frame of that shape, whose items have `dtype`, which is not an array.
    pub(crate) fn new(dtype: &Dtype, shape: &[usize]) -> Result<Self> {
        let frame_len = data_len(shape, dtype.item_size())?;
        // No sum here overflows: frames are shorter than the address space by more than these
        // parts.
        let meta = data_len(&[frame_len.div_ceil(LINE)], LINE)?;
        let units = meta.saturating_add(size_of::<FrameMeta>()).div_ceil(UNIT);
        Ok(Self { frame_len, meta, len: data_len(&[units], UNIT)? })
    }

    /// The slot as NumPy sees it.
    pub(crate) fn dtype(self, dtype: &Dtype, shape: &[usize]) -> Dtype {
        let mut frame = dtype.clone();
        for &len in shape.iter().rev() {
            frame = Dtype::Array(Box::new(frame), len);
        }
        let gap = |len: usize| (len > 0).then(|| Field::padding(len));
        let mut fields = vec![Field::new("frame", frame)];
        fields.extend(gap(self.meta - self.frame_len));
        fields.push(Field::new("meta", FrameMeta::dtype()));
        fields.extend(gap(self.len - self.meta - size_of::<FrameMeta>()));
        Dtype::Struct(fields)
    }

    /// Where the description of that slot begins in the payload.
    pub(crate) fn meta_offset(self, slot: usize) -> usize {
        slot * self.len + self.meta
    }

    /// The words of the description of a slot.
    ///
    /// # Panics
    ///
    /// If there is no such slot.
    #[inline]
    pub(crate) fn meta_words(self, region: &Region, slot: usize) -> &[AtomicU64] {
        let first = self.meta_offset(slot) / size_of::<u64>();
        &region.payload_words()[first..first + META_WORDS]
    }

    /// A copy of the description of a slot. Each word is whole. Words that others write meanwhile
    /// may be old or new.
    #[inline]
    pub(crate) fn meta_in(self, region: &Region, slot: usize) -> FrameMeta {
        let mut words = [0_u64; META_WORDS];
        for (copy, word) in words.iter_mut().zip(self.meta_words(region, slot)) {
            // Relaxed: a caller that needs all of one frame checks its number before and after.
            *copy = word.load(Relaxed);
        }
        bytemuck::cast(words)
    }

    /// Copies a frame into `bytes` and returns its description, unless it is written over
    /// meanwhile.
    pub(crate) fn copy(
        self,
        segment: &Segment,
        seen: Sighting,
        bytes: &mut [u8],
    ) -> Result<Option<FrameMeta>> {
        segment.read_payload(bytes, seen.slot * self.len)?;
        Ok(self.meta_of(segment.region(), seen))
    }

    /// Copies the description of a frame, unless it is written over meanwhile.
    pub(crate) fn meta_of(self, region: &Region, seen: Sighting) -> Option<FrameMeta> {
        let meta = self.meta_in(region, seen.slot);
        step!("observe: frame copied");
        // No copy before this, including that of the frame, may sink below the second look.
        fence(Acquire);
        region.frames().is_still(seen).then_some(meta)
    }
}

/// Plans a ring of frames of that shape, to which elements that are arrays add axes.
pub(super) fn plan(settings: &Settings, dtype: Dtype, shape: &[usize]) -> Result<Plan> {
    let (dtype, folded) = dtype.fold();
    let axes = [shape, &folded].concat();
    if axes.contains(&0) {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("asks for frames of shape {axes:?}, which have no bytes: use longer axes"),
        ));
    }
    let record = Record::new(&dtype, &axes)?.dtype(&dtype, &axes);
    record.check()?;
    let plan = Plan::new(settings, Kind::Ring, record, vec![settings.slots as usize])?;
    Ok(Plan { leases: settings.leases, ..plan })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::npy::scalar::Scalar;

    proptest! {
        #[test]
        fn parts_follow_each_other_in_whole_pages(
            shape in prop::collection::vec(1usize..40, 0..=3),
        ) {
            let item = Dtype::Scalar(Scalar::U16);
            let record = Record::new(&item, &shape).unwrap();
            let dtype = record.dtype(&item, &shape);
            dtype.check().unwrap();
            prop_assert_eq!(dtype.item_size(), record.len);
            prop_assert_eq!(dtype.offset_of("frame"), Some(0));
            prop_assert_eq!(dtype.offset_of("meta"), Some(record.meta));
            prop_assert_eq!(record.len % UNIT, 0);
            prop_assert_eq!(record.meta % LINE, 0);
        }
    }

    #[test]
    fn a_frame_beyond_the_address_space_is_an_error() {
        let item = Dtype::Scalar(Scalar::U8);
        assert!(Record::new(&item, &[usize::MAX]).is_err());
        assert!(Record::new(&item, &[isize::MAX.unsigned_abs()]).is_err());
    }
}
