//! Windows. **This is not finished**: nothing can be created or opened yet, which is
//! [`Unsupported`](crate::error::ErrorKind::Unsupported).
//!
//! The modules here are written. The others are those of platforms without an implementation.
//! `docs/design.md`, "The seam of `sys`", says what is planned.

pub(crate) mod names;

pub(crate) use super::unsupported::{
    clock, init, lifeline, limits, map, name_lock, object, pages, process, users, wait,
};
