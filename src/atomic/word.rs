//! Loom's atomics, with SeqCst accesses as in C11. A process may be killed before each use.
//!
//! Loom treats a SeqCst access as an acquire or a release. Suppose that two sides each announce
//! themselves in a word and then look at the other's. Loom lets both miss each other, whatever the
//! orderings. With SeqCst *fences* between, it lets neither miss the other, whatever the orderings.
//! These words forbid that both miss each other if all four accesses are SeqCst, and allow it if
//! one is not. So a model tells whether each of the four is needed.
//!
//! # How
//!
//! Each word `x` has a second one, `x.order`.
//!
//! - A SeqCst store or read-modify-write of `x` is followed by a read-modify-write of `x.order` that
//!   releases, with no other thread in between.
//! - A SeqCst load of `x` follows an exchange of `x.order` that fails, and acquires.
//!
//! Both read the newest value. A read-modify-write continues the release sequence of the one that
//! wrote that value. So a SeqCst load acquires from every earlier SeqCst write of its word. By
//! coherence it reads what the last of them wrote, or something later. Suppose that one side writes
//! `x` and then loads `y`, that the other writes `y` and then loads `x`, and that all accesses are
//! SeqCst. One of the two writes is the later one. The load that follows it in its thread comes
//! after the other write, so it sees that write. But if a write is not SeqCst, no load acquires
//! from it. If a load is not SeqCst, it acquires from no write. Then loom lets that load read the
//! older value.
//!
//! # What it cannot see
//!
//! Where these words are stronger than C11, a mistake may pass:
//!
//! - A SeqCst load acquires from *all* earlier SeqCst writes of the word, not only from the one it
//!   reads. That matters only where several threads *store* into the word. A read-modify-write
//!   passes on what it found in C11 too.
//! - Loom runs each thread in the order of its source, so no load is early. A store after a load is
//!   never seen before it, and a read-modify-write reads the newest value even if it is Relaxed. So
//!   a read-modify-write that *looks* for an announcement always finds it. A `compare_exchange`
//!   that fails is a load, however. If its failure is SeqCst, it begins with that load here.
//!
//! Where these words are weaker than C11, sound code may fail:
//!
//! - SeqCst stores of two threads into one word may be seen in either order, unless one thread knew
//!   of the other's store.
//! - If a SeqCst load reads a store that is not SeqCst, other loads need not find that store later
//!   because of it.
//!
//! As in C11, two readers never see two SeqCst writes in different orders: a value is not seen
//! before its write is released to `x.order`.

use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release, SeqCst};

use loom::sync::atomic;

use super::model::{Flaw, is_flawed, step};
use super::site::{Access, Part, Site, Strength};

/// Defines one of loom's atomics with an order of SeqCst accesses. Every use is a [`step`].
macro_rules! word {
    ($(#[$doc:meta])* $Word:ident, $Integer:ident) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(crate) struct $Word {
            value: atomic::$Word,
            order: Order,
        }

        impl $Word {
            pub(crate) fn new(value: $Integer) -> Self {
                Self { value: atomic::$Word::new(value), order: Order::default() }
            }

            /// The word as the kernel and the model itself see it. Looking is not a step.
            #[allow(dead_code, reason = "only words of 32 bits are slept on")]
            pub(crate) fn unseen(&self) -> &atomic::$Word {
                &self.value
            }

            #[track_caller]
            pub(crate) fn load(&self, ordering: Ordering) -> $Integer {
                step();
                self.look(Site::here(Part::Success), ordering)
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $Integer, ordering: Ordering) {
                step();
                let strength = Site::here(Part::Success).strength(Access::Store, ordering);
                self.value.store(value, strength.loom);
                self.order.release(strength);
            }

            #[allow(dead_code, reason = "no word of 64 bits is exchanged")]
            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                current: $Integer,
                new: $Integer,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$Integer, $Integer> {
                step();
                let (whole, fails) = (Site::here(Part::Success), Site::here(Part::Failure));
                // SeqCst: a failure that looks for an announcement and may see it too late.
                if failure == SeqCst || is_flawed(Flaw::SplitExchange) {
                    let found = self.look(fails, failure);
                    if found != current {
                        return Err(found);
                    }
                }
                if is_flawed(Flaw::SplitExchange) {
                    step();
                    self.value.store(new, Release);
                    return Ok(current);
                }
                let success = if is_flawed(Flaw::RelaxedExchange) { Relaxed } else { success };
                let strength = whole.strength(Access::ReadModifyWrite, success);
                let failure = fails.strength(Access::Load, failure).loom;
                let found = self.value.compare_exchange(current, new, strength.loom, failure)?;
                self.order.release(strength);
                Ok(found)
            }

            fn look(&self, site: Site, ordering: Ordering) -> $Integer {
                let strength = site.strength(Access::Load, ordering);
                self.order.acquire(strength);
                self.value.load(strength.loom)
            }
        }

        word!(@ $Word, $Integer: swap fetch_add fetch_sub fetch_and fetch_or fetch_max);
    };
    (@ $Word:ident, $Integer:ident: $($change:ident)*) => {
        #[allow(dead_code, reason = "not every word is changed in every way")]
        impl $Word {
            $(
                #[track_caller]
                pub(crate) fn $change(&self, value: $Integer, ordering: Ordering) -> $Integer {
                    step();
                    let strength =
                        Site::here(Part::Success).strength(Access::ReadModifyWrite, ordering);
                    let found = self.value.$change(value, strength.loom);
                    self.order.release(strength);
                    found
                }
            )*
        }
    };
}

