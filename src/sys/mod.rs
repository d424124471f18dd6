//! The platform: the only place that knows which operating system this is.
//!
//! | module | gives |
//! |---|---|
//! | `object` | pieces of shared memory: create, publish, open, unlink, list |
//! | `place` | where an object lives; the same everywhere |
//! | `lock` | byte locks that the kernel drops when their holder dies |
//! | `map` | mappings of an object |
//! | `pages` | what pages back a mapping, and when |
//! | `lifeline` | the proof that a participant is alive, and who was forked |
//! | `wait` | sleep on a shared word, wake those who sleep |
//! | `clock` | a clock that processes share |
//! | `process` | who this process is |
//! | `users` | which users the kernel can show it |
//! | `limits` | what this process may still allocate |
//!
//! Every platform has the same file names and the same functions.

pub(crate) mod place;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as platform;

#[cfg(not(target_os = "linux"))]
mod unsupported;
#[cfg(not(target_os = "linux"))]
use unsupported as platform;

pub(crate) use platform::{
    clock, lifeline, limits, lock, map, object, pages, process, users, wait,
};
