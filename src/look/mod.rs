//! Everything that is seen from outside: segments, and the room for more of them.
//!
//! In reading order: this file, a segment that is open for a look · [`words`] what is read of it · [`info`] its
//! description · [`list`](mod@list) all there are · [`status`] what goes on in it · [`ring`] what goes on in a
//! ring · [`outside`] copies without a lock · [`peek`](mod@peek) some of the data · [`snapshot`] all of it ·
//! [`frame`] frames of rings · [`capacity`](mod@capacity) what may still be created.

mod capacity;
mod frame;
mod info;
mod list;
mod outside;
mod peek;
mod ring;
mod snapshot;
mod status;
mod words;

pub use self::capacity::{Capacity, capacity};
pub use self::frame::AnyFrame;
pub use self::info::pid_namespace;
pub use self::list::{TEMPORARY_PREFIX, directory, list};
pub use self::peek::{Peek, peek};
pub use self::ring::{LeaseStatus, RingStatus};
pub use self::snapshot::AnySnapshot;
pub use self::status::{Condition, Status, StripeStatus};

use crate::error::{Result, ResultExt};
use crate::segment::{Address, Info, Name, read_control};
use crate::sys::object::Object;

/// A segment that is open for a look from outside. Nothing is mapped, no lock is taken and nothing
/// is written.
///
/// A look needs only permission to read, whoever owns the segment. The segment is opened once. So
/// all that is asked of it is about the same segment, even after another took its name. For a
/// single question, [`Status::of`], [`RingStatus::of`], [`peek()`] and [`AnyFrame::peek`] open one
/// by themselves.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Array1, FrameMeta, Look, Ring1};
///
/// let ring = Ring1::<u8>::create("doc-look", 3)?;
/// ring.publisher()?.publish_from(&ndarray::arr1(&[1, 2, 3]), FrameMeta::new())?;
///
/// let look = Look::of("doc-look")?;
/// assert_eq!(look.info().kind(), ndshm::Kind::Ring);
/// let other = Array1::<u8>::create_or_replace("doc-look", 10)?;
/// assert!(look.status()?.is_replaced());
/// assert_eq!(look.ring_status()?.published(), 1);
/// let newest = look.peek_frame(|numbers| numbers.last().copied())?;
/// assert_eq!(newest.expect("a frame").snapshot().bytes(), [1, 2, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Look {
    object: Object,
    info: Info,
}

impl Look {
    /// Opens the segment at `address` for a look, and reads its headers.
    ///
    /// # Errors
    ///
    /// Those of [`Segment::open`](crate::Segment::open), except
    /// [`NotTrusted`](crate::ErrorKind::NotTrusted).
    ///
    /// # Examples
    ///
    /// See [`Look`].
    pub fn of<'a>(address: impl Into<Address<'a>>) -> Result<Self> {
        let name = Name::new(address)?;
        let text = name.as_str().to_owned();
        let open = || {
            let (object, facts) = Object::open_to_look(name.place())?;
            let control = read_control(&object, &facts)?;
            Ok(Self { object, info: Info::new(name, control, facts) })
        };
        open().of(&text)
    }

    /// Returns what the header and the control block say.
    ///
    /// # Examples
    ///
    /// See [`Look`].
    #[must_use]
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Reads the participants, the locks and their owners, and what is suspect. This costs some
    /// five system calls, and one more for each participant and each that reads.
    ///
    /// # Errors
    ///
    /// [`Truncated`](crate::ErrorKind::Truncated) and [`Corrupt`](crate::ErrorKind::Corrupt) when the segment was
    /// damaged since it was opened.
    ///
    /// # Examples
    ///
    /// See [`Look`].
    pub fn status(&self) -> Result<Status> {
        Status::through(self)
    }

    /// Reads a ring's publisher, its frames, and their leases. This costs the system calls of
    /// [`status`](Self::status), and one more for each slot with a frame and each participant.
    ///
    /// # Errors
    ///
    /// Those of [`status`](Self::status) and [`RingStatus::of`].
    ///
    /// # Examples
    ///
    /// See [`Look`].
    pub fn ring_status(&self) -> Result<RingStatus> {
        RingStatus::through(self)
    }

    /// Calls `see` with what the segment holds: see [`peek()`].
    ///
    /// # Errors
    ///
    /// Those of [`peek()`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let value = ndshm::Value::create("doc-look-peek", 7_u8)?;
    /// let look = ndshm::Look::of("doc-look-peek")?;
    /// assert_eq!(look.peek(|data| data.to_snapshot())?.bytes(), [7]);
    /// # Ok(()) }
    /// ```
    pub fn peek<R>(&self, see: impl FnMut(&Peek<'_>) -> Result<R>) -> Result<R> {
        peek::through(self, see)
    }

    /// Copies a frame of a ring: see [`AnyFrame::peek`].
    ///
    /// # Errors
    ///
    /// Those of [`AnyFrame::peek`].
    ///
    /// # Examples
    ///
    /// See [`Look`].
    pub fn peek_frame(&self, find: impl Fn(&[u64]) -> Option<u64>) -> Result<Option<AnyFrame>> {
        AnyFrame::through(self, find)
    }
}
