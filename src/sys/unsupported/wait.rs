//! Sleeping on shared words, of which there are none.

use std::time::Duration;

use crate::atomic::AtomicU32;

/// How a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The time was over.
    TimedOut,
}

pub(crate) fn wait(_word: &AtomicU32, _expected: u32, _slice: Duration) -> Woken {
    Woken::TimedOut
}

pub(crate) fn wake_all(_word: &AtomicU32) {}

pub(crate) fn spins() -> u32 {
    0
}
