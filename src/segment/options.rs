//! What the creator of a segment chooses, and what an opener asks for.
//!
//! # Safety
//!
//! The one unsafe function here does nothing unsafe. With it a caller vouches for what the rest of
//! the library relies on.
#![allow(unsafe_code)]

use std::marker::PhantomData;

use super::facts::{Access, Claim, Lifetime, Paging, Reserve, Trust};
use crate::error::{Error, ErrorKind, Result};
use crate::npy::Order;

/// Most participants that a lock word can name.
const MOST_PARTICIPANTS: u32 = 1024;

/// Most stripes an array may have.
const MOST_STRIPES: u32 = 1024;

/// Most slots a ring may have.
pub(crate) const MOST_SLOTS: u32 = 1024;

/// Most slots of a ring that one process may lease at once.
pub(crate) const MOST_LEASES: u32 = 1024;

/// Default number of participants.
const PARTICIPANTS: u32 = 64;

/// Default number of a ring's slots.
const SLOTS: u32 = 8;

/// Default number of leases of a process.
const LEASES: u32 = 4;

/// The chosen options. An opener ignores those that it does not need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) access: Access,
    pub(crate) auto_reset: bool,
    pub(crate) eager: bool,
    pub(crate) leases: u32,
    pub(crate) lifetime: Option<Lifetime>,
    pub(crate) mode: u32,
    pub(crate) order: Order,
    pub(crate) paging: Paging,
    pub(crate) participants: u32,
    pub(crate) reserve: Reserve,
    pub(crate) slots: u32,
    pub(crate) stripes: Option<u32>,
    pub(crate) trust: Trust,
    /// Which users may write the new segment.
    pub(super) writers: Trust,
    /// Which taken names it may take over.
    pub(super) claim: Claim,
}

/// How to open a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) access: Access,
    pub(crate) eager: bool,
    pub(crate) paging: Paging,
    pub(crate) trust: Trust,
}

impl From<Access> for Opening {
    fn from(access: Access) -> Self {
        Self::new(access, Trust::Ours)
    }
}

impl Opening {
    pub(super) fn new(access: Access, trust: Trust) -> Self {
        Self { access, eager: false, paging: Paging::default(), trust }
    }
}

impl Settings {
    /// How to open an existing segment.
    pub(crate) fn opening(&self) -> Opening {
        let Self { access, eager, paging, trust, .. } = *self;
        Opening { access, eager, paging, trust }
    }

    /// Fails when no creator could ever get these options.
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
        if !(2..=MOST_SLOTS).contains(&self.slots) {
            let asked = self.slots;
            return invalid(format!("asks for {asked} slots: choose 2 to {MOST_SLOTS}"));
        }
        if !(1..=MOST_LEASES).contains(&self.leases) {
            let asked = self.leases;
            return invalid(format!(
                "asks for {asked} leases a process: choose 1 to {MOST_LEASES}"
            ));
        }
        self.check_mode()?;
        if self.reserve == Reserve::Lazy && self.paging.prefault.is_some() {
            return invalid(
                "asks for its memory page by page and for all pages at once: choose `Reserve::Full` \
                 or no `prefault`"
                    .into(),
            );
        }
        if self.access != Access::ReadWrite {
            return invalid("is created for reading only: create it, then open it so".into());
        }
        Ok(())
    }
}

