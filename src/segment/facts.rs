//! Plain facts about a segment: its kind, its lifetime, and what a handle may do. This file imports
//! nothing of `segment`.

use std::num::NonZero;
use std::thread;

use crate::error::{Error, ErrorKind};

/// What kind of thing a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// An [`Array`](crate::Array).
    Array = 1,
    /// A [`Value`](crate::Value).
    Value = 2,
    /// An [`Event`](crate::Event) that stays set until it is cleared.
    Event = 3,
    /// An [`Event`](crate::Event) that lets one waiter through each time it is set.
    AutoResetEvent = 4,
    /// A [`Log`](crate::Log).
    Log = 5,
    /// A [`Ring`](crate::Ring).
    Ring = 6,
}

impl Kind {
    pub(crate) fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Array),
            2 => Some(Self::Value),
            3 => Some(Self::Event),
            4 => Some(Self::AutoResetEvent),
            5 => Some(Self::Log),
            6 => Some(Self::Ring),
            _ => None,
        }
    }

    /// The error for a segment of this kind when the caller asked for another kind.
    #[cold]
    pub(crate) fn mismatch(self, asked: Self) -> Error {
        let (found, asked) = (self.with_article(), asked.with_article());
        Error::new(
            ErrorKind::KindMismatch,
            format!("holds {found}, asked for {asked}: open it as {found}"),
        )
    }

    fn with_article(self) -> &'static str {
        match self {
            Self::Array => "an Array",
            Self::Value => "a Value",
            Self::Event => "an Event",
            Self::AutoResetEvent => "an auto-reset Event",
            Self::Log => "a Log",
            Self::Ring => "a Ring",
        }
    }
}

/// What a handle may do with the data.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Access, Array1, ErrorKind};
///
/// let written = Array1::<u8>::create_unique("doc-access-", 4)?;
/// let looked_at = Array1::<u8>::options().access(Access::Read).open(written.name())?;
/// assert_eq!(looked_at.read()?.sum(), 0);
/// assert_eq!(looked_at.write().unwrap_err().kind(), ErrorKind::ReadOnly);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Access {
    /// Read and write.
    #[default]
    ReadWrite,
    /// Read only. The data is mapped so that this process cannot write it, but its locks work. This
    /// still needs permission to write the file, because locks are words in it.
    Read,
    /// Look only. This needs only permission to read the file, takes no locks, and writes nothing
    /// anywhere. Copies are checked instead: they are repeated while a writer is in the way.
    ///
    /// It allows [`Array::snapshot`](crate::Array::snapshot),
    /// [`Array::raw_view`](crate::Array::raw_view), [`Value::get`](crate::Value::get),
    /// [`Event::is_set`](crate::Event::is_set), copies of the frames of a [`Ring`](crate::Ring),
    /// waiting for a change, and the queries of [`Segment`](crate::Segment). A wait looks at
    /// intervals and notices a change up to 100 ms late. Everything else is
    /// [`ReadOnly`](ErrorKind::ReadOnly). A file is [`Poisoned`](ErrorKind::Poisoned) if it was not
    /// synced and nobody has opened it with more access since the machine restarted.
    Observe,
}

impl Access {
    /// The error for a caller who asks for more than this access allows.
    #[cold]
    pub(super) fn refusal(self) -> Error {
        let problem = match self {
            Self::Observe => {
                "was opened with `Access::Observe`, which takes no locks and writes nothing: copy it \
                 out with `snapshot` or `get`, or open it with `Access::Read` or `Access::ReadWrite`"
            }
            Self::Read | Self::ReadWrite => {
                "was opened for reading only: open it with `Access::ReadWrite` to change it"
            }
        };
        Error::new(ErrorKind::ReadOnly, problem)
    }
}

/// How long the name of a segment lasts.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Lifetime, Value};
///
/// let name = {
///     let kept = Value::<u32>::options().lifetime(Lifetime::Persistent).create_unique("doc-kept-", 7)?;
///     kept.name().to_owned()
/// };
/// assert_eq!(Value::<u32>::open(&name)?.get()?, 7);
/// ndshm::remove(&name)?;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lifetime {
    /// Until the last clone of the creating handle is dropped, in the process that created it.
    Creator = 1,
    /// Until somebody removes it or the machine restarts. A file survives a restart.
    Persistent = 2,
    /// Until the last process that has it open releases it. With this lifetime, opening registers
    /// the process at once. A forked child counts from its first lock on. Observers and NumPy do
    /// not count. After a kill the name stays for the next user, or for [`reap`](crate::reap).
    LastUser = 3,
}

impl Lifetime {
    pub(crate) fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Creator),
            2 => Some(Self::Persistent),
            3 => Some(Self::LastUser),
            _ => None,
        }
    }
}

/// Whether a new segment gets its memory at once.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Array1, Reserve};
///
/// let sparse = Array1::<u64>::options().reserve(Reserve::Lazy).create_unique("doc-lazy-", 1 << 30)?;
/// sparse.write_rows(0..1)?[0] = 1;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reserve {
    /// All of it, when it is created. Too little memory is an error then.
    #[default]
    Full,
    /// Page by page, when first touched. The locks have memory at once. If memory runs out later,
    /// the process that touches the page is killed by SIGBUS. So this is for sparse data that never
    /// grows full. A [`Log`](crate::Log) reserves memory before it writes, so for a log running out
    /// is an error.
    Lazy,
}

/// Whether a handle made its segment or found it.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Origin, Value};
///
/// let made = Value::<i32>::create_unique("doc-origin-", 0)?;
/// let found = Value::<i32>::open_or_create(made.name(), 0)?;
/// assert_eq!((made.origin(), found.origin()), (Origin::Created, Origin::Opened));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// This handle created the segment.
    Created,
    /// This handle opened a segment that existed.
    Opened,
}

/// Which users may write a segment that is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// This user and root.
    Ours,
    /// Anybody whom the file's permissions allow. The caller vouches for them.
    Anybody,
}

/// Which taken names a new segment may take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// None of them.
    Free,
    /// Those of segments that only the dead have left.
    Dead,
    /// Those of any segments.
    Any,
}

/// How a handle wants its pages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Paging {
    /// Huge ones, where the system has them.
    pub(crate) huge: bool,
    /// All of them mapped at once, with so many threads. 0 means one thread per processor.
    pub(crate) prefault: Option<usize>,
}

impl Paging {
    pub(super) fn threads(self) -> NonZero<usize> {
        let asked = self.prefault.map(NonZero::new);
        asked.map_or(NonZero::<usize>::MIN, |asked| {
            let processors = || thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
            asked.unwrap_or_else(processors)
        })
    }
}
