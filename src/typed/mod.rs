//! Segments as arrays and values of Rust types.
//!
//! In reading order: [`element`] what may be shared · [`array`] arrays · [`request`] every
//! way to lock their rows ·
//! [`guard`] what a lock hands out · [`view`] payloads as `ndarray` views · [`value`] single values ·
//! [`number`] arithmetic on them · [`cells`] their memory · [`options`] creating and opening arrays
//! and values · [`log`] rows that are appended and followed.

pub(crate) mod array;
pub(crate) mod bool;
mod cells;
pub(crate) mod element;
pub(crate) mod guard;
pub(crate) mod log;
pub(crate) mod number;
mod options;
pub(crate) mod request;
pub(crate) mod value;
mod view;
