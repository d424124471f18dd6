//! Frames that do not change while they are held.
//!
//! # Safety
//!
//! A lease in place keeps a [`Keeper`] beside its view. The keeper has the lease's word, which
//! keeps publishers from the slot, and the segment, which keeps the slot mapped. The frame's number
//! was checked after the word was stored. So no publisher writes the slot before the lease is given
//! back, which happens when the last view is gone. Copies are ordinary memory.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use ndarray::{Array, ArrayRef, ArrayView, Dimension, IntoNdProducer};

use super::Ring;
use super::meta::FrameMeta;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::lock::{Grip, Owner, Sighting};
use crate::segment::{Access, Segment};
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
    missed: u64,
    frame: Frame<T, D>,
}

/// Where a leased frame is.
enum Frame<T: Element, D: Dimension> {
    InPlace(ArrayView<'static, T, D>, Arc<Keeper>),
    Copied(Arc<Copied<T, D>>),
}

/// The lease that keeps a frame in its slot, and a copy of the description, so that nobody changes
/// it after checks.
struct Keeper {
    segment: Segment,
    me: Owner,
    lease: u32,
    meta: FrameMeta,
}

/// A copied frame and its description.
struct Copied<T: Element, D: Dimension> {
    frame: Array<T, D>,
    meta: FrameMeta,
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

impl<T: Element, D: Dimension> Ring<T, D> {
    /// Leases a frame, or copies it if this handle may do no more. Returns `None` if it is gone.
    pub(super) fn lease(&self, seen: Sighting) -> Result<Option<Lease<T, D>>> {
        match self.segment.access() {
            Access::Observe => self.copy(seen),
            Access::ReadWrite | Access::Read => self.lease_in_place(seen).of(self.name()),
        }
    }

    /// When a frame was captured, or `None` if it is gone.
    pub(super) fn capture_time(&self, seen: Sighting) -> Option<u64> {
        let meta = self.record.meta_of(self.segment.region(), seen)?;
        Some(meta.capture_ns)
    }

    fn lease_in_place(&self, seen: Sighting) -> Result<Option<Lease<T, D>>> {
        let membership = self.segment.membership();
        let me = membership.me()?;
        let lease = match self.frames().hold(membership, me, seen) {
            Grip::Held(lease) => lease,
            Grip::Gone => return Ok(None),
            Grip::TooMany => return Err(self.out_of_leases()),
        };
        let meta = self.meta(seen.slot);
        let keeper = Arc::new(Keeper { segment: self.segment.clone(), me, lease, meta });
        // SAFETY: the keeper leases the slot and keeps the segment mapped. It is kept beside the
        // view, which is never handed out for longer than a borrow of both.
        let view = unsafe { self.frame(seen.slot) };
        Ok(Some(Lease { missed: 0, frame: Frame::InPlace(view, keeper) }))
    }

    fn copy(&self, seen: Sighting) -> Result<Option<Lease<T, D>>> {
        let mut items = vec![T::zeroed(); self.shape.size()];
        let bytes = bytemuck::cast_slice_mut(&mut items);
        let Some(meta) = self.record.copy(&self.segment, seen, bytes)? else { return Ok(None) };
        let frame = Array::from_shape_vec(self.shape.clone(), items);
        let frame = frame.expect("a vector made for the shape has its length");
        Ok(Some(Lease { missed: 0, frame: Frame::Copied(Arc::new(Copied { frame, meta })) }))
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

impl<T: Element, D: Dimension> Lease<T, D> {
    /// Returns the frame's description.
    ///
    /// # Examples
    ///
    /// See [`Lease`].
    #[must_use]
    pub fn meta(&self) -> &FrameMeta {
        match &self.frame {
            Frame::InPlace(_, keeper) => &keeper.meta,
            Frame::Copied(copy) => &copy.meta,
        }
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
        self.missed
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
        match &self.frame {
            Frame::InPlace(view, _) => view.view(),
            Frame::Copied(copy) => copy.frame.view(),
        }
    }

    pub(super) fn after_missing(self, missed: u64) -> Self {
        Self { missed, ..self }
    }
}

impl<T: Element, D: Dimension> Deref for Lease<T, D> {
    type Target = ArrayRef<T, D>;

    fn deref(&self) -> &ArrayRef<T, D> {
        match &self.frame {
            Frame::InPlace(view, _) => view,
            Frame::Copied(copy) => &copy.frame,
        }
    }
}

impl<T: Element, D: Dimension> Clone for Lease<T, D> {
    fn clone(&self) -> Self {
        let frame = match &self.frame {
            Frame::InPlace(view, keeper) => Frame::InPlace(view.clone(), Arc::clone(keeper)),
            Frame::Copied(copy) => Frame::Copied(Arc::clone(copy)),
        };
        Self { missed: self.missed, frame }
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
