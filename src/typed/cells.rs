//! The memory of single values: one atomic, or two copies and a switch.

use std::sync::atomic;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use bytemuck::{bytes_of, bytes_of_mut};

use super::element::Element;
use crate::atomic::{AtomicU32, AtomicU64, fence};
use crate::segment::Region;
use crate::steps::step;

/// Whether values of this type are one atomic.
pub(super) const fn is_word<T>() -> bool {
    is_word_of(size_of::<T>())
}

/// Whether values of so many bytes are one atomic.
pub(super) const fn is_word_of(len: usize) -> bool {
    matches!(len, 1 | 2 | 4 | 8)
}

/// Runs an expression with the payload as the atomic of `T`'s size, and `$Bits` as its integer.
///
/// Only one arm is ever reached for a given `T`; the compiler drops the others.
macro_rules! with_atomic {
    ($region:expr, $type:ty, |$atomic:ident, $Bits:ident| $body:expr) => {
        match size_of::<$type>() {
            1 => with_atomic!(@ $region, atomic::AtomicU8, u8, $atomic, $Bits, $body),
            2 => with_atomic!(@ $region, atomic::AtomicU16, u16, $atomic, $Bits, $body),
            4 => with_atomic!(@ $region, atomic::AtomicU32, u32, $atomic, $Bits, $body),
            8 => with_atomic!(@ $region, atomic::AtomicU64, u64, $atomic, $Bits, $body),
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
    // strongest ordering. Also, `wait_changed` announces itself before it looks here.
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

/// Writes the word if it is `current`. Returns what it was, in `Err` if it was not `current`.
pub(super) fn compare_exchange<T: Element>(region: &Region, current: T, new: T) -> Result<T, T> {
    with_atomic!(region, T, |atomic, Bits| {
        let (current, new) = (bytemuck::cast::<T, Bits>(current), bytemuck::cast::<T, Bits>(new));
        // SeqCst: see `load` and `swap`.
        let found = atomic.compare_exchange(current, new, SeqCst, SeqCst);
        found.map(bytemuck::cast::<Bits, T>).map_err(bytemuck::cast::<Bits, T>)
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

/// Replaces the word by what `change` makes of it, and returns what it was. `change` may be called
/// again, because others may change the word meanwhile.
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

/// Reads the last committed value; see [`Copies::load`].
pub(super) fn load_committed<T: Element>(region: &Region) -> T {
    Copies::of(region).load()
}

/// Runs an expression with `$Word` as the integer of that many bytes, or else the other one.
macro_rules! with_word {
    ($len:expr, |$Word:ident| $body:expr, else $other:expr) => {
        match $len {
            1 => with_word!(@ u8, $Word, $body),
            2 => with_word!(@ u16, $Word, $body),
            4 => with_word!(@ u32, $Word, $body),
            8 => with_word!(@ u64, $Word, $body),
            _ => $other,
        }
    };
    (@ $Integer:ty, $Word:ident, $body:expr) => {{
        type $Word = $Integer;
        $body
    }};
}

/// Reads a value of any type, as its last commit left it. `bytes` has the value's length.
pub(crate) fn load_bytes(region: &Region, bytes: &mut [u8]) {
    with_word!(
        bytes.len(),
        |Word| bytes.copy_from_slice(bytes_of(&load::<Word>(region))),
        else Copies::of(region).load_into(bytes)
    );
}

/// Sets a value of any type to `bytes`, which has its length. A word is swapped, and its old bytes
/// are left in `bytes`. Any other value is committed, and the caller holds the lock.
pub(super) fn swap_bytes(region: &Region, bytes: &mut [u8]) {
    with_word!(
        bytes.len(),
        |Word| {
            let old = swap::<Word>(region, bytemuck::pod_read_unaligned(bytes));
            bytes.copy_from_slice(bytes_of(&old));
        },
        else commit_bytes(region, bytes)
    );
}

/// Sets a word to `new` if it is `current`, and leaves in `current` what it was. Returns whether it
/// was set.
pub(super) fn compare_exchange_bytes(region: &Region, current: &mut [u8], new: &[u8]) -> bool {
    with_word!(
        current.len(),
        |Word| {
            let [old, new] = [&*current, new].map(bytemuck::pod_read_unaligned::<Word>);
            let found = compare_exchange(region, old, new);
            current.copy_from_slice(bytes_of(&found.unwrap_or_else(|found| found)));
            found.is_ok()
        },
        else unreachable!("a value of {} bytes is no word", current.len())
    )
}

/// Commits a value. The caller holds the lock. See [`Copies::commit`].
pub(super) fn commit<T: Element>(region: &Region, value: &T) {
    commit_bytes(region, bytes_of(value));
}

/// Commits a value of any type, as [`commit`] does.
pub(super) fn commit_bytes(region: &Region, value: &[u8]) {
    Copies::of(region).commit(value);
}

/// Two copies of a value, of which one is current.
#[derive(Clone, Copy)]
struct Copies<'a> {
    /// Even: the payload is current; odd: the shadow is.
    commits: &'a AtomicU32,
    payload: &'a [AtomicU64],
    shadow: &'a [AtomicU64],
}

impl<'a> Copies<'a> {
    fn of(region: &'a Region) -> Self {
        Self {
            commits: &region.state().commits,
            payload: region.payload_words(),
            shadow: region.shadow_words(),
        }
    }

    /// Reads the last committed value. It never waits, and starts again only if another value was
    /// committed meanwhile.
    fn load<T: Element>(self) -> T {
        let mut value = T::zeroed();
        self.load_into(bytes_of_mut(&mut value));
        value
    }

    /// Like [`load`](Self::load), into `value`, which has the value's length.
    #[inline]
    fn load_into(self, value: &mut [u8]) {
        loop {
            // SeqCst: this is a look, see `Bell`. `wait_changed` announced itself before.
            let before = self.commits.load(SeqCst);
            copy_out_to(value, if before.is_multiple_of(2) { self.payload } else { self.shadow });
            // The copy above must not sink below the second look.
            fence(Acquire);
            if self.commits.load(Relaxed) == before {
                return;
            }
        }
    }

    /// Commits a value. Readers see the old one or the new one, and a writer killed at any
    /// instruction costs neither. The caller holds the lock.
    ///
    /// Afterwards the payload is current again, where NumPy finds it.
    fn commit(self, value: &[u8]) {
        let mut count = self.commits.load(Relaxed);
        if count % 2 == 1 {
            // The last committer died between its two steps: finish them.
            let mut last = vec![0; value.len()];
            copy_out_to(&mut last, self.shadow);
            copy_in(self.payload, &last);
            count = self.switch(count);
            step!("commit: last one finished");
        }
        copy_in(self.shadow, value);
        count = self.switch(count);
        step!("commit: shadow current");
        copy_in(self.payload, value);
        self.switch(count);
        step!("commit: payload current");
    }

    /// Makes the other copy current.
    fn switch(self, count: u32) -> u32 {
        let next = count.wrapping_add(1);
        // SeqCst: this announces, see `Bell`. The committer looks for waiters afterwards.
        self.commits.store(next, SeqCst);
        next
    }
}

#[inline]
fn copy_out_to(value: &mut [u8], words: &[AtomicU64]) {
    for (bytes, word) in value.chunks_mut(8).zip(words) {
        bytes.copy_from_slice(&word.load(Relaxed).to_le_bytes()[..bytes.len()]);
    }
}

/// Overwrites the copy that is not current.
fn copy_in(words: &[AtomicU64], value: &[u8]) {
    // A reader that sees these writes also sees the switch before them, whichever process made it.
    fence(Release);
    for (bytes, word) in value.chunks(8).zip(words) {
        let mut padded = [0; 8];
        padded[..bytes.len()].copy_from_slice(bytes);
        word.store(u64::from_le_bytes(padded), Relaxed);
        step!("commit: word copied");
    }
}

#[cfg(all(test, loom))]
mod model {
    use std::rc::Rc;

    use loom::thread;

    use super::*;
    use crate::atomic::model::{explore, explore_deaths};
    use crate::lock::model::world::{Slices, World};
    use crate::lock::{Bell, Patience, Slots as _};

    const OLD: [u64; 2] = [0, 0];
    const FIRST: [u64; 2] = [1, 1];
    const SECOND: [u64; 2] = [2, 2];

    #[derive(Default)]
    struct Memory {
        commits: AtomicU32,
        payload: [AtomicU64; 2],
        shadow: [AtomicU64; 2],
    }

    #[derive(Default)]
    struct Rung([AtomicU32; 2]);

    impl Rung {
        fn bell(&self) -> Bell<'_> {
            let [rings, waiting] = &self.0;
            Bell { rings, waiting }
        }
    }

    impl Memory {
        fn copies(&self) -> Copies<'_> {
            Copies { commits: &self.commits, payload: &self.payload, shadow: &self.shadow }
        }

        /// Reads twice, and sees only whole values, in the order in which they were committed.
        fn read(&self, order: &[[u64; 2]]) {
            let values: [[u64; 2]; 2] = [self.copies().load(), self.copies().load()];
            let rank = |value| order.iter().position(|known| *known == value);
            let ranks =
                values.map(|value| rank(value).unwrap_or_else(|| panic!("torn: {value:?}")));
            assert!(ranks.is_sorted(), "went back: {values:?}");
        }
    }

    #[test]
    fn loom_pair_a_committer_and_who_waits_never_miss_each_other() {
        explore("pair: commits and waiting", 3, || {
            let memory = Rc::new((Memory::default(), World::new(Slices::Finite), Rung::default()));
            let committer = thread::spawn({
                let memory = Rc::clone(&memory);
                move || {
                    let (memory, world, rung) = &*memory;
                    memory.copies().commit(bytes_of(&FIRST));
                    rung.bell().ring(&world.peers(0));
                }
            });
            let (committed, world, rung) = &*memory;
            let look = || (committed.copies().load::<[u64; 2]>() == FIRST).then_some(());
            let found = rung.bell().wait_for(&world.peers(0), Patience::Endless, look);
            assert!(found.is_some(), "endless patience ran out");
            committer.join().unwrap();
        });
    }

    #[test]
    fn loom_a_killed_committer_costs_neither_value_and_no_reader_sees_half() {
        explore_deaths("commits", 3, |death| {
            let memory = Rc::new(Memory::default());
            let mortal = thread::spawn({
                let (memory, death) = (Rc::clone(&memory), death.clone());
                move || death.take(|| memory.copies().commit(bytes_of(&FIRST)))
            });
            memory.read(&[OLD, FIRST]);
            let done = mortal.join().unwrap();
            let left: [u64; 2] = memory.copies().load();
            assert!(left == FIRST || left == OLD && !done);
        });
    }

    #[test]
    fn loom_the_next_committer_finishes_what_a_killed_one_began() {
        explore_deaths("commits after a death", 3, |death| {
            let memory = Rc::new(Memory::default());
            let mortal = thread::spawn({
                let (memory, death) = (Rc::clone(&memory), death.clone());
                move || {
                    death.take(|| memory.copies().commit(bytes_of(&FIRST)));
                }
            });
            let next = thread::spawn({
                let memory = Rc::clone(&memory);
                move || {
                    mortal.join().unwrap();
                    memory.copies().commit(bytes_of(&SECOND));
                }
            });
            memory.read(&[OLD, FIRST, SECOND]);
            next.join().unwrap();
            assert_eq!(memory.copies().load::<[u64; 2]>(), SECOND);
            let payload = memory.payload.each_ref().map(|word| word.load(Relaxed));
            assert_eq!(payload, SECOND, "where NumPy looks");
        });
    }
}
