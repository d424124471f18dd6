//! The platform: the only place that knows which operating system this is.
//!
//! | module | gives |
//! |---|---|
//! | `object` | pieces of shared memory: create, publish, open |
//! | `names` | the names of objects: look up, remove, exchange, list |
//! | `name_lock` | the lock under which a name changes hands |
//! | `place` | where an object lives; the same everywhere |
//! | `init` | the lock under which an object is settled or converted |
//! | `map` | mappings of an object |
//! | `pages` | what pages back a mapping, and when |
//! | `lifeline` | claims of slots, the proof that a participant is alive, and who was forked |
//! | `wait` | sleep on a shared word, wake those who sleep |
//! | `clock` | a clock that processes share |
//! | `process` | who this process is |
//! | `users` | the user that this process acts as, and the owner of an object |
//! | `limits` | what this process may still allocate |
//!
//! Every platform has the same file names and the same functions. Only Linux has `death`, for the tests that
//! kill a process at every step.

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
