//! The NPY format: header text and dtypes, as pure functions over bytes.

pub(crate) mod datum;
pub(crate) mod dtype;
pub(crate) mod header;
mod named;
pub(crate) mod scalar;
mod text;

pub(crate) use self::dtype::Dtype;
pub(crate) use self::header::{HEADER_SIZE, Header, Order, PRELUDE};
pub(crate) use self::named::Named;
