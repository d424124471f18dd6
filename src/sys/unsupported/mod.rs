//! Platforms without an implementation yet: everything compiles, and creating or opening anything
//! is [`Unsupported`](crate::error::ErrorKind::Unsupported). No object can exist, so the types have
//! no values and what takes one has no body.

pub(crate) mod clock;
pub(crate) mod init;
pub(crate) mod lifeline;
pub(crate) mod limits;
pub(crate) mod map;
pub(crate) mod name_lock;
pub(crate) mod names;
pub(crate) mod object;
pub(crate) mod pages;
pub(crate) mod process;
pub(crate) mod users;
pub(crate) mod wait;

use std::io;

use crate::error::{Error, ErrorKind};

/// What has no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Never {}

#[cold]
fn unsupported() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "cannot exist: shared memory is not implemented for this platform yet; Linux has it",
    )
    .caused_by(io::ErrorKind::Unsupported.into())
}
