//! Creating and opening rings with options.

use ndarray::{Dimension, IntoDimension};

use super::Ring;
use super::record::Record;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::segment::{
    Address, Blueprint, Draft, Handle, Kind, Lifetime, Name, Options, Segment, create_unique,
    open_or_create,
};
use crate::typed::element::{Element, checked_dtype};

/// Options of rings.
impl<T: Element, D: Dimension> Options<Ring<T, D>> {
    /// Sets how many frames there is room for, 2 to 1024. Default: 8.
    ///
    /// # Examples
    ///
    /// See [`Ring`].
    #[must_use]
    pub fn slots(self, slots: u32) -> Self {
        self.set_slots(slots)
    }

    /// Sets how many frames one process may lease at once, 1 to 1024. Default: 4.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// // Three subscribing processes, each with a frame in hand and one more on the way.
    /// let options = ndshm::Ring2::<u8>::options().leases(2).slots(3 * 2 + 2);
    /// assert_eq!(options.create("doc-ring-leases", (480, 640))?.leases(), 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn leases(self, leases: u32) -> Self {
        self.set_leases(leases)
    }

    /// Creates a ring: see [`Ring::create`].
    ///
    /// # Errors
    ///
    /// Those of [`Ring::create`], and [`InvalidArgument`](ErrorKind::InvalidArgument) for options
    /// that can never work.
    ///
    /// # Examples
    ///
    /// See [`Ring`].
    pub fn create<'a>(
        &self,
        address: impl Into<Address<'a>>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Ring<T, D>> {
        self.make(Name::new(address)?, &shape.into_dimension(), Lifetime::Creator)
    }

    /// Creates a ring without a name: see [`Ring::create_anonymous`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::Ring1::<u8>::options().slots(3).create_anonymous(10)?;
    /// # Ok(()) }
    /// ```
    pub fn create_anonymous(&self, shape: impl IntoDimension<Dim = D>) -> Result<Ring<T, D>> {
        self.make(Name::anonymous(), &shape.into_dimension(), Lifetime::Creator)
    }

    /// Creates a ring under a name made up: see [`Ring::create_unique`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::Ring1::<u8>::options().slots(3).create_unique("doc-ring-", 10)?;
    /// # Ok(()) }
    /// ```
    pub fn create_unique(
        &self,
        prefix: &str,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Ring<T, D>> {
        let shape = shape.into_dimension();
        create_unique(prefix, |name| self.make(name, &shape, Lifetime::Creator))
    }

    /// Opens a ring: see [`Ring::open`].
    ///
    /// # Errors
    ///
    /// Those of [`Ring::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, FrameMeta, Ring1};
    ///
    /// let ring = Ring1::<u8>::create_unique("doc-ring-look-", 10)?;
    /// ring.publisher()?.publish_from(&ndarray::arr1(&[7; 10]), FrameMeta::new())?;
    ///
    /// // Needs no more than permission to read: receives checked copies.
    /// let looked_at = Ring1::<u8>::options().access(Access::Observe).open(ring.name())?;
    /// assert_eq!(looked_at.subscribe().recv()?[3], 7);
    /// # Ok(()) }
    /// ```
    pub fn open<'a>(&self, address: impl Into<Address<'a>>) -> Result<Ring<T, D>> {
        Ring::from_segment(Segment::attach(Name::new(address)?, self.settings().opening())?)
    }

    /// Opens the ring that a handle means: see [`Ring::open_handle`].
    ///
    /// # Errors
    ///
    /// Those of [`Ring::open_handle`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, Ring1};
    ///
    /// let ring = Ring1::<u8>::create_unique("doc-ring-meant-", 10)?;
    /// let same = Ring1::<u8>::options().access(Access::Read).open_handle(&ring.handle())?;
    /// # Ok(()) }
    /// ```
    pub fn open_handle(&self, handle: &Handle) -> Result<Ring<T, D>> {
        Ring::from_segment(Segment::attach_handle(handle, self.settings().opening())?)
    }

    /// Opens or creates a ring: see [`Ring::open_or_create`].
    ///
    /// # Errors
    ///
    /// Those of [`Ring::open_or_create`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Lifetime, Ring1};
    ///
    /// let options = Ring1::<u8>::options().lifetime(Lifetime::Creator);
    /// let ring = options.open_or_create("doc-either-ring", 10)?;
    /// # Ok(()) }
    /// ```
    pub fn open_or_create<'a>(
        &self,
        address: impl Into<Address<'a>>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Ring<T, D>> {
        let (address, shape) = (address.into(), shape.into_dimension());
        open_or_create(
            &Name::new(address)?,
            || {
                let ring = self.open(address)?;
                if ring.shape == shape { Ok(ring) } else { Err(other_shape(&ring, &shape)) }
            },
            |name| self.make(name, &shape, Lifetime::LastUser),
        )
    }

    /// Creates a ring in place of whatever segment is there: see [`Ring::create_or_replace`].
    ///
    /// # Errors
    ///
    /// Those of [`Ring::create_or_replace`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let options = ndshm::Ring1::<u8>::options().slots(3);
    /// let old = options.create_or_replace("doc-ring-replaced", 10)?;
    /// let new = options.create_or_replace("doc-ring-replaced", 20)?;
    /// assert!(old.segment().is_replaced());
    /// # Ok(()) }
    /// ```
    pub fn create_or_replace<'a>(
        &self,
        address: impl Into<Address<'a>>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Ring<T, D>> {
        let (name, shape) = (Name::new(address)?, shape.into_dimension());
        let text = name.as_str().to_owned();
        let draft = self.draft(name, &shape, Lifetime::Creator);
        draft.and_then(Draft::publish_or_replace).and_then(Ring::check).of(&text)
    }

    fn make(&self, name: Name, shape: &D, lifetime: Lifetime) -> Result<Ring<T, D>> {
        let text = name.as_str().to_owned();
        let draft = self.draft(name, shape, lifetime);
        draft.and_then(Draft::publish).and_then(Ring::check).of(&text)
    }

    fn draft(&self, name: Name, shape: &D, lifetime: Lifetime) -> Result<Draft> {
        let settings = self.settings();
        settings.check()?;
        let (dtype, folded) = checked_dtype::<T>()?.fold();
        let axes = [shape.slice(), &folded].concat();
        if axes.contains(&0) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("asks for frames of shape {axes:?}, which have no bytes: use longer axes"),
            ));
        }
        let record = Record::new(&dtype, &axes)?.dtype(&dtype, &axes);
        record.check()?;
        Draft::new(
            name,
            &Blueprint {
                kind: Kind::Ring,
                dtype: &record,
                shape: &[settings.slots as usize],
                stripes: 1,
                shadow_len: 0,
                leases: settings.leases,
                lifetime,
                settings,
            },
        )
    }
}

#[cold]
fn other_shape<T: Element, D: Dimension>(ring: &Ring<T, D>, asked: &D) -> Error {
    Error::new(
        ErrorKind::ShapeMismatch,
        format!(
            "holds frames of shape {:?}, asked for {:?}: open it as it is, or replace it",
            ring.shape(),
            asked.slice()
        ),
    )
    .of(ring.name())
}