word! {
    /// Loom's 32-bit atomic.
    AtomicU32, u32
}

word! {
    /// Loom's 64-bit atomic.
    AtomicU64, u64
}

/// The SeqCst accesses of one word, in order.
#[derive(Debug, Default)]
struct Order(atomic::AtomicU32);

impl Order {
    /// Puts a load that follows after all SeqCst writes so far, if it is SeqCst.
    fn acquire(&self, strength: Strength) {
        if strength.is_sequential {
            // A failed exchange still reads the newest value, and leaves nothing for others to
            // acquire.
            let found = undivided(|| self.0.compare_exchange(u32::MAX, 0, Relaxed, Acquire));
            debug_assert!(found.is_err(), "so many writes in one model");
        }
    }

    /// Puts the write before this into the order, if it is SeqCst.
    fn release(&self, strength: Strength) {
        if strength.is_sequential {
            undivided(|| self.0.fetch_add(1, Release));
        }
    }
}

/// Runs the next use of an atomic, as loom sees it, right after the one before, with no other
/// thread in between.
fn undivided<R>(act: impl FnOnce() -> R) -> R {
    loom::stop_exploring();
    let result = act();
    loom::explore();
    result
}

/// Loom's fence, unless it is weakened away.
#[track_caller]
pub(crate) fn fence(ordering: Ordering) {
    if !Site::here(Part::Success).is_weakened(ordering) {
        atomic::fence(ordering);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::rc::Rc;

    use loom::thread;

    use super::*;
    use crate::atomic::model::explore;

    /// The SeqCst accesses of two threads that announce themselves and look.
    const SIDES: [Ordering; 4] = [SeqCst; 4];

    /// Each side stores into its own word and loads the other's. At least one must see the other.
    fn store_buffering(name: &str, [store, load, other_store, other_load]: [Ordering; 4]) {
        explore(name, 3, move || {
            let words = Rc::new([AtomicU32::new(0), AtomicU32::new(0)]);
            let other = thread::spawn({
                let words = Rc::clone(&words);
                move || {
                    words[1].store(1, other_store);
                    words[0].load(other_load)
                }
            });
            words[0].store(1, store);
            let seen = words[1].load(load);
            assert!(seen + other.join().unwrap() > 0, "neither saw the other");
        });
    }

    #[test]
    fn loom_pair_of_two_that_announce_themselves_and_look_one_sees_the_other() {
        store_buffering("pair: store buffering", SIDES);
    }

    #[test]
    fn loom_each_of_four_accesses_must_be_sequentially_consistent() {
        for weak in 0..4 {
            let mut sides = SIDES;
            sides[weak] = if weak % 2 == 0 { Release } else { Acquire };
            let found = catch_unwind(|| store_buffering("control: three of four", sides));
            assert!(found.is_err(), "{sides:?}");
        }
    }

    // SeqCst, everywhere: with anything less, two words do not have one order for all readers.
    #[test]
    fn loom_pair_two_readers_see_two_writes_in_one_order() {
        explore("pair: independent reads of independent writes", 3, || {
            let words = Rc::new([AtomicU32::new(0), AtomicU32::new(0)]);
            let writers = [0, 1].map(|word| {
                let words = Rc::clone(&words);
                // SeqCst: anything less would leave the two writes without an order.
                thread::spawn(move || words[word].store(1, SeqCst))
            });
            let reader = thread::spawn({
                let words = Rc::clone(&words);
                move || (words[0].load(SeqCst), words[1].load(SeqCst))
            });
            // SeqCst: anything less would let the two see the writes in two orders.
            let (second, first) = (words[1].load(SeqCst), words[0].load(SeqCst));
            let orders = ((first, second), reader.join().unwrap());
            assert_ne!(orders, ((0, 1), (1, 0)), "two orders");
            writers.into_iter().for_each(|writer| writer.join().unwrap());
        });
    }
}
