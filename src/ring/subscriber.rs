//! Receiving frames.

use std::hint;
use std::mem;
use std::time::{Duration, Instant};

use ndarray::Dimension;

use super::Ring;
use super::lease::Lease;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Patience, Sighting};
use crate::sync::wait_for_change;
use crate::sys::wait;
use crate::typed::element::Element;

/// How long a subscriber spins before it sleeps. This is about the time it takes to be woken on
/// another processor, so spinning in vain never costs more than twice what sleeping at once would
/// have. With less, two processes that wait for each other and slept once would go on sleeping
/// forever: each is woken when the other sleeps again.
const LOOKING: Duration = Duration::from_micros(50);

/// How many times a subscriber looks before it reads the clock.
const LOOKS: u32 = 32;

/// How a subscriber waits for the next frame.
///
/// # Examples
///
/// See [`Subscriber::waiting`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Waiting {
    /// Spin without end. This has the shortest delay, and keeps a processor busy.
    Spin,
    /// Spin for 50 µs, then sleep. On a machine with one processor, sleep at once.
    #[default]
    SpinThenSleep,
    /// Sleep at once.
    Sleep,
}

/// Receives the frames of a ring in order, each once, and counts those that it missed.
///
/// A new subscriber begins with the newest frame. Any number of subscribers receive the same
/// frames, each at its own pace, and none can hold up the publisher. Every frame from then up to
/// the last one received was either received or missed, so
/// [`received`](Self::received) and [`missed`](Self::missed) add up to all of them. When another
/// ring takes the name, [`reopen`](Self::reopen) changes to it.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let ring = ndshm::Ring1::<u64>::options().slots(3).create_unique("doc-subscriber-", 1)?;
/// let mut publisher = ring.publisher()?;
/// let mut subscriber = ring.subscribe();
/// for number in 1..=10 {
///     publisher.publish_from(&ndarray::arr1(&[number]), ndshm::FrameMeta::new())?;
/// }
/// let frame = subscriber.recv()?; // the oldest one left
/// assert_eq!((frame[0], frame.missed()), (8, 7));
/// assert_eq!(subscriber.latest()?.expect("a frame")[0], 10);
/// assert_eq!((subscriber.received(), subscriber.missed()), (2, 8));
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a subscriber does nothing until it is asked for frames"]
pub struct Subscriber<T: Element, D: Dimension> {
    ring: Ring<T, D>,
    waiting: Waiting,
    /// Number of the last frame that was received or missed.
    position: u64,
    received: u64,
    missed: u64,
    /// Frames that were left in replaced rings. They count as missed once the next frame is
    /// received.
    left: u64,
}

impl<T: Element, D: Dimension> Ring<T, D> {
    /// Begins to receive frames, starting with the newest.
    ///
    /// # Examples
    ///
    /// See [`Subscriber`].
    pub fn subscribe(&self) -> Subscriber<T, D> {
        let position = match self.sound_frames() {
            Some(frames) => frames.before_newest(),
            None => self.published(),
        };
        let (ring, waiting) = (self.clone(), Waiting::default());
        Subscriber { ring, waiting, position, received: 0, missed: 0, left: 0 }
    }
}

impl<T: Element, D: Dimension> Subscriber<T, D> {
    /// Sets how to wait. Default: [`Waiting::SpinThenSleep`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::Ring1::<u8>::create_unique("doc-waiting-", 10)?;
    /// let mut subscriber = ring.subscribe().waiting(ndshm::Waiting::Sleep);
    /// assert!(subscriber.try_recv()?.is_none());
    /// # Ok(()) }
    /// ```
    pub fn waiting(mut self, waiting: Waiting) -> Self {
        self.waiting = waiting;
        self
    }

    /// Waits for the next frame that has not been received yet.
    ///
    /// # Errors
    ///
    /// [`Replaced`](ErrorKind::Replaced) if another segment has the ring's name and all frames were
    /// received, [`OutOfLeases`](ErrorKind::OutOfLeases) if this process holds as many leases as it
    /// may, and [`OutOfSlots`](ErrorKind::OutOfSlots) if this process is one subscriber too many.
    ///
    /// # Examples
    ///
    /// See [`Subscriber`].
    pub fn recv(&mut self) -> Result<Lease<T, D>> {
        self.recv_with(Patience::Endless)
    }

