//! Receiving frames, whatever their items are.

use std::hint;
use std::mem;
use std::time::{Duration, Instant};

use super::any::AnyRing;
use super::lease::AnyLease;
use super::subscriber::Waiting;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Patience, Sighting};
use crate::sync::wait_for_change;
use crate::sys::wait;

/// How long a subscriber spins before it sleeps. This is about the time it takes to be woken on
/// another processor, so spinning in vain never costs more than twice what sleeping at once would
/// have. With less, two processes that wait for each other and slept once would go on sleeping
/// forever: each is woken when the other sleeps again.
const LOOKING: Duration = Duration::from_micros(50);

/// How many times a subscriber looks before it reads the clock.
const LOOKS: u32 = 32;

/// Receives the frames of an [`AnyRing`]. This is what a [`Subscriber`](crate::Subscriber) is to a
/// ring whose type is known.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{AnyRing, FrameMeta};
///
/// let ring = AnyRing::create_unique("doc-any-subscriber-", &"|u1".parse()?, &[2])?;
/// let mut publisher = ring.publisher()?;
/// let mut subscriber = ring.subscribe();
/// assert!(subscriber.try_recv()?.is_none());
/// publisher.publish_from(&[1, 2], FrameMeta::new())?;
/// assert_eq!(subscriber.recv()?.bytes(), [1, 2]);
/// publisher.publish_from(&[3, 4], FrameMeta::new())?;
/// assert_eq!(subscriber.latest()?.expect("a frame").bytes(), [3, 4]);
/// assert_eq!((subscriber.received(), subscriber.missed()), (2, 0));
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a subscriber does nothing until it is asked for frames"]
pub struct AnySubscriber {
    ring: AnyRing,
    waiting: Waiting,
    /// Number of the last frame that was received or missed.
    position: u64,
    received: u64,
    missed: u64,
    /// Frames that were left in replaced rings. They count as missed once the next frame is
    /// received.
    left: u64,
}

impl AnyRing {
    /// Begins to receive frames, starting with the newest.
    ///
    /// # Examples
    ///
    /// See [`AnySubscriber`].
    pub fn subscribe(&self) -> AnySubscriber {
        let position = match self.sound_frames() {
            Some(frames) => frames.before_newest(),
            None => self.published(),
        };
        let (ring, waiting) = (self.clone(), Waiting::default());
        AnySubscriber { ring, waiting, position, received: 0, missed: 0, left: 0 }
    }
}

impl AnySubscriber {
    /// Sets how to wait. Default: [`Waiting::SpinThenSleep`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::AnyRing::create_unique("doc-any-waiting-", &"|u1".parse()?, &[2])?;
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
    /// Those of [`Subscriber::recv`](crate::Subscriber::recv).
    ///
    /// # Examples
    ///
    /// See [`AnySubscriber`].
    pub fn recv(&mut self) -> Result<AnyLease> {
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
    /// let ring = ndshm::AnyRing::create_unique("doc-any-recv-", &"|u1".parse()?, &[2])?;
    /// let error = ring.subscribe().recv_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error.kind(), ndshm::ErrorKind::Timeout);
    /// # Ok(()) }
    /// ```
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<AnyLease> {
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
    /// See [`AnySubscriber`].
    pub fn try_recv(&mut self) -> Result<Option<AnyLease>> {
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
    /// See [`AnySubscriber`].
    pub fn latest(&mut self) -> Result<Option<AnyLease>> {
        while let Some(seen) = self.ring.sound_frames().and_then(|frames| frames.last()) {
            if let Some(lease) = self.ring.lease(seen)? {
                return Ok(Some(self.take(lease, seen)));
            }
        }
        Ok(None)
    }

    /// Returns the frame that was captured nearest to `capture_ns`: see
    /// [`Subscriber::nearest`](crate::Subscriber::nearest).
    ///
    /// # Errors
    ///
    /// Those of [`try_recv`](Self::try_recv).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{AnyRing, Clock, FrameMeta};
    ///
    /// let ring = AnyRing::create_unique("doc-any-nearest-", &"|u1".parse()?, &[2])?;
    /// ring.publisher()?.loan()?.publish(FrameMeta::new().capture(100, Clock::SOURCE));
    /// let frame = ring.subscribe().nearest(220)?.expect("a frame");
    /// assert_eq!(frame.meta().capture_ns, 100);
    /// # Ok(()) }
    /// ```
    pub fn nearest(&self, capture_ns: u64) -> Result<Option<AnyLease>> {
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

    /// Returns how many frames were received.
    ///
    /// # Examples
    ///
    /// See [`AnySubscriber`].
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Returns how many frames were missed.
    ///
    /// # Examples
    ///
    /// See [`AnySubscriber`].
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Goes over to the ring that has the name now: see [`Subscriber::reopen`](crate::Subscriber::reopen).
    ///
    /// # Errors
    ///
    /// Those of [`AnyRing::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::AnyRing;
    ///
    /// let small = AnyRing::create("doc-any-reopen", &"|u1".parse()?, &[2])?;
    /// let mut subscriber = small.subscribe();
    /// let large = AnyRing::create_or_replace("doc-any-reopen", &"|u1".parse()?, &[20])?;
    /// subscriber.reopen()?;
    /// assert_eq!(subscriber.ring().shape(), [20]);
    /// # Ok(()) }
    /// ```
    pub fn reopen(&mut self) -> Result<()> {
        let ring = self.ring.reopen()?;
        self.go_over_to(ring);
        Ok(())
    }

    /// Returns the ring.
    ///
    /// # Examples
    ///
    /// See [`reopen`](Self::reopen).
    #[must_use]
    pub fn ring(&self) -> &AnyRing {
        &self.ring
    }

    pub(super) fn go_over_to(&mut self, ring: AnyRing) {
        if ring.segment.id() != self.ring.segment.id() {
            let left = self.ring.published().saturating_sub(self.position);
            self.left = self.left.saturating_add(left);
            self.ring = ring;
            self.position = 0;
        }
    }

    fn next(&self) -> Option<Sighting> {
        self.ring.sound_frames()?.next_after(self.position)
    }

    fn take(&mut self, lease: AnyLease, seen: Sighting) -> AnyLease {
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

    fn recv_with(&mut self, patience: Patience) -> Result<AnyLease> {
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
