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

/// Fixes where the fields of a shared record lie; `docs/format.md` has the same table, which a test
/// compares. Loom's atomics are larger than words, so models have no layout.
macro_rules! pin {
    ($record:ident, $size:literal, $table:ident { $($field:ident: $offset:literal),* $(,)? }) => {
        #[cfg(not(loom))]
        const _: () = {
            assert!(size_of::<$record>() == $size);
            $(assert!(std::mem::offset_of!($record, $field) == $offset);)*
        };

        #[cfg(test)]
        pub(crate) const $table: &[(&str, usize)] = &[$((stringify!($field), $offset)),*];
    };
}
pub(crate) use pin;
