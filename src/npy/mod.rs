//! The NPY format: pure functions over bytes.
//!
//! In reading order: [`scalar`], [`time`] and [`dtype`] describe an element · [`text`] writes the
//! description · [`token`] and [`literal`] read Python's literals · [`spelling`] and [`descr`] turn
//! them into a dtype · [`swap`] converts a big-endian file · [`prelude`] and
//! [`header`] are the part before the data · [`datum`] reads an item.

pub(crate) mod datum;
mod descr;
pub(crate) mod dtype;
pub(crate) mod header;
mod literal;
mod named;
mod prelude;
pub(crate) mod scalar;
mod spelling;
mod swap;
mod text;
pub(crate) mod time;
mod token;

pub(crate) use self::dtype::Dtype;
pub(crate) use self::header::{HEADER_SIZE, Header, Order};
pub(crate) use self::named::Named;
pub(crate) use self::prelude::PRELUDE;

/// The unit of the format, in bytes. Data, frames and the control block begin at multiples of it,
/// and the length of a canonical header is a multiple of it. It is the same everywhere. The
/// system's page often has the same length, and is longer on some machines.
pub(crate) const UNIT: usize = 4096;
