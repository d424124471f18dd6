//! Named shared-memory segments.

mod error;

pub use crate::error::{Error, ErrorKind, Result};
