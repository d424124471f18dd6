//! Events: something happened, and everybody who waits for it goes on.

use std::fmt;
use std::time::Duration;

use super::change::wait_for_change;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::lock::{Flag, Passage, Patience};
use crate::npy::Dtype;
use crate::npy::scalar::Scalar;
use crate::segment::{
    Address, Blueprint, Draft, Handle, Kind, Lifetime, Name, Options, Origin, Segment,
    create_unique, open_or_create,
};

/// A flag in shared memory that processes set and wait for, attached by name.
///
/// A *manual-reset* event, the default, stays set until it is cleared and lets everybody through who
/// waits or comes meanwhile, as Python's `multiprocessing.Event` does. An *auto-reset* event lets
/// one through for each time it was set, and is cleared by that.
///
/// Its state is one atomic word, so a process killed at any instruction leaves it set or not set, and
/// a killed setter or waiter delays the others by 100 ms at most. NumPy sees a 0-d `uint32`, 0 or 1.
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

impl Event {
    /// Creates a manual-reset event at `address` that is not set, of mode 0600. A name goes when the last
    /// clone of this handle is dropped; a file stays.
    ///
    /// # Errors
    ///
    /// Those of [`Array::create`](crate::Array::create).
    ///
    /// # Examples
    ///
    /// See [`Event`].
    pub fn create<'a>(address: impl Into<Address<'a>>) -> Result<Self> {
        Self::options().create(address)
    }

    /// Creates a manual-reset event that has no name: see
    /// [`Array::create_anonymous`](crate::Array::create_anonymous).
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let event = ndshm::Event::create_anonymous()?;
    /// assert!(ndshm::Event::open_handle(&event.handle())?.try_wait().is_ok());
    /// # Ok(()) }
    /// ```
    pub fn create_anonymous() -> Result<Self> {
        Self::options().create_anonymous()
    }

    /// Creates a manual-reset event under a name made up of `prefix` and 16 random hexadecimal
    /// digits.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let event = ndshm::Event::create_unique("doc-event-")?;
    /// assert!(!event.is_set());
    /// # Ok(()) }
    /// ```
    pub fn create_unique(prefix: &str) -> Result<Self> {
        Self::options().create_unique(prefix)
    }

    /// Opens the event at `address`, of either kind.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), [`KindMismatch`](ErrorKind::KindMismatch), and those of
    /// [`Segment::open`].
    ///
    /// # Examples
    ///
    /// See [`Event`].
    pub fn open<'a>(address: impl Into<Address<'a>>) -> Result<Self> {
        Self::options().open(address)
    }

    /// Opens the event that `handle` means, and no namesake.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), and [`Replaced`](ErrorKind::Replaced).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let event = ndshm::Event::create_unique("doc-event-")?;
    /// let same = ndshm::Event::open_handle(&event.handle())?;
    /// same.set()?;
    /// assert!(event.is_set());
    /// # Ok(()) }
    /// ```
    pub fn open_handle(handle: &Handle) -> Result<Self> {
        Self::options().open_handle(handle)
    }

    /// Opens the event at `address`, or creates a manual-reset one if there is none;
    /// [`origin`](Self::origin) tells which. Its name lasts as long as anybody has it open
    /// ([`Lifetime::LastUser`]).
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open) and [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let event = ndshm::Event::open_or_create("doc-event-either")?;
    /// assert_eq!(event.origin(), ndshm::Origin::Created);
    /// # Ok(()) }
    /// ```
    pub fn open_or_create<'a>(address: impl Into<Address<'a>>) -> Result<Self> {
        Self::options().open_or_create(address)
    }

    /// Begins with the default options.
    ///
    /// # Examples
    ///
    /// See [`auto_reset`](Options::auto_reset).
    #[must_use]
    pub fn options() -> Options<Self> {
        Options::new()
    }

    /// Sets the event and wakes who waits: all of them, or one if it resets itself.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](ErrorKind::ReadOnly) when the event was opened so.
    ///
    /// # Examples
    ///
    /// See [`Event`].
    pub fn set(&self) -> Result<()> {
        self.segment.writable()?;
        self.flag().set(&self.segment.membership().peers(0));
        Ok(())
    }

    /// Clears the event: who waits from now on waits for the next [`set`](Self::set). Whoever clears an
    /// event that was set sees what the setter wrote before.
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

    /// Returns whether the event is set; does not clear one that resets itself.
    ///
    /// # Examples
    ///
    /// See [`Event`].
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.flag().is_set()
    }

    /// Waits until the event is set; clears it if it resets itself.
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

    /// Waits until the event is set, at most `timeout`, by the monotonic clock.
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

    /// Returns whether the event is set, without waiting; clears it if it resets itself.
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

    /// Returns the segment under the event.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let event = ndshm::Event::create_unique("doc-event-")?;
    /// assert_eq!(event.segment().info()?.kind(), ndshm::Kind::Event);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Returns the event's name, or its file's path.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// assert_eq!(ndshm::Event::create("doc-event-name")?.name(), "doc-event-name");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.segment.name()
    }

    /// Returns the event's address as text, to be given to another process.
    ///
    /// # Examples
    ///
    /// See [`open_handle`](Self::open_handle).
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.segment.handle()
    }

    /// Returns whether this handle created the event or found it.
    ///
    /// # Examples
    ///
    /// See [`open_or_create`](Self::open_or_create).
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.segment.origin()
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

    /// Fails when going through would change an event that this handle may not change.
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

    fn from_segment(segment: Segment) -> Result<Self> {
        let control = segment.control();
        let right = matches!(control.kind, Kind::Event | Kind::AutoResetEvent);
        if !right {
            return Err(control.kind.mismatch(Kind::Event).of(segment.name()));
        }
        if control.dtype != DTYPE || !control.shape.is_empty() {
            let problem = "is damaged: it is an Event without a word for its state; remove it and create it anew";
            return Err(Error::new(ErrorKind::Corrupt, problem).of(segment.name()));
        }
        Ok(Self { segment })
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
    /// Makes the event reset itself: each [`set`](Event::set) lets one through.
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

    /// Creates an event: see [`Event::create`].
    ///
    /// # Errors
    ///
    /// Those of [`Event::create`], and [`InvalidArgument`](ErrorKind::InvalidArgument) for options
    /// that can never work.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let event = ndshm::Event::options().mode(0o640).create("doc-event-mode")?;
    /// # Ok(()) }
    /// ```
    pub fn create<'a>(&self, address: impl Into<Address<'a>>) -> Result<Event> {
        self.make(Name::new(address)?, Lifetime::Creator)
    }

    /// Creates an event without a name: see [`Event::create_anonymous`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let turnstile = ndshm::Event::options().auto_reset().create_anonymous()?;
    /// assert!(turnstile.resets_itself());
    /// # Ok(()) }
    /// ```
    pub fn create_anonymous(&self) -> Result<Event> {
        self.make(Name::anonymous(), Lifetime::Creator)
    }

    /// Creates an event under a name made up: see [`Event::create_unique`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// See [`auto_reset`](Self::auto_reset).
    pub fn create_unique(&self, prefix: &str) -> Result<Event> {
        create_unique(prefix, |name| self.make(name, Lifetime::Creator))
    }

    /// Opens an event: see [`Event::open`].
    ///
    /// # Errors
    ///
    /// Those of [`Event::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, ErrorKind, Event};
    ///
    /// let made = Event::create_unique("doc-event-looked-at-")?;
    /// let looked_at = Event::options().access(Access::Observe).open(made.name())?;
    /// made.set()?;
    /// looked_at.wait()?;
    /// assert_eq!(looked_at.clear().unwrap_err().kind(), ErrorKind::ReadOnly);
    /// # Ok(()) }
    /// ```
    pub fn open<'a>(&self, address: impl Into<Address<'a>>) -> Result<Event> {
        Event::from_segment(Segment::attach(Name::new(address)?, self.settings().opening())?)
    }

    /// Opens the event that a handle means: see [`Event::open_handle`].
    ///
    /// # Errors
    ///
    /// Those of [`Event::open_handle`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, Event};
    ///
    /// let made = Event::create_unique("doc-event-meant-")?;
    /// let same = Event::options().access(Access::Observe).open_handle(&made.handle())?;
    /// assert!(!same.is_set());
    /// # Ok(()) }
    /// ```
    pub fn open_handle(&self, handle: &Handle) -> Result<Event> {
        Event::from_segment(Segment::attach_handle(handle, self.settings().opening())?)
    }

    /// Opens or creates an event: see [`Event::open_or_create`].
    ///
    /// # Errors
    ///
    /// Those of [`Event::open_or_create`]; one that exists keeps its own kind of reset.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Event, Lifetime};
    ///
    /// let options = Event::options().auto_reset().lifetime(Lifetime::Creator);
    /// assert!(options.open_or_create("doc-auto-either")?.resets_itself());
    /// # Ok(()) }
    /// ```
    pub fn open_or_create<'a>(&self, address: impl Into<Address<'a>>) -> Result<Event> {
        let address = address.into();
        open_or_create(
            &Name::new(address)?,
            || self.open(address),
            |name| self.make(name, Lifetime::LastUser),
        )
    }

    fn make(&self, name: Name, lifetime: Lifetime) -> Result<Event> {
        let settings = self.settings();
        let text = name.as_str().to_owned();
        let draft = Draft::new(
            name,
            &Blueprint {
                kind: if settings.auto_reset { Kind::AutoResetEvent } else { Kind::Event },
                dtype: &DTYPE,
                shape: &[],
                stripes: 1,
                shadow_len: 0,
                leases: 0,
                lifetime,
                settings,
            },
        );
        draft.and_then(Draft::publish).and_then(Event::from_segment).of(&text)
    }
}
