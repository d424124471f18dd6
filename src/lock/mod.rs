//! Lock algorithms over shared words: pure, without mappings or system calls, explored by loom.
//!
//! Everything here works on words that any process may be killed in front of. What an algorithm
//! needs from the world (sleep, wake, who is dead) it asks of [`Peers`].
//!
//! # Announce, then look
//!
//! Two who must not miss each other each *announce* themselves, by a SeqCst write to a word of
//! theirs, and then *look* at the other's, by a SeqCst load. All SeqCst accesses have one total order,
//! which agrees with the order in each thread. So of the two announcements one is the later one, and
//! the look that follows it finds the other (E. W. Dijkstra, "Cooperating sequential processes", 1965,
//! has it from T. J. Dekker). If one of the four accesses is any less than SeqCst, both may miss:
//! a store may still be on its way while the load after it is done.
//!
//! No fence is needed beside them. Comments name which side it is, announcing or looking, and
//! `cargo xtask weaken` shows for each of the four which model fails without it.

#[cfg(all(test, not(loom)))]
mod alone;
mod bell;
mod flag;
mod frames;
#[cfg(all(test, loom))]
pub(crate) mod model;
mod owner;
mod patience;
mod slots;
mod stripe;
mod tail;

pub(crate) use self::bell::Bell;
pub(crate) use self::flag::{Flag, Passage};
pub(crate) use self::frames::{Frames, Grip, Sighting, named_in};
pub(crate) use self::owner::Owner;
pub(crate) use self::patience::{Patience, Slices};
#[cfg(test)]
pub(crate) use self::slots::SLOT_FIELDS;
pub(crate) use self::slots::{Occupant, Slot, Slots, StripePeers};
#[cfg(test)]
pub(crate) use self::stripe::STRIPE_FIELDS;
pub(crate) use self::stripe::{Blocker, Cause, Entry, Sight, Stripe};
pub(crate) use self::tail::Tail;

use crate::atomic::AtomicU32;
use crate::error::Result;

use std::time::Duration;

/// The other participants of a segment, and the kernel between them.
pub(crate) trait Peers {
    /// Number of slots that were ever claimed; reader cells beyond are zero.
    fn high_water(&self) -> u32;

    /// Reader cell of the participant in `slot`, for the stripe that is being locked.
    fn cell(&self, slot: u32) -> &AtomicU32;

    /// Whether `owner` can never run another instruction.
    fn is_dead(&self, owner: Owner) -> Result<bool>;

    /// Zeroes the reader cells of the participant in `slot` if it is dead.
    fn bury(&self, slot: u32) -> Result<()>;

    /// Process id of the participant in `slot`, for the record of who died.
    fn pid(&self, slot: u32) -> u32;

    /// Sleeps while `word` is `expected`, at most `slice` long; tells whether the slice is over.
    fn wait(&self, word: &AtomicU32, expected: u32, slice: Duration) -> bool;

    /// Wakes all who sleep on `word`.
    fn wake(&self, word: &AtomicU32);

    /// How often to look again before sleeping.
    fn spins(&self) -> u32;
}
