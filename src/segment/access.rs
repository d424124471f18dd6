//! What a handle may do, and what nobody may do any more.

use super::facts::{Access, Trust};
use super::handle::Handle;
use super::life::Segment;
use super::name::{Address, Name};
use super::options::{Opening, Options};
use crate::error::{Result, ResultExt};
use crate::sys::object::Object;
use crate::sys::place::Place;

impl Segment {
    /// Begins with the default options.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, Segment, Value};
    ///
    /// let value = Value::<u8>::create_unique("doc-segment-", 1)?;
    /// let seen = Segment::options().access(Access::Observe).open(value.name())?;
    /// assert_eq!(seen.info()?.kind(), ndshm::Kind::Value);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn options() -> Options<Self> {
        Options::new()
    }

    /// Returns whether nobody can lock the segment for writing any more, for ever.
    ///
    /// # Examples
    ///
    /// See [`Array::freeze`](crate::Array::freeze).
    #[inline]
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.region().state().is_frozen()
    }

    /// Whether it has no name, and so can be sealed.
    pub(crate) fn is_anonymous(&self) -> bool {
        matches!(self.address().place(), Place::InProcess(_))
    }

    /// Opens the same segment once more, for reading only, whether it has a name or not.
    pub(crate) fn observe(&self) -> Result<Self> {
        let own = self.membership().object().of(self.name())?.as_place();
        // The same segment, which was trusted when it was opened.
        Self::attach(Name::found(own), Opening::new(Access::Observe, Trust::Anybody))
    }

    /// Whether the kernel lets nobody write it any more.
    pub(crate) fn is_sealed(&self) -> Result<bool> {
        self.membership().object().and_then(Object::is_sealed).of(self.name())
    }

    /// Has the kernel let nobody write it any more.
    pub(crate) fn seal(&self) -> Result<()> {
        self.membership().object().and_then(Object::seal).of(self.name())
    }

    /// Fails when this handle may not change the data.
    #[inline(always)]
    pub(crate) fn writable(&self) -> Result<()> {
        match self.access() {
            Access::ReadWrite => Ok(()),
            access => Err(access.refusal().of(self.name())),
        }
    }
}

/// Options of segments of any kind.
impl Options<Segment> {
    /// Opens a segment: see [`Segment::open`].
    ///
    /// # Errors
    ///
    /// Those of [`Segment::open`].
    ///
    /// # Examples
    ///
    /// See [`Segment::options`].
    pub fn open<'a>(&self, address: impl Into<Address<'a>>) -> Result<Segment> {
        Segment::attach(Name::new(address)?, self.settings().opening())
    }

    /// Opens the segment that a handle means: see [`Segment::open_handle`].
    ///
    /// # Errors
    ///
    /// Those of [`Segment::open_handle`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, Segment, Value};
    ///
    /// let value = Value::<u8>::create_unique("doc-segment-", 1)?;
    /// let seen = Segment::options().access(Access::Observe).open_handle(&value.handle())?;
    /// # Ok(()) }
    /// ```
    pub fn open_handle(&self, handle: &Handle) -> Result<Segment> {
        Segment::attach_handle(handle, self.settings().opening())
    }
}
