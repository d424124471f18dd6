//! The NPY format: header text and dtypes, as pure functions over bytes.

pub(crate) mod dtype;
pub(crate) mod header;
pub(crate) mod scalar;
mod text;
