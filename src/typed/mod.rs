//! Segments as arrays and values of Rust types.

pub(crate) mod bool;
pub(crate) mod element;
