//! Which slot of a ring holds which frame, who keeps it there, and which one is written next.
//!
//! One publisher at a time, the owner of a lock, writes frames into slots; any number of subscribers
//! read them in place. A subscriber *leases* a slot: it announces itself in a cell of its own, and then
//! looks whether the slot still holds the frame. The publisher takes the frame's number out of the slot, and
//! then looks whether a cell names it. So of a subscriber and a publisher that meet, at least one gives
//! way; these are hazard pointers (M. M. Michael, 2004) whose cells the dead leave to be swept.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use super::{Bell, Owner, Patience, Peers, Slots};
use crate::atomic::{AtomicU64, fence};
use crate::error::Result;
use crate::steps::step;

/// The words of a ring.
///
/// Frames are numbered from 1. A slot whose number is 0 holds no frame: it is new, or was taken to be
/// written, perhaps by a publisher that died there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames<'a> {
    /// Number of the newest frame; never goes back. Stored by the publisher after the slot's.
    pub(crate) newest: &'a AtomicU64,
    /// How many frames publishers dropped.
    pub(crate) dropped: &'a AtomicU64,
    /// The frame in each slot. Stored by the publisher: 0 before it looks at the leases and writes,
    /// the frame's number after it wrote. Whoever loads a number sees its frame whole.
    pub(crate) sequences: &'a [AtomicU64],
    /// Rung after a frame was published.
    pub(crate) news: Bell<'a>,
    /// Rung after a lease ended.
    pub(crate) returns: Bell<'a>,
}

/// A frame that was in a slot a moment ago; older ones are less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sighting {
    pub(crate) sequence: u64,
    pub(crate) slot: usize,
}

/// What came of reaching for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grip {
    /// The frame stays where it is until this lease of the participant is given back.
    Held(u32),
    /// The slot holds another frame by now, or none.
    Gone,
    /// The participant has all the leases it may have.
    TooMany,
}

/// What a publisher does: it owns the lock that every publisher takes.
impl Frames<'_> {
    /// Finishes what a publisher began that died.
    pub(crate) fn take_over(self) {
        let newest = self.newest.load(Relaxed);
        // The last publisher gave the lock back, or was killed with the frame in its slot.
        let unseen = self.sequences.iter().map(|sequence| sequence.load(Relaxed)).max();
        if let Some(unseen) = unseen.filter(|&unseen| unseen > newest) {
            // Release: as in `publish`, but nobody is looked for afterwards: who sleeps finds the frame at
            // the end of a slice.
            self.newest.store(unseen, Release);
            step!("publisher: last one's frame shown");
        }
    }

    /// Forgets all frames, which are suspect.
    pub(crate) fn forget_all(self) {
        // Relaxed: nobody reads frames of a suspect ring.
        self.sequences.iter().for_each(|sequence| sequence.store(0, Relaxed));
    }

    /// Takes the slot with the oldest frame that nobody leases, to be written; `None` when all are
    /// leased by the living.
    #[inline]
    pub(crate) fn claim(self, slots: &impl Slots) -> Result<Option<usize>> {
        if let taken @ Some(_) = self.claim_free(slots) {
            return Ok(taken);
        }
        self.bury_the_dead(slots)?;
        Ok(self.claim_free(slots))
    }

    /// Waits until a slot can be taken; `None` when patience runs out first.
    pub(crate) fn claim_within(
        self,
        slots: &impl Slots,
        patience: Patience,
    ) -> Result<Option<usize>> {
        let look = || self.claim(slots).transpose();
        self.returns.wait_for(&slots.peers(0), patience, look).transpose()
    }

    /// The number of the frame that is published next.
    #[inline]
    pub(crate) fn next_number(self) -> u64 {
        // Only this side stores it.
        self.newest.load(Relaxed).wrapping_add(1)
    }

    /// Shows the frame in a slot that was claimed and written.
    #[inline]
    pub(crate) fn publish(self, slot: usize, peers: &impl Peers) {
        step!("publish: frame written");
        let number = self.next_number();
        // Release: who sees the number sees the frame.
        self.sequences[slot].store(number, Release);
        step!("publish: frame numbered");
        // SeqCst: announces, see `Bell`; who sees it sees the slot's number.
        self.newest.store(number, SeqCst);
        step!("publish: frame shown");
        self.news.ring(peers);
    }

    /// Notes that a frame could not be published.
    pub(crate) fn count_drop(self) {
        self.dropped.store(self.dropped.load(Relaxed).wrapping_add(1), Relaxed);
        step!("publish: drop counted");
    }

    #[inline]
    fn claim_free(self, slots: &impl Slots) -> Option<usize> {
        let mut tried = None;
        loop {
            let oldest = self.oldest_after(tried)?;
            if !is_leased(slots, oldest.slot) && self.claim_slot(slots, oldest) {
                return Some(oldest.slot);
            }
            tried = Some(oldest);
        }
    }

    /// The slot whose frame comes next after that one's; slots without a frame come first.
    #[inline]
    fn oldest_after(self, tried: Option<Sighting>) -> Option<Sighting> {
        // Relaxed: only publishers store them.
        self.least(|number| number.load(Relaxed), |seen| tried.is_none_or(|tried| seen > tried))
    }

    /// Takes a slot unless somebody leases it.
    #[inline]
    fn claim_slot(self, slots: &impl Slots, Sighting { slot, sequence }: Sighting) -> bool {
        // SeqCst: announces; a subscriber that this side's look misses finds the number gone.
        self.sequences[slot].store(0, SeqCst);
        step!("loan: number taken");
        if is_leased(slots, slot) {
            // Nothing was written, so the frame is what it was.
            // SeqCst: announces, see `Bell`; who looked in between sleeps.
            self.sequences[slot].store(sequence, SeqCst);
            self.news.ring(&slots.peers(0));
            return false;
        }
        // Who copies without a lease and sees what is written next finds the number gone.
        fence(Release);
        step!("loan: slot taken");
        true
    }

    /// Ends the leases of participants that died.
    #[cold]
    fn bury_the_dead(self, slots: &impl Slots) -> Result<()> {
        for slot in 0..high_water(slots) {
            // Relaxed: each was looked at already, and is now what it was then, or something later.
            if (0..slots.leases()).any(|lease| slots.lease(slot, lease).load(Relaxed) != 0) {
                slots.bury(slot)?;
            }
        }
        Ok(())
    }
}