/// Options for creating or opening a segment, in the manner of [`std::fs::OpenOptions`].
///
/// `Array::options()` and `Value::options()` begin with the defaults. The last call creates or
/// opens.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Array2, Lifetime, Order};
///
/// let frame = Array2::<u16>::options()
///     .order(Order::F)
///     .mode(0o640)
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
            eager: false,
            leases: LEASES,
            lifetime: None,
            mode: 0o600,
            order: Order::C,
            paging: Paging::default(),
            participants: PARTICIPANTS,
            reserve: Reserve::Full,
            slots: SLOTS,
            stripes: None,
            trust: Trust::Ours,
            writers: Trust::Ours,
            claim: Claim::Free,
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

    /// Registers this process when it opens the segment, not at its first lock. This is for
    /// programs that give up privileges in between. Opening then costs some ten system calls more.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<f32>::create_unique("doc-eager-", 8)?;
    /// let same = ndshm::Array1::<f32>::options().eager().open(array.name())?;
    /// assert_eq!(same.segment().participants()?.len(), 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn eager(mut self) -> Self {
        self.settings.eager = true;
        self
    }

    /// Asks for huge pages, 2 MiB each. With them the processor needs fewer look-ups where data is
    /// reached in no order. On one machine random reads of 1 GiB took about two thirds of the time.
    ///
    /// They are for a new segment of 2 MiB or more that lies in memory and is reserved in full. If
    /// the tmpfs is mounted with `huge=advise`, `within_size` or `always`, its pages are huge from
    /// the start, and creating it is several times faster. Elsewhere, from Linux 6.1 on, ordinary
    /// pages are moved into huge ones as far as there are any, which may take longer than doing
    /// without. Anonymous segments take that way too, unless
    /// `/sys/kernel/mm/transparent_hugepage/shmem_enabled` says otherwise. Each opener asks for
    /// itself, so that its address space is laid out for them.
    ///
    /// This is advice: it is no error if the system cannot follow it.
    /// [`Segment::huge_page_bytes`](crate::Segment::huge_page_bytes) tells the result.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let options = ndshm::Array1::<f64>::options().huge_pages();
    /// let table = options.create_unique("doc-huge-", 1 << 20)?;
    /// table.write()?.fill(1.0);
    /// println!("{} bytes in huge pages", table.segment().huge_page_bytes()?);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn huge_pages(mut self) -> Self {
        self.settings.paging.huge = true;
        self
    }

    /// Sets how long the name lasts. Default: [`Lifetime::Creator`] for `create…`;
    /// [`Lifetime::LastUser`] for `open_or_create`, because its creator may well leave first; and
    /// [`Lifetime::Persistent`] for files.
    ///
    /// # Examples
    ///
    /// See [`Lifetime`].
    #[must_use]
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.settings.lifetime = Some(lifetime);
        self
    }

    /// Sets the permission bits of a new segment exactly, whatever the umask. Default: 0o600.
    ///
    /// A process that may write the segment can break every promise made here. So bits that let the
    /// group or others write are [`InvalidArgument`](ErrorKind::InvalidArgument).
    /// [`mode_for_writers`](Self::mode_for_writers) takes them, and is unsafe. A process that may
    /// read the segment can block its locks.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let seen = ndshm::Array1::<f32>::options().mode(0o644).create_unique("doc-mode-", 8)?;
    /// # drop(seen); Ok(()) }
    /// ```
    #[must_use]
    pub fn mode(self, mode: u32) -> Self {
        self.set_mode(mode, Trust::Ours)
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

    /// Maps all pages before the segment can be used, with so many threads. 0 means one thread per
    /// processor. No first touch then costs a page fault, which takes half a microsecond or so for
    /// every 4 KiB.
    ///
    /// This pays for large arrays that are used at once and all over, if processors are free. They
    /// zero the pages in parallel. So creating and filling an array takes less time, though
    /// creating alone takes longer. A process that opens an array pays for the faults in any case,
    /// and here for all at once.
    ///
    /// Opening gives memory to data that was reserved lazily. Creating a lazily reserved segment
    /// is [`InvalidArgument`](ErrorKind::InvalidArgument). Before Linux 5.14 each page is touched
    /// instead. A lazily reserved segment that finds no memory when it is opened is then a SIGBUS.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let options = ndshm::Array2::<f32>::options().prefault(2);
    /// let image = options.create_unique("doc-prefault-", (1080, 1920))?;
    /// let same = options.open(image.name())?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn prefault(mut self, threads: usize) -> Self {
        self.settings.paging.prefault = Some(threads);
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

    /// Opens segments that others than this user and root may write: segments of other users, and
    /// segments whose mode lets the group or others write. Without this they are
    /// [`NotTrusted`](ErrorKind::NotTrusted).
    ///
    /// The mode is checked when a segment is opened. A `chmod` that lets others write it later has
    /// the same effect as this call. A `chmod` that takes the right away leaves it to processes
    /// that opened the file for writing before.
    ///
    /// # Safety
    ///
    /// Every process that may write the segment must keep to this library's protocol as long as
    /// this process has it open. It must write only where it holds a lock, and never cut the file
    /// short. The same holds for the segment that `reopen` opens in its place.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<f32>::create_unique("doc-trust-", 8)?;
    /// // SAFETY: the only writer is this program.
    /// let options = unsafe { ndshm::Array1::<f32>::options().trust_owner() };
    /// let same = options.open(array.name())?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub unsafe fn trust_owner(mut self) -> Self {
        self.settings.trust = Trust::Anybody;
        self
    }

    pub(super) fn set_mode(mut self, mode: u32, writers: Trust) -> Self {
        (self.settings.mode, self.settings.writers) = (mode, writers);
        self
    }

    pub(super) fn set_claim(mut self, claim: Claim) -> Self {
        self.settings.claim = claim;
        self
    }

    pub(crate) fn set_auto_reset(mut self) -> Self {
        self.settings.auto_reset = true;
        self
    }

    pub(crate) fn set_leases(mut self, leases: u32) -> Self {
        self.settings.leases = leases;
        self
    }

    pub(crate) fn set_order(mut self, order: Order) -> Self {
        self.settings.order = order;
        self
    }

    pub(crate) fn set_slots(mut self, slots: u32) -> Self {
        self.settings.slots = slots;
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
