//! Slots: the participants of a segment, and what dead ones left.
//!
//! The occupant of a slot holds its lifeline *byte*, or a process that cleans up after a dead
//! occupant does. Only the holder changes the slot. An occupant moves in by these steps: sweep what
//! names the last occupant, advance the generation, raise the high-water mark. So a process that is
//! killed between these steps leaves a slot that the next one can sweep.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::time::Duration;

use super::owner::GENERATIONS;
use super::{Owner, Peers, Stripe};
use crate::atomic::{AtomicU32, pin};
use crate::error::{Error, ErrorKind, Result};
use crate::steps::step;

/// A participant claimed the slot and has not left it in order.
const IN_USE: u32 = 1 << 20;

/// A participant, 32 bytes.
#[repr(C, align(32))]
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
pub(crate) struct Slot {
    /// `20 in use | 19..0 generation`. Stored (Release) by the holder of the slot's lifeline byte.
    word: AtomicU32,
    /// Process id, in its own PID namespace. This and the rest are stored before `word`. Release,
    /// after the sweep: pairs with the Acquire load of a process that blames the dead.
    pid: AtomicU32,
    /// Inode number of that namespace, low half first.
    namespace: [AtomicU32; 2],
    /// Start time in clock ticks since boot, low half first.
    started: [AtomicU32; 2],
    _reserved: [AtomicU32; 2],
}

pin!(Slot, 32, SLOT_FIELDS { word: 0, pid: 4, namespace: 8, started: 16 });

impl Slot {
    /// Whether a participant registered here and has not left in order.
    pub(crate) fn is_in_use(&self) -> bool {
        self.word.load(Acquire) & IN_USE != 0
    }

    /// Process id of the occupant, or of the last one.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.load(Acquire)
    }

    /// Inode number of that process's PID namespace, or 0 where unknown.
    pub(crate) fn namespace(&self) -> u64 {
        bytemuck::cast([self.namespace[0].load(Relaxed), self.namespace[1].load(Relaxed)])
    }

    /// A private copy of a slot, from the bytes read at its place.
    pub(crate) fn copied(bytes: [u8; 32]) -> Self {
        let words = bytemuck::cast::<_, [u32; 8]>(bytes);
        let [word, pid, namespace @ .., _, _] = words.map(AtomicU32::new);
        let [namespace_low, namespace_high, started_low, started_high] = namespace;
        Self {
            word,
            pid,
            namespace: [namespace_low, namespace_high],
            started: [started_low, started_high],
            _reserved: [0; 2].map(AtomicU32::new),
        }
    }

    /// Which of the slot's occupants the slot describes.
    pub(crate) fn generation(&self) -> u32 {
        self.word.load(Acquire) & (GENERATIONS - 1)
    }

    /// Gives the slot to the next generation. The occupant is described before the generation
    /// shows.
    pub(super) fn move_in(&self, who: Occupant) -> u32 {
        let last = self.generation();
        let generation = if last + 1 == GENERATIONS { 1 } else { last + 1 };
        self.pid.store(who.pid, Release);
        store_halves(&self.namespace, who.namespace);
        store_halves(&self.started, who.started);
        step!("register: occupant described");
        self.word.store(IN_USE | generation, Release);
        step!("register: slot in use");
        generation
    }

    fn move_out(&self) {
        self.word.fetch_and(!IN_USE, Release);
    }
}

/// A process that moves into a slot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Occupant {
    pub(crate) pid: u32,
    pub(crate) namespace: u64,
    pub(crate) started: u64,
}

/// The slots and locks of one segment, and the kernel beside them.
pub(crate) trait Slots: Sized {
    /// Number of slots.
    fn participants(&self) -> u32;

    /// Number of stripes.
    fn stripes(&self) -> u32;

    /// The record of that slot. The index is below [`participants`](Self::participants).
    fn slot(&self, slot: u32) -> &Slot;

