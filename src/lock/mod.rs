//! Lock algorithms over shared words. They are pure, without mappings or system calls, and loom
//! explores them.
//!
//! Any process may be killed before any access to these words. An algorithm asks [`Peers`] for what
//! it needs from the world: to sleep, to wake, and whether somebody is dead.
//!
//! # Announce, then look
//!
//! When two sides must not miss each other, each side *announces* itself by a SeqCst write to its
//! own word, and then *looks* at the other's word by a SeqCst load. All SeqCst accesses have one
//! total order, which agrees with the order in each thread. So one of the two announcements is the
//! later one, and the look that follows it finds the other (E. W. Dijkstra, "Cooperating sequential
//! processes", 1965, who credits T. J. Dekker). If any of the four accesses is weaker than SeqCst,
//! both sides may miss: a store may still be on its way when the load after it is done.
//!
//! No fence is needed as well. Comments say whether an access announces or looks.
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
    /// Number of slots that were ever claimed. Reader cells beyond it are zero.
    fn high_water(&self) -> u32;

    /// Reader cell of the participant in `slot`, for the stripe that is being locked.
    fn cell(&self, slot: u32) -> &AtomicU32;

    /// Whether `owner` can never run another instruction.
    fn is_dead(&self, owner: Owner) -> Result<bool>;

    /// Zeroes the reader cells of the participant in `slot` if it is dead.
    fn bury(&self, slot: u32) -> Result<()>;

    /// Process id of the participant in `slot`, to record who died.
    fn pid(&self, slot: u32) -> u32;

    /// Sleeps while `word` is `expected`, for at most `slice`. Returns whether the slice is over.
    fn wait(&self, word: &AtomicU32, expected: u32, slice: Duration) -> bool;

    /// Wakes all who sleep on `word`.
    fn wake(&self, word: &AtomicU32);

    /// How many times to look again before sleeping.
    fn spins(&self) -> u32;
}
