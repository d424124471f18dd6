//! Platforms without an implementation yet: everything compiles, and creating or opening anything
//! is [`Unsupported`](crate::error::ErrorKind::Unsupported). No object can exist, so the types are
//! empty and what takes one has no body.

pub(crate) mod lifeline;
pub(crate) mod limits;
pub(crate) mod lock;
pub(crate) mod map;
pub(crate) mod object;
pub(crate) mod process;
pub(crate) mod wait;

use crate::error::{Error, ErrorKind};

#[cold]
fn unsupported() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "cannot exist: shared memory is not implemented for this platform yet; Linux has it",
    )
}
