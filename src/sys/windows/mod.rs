//! Windows, which is not finished: creating or opening anything is
//! [`Unsupported`](crate::error::ErrorKind::Unsupported).
//!
//! What Windows does differently from platforms without an implementation, so far, is here; all else is
//! theirs. What is planned for each function is in `docs/design.md`, "The seam of `sys`".

pub(crate) mod names;

pub(crate) use super::unsupported::{
    clock, init, lifeline, limits, map, name_lock, object, pages, process, users, wait,
};
