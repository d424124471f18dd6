//! Frames that do not change while they are held.
//!
//! # Safety
//!
//! A lease in place keeps a [`Keeper`]. The keeper has the lease's word, which keeps publishers from the
//! slot, and the segment, which keeps the slot mapped. The frame's number was checked after the word was
//! stored. So no publisher writes the slot before the lease is given back, which happens when the last
//! clone is gone. Copies are ordinary memory. A [`Lease`] keeps its view beside either.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::Deref;
use std::slice;
use std::sync::Arc;

use ndarray::{ArrayRef, ArrayView, ArrayViewD, Dimension, IntoNdProducer, IxDyn};

use super::Ring;
use super::any::AnyRing;
use super::meta::FrameMeta;
use super::record::Form;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::lock::{Grip, Owner, Sighting};
use crate::npy::datum::Datum;
use crate::npy::{Order, UNIT};
use crate::segment::{Access, Segment};
use crate::typed::any::{offset_of, strides};
use crate::typed::element::Element;

/// A frame that does not change while this is held. It derefs to [`ndarray::ArrayRef`].
///
/// This is the frame itself, in shared memory. The publisher goes on in other slots. A lease may be
/// sent to other threads, and a process may hold up to [`Ring::leases`] of them. It outlives its
/// subscriber, the publisher and the ring's name. A clone is the same lease. With
/// [`Access::Observe`] it is a checked private copy instead.
///
/// Publishers never write a leased frame. A process that does makes the references from this lease
/// invalid, which is undefined behaviour. All processes that may write the segment are assumed not
/// to: see [Trust](crate#trust). A copy belongs to this process alone.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{FrameMeta, Ring1};
///
/// let ring = Ring1::<f64>::create_unique("doc-lease-", 3)?;
/// ring.publisher()?.publish_from(&ndarray::array![1.0, 2.0, 3.0], FrameMeta::new().source(7))?;
/// let frame = ring.subscribe().recv()?;
/// drop(ring);
/// assert_eq!((frame.sum(), frame.meta().source_id), (6.0, 7));
/// # Ok(()) }
/// ```
#[must_use = "a lease keeps its slot from being written"]
pub struct Lease<T: Element, D: Dimension> {
    view: ArrayView<'static, T, D>,
    /// Keeps the view's memory as it is.
    any: AnyLease,
}

/// A frame of an [`AnyRing`] that does not change while it is held: what a [`Lease`] is of a ring whose type is known.
///
/// It assumes of other processes what a [`Lease`] assumes. With [`Access::Observe`] it is a checked private copy.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{AnyRing, FrameMeta};
///
/// let ring = AnyRing::create_unique("doc-any-lease-", &"<u2".parse()?, &[2])?;
/// ring.publisher()?.publish_from(&[1, 0, 2, 0], FrameMeta::new().source(7))?;
/// let frame = ring.subscribe().recv()?;
/// assert_eq!((frame.bytes(), frame.meta().source_id), (&[1, 0, 2, 0][..], 7));
/// assert_eq!((frame.seq(), frame.missed()), (1, 0));
/// assert_eq!(frame.view::<u16>()?.sum(), 3);
/// assert_eq!(frame.at(&[1]).unwrap().to_string(), "2");
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "a lease keeps its slot from being written"]
pub struct AnyLease {
    missed: u64,
    frame: Frame,
}

/// Where a leased frame is.
#[derive(Clone)]
enum Frame {
    InPlace(Arc<Keeper>),
    Copied(Arc<Copied>),
}

/// The lease that keeps a frame in its slot, and a copy of the description, so that nobody changes
/// it after checks.
struct Keeper {
    segment: Segment,
    me: Owner,
    lease: u32,
    /// Where the frame begins in the payload, and its length.
    offset: usize,
    len: usize,
    meta: FrameMeta,
}

/// A copied frame and its description.
struct Copied {
    segment: Segment,
    /// The frame begins at a multiple of UNIT, as in a slot.
    memory: Vec<u8>,
    start: usize,
    len: usize,
    meta: FrameMeta,
}