    /// That stripe's lock.
    fn stripe(&self, stripe: u32) -> &Stripe;

    /// How many threads of the participant in `slot` read that stripe.
    fn cell(&self, slot: u32, stripe: u32) -> &AtomicU32;

    /// Number of slots that were ever claimed.
    fn high_water(&self) -> &AtomicU32;

    /// How many leases of frames a participant may have.
    fn leases(&self) -> u32;

    /// That lease of the participant in `slot`: 0, or the number of a ring's slot plus one.
    fn lease(&self, slot: u32, lease: u32) -> &AtomicU32;

    /// Announces that leases ended.
    fn leases_ended(&self);

    /// Whether a process holds the slot's lifeline byte.
    fn is_held(&self, slot: u32) -> Result<bool>;

    /// Holds the slot's lifeline byte while the result lives, if nobody else holds it.
    fn try_hold(&self, slot: u32) -> Result<Option<impl Sized>>;

    /// Sleeps while `word` is `expected`, for at most `slice`. Returns whether the slice is over.
    fn wait(&self, word: &AtomicU32, expected: u32, slice: Duration) -> bool;

    /// Wakes all who sleep on `word`.
    fn wake(&self, word: &AtomicU32);

    /// How many times to look again before sleeping.
    fn spins(&self) -> u32;

    /// The lock's view of the participants, for one stripe.
    #[inline]
    fn peers(&self, stripe: u32) -> StripePeers<'_, Self> {
        StripePeers { slots: self, stripe }
    }

    /// Moves into a slot whose lifeline byte this process holds.
    fn occupy(&self, slot: u32, who: Occupant) -> Owner {
        self.sweep(slot);
        step!("register: slot swept");
        let generation = self.slot(slot).move_in(who);
        // SeqCst: announces. A writer that misses the new slot took its word before our first look
        // at it.
        self.high_water().fetch_max(slot + 1, SeqCst);
        step!("register: seen by writers");
        Owner::new(slot, generation)
    }

    /// Takes every lock away from the last occupant of a slot whose lifeline byte we hold.
    fn sweep(&self, slot: u32) {
        let record = self.slot(slot);
        let generation = record.generation();
        // A damaged slot may be in use without a generation.
        let in_use = record.is_in_use() && generation != 0;
        for stripe in 0..self.stripes() {
            let lock = self.stripe(stripe);
            let peers = self.peers(stripe);
            if in_use {
                lock.disown(&peers, Owner::new(slot, generation));
                step!("sweep: stripe disowned");
            }
            if self.cell(slot, stripe).swap(0, AcqRel) != 0 {
                step!("sweep: cell zeroed");
                lock.open_gate(&peers);
            }
        }
        for lease in 0..self.leases() {
            // SeqCst: announces, as giving a lease back does. See `Bell`.
            if self.lease(slot, lease).swap(0, SeqCst) != 0 {
                step!("sweep: lease ended");
                self.leases_ended();
            }
        }
    }

    /// Sweeps a slot if its occupant is dead. Nothing names the occupant afterwards.
    fn bury(&self, slot: u32) -> Result<()> {
        if self.is_held(slot)? {
            return Ok(());
        }
        if let Some(_byte) = self.try_hold(slot)? {
            step!("bury: slot locked");
            self.sweep(slot);
            step!("bury: slot swept");
            self.slot(slot).move_out();
            step!("bury: slot free");
        }
        Ok(())
    }

    /// Whether anything in the segment still names `me` as its holder.
    fn holds_something(&self, me: Owner) -> bool {
        let in_stripe = |stripe| {
            self.stripe(stripe).is_held_by(me) || self.cell(me.slot(), stripe).load(Relaxed) != 0
        };
        (0..self.stripes()).any(in_stripe)
            || (0..self.leases()).any(|lease| self.lease(me.slot(), lease).load(Relaxed) != 0)
    }

    /// Leaves the slot in order, unless something is still held. The next occupant sweeps that.
    fn vacate(&self, me: Owner) {
        if !self.holds_something(me) {
            self.slot(me.slot()).move_out();
        }
    }
}

