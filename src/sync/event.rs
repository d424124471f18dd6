//! Events: something happened, and everybody who waited for it continues.

use std::fmt;
use std::time::Duration;

use super::change::wait_for_change;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Flag, Passage, Patience};
use crate::npy::Dtype;
use crate::npy::scalar::Scalar;
use crate::segment::{Creates, Kind, Opens, Options, Plan, Segment, Settings, handle};

/// A flag in shared memory that processes set and wait for, attached by name.
///
/// A *manual-reset* event, the default, stays set until it is cleared. It lets everybody through
/// who waits already or comes meanwhile, as Python's `multiprocessing.Event` does. An *auto-reset*
/// event lets one waiter through each time it is set, and is cleared by that.
///
/// Its state is one atomic word, so a process killed at any instruction leaves it set or not set. A
/// killed setter or waiter delays the others by 100 ms at most. NumPy sees a 0-d `uint32`, 0 or 1.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let ready = ndshm::Event::create("doc-ready")?;
/// let setter = std::thread::spawn(|| ndshm::Event::open("doc-ready")?.set());
/// ready.wait()?;
/// assert!(ready.is_set());
/// # setter.join().unwrap()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Event {
    segment: Segment,
}

handle! {
    /// It stays set until it is cleared, unless the options say [`auto_reset`](Options::auto_reset).
    impl[] Event, "event", "an event", "ndshm::Event", given "", |it| &it.segment;
    create() => ()
}

impl Opens for Event {
    fn check(segment: Segment) -> Result<Self> {
        let control = segment.control();
        if !matches!(control.kind, Kind::Event | Kind::AutoResetEvent) {
            return Err(control.kind.mismatch(Kind::Event));
        }
        if control.dtype != DTYPE || !control.shape.is_empty() {
            let problem = "is damaged: it is an Event without a word for its state; remove it and create it anew";
            return Err(Error::new(ErrorKind::Corrupt, problem));
        }
        Ok(Self { segment })
    }
}

impl Creates for Event {
    type Start = ();

    fn plan(settings: &Settings, (): &()) -> Result<Plan> {
        let kind = if settings.auto_reset { Kind::AutoResetEvent } else { Kind::Event };
        Plan::new(settings, kind, DTYPE, Vec::new())
    }
}

impl Event {
    /// Sets the event and wakes the waiters: all of them, or one if it resets itself.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](ErrorKind::ReadOnly) when the event was opened for reading only.
    ///
    /// # Examples
    ///
    /// See [`Event`].
    pub fn set(&self) -> Result<()> {
        self.segment.writable()?;
        self.flag().set(&self.segment.membership().peers(0));
        Ok(())
    }

    /// Clears the event. Those who wait from now on wait for the next [`set`](Self::set). Whoever
    /// clears an event that was set sees what the setter wrote before.
    ///
    /// # Errors
    ///
    /// Those of [`set`](Self::set).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let event = ndshm::Event::create_unique("doc-clear-")?;
    /// event.set()?;
    /// event.clear()?;
    /// assert!(!event.is_set());
    /// # Ok(()) }
    /// ```
    pub fn clear(&self) -> Result<()> {
        self.segment.writable()?;
        self.flag().clear();
        Ok(())
    }

    /// Returns whether the event is set. This does not clear an event that resets itself.
    ///
    /// # Examples
    ///
    /// See [`Event`].
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.flag().is_set()
    }

    /// Waits until the event is set. Clears it if it resets itself.
    ///
    /// # Errors
    ///
    /// [`Replaced`](ErrorKind::Replaced) when another segment has its name by now, and
    /// [`ReadOnly`](ErrorKind::ReadOnly) when it resets itself and was opened for reading only.
    ///
    /// # Examples
    ///
    /// See [`Event`].
    pub fn wait(&self) -> Result<()> {
        self.wait_with(Patience::Endless)
    }

    /// Waits until the event is set, for at most `timeout` by the monotonic clock.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout), never early, and those of [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # use std::time::Duration;
    /// let event = ndshm::Event::create_unique("doc-wait-timeout-")?;
    /// let error = event.wait_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error.kind(), ndshm::ErrorKind::Timeout);
    /// # Ok(()) }
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> Result<()> {
        self.wait_with(Patience::at_most(timeout))
    }

    /// Returns whether the event is set, without waiting. Clears it if it resets itself.
    ///
    /// # Errors
    ///
    /// Those of [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let turnstile = ndshm::Event::options().auto_reset().create_unique("doc-try-wait-")?;
    /// turnstile.set()?;
    /// assert!(turnstile.try_wait()?);
    /// assert!(!turnstile.try_wait()?);
    /// # Ok(()) }
    /// ```
    pub fn try_wait(&self) -> Result<bool> {
        self.may_pass()?;
        Ok(self.flag().pass().is_some())
    }

    /// Returns whether the event resets itself.
    ///
    /// # Examples
    ///
    /// See [`auto_reset`](Options::auto_reset).
    #[must_use]
    pub fn resets_itself(&self) -> bool {
        self.passage() == Passage::Closes
    }

    fn wait_with(&self, patience: Patience) -> Result<()> {
        self.may_pass()?;
        let flag = self.flag();
        wait_for_change(&self.segment, patience, || flag.pass())?.ok_or_else(|| {
            Error::new(
                ErrorKind::Timeout,
                "was not set in time: wait longer, or see what its setter does",
            )
            .of(self.name())
        })
    }

    /// Fails when passing the event would change it and this handle may not change it.
    fn may_pass(&self) -> Result<()> {
        if self.resets_itself() { self.segment.writable() } else { Ok(()) }
    }

    fn flag(&self) -> Flag<'_> {
        let region = self.segment.region();
        let (state, bell) = (region.payload_atomic(), region.state().bell());
        Flag { state, bell, passage: self.passage() }
    }

    fn passage(&self) -> Passage {
        match self.segment.control().kind {
            Kind::AutoResetEvent => Passage::Closes,
            _ => Passage::StaysOpen,
        }
    }
}

/// See [`Segment`]: the kind and the name.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segment.fmt(f)
    }
}

/// The state's dtype.
const DTYPE: Dtype = Dtype::Scalar(Scalar::U32);

/// Options of events.
impl Options<Event> {
    /// Makes the event reset itself: each [`set`](Event::set) lets one waiter through.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let turnstile = ndshm::Event::options().auto_reset().create_unique("doc-auto-")?;
    /// assert!(turnstile.resets_itself());
    /// turnstile.set()?;
    /// turnstile.wait()?;
    /// assert!(!turnstile.is_set());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn auto_reset(self) -> Self {
        self.set_auto_reset()
    }
}
