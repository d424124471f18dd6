//! Which slot of a ring holds which frame, who leases it, and which slot is written next.
//!
//! One publisher at a time, the owner of a lock, writes frames into slots. Any number of
//! subscribers read them in place. A subscriber *leases* a slot: it announces itself in a cell of
//! its own, and then checks that the slot still holds the frame. The publisher clears the frame's
//! number in the slot, and then checks that no cell names the slot. So if a subscriber and a
//! publisher meet, at least one gives way. These are hazard pointers (M. M. Michael, 2004) whose
//! cells are swept after a death.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use super::{Bell, Owner, Patience, Peers, Slots};
use crate::atomic::{AtomicU64, fence};
use crate::error::Result;
use crate::steps::step;

/// The words of a ring.
///
/// Frames are numbered from 1. A slot whose number is 0 holds no frame. It is new, or it was
/// claimed for writing, perhaps by a publisher that died meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames<'a> {
    /// Number of the newest frame. It never decreases. Stored by the publisher after the slot's
    /// number.
    pub(crate) newest: &'a AtomicU64,
    /// How many frames publishers dropped.
    pub(crate) dropped: &'a AtomicU64,
    /// The number of the frame in each slot. Stored by the publisher: 0 before it looks at the
    /// leases and writes, the frame's number after it wrote. A load that sees a number sees the
    /// whole frame.
    pub(crate) sequences: &'a [AtomicU64],
    /// Rung after a frame was published.
    pub(crate) news: Bell<'a>,
    /// Rung after a lease ended.
    pub(crate) returns: Bell<'a>,
}

/// A frame that was in a slot a moment ago. Older frames order first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sighting {
    pub(crate) sequence: u64,
    pub(crate) slot: usize,
}

/// The result of an attempt to lease a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grip {
    /// The frame stays in its slot until this lease of the participant is given back.
    Held(u32),
    /// The slot now holds another frame, or none.
    Gone,
    /// The participant has as many leases as it may have.
    TooMany,
}

/// Methods for the publisher, which owns the lock that every publisher takes.
impl Frames<'_> {
    /// Finishes what a dead publisher began.
    pub(crate) fn take_over(self) {
        let newest = self.newest.load(Relaxed);
        // The last publisher released the lock, or was killed with the frame in its slot.
        let unseen = self.sequences.iter().map(|sequence| sequence.load(Relaxed)).max();
        if let Some(unseen) = unseen.filter(|&unseen| unseen > newest) {
            // Release: as in `publish`, but no look for sleepers follows. They find the frame at
            // the end of a slice.
            self.newest.store(unseen, Release);
            step!("publisher: last one's frame shown");
        }
    }

    /// Forgets all frames, which are suspect.
    pub(crate) fn forget_all(self) {
        // Relaxed: nobody reads the frames of a suspect ring.
        self.sequences.iter().for_each(|sequence| sequence.store(0, Relaxed));
    }

    /// Claims, for writing, the slot with the oldest frame that nobody leases. Returns `None` when
    /// living participants lease all slots.
    #[inline]
    pub(crate) fn claim(self, slots: &impl Slots) -> Result<Option<usize>> {
        if let taken @ Some(_) = self.claim_free(slots) {
            return Ok(taken);
        }
        self.bury_the_dead(slots)?;
        Ok(self.claim_free(slots))
    }

    /// Waits until a slot can be claimed. Returns `None` if patience runs out first.
    pub(crate) fn claim_within(
        self,
        slots: &impl Slots,
        patience: Patience,
    ) -> Result<Option<usize>> {
        let look = || self.claim(slots).transpose();
        self.returns.wait_for(&slots.peers(0), patience, look).transpose()
    }

    /// The number of the next frame to be published.
    #[inline]
    pub(crate) fn next_number(self) -> u64 {
        // Relaxed: only the publisher stores it.
        self.newest.load(Relaxed).wrapping_add(1)
    }

    /// Shows the frame in a slot that was claimed and written.
    #[inline]
    pub(crate) fn publish(self, slot: usize, peers: &impl Peers) {
        step!("publish: frame written");
        let number = self.next_number();
        // Release: a load that sees the number sees the frame.
        self.sequences[slot].store(number, Release);
        step!("publish: frame numbered");
        // SeqCst: announces, see `Bell`. A load that sees it sees the slot's number.
        self.newest.store(number, SeqCst);
        step!("publish: frame shown");
        self.news.ring(peers);
    }

    /// Counts a frame that could not be published.
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

    /// The slot whose frame comes next after the one tried. Slots without a frame come first.
    #[inline]
    fn oldest_after(self, tried: Option<Sighting>) -> Option<Sighting> {
        // Relaxed: only publishers store the numbers.
        self.least(|number| number.load(Relaxed), |seen| tried.is_none_or(|tried| seen > tried))
    }

    /// Claims a slot unless somebody leases it.
    #[inline]
    fn claim_slot(self, slots: &impl Slots, Sighting { slot, sequence }: Sighting) -> bool {
        // SeqCst: announces. A subscriber that this side's look misses finds the number gone.
        self.sequences[slot].store(0, SeqCst);
        step!("loan: number taken");
        if is_leased(slots, slot) {
            // Nothing was written, so the frame is unchanged. SeqCst: announces, see `Bell`. A
            // subscriber that looked in between may sleep.
            self.sequences[slot].store(sequence, SeqCst);
            self.news.ring(&slots.peers(0));
            return false;
        }
        // A process that copies without a lease and sees later writes also finds the number gone.
        fence(Release);
        step!("loan: slot taken");
        true
    }

    /// Ends the leases of participants that died.
    #[cold]
    fn bury_the_dead(self, slots: &impl Slots) -> Result<()> {
        for slot in 0..high_water(slots) {
            // Relaxed: each lease was looked at already, so this load sees the same value or a
            // later one.
            if (0..slots.leases()).any(|lease| slots.lease(slot, lease).load(Relaxed) != 0) {
                slots.bury(slot)?;
            }
        }
        Ok(())
    }
}

