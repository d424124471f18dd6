//! Writing frames.
//!
//! # Safety
//!
//! A [`Publisher`] owns the ring's lock, which every publisher takes, so nobody else claims slots.
//! A [`Loan`] has a claimed slot. Its number is cleared and no lease names it, so no reference to
//! it is left. There will be none before it is published, which ends the loan. One publisher has
//! one loan at a time, since a loan borrows it.
#![allow(unsafe_code)]

use std::fmt;
use std::num::NonZero;
use std::ops::{Deref, DerefMut};
use std::thread;
use std::time::Duration;

use ndarray::{ArrayRef, ArrayViewMut, Dimension};

use super::Ring;
use super::copy::{copy, shares_of};
use super::meta::{Clock, FrameMeta};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::lock::Patience;
use crate::segment::Segment;
use crate::steps::step;
use crate::sync::{Demand, Hold, Mode, Regard, acquired};
use crate::sys::clock;
use crate::typed::element::Element;

/// What a publisher does when every slot is leased.
///
/// # Examples
///
/// See [`Publisher::overflow`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Never wait. Write over the oldest frame that nobody leases. If all are leased, the new frame
    /// is dropped and counted.
    #[default]
    DropOldest,
    /// Wait at most this long for a lease to end. After that, the error names the processes that
    /// hold the slots, and the frame is dropped and counted.
    Wait(Duration),
}

/// The right to publish frames in a ring, which one process and thread has at a time. Another may
/// have it when this is dropped, or at once when its process dies.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{ErrorKind, FrameMeta, Ring1};
///
/// let ring = Ring1::<f32>::create_unique("doc-publisher-", 1024)?;
/// let mut publisher = ring.publisher()?;
/// assert_eq!(ring.publisher().unwrap_err().kind(), ErrorKind::Busy);
///
/// let mut subscriber = ring.subscribe();
/// for volume in [0.5, 0.25] {
///     let mut frame = publisher.loan()?;
///     frame.fill(volume);
///     frame.publish(FrameMeta::new());
/// }
/// assert_eq!(subscriber.recv()?[0], 0.5);
/// assert_eq!(subscriber.recv()?[0], 0.25);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Publisher<T: Element, D: Dimension> {
    ring: Ring<T, D>,
    hold: Hold<Segment>,
    overflow: Overflow,
    /// 0 means one on each processor, until the number of processors is known.
    copy_threads: usize,
}

impl<T: Element, D: Dimension> Ring<T, D> {
    /// Becomes the ring's publisher. If the last publisher died, the frames that it published stay.
    ///
    /// # Errors
    ///
    /// [`Busy`](ErrorKind::Busy) while another publisher exists, which it names;
    /// [`ReadOnly`](ErrorKind::ReadOnly), [`Replaced`](ErrorKind::Replaced), and
    /// [`OutOfSlots`](ErrorKind::OutOfSlots).
    ///
    /// # Examples
    ///
    /// See [`Publisher`].
    pub fn publisher(&self) -> Result<Publisher<T, D>> {
        let taken = self.publish_with(Patience::None)?;
        taken.ok_or_else(|| self.busy())
    }

    /// Becomes the ring's publisher. Waits at most `timeout` for the present one.
    ///
    /// # Errors
    ///
    /// Those of [`publisher`](Self::publisher), with [`Timeout`](ErrorKind::Timeout) for `Busy`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # use std::time::Duration;
    /// let ring = ndshm::Ring1::<f32>::create_unique("doc-publisher-", 1024)?;
    /// let publisher = ring.publisher_timeout(Duration::from_secs(1))?;
    /// # Ok(()) }
    /// ```
    pub fn publisher_timeout(&self, timeout: Duration) -> Result<Publisher<T, D>> {
        self.publish_with(Patience::at_most(timeout)).map(acquired)
    }

    fn publish_with(&self, patience: Patience) -> Result<Option<Publisher<T, D>>> {
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
        let (ring, overflow) = (self.clone(), Overflow::DropOldest);
        Ok(Some(Publisher { ring, hold, overflow, copy_threads: 0 }))
    }

    pub(super) fn check_not_replaced(&self) -> Result<()> {
        if self.segment.region().state().is_replaced() {
            return Err(Error::new(
                ErrorKind::Replaced,
                "was replaced by another segment of its name: `reopen` it",
            )
            .of(self.name()));
        }
        Ok(())
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

impl<T: Element, D: Dimension> Publisher<T, D> {
    /// Sets what to do when every slot is leased. Default: [`Overflow::DropOldest`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use std::time::Duration;
    /// use ndshm::{ErrorKind, FrameMeta, Overflow, Ring1};
    ///
    /// let ring = Ring1::<u8>::options().slots(2).create_unique("doc-overflow-", 1)?;
    /// let mut publisher = ring.publisher()?.overflow(Overflow::Wait(Duration::from_millis(1)));
    /// let mut subscriber = ring.subscribe();
    /// let leases = [0, 1].map(|_| {
    ///     publisher.loan().unwrap().publish(FrameMeta::new());
    ///     subscriber.recv().unwrap()
    /// });
    /// assert_eq!(publisher.loan().unwrap_err().kind(), ErrorKind::Timeout); // names who leases
    /// assert_eq!(ring.dropped(), 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Sets how many threads [`publish_from`](Self::publish_from) copies a frame with. Each thread
    /// copies at least 4 MiB. 0, the default, means one thread on each processor.
    ///
    /// With 1, no thread is started, and the copy never waits for a processor that others keep
    /// busy.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{FrameMeta, Ring2};
    ///
    /// let ring = Ring2::<f32>::create_unique("doc-copy-threads-", (2160, 3840))?;
    /// let mut publisher = ring.publisher()?.copy_threads(1);
    /// let height_map = ndarray::Array2::from_elem((2160, 3840), 0.5);
    /// publisher.publish_from(&height_map, FrameMeta::new())?;
    /// assert_eq!(*ring.subscribe().recv()?, height_map);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn copy_threads(mut self, threads: usize) -> Self {
        self.copy_threads = threads;
        self
    }

    /// Returns the ring.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let publisher = ndshm::Ring1::<u8>::create_unique("doc-publisher-", 10)?.publisher()?;
    /// assert_eq!(publisher.ring().published(), 0);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn ring(&self) -> &Ring<T, D> {
        &self.ring
    }

