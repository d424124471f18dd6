//! Writing frames, whatever their items are.
//!
//! # Safety
//!
//! An [`AnyPublisher`] owns the ring's lock, which every publisher takes, so nobody else claims slots.
//! An [`AnyLoan`] has a claimed slot. Its number is cleared and no lease names it, so no reference to
//! it is left. There will be none before it is published, which ends the loan. One publisher has
//! one loan at a time, since a loan borrows it.
#![allow(unsafe_code)]

use std::fmt;
use std::slice;
use std::time::Duration;

use ndarray::{ArrayViewMutD, IxDyn};

use super::any::AnyRing;
use super::meta::{Clock, FrameMeta};
use super::publisher::Overflow;
use crate::error::{Error, ErrorKind, Result, ResultExt, size};
use crate::lock::Patience;
use crate::segment::Segment;
use crate::steps::step;
use crate::sync::{Demand, Hold, Mode, Regard, acquired};
use crate::sys::clock;
use crate::typed::element::Element;

/// Writes frames into an [`AnyRing`]. This is what a [`Publisher`](crate::Publisher) is to a ring
/// whose type is known.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{AnyRing, FrameMeta};
///
/// let ring = AnyRing::create_unique("doc-any-publisher-", &"<u2".parse()?, &[2])?;
/// let mut publisher = ring.publisher()?;
/// let mut frame = publisher.loan()?;
/// frame.view_mut::<u16>()?[1] = 7; // in place
/// assert_eq!(frame.bytes(), [0, 0, 7, 0]);
/// assert_eq!(frame.publish(FrameMeta::new()), 1);
/// assert_eq!(publisher.publish_from(&[1, 0, 2, 0], FrameMeta::new())?, 2);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct AnyPublisher {
    ring: AnyRing,
    hold: Hold<Segment>,
    overflow: Overflow,
}

impl AnyRing {
    /// Becomes the ring's publisher: see [`Ring::publisher`](crate::Ring::publisher).
    ///
    /// # Errors
    ///
    /// Those of [`Ring::publisher`](crate::Ring::publisher).
    ///
    /// # Examples
    ///
    /// See [`AnyPublisher`].
    pub fn publisher(&self) -> Result<AnyPublisher> {
        let taken = self.publish_with(Patience::None)?;
        taken.ok_or_else(|| self.busy())
    }

    /// Becomes the ring's publisher. Waits at most `timeout` for the present one.
    ///
    /// # Errors
    ///
    /// Those of [`publisher`](Self::publisher), with [`Timeout`](ErrorKind::Timeout) in place of
    /// `Busy`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # use std::time::Duration;
    /// let ring = ndshm::AnyRing::create_unique("doc-any-publisher-", &"|u1".parse()?, &[2])?;
    /// let publisher = ring.publisher_timeout(Duration::from_secs(1))?;
    /// # Ok(()) }
    /// ```
    pub fn publisher_timeout(&self, timeout: Duration) -> Result<AnyPublisher> {
        self.publish_with(Patience::at_most(timeout)).map(acquired)
    }

    fn publish_with(&self, patience: Patience) -> Result<Option<AnyPublisher>> {
        self.segment.writable()?;
        self.check_not_replaced()?;
        // As for a commit: a publisher that dies leaves no poison, since a frame without a number
        // does not exist.
        let demand = Demand { stripes: 0..1, mode: Mode::Commit, patience, regard: Regard::Accept };
        let Some(mut hold) = Hold::untracked(self.segment.clone(), &demand)? else {
            return Ok(None);
        };
        self.frames().take_over();
        if hold.poison().is_some() {
            // The machine stopped before the file was synced, so any frame may be a mixture.
            self.frames().forget_all();
            hold.mark_consistent();
        }
        step!("publisher: took over");
        Ok(Some(AnyPublisher { ring: self.clone(), hold, overflow: Overflow::DropOldest }))
    }

    #[cold]
    fn busy(&self) -> Error {
        let owner = self.segment.region().stripe(0).owner();
        let who = match owner {
            Some(owner) => self.segment.membership().describe(owner.slot()),
            None => "somebody who is done by now".into(),
        };
        Error::new(
            ErrorKind::Busy,
            format!("is published by {who}: wait with `publisher_timeout`, or end that one"),
        )
        .of(self.name())
    }
}