/// What a subscriber does.
impl Frames<'_> {
    /// The number of the newest frame; 0 when there was none.
    #[inline]
    pub(crate) fn newest(self) -> u64 {
        // SeqCst: looks, see `Bell`; acquires the numbers of the slots.
        self.newest.load(SeqCst)
    }

    /// The oldest frame after that number.
    ///
    /// Of the frames up to the newest none is overlooked: they were in their slots before it was shown.
    #[inline]
    pub(crate) fn next_after(self, number: u64) -> Option<Sighting> {
        let newest = self.newest();
        if newest <= number {
            return None;
        }
        // SeqCst: looks, see `Bell`; a number put back is a change too.
        self.least(
            |number| number.load(SeqCst),
            |seen| number < seen.sequence && seen.sequence <= newest,
        )
    }

    /// How many frames publishers dropped.
    #[inline]
    pub(crate) fn dropped(self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// The newest frame that can be had: none before one that was shown earlier, unless that one is gone.
    #[inline]
    pub(crate) fn last(self) -> Option<Sighting> {
        loop {
            let newest = self.newest();
            let last = self.all().max_by_key(|seen| seen.sequence);
            // Publishers may go round meanwhile, and have the number out of each slot just when it is
            // looked at. Then others were shown.
            if last.is_some_and(|last| last.sequence >= newest) || self.newest() == newest {
                return last;
            }
        }
    }

    /// After which number to begin, for the newest frame to be the first.
    pub(crate) fn before_newest(self) -> u64 {
        // Before the look, or a frame that comes after it would be passed by.
        let newest = self.newest();
        self.last().map_or(newest, |last| last.sequence - 1)
    }

    /// All frames that can be had, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Sighting> {
        // Acquire: who sees a number gone sees which frames were shown before it went.
        let numbered = self.sequences.iter().enumerate();
        numbered
            .map(|(slot, number)| Sighting { sequence: number.load(Acquire), slot })
            .filter(|seen| seen.sequence > 0)
    }

    /// Keeps a frame where it is, if it still is there.
    #[inline]
    pub(crate) fn hold(self, slots: &impl Slots, me: Owner, seen: Sighting) -> Grip {
        let names = name_of(seen.slot);
        let free = (0..slots.leases()).find(|&lease| {
            // SeqCst: announces; a publisher whose look misses this has taken the number out before.
            slots.lease(me.slot(), lease).compare_exchange(0, names, SeqCst, Relaxed).is_ok()
        });
        let Some(lease) = free else { return Grip::TooMany };
        step!("lease: announced");
        // SeqCst: looks; acquires the frame.
        if self.sequences[seen.slot].load(SeqCst) == seen.sequence {
            step!("lease: held");
            return Grip::Held(lease);
        }
        self.give_back(slots, me, lease);
        Grip::Gone
    }

    /// Ends a lease.
    #[inline]
    pub(crate) fn give_back(self, slots: &impl Slots, me: Owner, lease: u32) {
        // SeqCst: announces, see `Bell`; releases what was read.
        slots.lease(me.slot(), lease).store(0, SeqCst);
        step!("lease: given back");
        self.returns.ring(&slots.peers(0));
    }

    /// Whether the slot still holds that frame, for copies without a lease; an Acquire fence stands
    /// between the copy and this.
    pub(crate) fn is_still(self, seen: Sighting) -> bool {
        self.sequences[seen.slot].load(Relaxed) == seen.sequence
    }

    /// The oldest of the frames that are meant; empty slots count as the oldest. A loop, since adapters
    /// take several times as long.
    #[inline]
    fn least(
        self,
        load: impl Fn(&AtomicU64) -> u64,
        is_meant: impl Fn(Sighting) -> bool,
    ) -> Option<Sighting> {
        let mut least = None;
        for (slot, number) in self.sequences.iter().enumerate() {
            let seen = Sighting { sequence: load(number), slot };
            if is_meant(seen) && least.is_none_or(|least| seen < least) {
                least = Some(seen);
            }
        }
        least
    }
}

/// Whether a lease names that slot.
#[inline]
fn is_leased(slots: &impl Slots, slot: usize) -> bool {
    let names = name_of(slot);
    (0..high_water(slots)).any(|participant| {
        // SeqCst: looks, see `Frames::hold`; acquires that the last reader is done.
        (0..slots.leases()).any(|lease| slots.lease(participant, lease).load(SeqCst) == names)
    })
}

#[inline]
fn high_water(slots: &impl Slots) -> u32 {
    slots.peers(0).high_water()
}

/// The slot that a lease names, of so many; `None` for a lease that is free.
pub(crate) fn named_in(lease: u32, slots: usize) -> Option<usize> {
    (lease as usize).checked_sub(1).filter(|&slot| slot < slots)
}

/// A slot as leases name it; never 0.
#[inline]
fn name_of(slot: usize) -> u32 {
    u32::try_from(slot + 1).unwrap_or(u32::MAX)
}
