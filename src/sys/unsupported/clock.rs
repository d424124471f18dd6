//! The time that only goes on, as far as the standard library knows.

/// Nobody shares a clock here.
pub(crate) fn monotonic_ns() -> u64 {
    0
}
