//! The NPY format: header text and dtypes, as pure functions over bytes.

pub(crate) mod datum;
pub(crate) mod dtype;
pub(crate) mod header;
pub(crate) mod scalar;
mod text;

pub(crate) use self::dtype::Dtype;
pub(crate) use self::header::{HEADER_SIZE, Header, Order, PRELUDE};

/// The unit of the format, in bytes: data, frames and the control block begin at multiples of it, and
/// canonical headers are one or two units long. It is the same everywhere; the system's page is often as
/// long, and longer on some machines.
pub(crate) const UNIT: usize = 4096;