    /// Waits for the next frame, for at most `timeout` by the monotonic clock.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv), and [`Timeout`](ErrorKind::Timeout), which names the
    /// publisher.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # use std::time::Duration;
    /// let ring = ndshm::Ring1::<u8>::create_unique("doc-recv-", 10)?;
    /// let error = ring.subscribe().recv_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error.kind(), ndshm::ErrorKind::Timeout);
    /// # Ok(()) }
    /// ```
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Lease<T, D>> {
        self.recv_with(Patience::at_most(timeout))
    }

    /// Returns the next frame without waiting, or `None` if there is none yet.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv), except `Replaced`.
    ///
    /// # Examples
    ///
    /// See [`waiting`](Self::waiting).
    pub fn try_recv(&mut self) -> Result<Option<Lease<T, D>>> {
        while let Some(seen) = self.next() {
            if let Some(lease) = self.ring.lease(seen)? {
                return Ok(Some(self.take(lease, seen)));
            }
        }
        Ok(None)
    }

    /// Returns the newest frame, even if it was received before, or `None` if there is none. Older
    /// frames that were not received count as missed.
    ///
    /// # Errors
    ///
    /// Those of [`try_recv`](Self::try_recv).
    ///
    /// # Examples
    ///
    /// See [`Subscriber`].
    pub fn latest(&mut self) -> Result<Option<Lease<T, D>>> {
        while let Some(seen) = self.ring.sound_frames().and_then(|frames| frames.last()) {
            if let Some(lease) = self.ring.lease(seen)? {
                return Ok(Some(self.take(lease, seen)));
            }
        }
        Ok(None)
    }

    /// Returns the frame that was captured nearest to
    /// `capture_ns`, among those still in the ring, or `None` if there is none. Counts nothing as
    /// received or missed. The time is by the same clock as
    /// [`FrameMeta::capture_ns`](crate::FrameMeta::capture_ns).
    ///
    /// # Errors
    ///
    /// Those of [`try_recv`](Self::try_recv).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Clock, FrameMeta, Ring1};
    ///
    /// let ring = Ring1::<u8>::create_unique("doc-nearest-", 1)?;
    /// let mut publisher = ring.publisher()?;
    /// for ns in [100, 200, 300] {
    ///     publisher.loan()?.publish(FrameMeta::new().capture(ns, Clock::SOURCE));
    /// }
    /// let frame = ring.subscribe().nearest(220)?.expect("a frame");
    /// assert_eq!(frame.meta().capture_ns, 200);
    /// # Ok(()) }
    /// ```
    pub fn nearest(&self, capture_ns: u64) -> Result<Option<Lease<T, D>>> {
        loop {
            let Some(frames) = self.ring.sound_frames() else { return Ok(None) };
            let mut nearest = None;
            for seen in frames.all() {
                if let Some(captured) = self.ring.capture_time(seen) {
                    let away = (captured.abs_diff(capture_ns), seen.sequence);
                    if nearest.is_none_or(|(least, _)| away < least) {
                        nearest = Some((away, seen));
                    }
                }
            }
            let Some((_, seen)) = nearest else { return Ok(None) };
            if let lease @ Some(_) = self.ring.lease(seen)? {
                return Ok(lease);
            }
        }
    }