impl Copied {
    fn blank(segment: Segment, len: usize) -> Self {
        let memory = vec![0; len + UNIT];
        let address = memory.as_ptr().addr();
        let start = address.next_multiple_of(UNIT) - address;
        Self { segment, memory, start, len, meta: FrameMeta::new() }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..][..self.len]
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let membership = self.segment.membership();
        // A forked child must not give back its copy of its parent's lease.
        if membership.registered() == Some(self.me) {
            self.segment.region().frames().give_back(membership, self.me, self.lease);
        }
    }
}

impl AnyRing {
    /// Leases the frame that was seen, or copies it; `None` if it was written over meanwhile.
    pub(super) fn lease(&self, seen: Sighting) -> Result<Option<AnyLease>> {
        let frame = match self.segment.access() {
            Access::Observe => self.copied(seen)?.map(|copy| Frame::Copied(Arc::new(copy))),
            Access::ReadWrite | Access::Read => {
                let keeper = self.keeper(seen).of(self.name())?;
                keeper.map(|keeper| Frame::InPlace(Arc::new(keeper)))
            }
        };
        Ok(frame.map(|frame| AnyLease { missed: 0, frame }))
    }

    /// When the frame that was seen was captured; `None` if it was written over meanwhile.
    pub(super) fn capture_time(&self, seen: Sighting) -> Option<u64> {
        let meta = self.form.record.meta_of(self.segment.region(), seen)?;
        Some(meta.capture_ns)
    }

    fn keeper(&self, seen: Sighting) -> Result<Option<Keeper>> {
        assert!(seen.slot < self.slots(), "slot {} of {}", seen.slot, self.slots());
        let membership = self.segment.membership();
        let me = membership.me()?;
        let lease = match self.frames().hold(membership, me, seen) {
            Grip::Held(lease) => lease,
            Grip::Gone => return Ok(None),
            Grip::TooMany => return Err(self.out_of_leases()),
        };
        let (offset, len) = (seen.slot * self.form.record.len, self.frame_len());
        let (segment, meta) = (self.segment.clone(), self.meta(seen.slot));
        Ok(Some(Keeper { segment, me, lease, offset, len, meta }))
    }

    fn copied(&self, seen: Sighting) -> Result<Option<Copied>> {
        let mut copy = Copied::blank(self.segment.clone(), self.frame_len());
        let meta = self.form.record.copy(&self.segment, seen, copy.bytes_mut())?;
        Ok(meta.map(|meta| Copied { meta, ..copy }))
    }

    #[cold]
    fn out_of_leases(&self) -> Error {
        Error::new(
            ErrorKind::OutOfLeases,
            format!(
                "has {} frames leased by this process, as many as one may have: drop some, or create it \
                 with more `leases`",
                self.leases()
            ),
        )
    }
}

impl AnyLease {
    /// Returns the frame's description.
    ///
    /// # Examples
    ///
    /// See [`AnyLease`].
    #[must_use]
    pub fn meta(&self) -> &FrameMeta {
        match &self.frame {
            Frame::InPlace(keeper) => &keeper.meta,
            Frame::Copied(copy) => &copy.meta,
        }
    }

    /// Returns the frame's number in its ring, from 1 on.
    ///
    /// # Examples
    ///
    /// See [`AnyLease`].
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.meta().seq
    }

    /// Returns how many frames its subscriber missed between the frame it received before and this
    /// one: written over or skipped.
    ///
    /// # Examples
    ///
    /// See [`AnyLease`].
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Returns the bytes of the frame.
    ///
    /// # Examples
    ///
    /// See [`AnyLease`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.frame {
            Frame::InPlace(keeper) => {
                let payload = keeper.segment.region().payload();
                // SAFETY: the frame begins within the payload, in the slot that the keeper leases, whose number was
                // checked.
                let frame = unsafe { payload.add(keeper.offset) };
                // SAFETY: the frame is that long. The keeper leases its slot and keeps it mapped.
                unsafe { slice::from_raw_parts(frame.as_ptr(), keeper.len) }
            }
            Frame::Copied(copy) => &copy.memory[copy.start..][..copy.len],
        }
    }

    /// Returns a view of the frame as elements of `T`.
    ///
    /// # Errors
    ///
    /// [`DtypeMismatch`](ErrorKind::DtypeMismatch) and [`ShapeMismatch`](ErrorKind::ShapeMismatch) when it is
    /// something else.
    ///
    /// # Examples
    ///
    /// See [`AnyLease`].
    #[expect(clippy::missing_panics_doc, reason = "as many items as the frame has make its shape")]
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'_, T>> {
        let segment = self.segment();
        let shape: IxDyn =
            Form::of(segment).and_then(|form| form.shape_of::<T, _>()).of(segment.name())?;
        let items = bytemuck::cast_slice(self.bytes());
        Ok(ArrayViewD::from_shape(shape, items).expect("as many items as the frame has"))
    }

    /// Returns the item at that index of the frame; `None` when there is none.
    ///
    /// # Examples
    ///
    /// See [`AnyLease`].
    #[must_use]
    pub fn at(&self, index: &[usize]) -> Option<Datum> {
        let Form { dtype, shape, .. } = Form::of(self.segment()).ok()?;
        let offset = offset_of(index, &shape, &strides(&dtype, &shape, Order::C))?;
        Some(Datum::read(&dtype, &self.bytes()[offset..offset + dtype.item_size()]))
    }

    pub(super) fn after_missing(self, missed: u64) -> Self {
        Self { missed, ..self }
    }

    fn segment(&self) -> &Segment {
        match &self.frame {
            Frame::InPlace(keeper) => &keeper.segment,
            Frame::Copied(copy) => &copy.segment,
        }
    }
}

