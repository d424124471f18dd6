//! The NPY format: header text and dtypes, as pure functions over bytes.

pub(crate) mod datum;
pub(crate) mod dtype;
pub(crate) mod header;
pub(crate) mod scalar;
mod text;

pub(crate) use self::dtype::Dtype;
pub(crate) use self::header::{HEADER_SIZE, Header, Order, PRELUDE};
