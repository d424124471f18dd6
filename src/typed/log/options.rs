//! Creating and opening logs with options.

use std::sync::atomic::Ordering::Relaxed;

use super::Log;
use crate::error::{Result, ResultExt};
use crate::segment::{
    Address, Blueprint, Draft, Handle, Kind, Lifetime, Name, Options, Reserve, Segment,
    create_unique, open_or_create,
};
use crate::typed::element::{Element, checked_dtype};

/// Options of logs.
impl<T: Element> Options<Log<T>> {
    /// Creates an empty log: see [`Log::create`].
    ///
    /// # Errors
    ///
    /// Those of [`Log::create`], and [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for
    /// options that can never work.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::Log::<u8>::options().mode(0o640).create("doc-log-mode", 10)?;
    /// # Ok(()) }
    /// ```
    pub fn create<'a>(&self, address: impl Into<Address<'a>>, capacity: usize) -> Result<Log<T>> {
        self.make(Name::new(address)?, capacity, Lifetime::Creator)
    }

    /// Creates an empty log without a name: see [`Log::create_anonymous`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::Log::<u8>::options().participants(2).create_anonymous(10)?;
    /// # Ok(()) }
    /// ```
    pub fn create_anonymous(&self, capacity: usize) -> Result<Log<T>> {
        self.make(Name::anonymous(), capacity, Lifetime::Creator)
    }

    /// Creates an empty log under a name made up: see [`Log::create_unique`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// See [`Log::options`].
    pub fn create_unique(&self, prefix: &str, capacity: usize) -> Result<Log<T>> {
        create_unique(prefix, |name| self.make(name, capacity, Lifetime::Creator))
    }

    /// Opens a log: see [`Log::open`].
    ///
    /// # Errors
    ///
    /// Those of [`Log::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, Log};
    ///
    /// let made = Log::<u8>::create_unique("doc-log-look-", 10)?;
    /// let looked_at = Log::<u8>::options().access(Access::Read).open(made.name())?;
    /// made.append(&7)?;
    /// assert_eq!(looked_at.rows().as_slice(), [7]);
    /// assert!(looked_at.append(&8).is_err());
    /// # Ok(()) }
    /// ```
    pub fn open<'a>(&self, address: impl Into<Address<'a>>) -> Result<Log<T>> {
        Log::from_segment(Segment::attach(Name::new(address)?, self.settings().opening())?)
    }

    /// Opens the log that a handle means: see [`Log::open_handle`].
    ///
    /// # Errors
    ///
    /// Those of [`Log::open_handle`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, Log};
    ///
    /// let log = Log::<u8>::create_unique("doc-log-meant-", 10)?;
    /// let same = Log::<u8>::options().access(Access::Read).open_handle(&log.handle())?;
    /// # Ok(()) }
    /// ```
    pub fn open_handle(&self, handle: &Handle) -> Result<Log<T>> {
        Log::from_segment(Segment::attach_handle(handle, self.settings().opening())?)
    }

    /// Opens or creates a log: see [`Log::open_or_create`].
    ///
    /// # Errors
    ///
    /// Those of [`Log::open_or_create`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Lifetime, Log};
    ///
    /// let options = Log::<u8>::options().lifetime(Lifetime::Creator);
    /// assert!(options.open_or_create("doc-either-log", 10)?.is_empty());
    /// # Ok(()) }
    /// ```
    pub fn open_or_create<'a>(
        &self,
        address: impl Into<Address<'a>>,
        capacity: usize,
    ) -> Result<Log<T>> {
        let address = address.into();
        open_or_create(
            &Name::new(address)?,
            || self.open(address),
            |name| self.make(name, capacity, Lifetime::LastUser),
        )
    }

    fn make(&self, name: Name, capacity: usize, lifetime: Lifetime) -> Result<Log<T>> {
        let text = name.as_str().to_owned();
        self.make_named(name, capacity, lifetime).of(&text)
    }

    fn make_named(&self, name: Name, capacity: usize, lifetime: Lifetime) -> Result<Log<T>> {
        let settings = self.settings();
        let (dtype, folded) = checked_dtype::<T>()?.fold();
        let shape: Vec<usize> = std::iter::once(capacity).chain(folded).collect();
        let draft = Draft::new(
            name,
            &Blueprint {
                kind: Kind::Log,
                dtype: &dtype,
                shape: &shape,
                stripes: 1,
                shadow_len: 0,
                leases: 0,
                lifetime,
                settings,
            },
        )?;
        if settings.reserve == Reserve::Full {
            let region = draft.region();
            region.state().backed.store(region.layout().data_len as u64, Relaxed);
        }
        Log::check(draft.publish()?)
    }
}
