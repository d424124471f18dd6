//! What a handle may do, and what nobody may do any more.

use super::handle::Handle;
use super::life::Segment;
use super::name::{Address, Name};
use super::options::{Access, Options};
use crate::error::{Error, ErrorKind, Result, ResultExt};
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
        matches!(self.address().place(), Place::Descriptor(_))
    }

    /// Opens the same segment once more, for reading only, whether it has a name or not.
    pub(crate) fn observe(&self) -> Result<Self> {
        let own = self.membership().object().of(self.name())?.as_place();
        Self::attach(Name::found(own), Access::Observe)
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
            Access::Read | Access::Observe => Err(self.read_only()),
        }
    }

    #[cold]
    fn read_only(&self) -> Error {
        match self.access() {
            Access::Observe => observed(),
            _ => Error::new(
                ErrorKind::ReadOnly,
                "was opened for reading only: open it with `Access::ReadWrite` to change it",
            ),
        }
        .of(self.name())
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

/// Refuses to map for writing what the kernel lets nobody write.
pub(super) fn check_unsealed(object: &Object, name: &Name, access: Access) -> Result<()> {
    let may_be_sealed = matches!(name.place(), Place::Descriptor(_)) && access != Access::Observe;
    if may_be_sealed && object.is_sealed()? {
        return Err(Error::new(
            ErrorKind::Frozen,
            "is sealed: nobody writes it any more; open it as `Frozen`, or with `Access::Observe`",
        ));
    }
    Ok(())
}

/// Words for who may only look, and asked for more.
#[cold]
pub(super) fn observed() -> Error {
    Error::new(
        ErrorKind::ReadOnly,
        "was opened with `Access::Observe`, which takes no locks and writes nothing: copy it out with \
         `snapshot` or `get`, or open it with `Access::Read` or `Access::ReadWrite`",
    )
}