    /// Returns an endless iterator over the frames to come. Each step is a [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::Ring1::<u8>::create_unique("doc-iter-", 1)?;
    /// let mut publisher = ring.publisher()?;
    /// let mut subscriber = ring.subscribe();
    /// for brightness in [1, 2, 3] {
    ///     publisher.publish_from(&ndarray::arr1(&[brightness]), ndshm::FrameMeta::new())?;
    /// }
    /// let mut sum = 0;
    /// for frame in subscriber.iter().take(3) {
    ///     sum += frame?[0];
    /// }
    /// assert_eq!(sum, 6);
    /// # Ok(()) }
    /// ```
    pub fn iter(&mut self) -> Iter<'_, T, D> {
        Iter { subscriber: self }
    }

    /// Returns how many frames were received.
    ///
    /// # Examples
    ///
    /// See [`Subscriber`].
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Returns how many frames were missed: written over before they were received, or skipped.
    ///
    /// # Examples
    ///
    /// See [`Subscriber`].
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Changes to the ring that has the name now, and to its oldest frame. Call this when the ring
    /// is [`Replaced`](ErrorKind::Replaced), perhaps by a ring with other frames. The counts of
    /// received and missed frames continue. Frames left in the old ring count as missed once the
    /// next frame is received. Does nothing if the ring is still the same.
    ///
    /// # Errors
    ///
    /// Those of [`Ring::open`]. The subscriber is then unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{ErrorKind, FrameMeta, Ring2};
    ///
    /// let small = Ring2::<u8>::create_or_replace("doc-reopen-", (480, 640))?;
    /// let mut subscriber = small.subscribe();
    /// let large = Ring2::<u8>::create_or_replace("doc-reopen-", (1080, 1920))?;
    /// large.publisher()?.loan()?.publish(FrameMeta::new());
    /// let frame = match subscriber.recv() {
    ///     Err(error) if error.kind() == ErrorKind::Replaced => {
    ///         subscriber.reopen()?;
    ///         subscriber.recv()?
    ///     }
    ///     frame => frame?,
    /// };
    /// assert_eq!((frame.dim(), frame.seq()), ((1080, 1920), 1));
    /// # Ok(()) }
    /// ```
    pub fn reopen(&mut self) -> Result<()> {
        let ring = self.ring.reopen()?;
        if ring.segment.id() != self.ring.segment.id() {
            let left = self.ring.published().saturating_sub(self.position);
            self.left = self.left.saturating_add(left);
            self.ring = ring;
            self.position = 0;
        }
        Ok(())
    }

    /// Returns the ring.
    ///
    /// # Examples
    ///
    /// See [`Ring::create_or_replace`].
    #[must_use]
    pub fn ring(&self) -> &Ring<T, D> {
        &self.ring
    }

    fn next(&self) -> Option<Sighting> {
        self.ring.sound_frames()?.next_after(self.position)
    }

    fn take(&mut self, lease: Lease<T, D>, seen: Sighting) -> Lease<T, D> {
        if seen.sequence <= self.position {
            return lease;
        }
        // Saturating: over several rings, damaged numbers may add up to more than a `u64` holds.
        let missed = mem::take(&mut self.left).saturating_add(seen.sequence - self.position - 1);
        self.position = seen.sequence;
        self.received += 1;
        self.missed = self.missed.saturating_add(missed);
        lease.after_missing(missed)
    }

    fn recv_with(&mut self, patience: Patience) -> Result<Lease<T, D>> {
        loop {
            if let Some(lease) = self.try_recv()? {
                return Ok(lease);
            }
            self.wait(patience)?;
        }
    }

    /// Waits until there is a frame that has not been received yet.
    fn wait(&self, patience: Patience) -> Result<()> {
        let look = || self.next().map(drop);
        let looking = match self.waiting {
            Waiting::Spin => Duration::MAX,
            // On one processor the publisher cannot run meanwhile.
            Waiting::SpinThenSleep if wait::spins() > 0 => LOOKING,
            Waiting::SpinThenSleep | Waiting::Sleep => Duration::ZERO,
        };
        let began = Instant::now();
        while began.elapsed() < looking && !patience.is_over() {
            // This comes before the looks, which then find the last frame before the replacement.
            let replaced = self.ring.check_not_replaced();
            for _ in 0..LOOKS {
                if look().is_some() {
                    return Ok(());
                }
                hint::spin_loop();
            }
            replaced?;
        }
        match wait_for_change(&self.ring.segment, patience, look)? {
            Some(()) => Ok(()),
            None => Err(self.timeout()),
        }
    }

    #[cold]
    fn timeout(&self) -> Error {
        let segment = &self.ring.segment;
        let who = match segment.region().stripe(0).owner() {
            Some(owner) => format!("{}, publishes", segment.membership().describe(owner.slot())),
            None => "nobody publishes".into(),
        };
        Error::new(
            ErrorKind::Timeout,
            format!("brought no frame in time: {who}; wait longer, or see what the publisher does"),
        )
        .of(self.ring.name())
    }
}

/// An iterator over the frames to come. See [`Subscriber::iter`].
///
/// # Examples
///
/// See [`Subscriber::iter`].
#[derive(Debug)]
pub struct Iter<'a, T: Element, D: Dimension> {
    subscriber: &'a mut Subscriber<T, D>,
}

impl<T: Element, D: Dimension> Iterator for Iter<'_, T, D> {
    type Item = Result<Lease<T, D>>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.subscriber.recv())
    }
}
