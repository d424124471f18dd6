//! What goes on in a segment, for people and their tools.

use std::sync::atomic::Ordering::Relaxed;

use super::Look;
use super::words::Registered;
use crate::error::Result;
use crate::lock::{Entry, Stripe};
use crate::segment::{Address, Info, Kind, Participant};
use crate::sync::Poison;

/// The description and the state of a segment: its participants, its locks, and what is suspect.
///
/// It is read from outside. Nothing is mapped, no lock is taken, nobody is disturbed and nothing is
/// written, so it needs only permission to read, whoever owns the segment. Each word is what it was
/// at some moment, and not all at the same one. So a lock may be seen with its owner just before
/// that owner gives it back.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let array = ndshm::Array1::<f32>::options().stripes(2).create_unique("doc-status-", 100)?;
/// let guard = array.write_rows(50..)?;
///
/// let status = ndshm::Status::of(array.name())?;
/// assert_eq!(status.info().shape(), [100]);
/// assert_eq!(status.participants().len(), 1);
/// let [first, second] = status.locks() else { panic!("two stripes") };
/// assert_eq!((first.writer(), first.readers(), first.poison()), (None, &[][..], None));
/// assert_eq!(second.writer().unwrap().pid(), std::process::id());
/// assert!(!status.is_suspect() && !status.is_frozen() && !status.is_replaced());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Status {
    info: Info,
    participants: Vec<Participant>,
    locks: Vec<StripeStatus>,
    rows: Option<usize>,
    published: Option<u64>,
    frozen: bool,
    replaced: bool,
    stale: bool,
}

/// The state of a segment in a word: see [`Status::condition`].
///
/// # Examples
///
/// See [`Status::condition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// A live process takes part.
    Live,
    /// No live process takes part, and the segment is meant to stay.
    Idle,
    /// Only the dead have left it: see [`Status::is_stale`].
    Stale,
    /// Nobody writes it any more: see [`Status::is_frozen`].
    Frozen,
    /// Another segment has its name: see [`Status::is_replaced`].
    Replaced,
    /// It may be half written: see [`Status::is_suspect`].
    Poisoned,
}

/// The owner and the readers of the lock of one stripe, and whether its rows are suspect.
///
/// # Examples
///
/// See [`Status`].
#[derive(Clone, Debug)]
pub struct StripeStatus {
    writer: Option<Participant>,
    readers: Vec<Participant>,
    poison: Option<Poison>,
    abandoned: bool,
}

