//! The platform: the only place that knows which operating system this is.
//!
//! | module | gives |
//! |---|---|
//! | `object` | pieces of shared memory: create, publish, open |
//! | `names` | what objects are called: look up, remove, exchange, list |
//! | `name_lock` | the lock of who changes what a name stands for |
//! | `place` | where an object lives; the same everywhere |
//! | `init` | the lock of who settles or converts an object |
//! | `map` | mappings of an object |
//! | `pages` | what pages back a mapping, and when |
//! | `lifeline` | claims of slots, the proof that a participant is alive, and who was forked |
//! | `wait` | sleep on a shared word, wake those who sleep |
//! | `clock` | a clock that processes share |
//! | `process` | who this process is |
//! | `users` | who this process acts as, and whose an object is |
//! | `limits` | what this process may still allocate |
//!
//! Every platform has the same file names and the same functions. (Only Linux has `death`, which the tests
//! of deaths at every step are built with.)

pub(crate) mod place;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as platform;

#[cfg(target_os = "windows")]
mod windows;
#[cfg(target_os = "windows")]
use windows as platform;

#[cfg(not(target_os = "linux"))]
mod unsupported;
#[cfg(not(any(target_os = "linux", target_os = "windows")))]
use unsupported as platform;

#[cfg(ndshm_steps)]
pub(crate) use platform::death;
pub(crate) use platform::{
    clock, init, lifeline, limits, map, name_lock, names, object, pages, process, users, wait,
};
