//! The NPY format: pure functions over bytes.
//!
//! In reading order: [`scalar`], [`time`], [`dtype`], what an element is · [`text`] writes it down ·
//! [`token`] and [`literal`] read Python's literals · [`spelling`] and [`descr`] make a dtype of them · [`swap`] is
//! what a big-endian file wants · [`prelude`] and [`header`], what stands before the data · [`datum`]
//! reads an item.

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

/// The unit of the format, in bytes: data, frames and the control block begin at multiples of it, and
/// canonical headers are a multiple of it long. It is the same everywhere; the system's page is often as
/// long, and longer on some machines.
pub(crate) const UNIT: usize = 4096;