/// The participants, as the lock of one stripe sees them.
#[derive(Debug)]
pub(crate) struct StripePeers<'a, S> {
    slots: &'a S,
    stripe: u32,
}

impl<S: Slots> Peers for StripePeers<'_, S> {
    #[inline]
    fn high_water(&self) -> u32 {
        // SeqCst: looks. Pairs with the `fetch_max` of a new participant.
        self.slots.high_water().load(SeqCst).min(self.slots.participants())
    }

    #[inline]
    fn cell(&self, slot: u32) -> &AtomicU32 {
        self.slots.cell(slot, self.stripe)
    }

    fn is_dead(&self, owner: Owner) -> Result<bool> {
        let participants = self.slots.participants();
        if owner.slot() >= participants {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "is damaged: a lock word names slot {} of {participants}; somebody wrote over \
                     its control block",
                    owner.slot(),
                ),
            ));
        }
        let moved_on = |slot: &Slot| slot.generation() != owner.generation();
        let slot = self.slots.slot(owner.slot());
        // A new occupant sweeps first and raises the generation last. So another generation means
        // that `owner` is dead, whether it is seen before the probe or after.
        Ok(moved_on(slot) || !self.slots.is_held(owner.slot())? || moved_on(slot))
    }

    fn bury(&self, slot: u32) -> Result<()> {
        self.slots.bury(slot)
    }

    fn pid(&self, slot: u32) -> u32 {
        self.slots.slot(slot).pid()
    }

    fn wait(&self, word: &AtomicU32, expected: u32, slice: Duration) -> bool {
        self.slots.wait(word, expected, slice)
    }

    fn wake(&self, word: &AtomicU32) {
        self.slots.wake(word);
    }

    fn spins(&self) -> u32 {
        self.slots.spins()
    }
}

/// Stores a 64-bit number as two words, low half first.
fn store_halves(words: &[AtomicU32; 2], value: u64) {
    let [low, high] = bytemuck::cast::<u64, [u32; 2]>(value);
    words[0].store(low, Relaxed);
    words[1].store(high, Relaxed);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_slot_tells_all_of_its_occupant() {
        let slot = Slot::copied([0; 32]);
        assert!(!slot.is_in_use());
        let (pid, namespace, started) = (7, 0x1_0000_0002, 0x3_0000_0004);
        assert_eq!(slot.move_in(Occupant { pid, namespace, started }), 1);
        assert!(slot.is_in_use());
        assert_eq!((slot.pid(), slot.namespace(), slot.generation()), (pid, namespace, 1));
        // Written for tools that look from outside. Nothing here reads it.
        let halves = slot.started.each_ref().map(|half| half.load(Relaxed));
        assert_eq!(halves, [4, 3]);
    }

    #[test]
    fn a_copy_of_a_slot_has_all_its_words() {
        let slot = Slot::copied(bytemuck::cast([IN_USE | 9, 7, 2, 1, 4, 3, 0, 0]));
        assert!(slot.is_in_use());
        assert_eq!((slot.pid(), slot.namespace(), slot.generation()), (7, 0x1_0000_0002, 9));
        assert_eq!(slot.started.each_ref().map(|half| half.load(Relaxed)), [4, 3]);
    }

    #[test]
    fn generations_begin_again_with_the_first_and_never_name_nobody() {
        let slot = Slot::copied([0; 32]);
        slot.word.store(GENERATIONS - 2, Relaxed);
        let next = || slot.move_in(Occupant::default());
        assert_eq!([next(), next(), next()], [GENERATIONS - 1, 1, 2]);
        slot.move_out();
        assert!(!slot.is_in_use());
        assert_eq!(slot.generation(), 2);
    }
}
