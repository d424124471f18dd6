//! What a handle may do, and what is forbidden for good.

use super::facts::{Access, Trust};
use super::kinds::Opens;
use super::life::Segment;
use super::name::Name;
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

    /// Returns whether the segment is frozen: nobody can ever lock it for writing again.
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
        // It is the same segment, and it was trusted when it was opened.
        Self::attach(Name::found(own), Opening::new(Access::Observe, Trust::Anybody))
    }

    /// Whether the kernel has forbidden all further writes to it.
    pub(crate) fn is_sealed(&self) -> Result<bool> {
        self.membership().object().and_then(Object::is_sealed).of(self.name())
    }

    /// Makes the kernel forbid all further writes to it.
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

impl Opens for Segment {
    fn check(segment: Segment) -> Result<Self> {
        Ok(segment)
    }
}