impl fmt::Debug for AnyLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyLease").field("meta", self.meta()).finish_non_exhaustive()
    }
}

impl<T: Element, D: Dimension> Lease<T, D> {
    /// Returns the frame's description.
    ///
    /// # Examples
    ///
    /// See [`Lease`].
    #[must_use]
    pub fn meta(&self) -> &FrameMeta {
        self.any.meta()
    }

    /// Returns the frame's number in its ring, from 1 on.
    ///
    /// # Examples
    ///
    /// See [`Ring`].
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.meta().seq
    }

    /// Returns how many frames its subscriber missed between the frame it received before and this
    /// one: written over or skipped.
    ///
    /// # Examples
    ///
    /// See [`Ring`].
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.any.missed()
    }

    /// Returns a view of the frame, valid while this is borrowed.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::Ring1::<u8>::create_unique("doc-lease-view-", 3)?;
    /// ring.publisher()?.publish_from(&ndarray::array![1, 2, 3], ndshm::FrameMeta::new())?;
    /// assert_eq!(ring.subscribe().recv()?.view().sum(), 6);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn view(&self) -> ArrayView<'_, T, D> {
        self.view.view()
    }

    /// Takes a frame of that ring for what it is.
    pub(super) fn of(ring: &Ring<T, D>, any: AnyLease) -> Self {
        let first = any.bytes().as_ptr().cast::<T>();
        // SAFETY: frames of the ring are arrays of `T` of its shape, which was checked when it was opened; any bytes
        // are a T (Pod). A frame begins at a multiple of UNIT, which T's alignment does not exceed, also where it was
        // copied. Nobody writes it while the lease lives, which is kept beside the view; the view is never handed
        // out for longer than a borrow of both.
        let view = unsafe { ArrayView::from_shape_ptr(ring.shape.clone(), first) };
        Self { view, any }
    }
}

impl<T: Element, D: Dimension> Deref for Lease<T, D> {
    type Target = ArrayRef<T, D>;

    fn deref(&self) -> &ArrayRef<T, D> {
        &self.view
    }
}

impl<T: Element, D: Dimension> Clone for Lease<T, D> {
    fn clone(&self) -> Self {
        Self { view: self.view.clone(), any: self.any.clone() }
    }
}

impl<T: Element + fmt::Debug, D: Dimension> fmt::Debug for Lease<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

/// As `ndarray` shows arrays.
impl<T: Element + fmt::Display, D: Dimension> fmt::Display for Lease<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl<'view, T: Element, D: Dimension> From<&'view Lease<T, D>> for ArrayView<'view, T, D> {
    fn from(lease: &'view Lease<T, D>) -> Self {
        lease.view()
    }
}

impl<'view, T: Element, D: Dimension> IntoNdProducer for &'view Lease<T, D> {
    type Item = &'view T;
    type Dim = D;
    type Output = ArrayView<'view, T, D>;

    fn into_producer(self) -> Self::Output {
        self.view()
    }
}
