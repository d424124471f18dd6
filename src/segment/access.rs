//! What a handle may do, and what nobody may do any more.

use super::life::Segment;
use super::options::Access;
use crate::error::{Error, ErrorKind, Result};

impl Segment {
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

/// Words for who may only look, and asked for more.
#[cold]
pub(super) fn observed() -> Error {
    Error::new(
        ErrorKind::ReadOnly,
        "was opened with `Access::Observe`, which takes no locks and writes nothing: copy it out with \
         `snapshot` or `get`, or open it with `Access::Read` or `Access::ReadWrite`",
    )
}