impl AnyPublisher {
    /// Sets what to do when every slot is leased: see [`Publisher::overflow`](crate::Publisher::overflow).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # use std::time::Duration;
    /// let ring = ndshm::AnyRing::create_unique("doc-any-overflow-", &"|u1".parse()?, &[2])?;
    /// let publisher = ring.publisher()?.overflow(ndshm::Overflow::Wait(Duration::from_secs(1)));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Returns the ring.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::AnyRing::create_unique("doc-any-publisher-", &"|u1".parse()?, &[2])?;
    /// assert_eq!(ring.publisher()?.ring().name(), ring.name());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn ring(&self) -> &AnyRing {
        &self.ring
    }

    /// Takes a slot for the next frame: see [`Publisher::loan`](crate::Publisher::loan).
    ///
    /// # Errors
    ///
    /// Those of [`Publisher::loan`](crate::Publisher::loan).
    ///
    /// # Examples
    ///
    /// See [`AnyPublisher`].
    pub fn loan(&mut self) -> Result<AnyLoan<'_>> {
        if !self.hold.is_ours() {
            return Err(Error::new(
                ErrorKind::Busy,
                "is published by the process that this one was forked from: call `publisher` here",
            )
            .of(self.ring.name()));
        }
        self.ring.check_not_replaced()?;
        let slot = self.claim().of(self.ring.name())?;
        Ok(AnyLoan { slot, publisher: self })
    }

    /// Publishes a copy of `frame`, which is given as bytes, and returns its number.
    ///
    /// # Errors
    ///
    /// Those of [`loan`](Self::loan), and [`ShapeMismatch`](ErrorKind::ShapeMismatch) when `frame`
    /// has another number of bytes than a frame of the ring.
    ///
    /// # Examples
    ///
    /// See [`AnyPublisher`].
    pub fn publish_from(&mut self, frame: &[u8], meta: FrameMeta) -> Result<u64> {
        if frame.len() != self.ring.frame_len() {
            return Err(Error::new(
                ErrorKind::ShapeMismatch,
                format!(
                    "holds frames of {}, asked to publish one of {}",
                    size(self.ring.frame_len()),
                    size(frame.len())
                ),
            )
            .of(self.ring.name()));
        }
        let mut loan = self.loan()?;
        loan.bytes_mut().copy_from_slice(frame);
        Ok(loan.publish(meta))
    }

    fn claim(&self) -> Result<usize> {
        let (frames, slots) = (self.ring.frames(), self.ring.segment.membership());
        let claimed = match self.overflow {
            Overflow::DropOldest => frames.claim(slots)?,
            Overflow::Wait(timeout) => frames.claim_within(slots, Patience::at_most(timeout))?,
        };
        claimed.ok_or_else(|| {
            frames.count_drop();
            self.all_leased()
        })
    }

    #[cold]
    fn all_leased(&self) -> Error {
        let segment = &self.ring.segment;
        let (region, membership) = (segment.region(), segment.membership());
        let leased = |slot: u32| {
            let count = (0..region.leases()).filter(|&lease| region.is_leased(slot, lease)).count();
            (count > 0).then(|| format!("{count} by {}", membership.describe(slot)))
        };
        let who: Vec<_> = (0..region.participants()).filter_map(leased).collect();
        let (kind, when) = match self.overflow {
            Overflow::DropOldest => (ErrorKind::Full, "are leased"),
            Overflow::Wait(_) => (ErrorKind::Timeout, "stayed leased"),
        };
        Error::new(
            kind,
            format!(
                "dropped a frame, since all {} slots {when}, {}: create it with more slots, at least \
                 leases × subscribing processes + 2",
                self.ring.slots(),
                who.join(", ")
            ),
        )
    }
}

/// A slot to write a frame into. If it is dropped, it publishes nothing. It assumes of other processes what a
/// [`WriteGuard`](crate::WriteGuard) assumes.
///
/// # Examples
///
/// See [`AnyPublisher`].
#[must_use = "a loan that is dropped publishes nothing"]
pub struct AnyLoan<'a> {
    slot: usize,
    publisher: &'a mut AnyPublisher,
}

impl AnyLoan<'_> {
    /// Returns the bytes of the frame.
    ///
    /// # Examples
    ///
    /// See [`AnyPublisher`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let ring = &self.publisher.ring;
        // SAFETY: the frame is that long. The slot is claimed by this loan, so nobody writes it while this is
        // borrowed.
        unsafe { slice::from_raw_parts(ring.frame_in(self.slot).as_ptr(), ring.frame_len()) }
    }

    /// Returns the bytes of the frame, to be written.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::AnyRing::create_unique("doc-any-loan-", &"|u1".parse()?, &[2])?;
    /// let mut publisher = ring.publisher()?;
    /// publisher.loan()?.bytes_mut().fill(7);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let ring = &self.publisher.ring;
        // SAFETY: the frame is that long, and mapped for writing, which was checked when its publisher became one.
        // The slot is claimed by this loan, which is borrowed alone. Any bytes are an item of any dtype.
        unsafe { slice::from_raw_parts_mut(ring.frame_in(self.slot).as_ptr(), ring.frame_len()) }
    }

    /// Returns a view of the frame as elements of `T`, to be written.
    ///
    /// # Errors
    ///
    /// [`DtypeMismatch`](ErrorKind::DtypeMismatch) and [`ShapeMismatch`](ErrorKind::ShapeMismatch) when it is
    /// something else.
    ///
    /// # Examples
    ///
    /// See [`AnyPublisher`].
    #[expect(clippy::missing_panics_doc, reason = "as many items as the frame has make its shape")]
    pub fn view_mut<T: Element>(&mut self) -> Result<ArrayViewMutD<'_, T>> {
        let ring = &self.publisher.ring;
        let shape: IxDyn = ring.form.shape_of::<T, IxDyn>().of(ring.name())?;
        let items = bytemuck::cast_slice_mut(self.bytes_mut());
        Ok(ArrayViewMutD::from_shape(shape, items).expect("as many items as the frame has"))
    }

    /// Publishes the frame to all subscribers, wakes those that sleep, and returns its number.
    ///
    /// This fills in `seq`, `publish_ns`, `publish_clock` and `dropped` of the description. A
    /// forked child may not publish its copy of its parent's loan: the call publishes nothing and
    /// returns 0.
    ///
    /// # Examples
    ///
    /// See [`AnyPublisher`].
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn publish(self, meta: FrameMeta) -> u64 {
        let Self { slot, publisher } = self;
        if !publisher.hold.is_ours() {
            return 0;
        }
        let ring = &publisher.ring;
        let frames = ring.frames();
        let seq = frames.next_number();
        let meta = FrameMeta {
            seq,
            publish_ns: clock::monotonic_ns(),
            publish_clock: Clock::MONOTONIC,
            dropped: frames.dropped(),
            ..meta
        };
        ring.write_meta(slot, &meta);
        frames.publish(slot, &ring.segment.membership().peers(0));
        seq
    }
}

impl fmt::Debug for AnyLoan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyLoan").field("ring", &self.publisher.ring.name()).finish_non_exhaustive()
    }
}