/// Methods for subscribers.
impl Frames<'_> {
    /// The number of the newest frame, or 0 if there was none.
    #[inline]
    pub(crate) fn newest(self) -> u64 {
        // SeqCst: looks, see `Bell`. It acquires the numbers of the slots.
        self.newest.load(SeqCst)
    }

    /// The oldest frame after that number.
    ///
    /// No frame up to the newest is overlooked: all were in their slots before `newest` was stored.
    #[inline]
    pub(crate) fn next_after(self, number: u64) -> Option<Sighting> {
        let newest = self.newest();
        if newest <= number {
            return None;
        }
        // SeqCst: looks, see `Bell`. A number put back is a change too.
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

    /// The newest frame available. It is not older than a frame that was shown before the call,
    /// unless that one is gone.
    #[inline]
    pub(crate) fn last(self) -> Option<Sighting> {
        loop {
            let newest = self.newest();
            let last = self.all().max_by_key(|seen| seen.sequence);
            // Publishers may go around the ring meanwhile, so that each slot's number is cleared
            // just when this loop looks at it. Then newer frames were shown.
            if last.is_some_and(|last| last.sequence >= newest) || self.newest() == newest {
                return last;
            }
        }
    }

    /// The number after which to begin, so that the newest frame is the first.
    pub(crate) fn before_newest(self) -> u64 {
        // This comes before the look. Otherwise a frame published after the look would be skipped.
        let newest = self.newest();
        self.last().map_or(newest, |last| last.sequence - 1)
    }

    /// All frames available, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Sighting> {
        // Acquire: a load that sees a number gone sees which frames were shown before it went.
        let numbered = self.sequences.iter().enumerate();
        numbered
            .map(|(slot, number)| Sighting { sequence: number.load(Acquire), slot })
            .filter(|seen| seen.sequence > 0)
    }

    /// Leases a frame, if it still is in its slot.
    #[inline]
    pub(crate) fn hold(self, slots: &impl Slots, me: Owner, seen: Sighting) -> Grip {
        let names = name_of(seen.slot);
        let free = (0..slots.leases()).find(|&lease| {
            // SeqCst: announces. A publisher whose look misses this cleared the number before.
            slots.lease(me.slot(), lease).compare_exchange(0, names, SeqCst, Relaxed).is_ok()
        });
        let Some(lease) = free else { return Grip::TooMany };
        step!("lease: announced");
        // SeqCst: looks. It acquires the frame.
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
        // SeqCst: announces, see `Bell`. It releases what was read.
        slots.lease(me.slot(), lease).store(0, SeqCst);
        step!("lease: given back");
        self.returns.ring(&slots.peers(0));
    }

    /// Whether the slot still holds that frame, for copies without a lease. An Acquire fence must
    /// stand between the copy and this.
    pub(crate) fn is_still(self, seen: Sighting) -> bool {
        self.sequences[seen.slot].load(Relaxed) == seen.sequence
    }

    /// The oldest of the frames that `is_meant` accepts. Empty slots count as the oldest. This is a
    /// loop because adapters take several times as long.
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
        // SeqCst: looks, see `Frames::hold`. It acquires that the last reader is done.
        (0..slots.leases()).any(|lease| slots.lease(participant, lease).load(SeqCst) == names)
    })
}

#[inline]
fn high_water(slots: &impl Slots) -> u32 {
    slots.peers(0).high_water()
}

/// The slot that a lease names, of `slots` slots. Returns `None` for a free lease.
pub(crate) fn named_in(lease: u32, slots: usize) -> Option<usize> {
    (lease as usize).checked_sub(1).filter(|&slot| slot < slots)
}

/// A slot as leases name it. It is never 0.
#[inline]
fn name_of(slot: usize) -> u32 {
    u32::try_from(slot + 1).unwrap_or(u32::MAX)
}
