//! What the creator of a segment chooses, and what an opener asks for.

use std::marker::PhantomData;

use crate::error::{Error, ErrorKind, Result};
use crate::npy::Order;

/// Most participants that a lock word can name.
const MOST_PARTICIPANTS: u32 = 1024;

/// Most stripes an array may have.
const MOST_STRIPES: u32 = 1024;

/// Default number of participants.
const PARTICIPANTS: u32 = 64;

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
    /// An [`Event`](crate::Event) that lets one through for each time it is set.
    AutoResetEvent = 4,
    /// A [`Log`](crate::Log).
    Log = 5,
}

impl Kind {
    pub(crate) fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Array),
            2 => Some(Self::Value),
            3 => Some(Self::Event),
            4 => Some(Self::AutoResetEvent),
            5 => Some(Self::Log),
            _ => None,
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
    /// Read only: the data is mapped so that this process cannot write it, while its locks work.
    /// Needs permission to write the file all the same, because locks are words in it.
    Read,
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
    /// Until somebody removes it, or the machine restarts.
    Persistent = 2,
}

impl Lifetime {
    pub(crate) fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Creator),
            2 => Some(Self::Persistent),
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
    /// All of it, when it is created: too little memory is an error there.
    #[default]
    Full,
    /// Page by page, when first touched; its locks have memory at once. Should memory run out then,
    /// the process that touches the page is killed by SIGBUS: for sparse data that never grows full.
    /// A [`Log`](crate::Log) has memory before it writes to it, so that it is an error there.
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

/// What was chosen; fields that an opener does not need are ignored by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) access: Access,
    pub(crate) auto_reset: bool,
    pub(crate) lifetime: Option<Lifetime>,
    pub(crate) mode: u32,
    pub(crate) order: Order,
    pub(crate) participants: u32,
    pub(crate) reserve: Reserve,
    pub(crate) stripes: Option<u32>,
}

impl Settings {
    /// Fails when a creator could never get what was chosen.
    pub(crate) fn check(&self) -> Result<()> {
        let invalid = |problem: String| Err(Error::new(ErrorKind::InvalidArgument, problem));
        if !(1..=MOST_PARTICIPANTS).contains(&self.participants) {
            let asked = self.participants;
            return invalid(format!(
                "asks for {asked} participants: choose 1 to {MOST_PARTICIPANTS}"
            ));
        }
        if let Some(asked) = self.stripes.filter(|asked| !(1..=MOST_STRIPES).contains(asked)) {
            return invalid(format!("asks for {asked} stripes: choose 1 to {MOST_STRIPES}"));
        }
        if self.mode & !0o777 != 0 || self.mode & 0o600 != 0o600 {
            let asked = self.mode;
            return invalid(format!(
                "asks for mode {asked:#o}: choose permission bits that let the owner read and \
                 write, 0o600 to 0o777"
            ));
        }
        if self.access == Access::Read {
            return invalid("is created for reading only: create it, then open it so".into());
        }
        Ok(())
    }
}

/// Options for creating or opening a segment, in the manner of [`std::fs::OpenOptions`].
///
/// `Array::options()` and `Value::options()` begin with the defaults; the last call creates or opens.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Array2, Lifetime, Order};
///
/// let frame = Array2::<u16>::options()
///     .order(Order::F)
///     .mode(0o660)
///     .stripes(4)
///     .create_unique("doc-options-", (480, 640))?;
/// assert_eq!(frame.read()?.strides(), [1, 480]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Options<H> {
    settings: Settings,
    handle: PhantomData<fn() -> H>,
}

impl<H> Options<H> {
    pub(crate) fn new() -> Self {
        let settings = Settings {
            access: Access::ReadWrite,
            auto_reset: false,
            lifetime: None,
            mode: 0o600,
            order: Order::C,
            participants: PARTICIPANTS,
            reserve: Reserve::Full,
            stripes: None,
        };
        Self { settings, handle: PhantomData }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sets what the handle may do with the data. Default: [`Access::ReadWrite`].
    ///
    /// # Examples
    ///
    /// See [`Access`].
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.settings.access = access;
        self
    }

    /// Sets how long the name lasts. Default: [`Lifetime::Creator`] for `create…`,
    /// [`Lifetime::Persistent`] for `open_or_create`, whose creator may well leave first.
    ///
    /// # Examples
    ///
    /// See [`Lifetime`].
    #[must_use]
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.settings.lifetime = Some(lifetime);
        self
    }

    /// Sets the permission bits of a new segment, exactly: the umask plays no part. Default: 0o600.
    ///
    /// Whoever may write it can break every promise made here; whoever may read it can block its
    /// locks.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let shared = ndshm::Array1::<f32>::options().mode(0o660).create_unique("doc-mode-", 8)?;
    /// # drop(shared); Ok(()) }
    /// ```
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.settings.mode = mode;
        self
    }

    /// Sets how many processes may take part at once, 1 to 1024. Default: 64.
    ///
    /// Each costs 32 bytes and one 64-byte line per 16 stripes.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let busy = ndshm::Value::<u64>::options().participants(500).create_unique("doc-many-", 0)?;
    /// assert_eq!(busy.segment().info()?.participants(), 500);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn participants(mut self, participants: u32) -> Self {
        self.settings.participants = participants;
        self
    }

    /// Sets whether a new segment gets its memory at once. Default: [`Reserve::Full`].
    ///
    /// # Examples
    ///
    /// See [`Reserve`].
    #[must_use]
    pub fn reserve(mut self, reserve: Reserve) -> Self {
        self.settings.reserve = reserve;
        self
    }

    pub(crate) fn set_auto_reset(mut self) -> Self {
        self.settings.auto_reset = true;
        self
    }

    pub(crate) fn set_order(mut self, order: Order) -> Self {
        self.settings.order = order;
        self
    }

    pub(crate) fn set_stripes(mut self, stripes: u32) -> Self {
        self.settings.stripes = Some(stripes);
        self
    }
}

impl<H> Clone for Options<H> {
    fn clone(&self) -> Self {
        Self { settings: self.settings, handle: PhantomData }
    }
}