    /// Takes a slot for the next frame: the one with the oldest frame that nobody leases. Until it
    /// is written, it holds what some frame left there, or zeros.
    ///
    /// # Errors
    ///
    /// [`Full`](ErrorKind::Full) if every slot is leased. The frame is then dropped and counted.
    /// With [`Overflow::Wait`] the error is [`Timeout`](ErrorKind::Timeout).
    /// [`Replaced`](ErrorKind::Replaced) if another segment has the ring's name.
    ///
    /// # Examples
    ///
    /// See [`Publisher`].
    pub fn loan(&mut self) -> Result<Loan<'_, T, D>> {
        if !self.hold.is_ours() {
            return Err(Error::new(
                ErrorKind::Busy,
                "is published by the process that this one was forked from: call `publisher` here",
            )
            .of(self.ring.name()));
        }
        self.ring.check_not_replaced()?;
        let slot = self.claim().of(self.ring.name())?;
        // SAFETY: the one publisher claimed the slot. Its segment is mapped for writing, which was
        // checked when it became the publisher, and stays so, since the loan borrows the publisher.
        let frame = unsafe { self.ring.frame_mut(slot) };
        Ok(Loan { frame, slot, publisher: self })
    }

    /// Publishes a copy of `frame` and returns its number. Several threads copy frames of 8 MiB and
    /// more: see [`copy_threads`](Self::copy_threads).
    ///
    /// # Errors
    ///
    /// Those of [`loan`](Self::loan), and [`ShapeMismatch`](ErrorKind::ShapeMismatch).
    ///
    /// # Examples
    ///
    /// See [`Ring::published`].
    pub fn publish_from(&mut self, frame: &ArrayRef<T, D>, meta: FrameMeta) -> Result<u64> {
        if frame.shape() != self.ring.shape() {
            return Err(Error::new(
                ErrorKind::ShapeMismatch,
                format!(
                    "holds frames of shape {:?}, asked to publish one of shape {:?}",
                    self.ring.shape(),
                    frame.shape()
                ),
            )
            .of(self.ring.name()));
        }
        if self.copy_threads == 0 && shares_of(frame) > 1 {
            self.copy_threads = thread::available_parallelism().map_or(1, NonZero::get);
        }
        let threads = self.copy_threads;
        let mut loan = self.loan()?;
        copy(loan.view_mut(), frame.view(), threads);
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

/// A slot to write a frame into. It derefs to [`ndarray::ArrayRef`]. If it is dropped, it publishes
/// nothing. It assumes of other processes what a [`WriteGuard`](crate::WriteGuard) assumes.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{FrameMeta, Ring2};
///
/// let ring = Ring2::<u8>::create_unique("doc-loan-", (4, 4))?;
/// let mut publisher = ring.publisher()?;
/// drop(publisher.loan()?);
/// assert_eq!(ring.published(), 0);
///
/// let mut frame = publisher.loan()?;
/// frame.row_mut(0).fill(1);
/// assert_eq!(frame.publish(FrameMeta::new()), 1);
/// # Ok(()) }
/// ```
#[must_use = "a loan that is dropped publishes nothing"]
pub struct Loan<'a, T: Element, D: Dimension> {
    frame: ArrayViewMut<'static, T, D>,
    slot: usize,
    publisher: &'a mut Publisher<T, D>,
}

impl<T: Element, D: Dimension> Loan<'_, T, D> {
    /// Publishes the frame to all subscribers, wakes those that sleep, and returns its number.
    ///
    /// This fills in `seq`, `publish_ns`, `publish_clock` and `dropped` of the description. A
    /// forked child may not publish its copy of its parent's loan: the call publishes nothing and
    /// returns 0.
    ///
    /// # Examples
    ///
    /// See [`Loan`].
    pub fn publish(self, meta: FrameMeta) -> u64 {
        let Self { slot, publisher, .. } = self;
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

impl<T: Element, D: Dimension> Deref for Loan<'_, T, D> {
    type Target = ArrayRef<T, D>;

    fn deref(&self) -> &ArrayRef<T, D> {
        &self.frame
    }
}

impl<T: Element, D: Dimension> DerefMut for Loan<'_, T, D> {
    fn deref_mut(&mut self) -> &mut ArrayRef<T, D> {
        &mut self.frame
    }
}

impl<T: Element + fmt::Debug, D: Dimension> fmt::Debug for Loan<'_, T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.frame.fmt(f)
    }
}
