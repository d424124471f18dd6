//! The atomics that shared memory is made of. Under `cfg(loom)` they are the ones that loom
//! explores.

#[cfg(all(test, loom))]
pub(crate) mod model;
#[cfg(all(test, loom))]
mod site;
#[cfg(all(test, loom))]
mod word;

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, fence};

#[cfg(all(test, loom))]
pub(crate) use self::word::{AtomicU32, AtomicU64, fence};

#[cfg(all(not(test), loom))]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, fence};

/// Fixes where the fields of a shared record lie. `docs/format.md` has the same table, and a test
/// compares the two. Loom's atomics are larger than words, so models have no layout.
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
