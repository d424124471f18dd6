//! The atomics that shared memory is made of; under `cfg(loom)`, the ones loom explores.

#[cfg(all(test, loom))]
pub(crate) mod model;

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, fence};

#[cfg(all(test, loom))]
pub(crate) use self::model::{AtomicU32, AtomicU64, fence};

#[cfg(all(not(test), loom))]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, fence};

/// Stands between this side's announcement and its look at the other side's.
///
/// Both sides announce with a SeqCst write and look with a SeqCst load, so all four have one total
/// order and at least one side sees the other: nothing more is needed, and nothing is emitted.
/// Loom treats SeqCst accesses as acquire and release only, so it is given a fence.
#[inline(always)]
pub(crate) fn announce_before_look() {
    #[cfg(all(test, loom))]
    model::announce_before_look();
}

/// The word as the kernel sees it; models never get as far as the kernel.
#[cfg(not(loom))]
pub(crate) fn in_memory(word: &AtomicU32) -> &AtomicU32 {
    word
}

/// The word as the kernel sees it; models never get as far as the kernel.
#[cfg(loom)]
pub(crate) fn in_memory(_word: &AtomicU32) -> &std::sync::atomic::AtomicU32 {
    unreachable!("a model asked the kernel")
}
