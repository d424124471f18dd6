//! Copies of frames of rings.

use std::sync::atomic::Ordering::Acquire;

use super::Look;
use super::snapshot::AnySnapshot;
use crate::atomic::fence;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::lock::{Entry, Frames, Patience, Sighting};
use crate::ring::any::AnyRing;
use crate::ring::meta::FrameMeta;
use crate::ring::record::{Form, sound_frames};
use crate::segment::Address;
use crate::typed::snapshot::OBSERVERS_PATIENCE;

/// A private copy of a frame of an [`AnyRing`], and the frame's description.
///
/// # Examples
///
/// See [`AnyRing`].
#[derive(Clone, Debug)]
pub struct AnyFrame {
    meta: FrameMeta,
    snapshot: AnySnapshot,
}

/// Copying.
impl AnyRing {
    /// Returns the descriptions of the frames that are there, oldest first. A frame that is written
    /// over meanwhile is left out.
    ///
    /// # Examples
    ///
    /// See [`AnyRing`].
    #[must_use]
    pub fn metas(&self) -> Vec<FrameMeta> {
        let Some(frames) = sound_frames(&self.segment) else { return Vec::new() };
        let region = self.segment.region();
        let meta_of = |seen| self.form.record.meta_of(region, seen);
        let mut metas: Vec<FrameMeta> = frames.all().filter_map(meta_of).collect();
        metas.sort_by_key(|meta| meta.seq);
        metas
    }

    /// Copies the newest frame, or returns `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout) when for a second each frame was written over before it was
    /// copied, and [`OutOfAddressSpace`](ErrorKind::OutOfAddressSpace) when there is no memory for
    /// a copy.
    ///
    /// # Examples
    ///
    /// See [`AnyRing`].
    pub fn latest(&self) -> Result<Option<AnyFrame>> {
        self.copy(|frames| frames.last()).of(self.segment.name())
    }

    /// Copies the frame of that number, or returns `None` when it was written over or is not yet
    /// published.
    ///
    /// # Errors
    ///
    /// Those of [`latest`](Self::latest).
    ///
    /// # Examples
    ///
    /// See [`AnyRing`].
    pub fn frame(&self, seq: u64) -> Result<Option<AnyFrame>> {
        let find = |frames: Frames<'_>| frames.all().find(|seen| seen.sequence == seq);
        self.copy(find).of(self.segment.name())
    }

    fn copy(&self, find: impl Fn(Frames<'_>) -> Option<Sighting>) -> Result<Option<AnyFrame>> {
        let Form { dtype, shape, record } = &*self.form;
        let mut snapshot = AnySnapshot::blank(dtype, shape, record.frame_len)?;
        let patience = Patience::at_most(OBSERVERS_PATIENCE);
        while let Some(seen) = sound_frames(&self.segment).and_then(&find) {
            let copied = record.copy(&self.segment, seen, snapshot.bytes_mut())?;
            if let Some(meta) = copied {
                return Ok(Some(AnyFrame { meta, snapshot }));
            }
            if patience.is_over() {
                return Err(too_fast());
            }
        }
        Ok(None)
    }
}

impl AnyFrame {
    /// Copies a frame of the ring at `address` from outside. Nothing is mapped, no lease is taken
    /// and nothing is written. So it takes no trust in the ring's owner, or in those who may write
    /// it. `find` gets the numbers of the frames that are there, oldest first, and chooses one of
    /// them. The result is `None` when it chooses none.
    ///
    /// # Errors
    ///
    /// Those of [`RingStatus::of`](crate::RingStatus::of). [`Timeout`](crate::ErrorKind::Timeout)
    /// when for a second each frame was written over before it was copied, and
    /// [`OutOfAddressSpace`](crate::ErrorKind::OutOfAddressSpace) when there is no memory for a
    /// copy.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{AnyFrame, FrameMeta, Ring1};
    ///
    /// let ring = Ring1::<u8>::create("doc-peek-ring", 3)?;
    /// let mut publisher = ring.publisher()?;
    /// publisher.publish_from(&ndarray::arr1(&[1, 2, 3]), FrameMeta::new())?;
    ///
    /// let newest = AnyFrame::peek("doc-peek-ring", |numbers| numbers.last().copied())?;
    /// assert_eq!(newest.expect("a frame").snapshot().bytes(), [1, 2, 3]);
    /// assert!(AnyFrame::peek("doc-peek-ring", |_| Some(7))?.is_none());
    /// # Ok(()) }
    /// ```
    pub fn peek<'a>(
        address: impl Into<Address<'a>>,
        find: impl Fn(&[u64]) -> Option<u64>,
    ) -> Result<Option<Self>> {
        Look::of(address)?.peek_frame(find)
    }

    pub(super) fn through(
        look: &Look,
        find: impl Fn(&[u64]) -> Option<u64>,
    ) -> Result<Option<Self>> {
        look.check_settled()?;
        let info = look.info();
        let form = Form::in_slots(info.kind(), info.dtype()).of(info.name())?;
        form.copy_in(look, find).of(info.name())
    }

    /// Returns the frame's description.
    ///
    /// # Examples
    ///
    /// See [`AnyRing`].
    #[must_use]
    pub fn meta(&self) -> &FrameMeta {
        &self.meta
    }

    /// Returns the copy of the frame.
    ///
    /// # Examples
    ///
    /// See [`AnyRing`].
    #[must_use]
    pub fn snapshot(&self) -> &AnySnapshot {
        &self.snapshot
    }

    /// Returns the copy of the frame, to be kept.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::Ring1::<u8>::create_unique("doc-any-ring-", 10)?;
    /// ring.publisher()?.publish_from(&ndarray::arr1(&[7; 10]), ndshm::FrameMeta::new())?;
    /// let frame = ndshm::AnyRing::of(ring.segment())?.latest()?.expect("a frame");
    /// assert_eq!(frame.into_snapshot().bytes(), [7; 10]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn into_snapshot(self) -> AnySnapshot {
        self.snapshot
    }
}

impl Form {
    fn copy_in(
        &self,
        look: &Look,
        find: impl Fn(&[u64]) -> Option<u64>,
    ) -> Result<Option<AnyFrame>> {
        let Self { dtype, shape, record } = self;
        let patience = Patience::at_most(OBSERVERS_PATIENCE);
        let mut snapshot = AnySnapshot::blank(dtype, shape, record.frame_len)?;
        loop {
            let before = look.sequences()?;
            let mut numbers: Vec<u64> = before.iter().copied().filter(|&it| it > 0).collect();
            numbers.sort_unstable();
            // If the machine stopped under a ring, its frames cannot be believed.
            let is_sound = look.stripe(0)?.entry() == Entry::Clean;
            let chosen = is_sound.then(|| find(&numbers)).flatten();
            let Some(slot) = before.iter().position(|&it| it > 0 && Some(it) == chosen) else {
                return Ok(None);
            };
            // The kernel must not have copied what follows before this point.
            fence(Acquire);
            let mut meta = FrameMeta::new();
            look.payload(snapshot.bytes_mut(), slot * record.len)?;
            let description = bytemuck::bytes_of_mut(&mut meta);
            look.payload(description, record.meta_offset(slot))?;
            fence(Acquire);
            if look.sequences()?[slot] == before[slot] {
                return Ok(Some(AnyFrame { meta, snapshot }));
            }
            if patience.is_over() {
                return Err(too_fast());
            }
        }
    }
}

#[cold]
fn too_fast() -> Error {
    Error::new(
        ErrorKind::Timeout,
        "had each frame written over before it was copied: give it more slots, or subscribe to it as a \
         `Ring`, which leases them",
    )
}
