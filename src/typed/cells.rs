//! The memory of single values: one atomic, or two copies and a switch.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, fence};

use bytemuck::{bytes_of, bytes_of_mut};

use super::element::Element;
use crate::segment::Region;

/// Whether values of this type are one atomic.
pub(super) const fn is_word<T>() -> bool {
    matches!(size_of::<T>(), 1 | 2 | 4 | 8)
}

/// Runs an expression with the payload as the atomic of `T`'s size, and `$Bits` as its integer.
///
/// Only one arm is ever reached for a given `T`; the compiler drops the others.
macro_rules! with_atomic {
    ($region:expr, $type:ty, |$atomic:ident, $Bits:ident| $body:expr) => {
        match size_of::<$type>() {
            1 => with_atomic!(@ $region, AtomicU8, u8, $atomic, $Bits, $body),
            2 => with_atomic!(@ $region, AtomicU16, u16, $atomic, $Bits, $body),
            4 => with_atomic!(@ $region, AtomicU32, u32, $atomic, $Bits, $body),
            8 => with_atomic!(@ $region, AtomicU64, u64, $atomic, $Bits, $body),
            size => unreachable!("a value of {size} bytes is no word"),
        }
    };
    (@ $region:expr, $Atomic:ty, $Integer:ty, $atomic:ident, $Bits:ident, $body:expr) => {{
        type $Bits = $Integer;
        let $atomic: &$Atomic = $region.payload_atomic();
        $body
    }};
}

/// Reads the word.
#[inline]
pub(super) fn load<T: Element>(region: &Region) -> T {
    // SeqCst: the value's operations have one total order, as users of `AtomicU64` expect of the
    // strongest ordering; and `wait_changed` looks here after it announced itself.
    with_atomic!(region, T, |atomic, Bits| bytemuck::cast::<Bits, T>(atomic.load(SeqCst)))
}

/// Writes the word and returns what it was.
#[inline]
pub(super) fn swap<T: Element>(region: &Region, value: T) -> T {
    with_atomic!(region, T, |atomic, Bits| {
        // SeqCst: see `load`; the setter looks for waiters afterwards.
        bytemuck::cast::<Bits, T>(atomic.swap(bytemuck::cast::<T, Bits>(value), SeqCst))
    })
}

/// Adds the bits, wrapping, and returns what the word was.
#[inline]
pub(super) fn add_bits<T: Element>(region: &Region, value: T) -> T {
    with_atomic!(region, T, |atomic, Bits| {
        // SeqCst: see `swap`.
        bytemuck::cast::<Bits, T>(atomic.fetch_add(bytemuck::cast::<T, Bits>(value), SeqCst))
    })
}

/// Replaces the word by what `change` makes of it, which may be called again when others are
/// quicker, and returns what it was.
pub(super) fn update<T: Element>(region: &Region, mut change: impl FnMut(T) -> T) -> T {
    with_atomic!(region, T, |atomic, Bits| {
        let mut old = atomic.load(Relaxed);
        loop {
            let new = bytemuck::cast::<T, Bits>(change(bytemuck::cast::<Bits, T>(old)));
            // SeqCst: see `swap`.
            match atomic.compare_exchange_weak(old, new, SeqCst, Relaxed) {
                Ok(old) => return bytemuck::cast::<Bits, T>(old),
                Err(now) => old = now,
            }
        }
    })
}

/// Reads the last committed value; never waits, and starts again only when one was committed
/// meanwhile.
pub(super) fn load_committed<T: Element>(region: &Region) -> T {
    let commits = &region.state().commits;
    loop {
        let before = commits.load(Acquire);
        let value = copy_out(current(region, before));
        // The copy above must not sink below the second look.
        fence(Acquire);
        if commits.load(Relaxed) == before {
            return value;
        }
    }
}

/// Commits a value, so that readers see the old one or the new one, and a writer killed at any
/// instruction costs neither. The caller holds the lock.
///
/// The payload is current again afterwards, where NumPy finds it.
pub(super) fn commit<T: Element>(region: &Region, value: &T) {
    let commits = &region.state().commits;
    let mut count = commits.load(Relaxed);
    if count % 2 == 1 {
        // The last committer died between its two steps: finish them.
        copy_in(region.payload_words(), &copy_out::<T>(region.shadow_words()));
        count = switch(region, count);
    }
    copy_in(region.shadow_words(), value);
    count = switch(region, count);
    copy_in(region.payload_words(), value);
    switch(region, count);
}

/// Makes the other copy current.
fn switch(region: &Region, count: u32) -> u32 {
    let next = count.wrapping_add(1);
    region.state().commits.store(next, Release);
    // Writes to the copy that is not current any more must not rise above the switch.
    fence(AcqRel);
    next
}

/// The copy that is current after so many commits.
fn current(region: &Region, commits: u32) -> &[crate::atomic::AtomicU64] {
    if commits.is_multiple_of(2) { region.payload_words() } else { region.shadow_words() }
}

fn copy_out<T: Element>(words: &[crate::atomic::AtomicU64]) -> T {
    let mut value = T::zeroed();
    for (bytes, word) in bytes_of_mut(&mut value).chunks_mut(8).zip(words) {
        bytes.copy_from_slice(&word.load(Relaxed).to_le_bytes()[..bytes.len()]);
    }
    value
}

fn copy_in<T: Element>(words: &[crate::atomic::AtomicU64], value: &T) {
    for (bytes, word) in bytes_of(value).chunks(8).zip(words) {
        let mut padded = [0; 8];
        padded[..bytes.len()].copy_from_slice(bytes);
        word.store(u64::from_le_bytes(padded), Relaxed);
    }
}
