//! What goes on in a ring, for people and their tools.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::Look;
use super::status::Status;
use crate::atomic::fence;
use crate::error::{Result, ResultExt};
use crate::lock::named_in;
use crate::npy::Dtype;
use crate::ring::meta::FrameMeta;
use crate::ring::record::Form;
use crate::segment::{Address, Participant};

/// The description and the state of a ring: its publisher, its frames, and their leases.
///
/// It is read from outside, as a [`Status`] is. Nothing is mapped, leased or written, so it needs
/// only permission to read, whoever owns the ring. Each word is what it was at some moment.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{FrameMeta, Ring1, RingStatus};
///
/// let ring = Ring1::<f32>::options().slots(4).create_unique("doc-ring-status-", 2)?;
/// let mut publisher = ring.publisher()?;
/// for _ in 0..3 {
///     publisher.loan()?.publish(FrameMeta::new().capture_now());
/// }
/// let held = ring.subscribe().recv()?;
///
/// let status = RingStatus::of(ring.name())?;
/// assert_eq!((status.dtype().to_string().as_str(), status.shape()), ("<f4", &[2][..]));
/// assert_eq!((status.slots(), status.frame_len()), (4, 8));
/// assert_eq!((status.published(), status.dropped()), (3, 0));
/// assert_eq!(status.publisher().unwrap().pid(), std::process::id());
/// let [first, .., newest] = status.frames() else { panic!("three frames") };
/// assert!((first.seq, newest.seq) == (1, 3) && first.publish_ns <= newest.publish_ns);
/// let [lease] = status.leases() else { panic!("one lease") };
/// assert_eq!((lease.holder().pid(), lease.seq()), (std::process::id(), Some(held.seq())));
/// assert!(!status.segment().is_replaced());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RingStatus {
    segment: Status,
    form: Form,
    published: u64,
    dropped: u64,
    leases: Vec<LeaseStatus>,
    frames: Vec<FrameMeta>,
}

/// A lease of a frame, and its holder.
///
/// # Examples
///
/// See [`RingStatus`].
#[derive(Clone, Debug)]
pub struct LeaseStatus {
    holder: Participant,
    seq: Option<u64>,
}

impl RingStatus {
    /// Looks at the ring at `address`. This costs the system calls of [`Status::of`], and one more
    /// for each slot with a frame and each participant.
    ///
    /// # Errors
    ///
    /// Those of [`Status::of`]; [`KindMismatch`](crate::ErrorKind::KindMismatch) when it is no ring, and
    /// [`DtypeMismatch`](crate::ErrorKind::DtypeMismatch) when its slots are of another form than this
    /// build's.
    ///
    /// # Examples
    ///
    /// See [`RingStatus`].
    pub fn of<'a>(address: impl Into<Address<'a>>) -> Result<Self> {
        Look::of(address)?.ring_status()
    }

    pub(super) fn through(look: &Look) -> Result<Self> {
        let info = look.info();
        let form = Form::in_slots(info.kind(), info.dtype()).of(info.name())?;
        let segment = Status::through(look)?;
        let ring = look.ring_state()?;
        let frames = if segment.is_suspect() { Vec::new() } else { form.frames_in(look)? };
        let leases = leases_in(look, segment.participants())?;
        let (published, dropped) = (ring.newest.load(Relaxed), ring.dropped.load(Relaxed));
        Ok(Self { segment, form, published, dropped, leases, frames })
    }

    /// Returns the status that the ring has as a segment.
    ///
    /// # Examples
    ///
    /// See [`RingStatus`].
    #[must_use]
    pub fn segment(&self) -> &Status {
        &self.segment
    }

    /// Returns the dtype of an item of a frame.
    ///
    /// # Examples
    ///
    /// See [`RingStatus`].
    #[must_use]
    pub fn dtype(&self) -> &Dtype {
        &self.form.dtype
    }

    /// Returns the shape of a frame, with the axes that an element type `[T; N]` adds.
    ///
    /// # Examples
    ///
    /// See [`RingStatus`].
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.form.shape
    }

    /// Returns the bytes of a frame, without its description.
    ///
    /// # Examples
    ///
    /// See [`RingStatus`].
    #[must_use]
    pub fn frame_len(&self) -> usize {
        self.form.record.frame_len
    }

    /// Returns how many frames there is room for.
    ///
    /// # Examples
    ///
    /// See [`RingStatus`].
    #[must_use]
    pub fn slots(&self) -> usize {
        self.segment.info().shape()[0]
    }

    /// Returns how many frames were published, which is the number of the newest one.
    ///
    /// # Examples
    ///
    /// See [`RingStatus`].
    #[must_use]
    pub fn published(&self) -> u64 {
        self.published
    }

    /// Returns how many frames publishers dropped because all slots were leased.
    ///
    /// # Examples
    ///
    /// See [`RingStatus`].
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns the publisher, or the process that died while it was the publisher; `None` when
    /// there is neither.
    ///
    /// # Examples
    ///
    /// See [`RingStatus`].
    #[must_use]
    pub fn publisher(&self) -> Option<&Participant> {
        self.segment.locks().first()?.writer()
    }

    /// Returns the leases of frames, including those of processes that died with a lease.
    ///
    /// # Examples
    ///
    /// See [`RingStatus`].
    #[must_use]
    pub fn leases(&self) -> &[LeaseStatus] {
        &self.leases
    }

    /// Returns the descriptions of the frames that are there, oldest first. A frame that is written
    /// over meanwhile is left out.
    ///
    /// # Examples
    ///
    /// See [`RingStatus`].
    #[must_use]
    pub fn frames(&self) -> &[FrameMeta] {
        &self.frames
    }
}

