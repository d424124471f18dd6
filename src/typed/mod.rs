//! Segments as arrays and values of Rust types.
//!
//! In reading order: [`element`] what may be shared · [`array`] arrays · [`request`] every way to
//! lock their rows · [`guard`] what a lock hands out · [`snapshot`] private copies · [`frozen`] arrays
//! that nobody writes any more · [`view`] payloads as `ndarray` views · [`value`] single values ·
//! [`value_guard`] what locking one hands out · [`number`] arithmetic on them · [`cells`] their
//! memory · [`options`] creating and opening all of it · [`contents`] whether what is there is what
//! was asked for · [`npy`] ordinary `.npy` files. With feature `serde`: `config` settings as JSON ·
//! `finite` what JSON has no words for.

pub(crate) mod array;
pub(crate) mod bool;
mod cells;
#[cfg(feature = "serde")]
pub(crate) mod config;
mod contents;
pub(crate) mod element;
#[cfg(feature = "serde")]
mod finite;
pub(crate) mod frozen;
pub(crate) mod guard;
pub(crate) mod npy;
pub(crate) mod number;
mod options;
pub(crate) mod request;
mod snapshot;
pub(crate) mod value;
pub(crate) mod value_guard;
mod view;
