//! Segments as arrays and values of Rust types.
//!
//! In reading order: [`element`] what may be shared · [`fit`] whether a payload is one of them ·
//! [`array`] arrays · [`rows`] which rows are asked for · [`request`] every way to lock them ·
//! [`guard`] what a lock hands out · [`view`] payloads as `ndarray` views · [`value`] single values ·
//! [`value_guard`] what locking one hands out · [`number`] arithmetic on them · [`cells`] their
//! memory · [`options`] creating and opening arrays and values · [`log`] rows that are appended and
//! followed · [`any`] arrays whose dtype is known at run time · [`part`] shares of an array for worker
//! processes.

pub(crate) mod any;
pub(crate) mod array;
pub(crate) mod bool;
mod cells;
pub(crate) mod element;
mod fit;
pub(crate) mod guard;
pub(crate) mod log;
pub(crate) mod number;
mod options;
pub(crate) mod part;
pub(crate) mod request;
mod rows;
pub(crate) mod value;
pub(crate) mod value_guard;
mod view;