/// The leases of those holders, and the frames they are of.
fn leases_in(look: &Look, holders: &[Participant]) -> Result<Vec<LeaseStatus>> {
    let before = look.sequences()?;
    let mut named = Vec::new();
    for holder in holders {
        let words = look.leases(holder.slot())?;
        let slots = words.into_iter().filter_map(|word| named_in(word, before.len()));
        named.extend(slots.map(|slot| (holder, slot)));
    }
    // The kernel must have copied what is above before the second look.
    fence(Acquire);
    // A lease is of the frame that its slot had both before and after. The slot may be written over
    // between the two looks.
    let after = look.sequences()?;
    let number = |slot: usize| Some(after[slot]).filter(|&it| it > 0 && it == before[slot]);
    let status = |(holder, slot): (&Participant, _)| LeaseStatus {
        holder: holder.clone(),
        seq: number(slot),
    };
    let mut leases: Vec<_> = named.into_iter().map(status).collect();
    leases.sort_by_key(|lease| (lease.holder.slot(), lease.seq));
    Ok(leases)
}

impl Form {
    /// The descriptions of the frames that are there and stay while they are looked at.
    fn frames_in(&self, look: &Look) -> Result<Vec<FrameMeta>> {
        let before = look.sequences()?;
        let mut metas = Vec::new();
        for (slot, &number) in before.iter().enumerate().filter(|(_, number)| **number > 0) {
            let mut meta = FrameMeta::new();
            let offset = self.record.meta_offset(slot);
            look.payload(bytemuck::bytes_of_mut(&mut meta), offset)?;
            metas.push((slot, number, meta));
        }
        // The kernel must have copied what is above before the second look.
        fence(Acquire);
        let after = look.sequences()?;
        metas.retain(|(slot, number, _)| after[*slot] == *number);
        // The ring's number decides, because the description may hold another.
        metas.sort_by_key(|(_, number, _)| *number);
        Ok(metas.into_iter().map(|(_, _, meta)| meta).collect())
    }
}

impl LeaseStatus {
    /// Returns the process that holds it.
    ///
    /// # Examples
    ///
    /// See [`RingStatus`].
    #[must_use]
    pub fn holder(&self) -> &Participant {
        &self.holder
    }

    /// Returns the number of the frame, or `None` when the publisher looked at its slot just then,
    /// or wrote it.
    ///
    /// # Examples
    ///
    /// See [`RingStatus`].
    #[must_use]
    pub fn seq(&self) -> Option<u64> {
        self.seq
    }
}
