//! Segments as arrays and values of Rust types.
//!
//! In reading order: [`element`] what may be shared · [`bool`], [`text`], [`time`] elements of our own · [`contents`] whether what is there is what was
//! asked for · [`array`] arrays · [`rows`] which rows are asked for · [`request`] every way to lock them ·
//! [`guard`] what a lock hands out, and [`stays`] in its thread · [`snapshot`] private copies · [`frozen`] arrays that nobody writes
//! any more · [`view`] payloads as `ndarray` views · [`value`] single values · [`value_guard`] copies of
//! them to edit · [`number`] arithmetic on them · [`cells`] their memory · [`options`] creating
//! and opening arrays and values · [`log`] rows that are appended and followed · [`any`] arrays whose
//! dtype is known at run time · [`part`] shares of an array for worker processes · [`npy`] ordinary
//! `.npy` files · [`share`] made into shared arrays. With feature `serde`: `config` settings as JSON · `finite` what JSON has no words for.

pub(crate) mod any;
pub(crate) mod array;
pub(crate) mod bool;
pub(crate) mod cells;
#[cfg(feature = "serde")]
pub(crate) mod config;
pub(crate) mod contents;
pub(crate) mod element;
#[cfg(feature = "serde")]
mod finite;
pub(crate) mod frozen;
pub(crate) mod guard;
pub(crate) mod log;
pub(crate) mod npy;
pub(crate) mod number;
mod options;
pub(crate) mod part;
pub(crate) mod request;
mod rows;
mod share;
pub(crate) mod snapshot;
mod stays;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod value;
pub(crate) mod value_guard;
mod view;