impl Status {
    /// Looks at the segment at `address`. This costs some eight system calls, and one more for each
    /// participant and each that reads.
    ///
    /// # Errors
    ///
    /// Those of [`Segment::open`](crate::Segment::open), except
    /// [`NotTrusted`](crate::ErrorKind::NotTrusted).
    ///
    /// # Examples
    ///
    /// See [`Status`].
    pub fn of<'a>(address: impl Into<Address<'a>>) -> Result<Self> {
        Look::of(address)?.status()
    }

    pub(super) fn through(look: &Look) -> Result<Self> {
        let info = look.info();
        let state = look.state()?;
        // Locks are read before participants: a process that a lock names has registered before.
        let stripes = look.stripes()?;
        let registered = look.registered(state.high_water.load(Relaxed))?;
        let mut locks = stripes
            .iter()
            .map(|stripe| StripeStatus::of(look, stripe, &registered))
            .collect::<Result<Vec<_>>>()?;
        for reader in &registered {
            let cells = look.cells(reader.participant.slot())?;
            for (lock, _) in locks.iter_mut().zip(cells).filter(|(_, cell)| *cell != 0) {
                lock.readers.push(reader.participant.clone());
            }
        }
        let participants: Vec<_> = registered.into_iter().map(|who| who.participant).collect();
        let ring = (info.kind() == Kind::Ring).then(|| look.ring_state()).transpose()?;
        Ok(Self {
            rows: (info.kind() == Kind::Log).then(|| look.committed_rows(&state)),
            published: ring.map(|ring| ring.newest.load(Relaxed)),
            frozen: state.is_frozen(),
            replaced: state.is_replaced(),
            stale: look.is_to_go() && !participants.iter().any(Participant::is_alive),
            info: info.clone(),
            participants,
            locks,
        })
    }

    /// Returns what the header and the control block say.
    ///
    /// # Examples
    ///
    /// See [`Status`].
    #[must_use]
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Returns the processes that registered and did not leave in order, the dead included.
    ///
    /// # Examples
    ///
    /// See [`Status`].
    #[must_use]
    pub fn participants(&self) -> &[Participant] {
        &self.participants
    }

    /// Returns the lock of each stripe, in order.
    ///
    /// # Examples
    ///
    /// See [`Status`].
    #[must_use]
    pub fn locks(&self) -> &[StripeStatus] {
        &self.locks
    }

    /// Returns how many rows of a [`Log`](crate::Log) are committed, or `None` for other kinds.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::Log::<f64>::create_unique("doc-status-", 1000)?;
    /// log.extend(&[1.0, 2.0])?;
    /// assert_eq!(ndshm::Status::of(log.name())?.committed_rows(), Some(2));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn committed_rows(&self) -> Option<usize> {
        self.rows
    }

    /// Returns how many frames of a [`Ring`](crate::Ring) were published, or `None` for other
    /// kinds. A [`RingStatus`](crate::RingStatus) tells more.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::Ring1::<u8>::create_unique("doc-status-", 10)?;
    /// ring.publisher()?.loan()?.publish(ndshm::FrameMeta::new());
    /// assert_eq!(ndshm::Status::of(ring.name())?.published(), Some(1));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn published(&self) -> Option<u64> {
        self.published
    }

    /// Returns whether somebody died or panicked while writing, and nobody mended the data since.
    ///
    /// # Examples
    ///
    /// See [`Status`].
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.locks.iter().any(StripeStatus::is_suspect)
    }

    /// Returns whether nobody writes the data any more, for ever: see
    /// [`Array::freeze`](crate::Array::freeze).
    ///
    /// # Examples
    ///
    /// See [`Status`].
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Returns whether another segment took the name that this one had: see
    /// [`Array::create_or_replace`](crate::Array::create_or_replace).
    ///
    /// # Examples
    ///
    /// See [`Status`].
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.replaced
    }

    /// Returns whether the segment was to go with its participants, and none of them lives. In
    /// [`directory`](crate::directory), [`reap`](crate::reap) then removes it. A copy that `cp`
    /// made of a segment's file is never stale.
    ///
    /// # Examples
    ///
    /// See [`condition`](Self::condition).
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Returns the state of the segment in a word. If several hold, it is the one that most needs
    /// to be told. The order is poisoned, replaced, stale, frozen, live, idle.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Array1, Condition, Status};
    ///
    /// let array = Array1::<u8>::create_unique("doc-condition-", 4)?;
    /// let status = Status::of(array.name())?;
    /// assert_eq!((status.condition(), status.is_stale()), (Condition::Live, false));
    ///
    /// let frozen = array.freeze()?;
    /// assert_eq!(Status::of(frozen.name())?.condition(), Condition::Frozen);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn condition(&self) -> Condition {
        if self.is_suspect() {
            Condition::Poisoned
        } else if self.is_replaced() {
            Condition::Replaced
        } else if self.is_stale() {
            Condition::Stale
        } else if self.is_frozen() {
            Condition::Frozen
        } else if self.participants.iter().any(Participant::is_alive) {
            Condition::Live
        } else {
            Condition::Idle
        }
    }
}

impl StripeStatus {
    fn of(look: &Look, stripe: &Stripe, registered: &[Registered]) -> Result<Self> {
        let owner = stripe.owner();
        owner.map_or(Ok(()), |owner| look.check_owner(owner))?;
        let writer = owner.and_then(|owner| {
            let is_owner = |who: &&Registered| {
                who.participant.slot() == owner.slot() && who.generation == owner.generation()
            };
            registered.iter().find(is_owner).map(|who| who.participant.clone())
        });
        let died = writer.as_ref().is_some_and(|writer| !writer.is_alive());
        Ok(Self {
            writer,
            readers: Vec::new(),
            poison: (stripe.entry() == Entry::Poisoned).then(|| Poison::of(stripe)),
            abandoned: died && stripe.is_written(),
        })
    }

    /// Returns the process that holds it for writing, alive or dead.
    ///
    /// # Examples
    ///
    /// See [`Status`].
    #[must_use]
    pub fn writer(&self) -> Option<&Participant> {
        self.writer.as_ref()
    }

    /// Returns the processes that hold it for reading.
    ///
    /// # Examples
    ///
    /// See [`Status`].
    #[must_use]
    pub fn readers(&self) -> &[Participant] {
        &self.readers
    }

    /// Returns who left the rows suspect, once somebody noticed.
    ///
    /// # Examples
    ///
    /// See [`Status`].
    #[must_use]
    pub fn poison(&self) -> Option<&Poison> {
        self.poison.as_ref()
    }

    /// Returns whether the rows may be half written, whether or not anybody noticed yet.
    ///
    /// # Examples
    ///
    /// See [`Status::is_suspect`], which asks this of each stripe.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.poison.is_some() || self.abandoned
    }
}
