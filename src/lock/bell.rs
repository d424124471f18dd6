//! A bell that sleepers wait for, and that costs who rings it one load when nobody sleeps.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use super::{Patience, Peers, Slices};
use crate::atomic::AtomicU32;
use crate::steps::step;

/// Tells sleepers that something may have changed.
///
/// A sleeper [announces itself, then looks](super#announce-then-look); a ringer makes its change, which
/// is its announcement, then looks for sleepers. So the change must be made, and looked at, with SeqCst.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bell<'a> {
    /// How often it rang; its sleepers sleep on it.
    pub(crate) rings: &'a AtomicU32,
    /// 1 while somebody may sleep.
    pub(crate) waiting: &'a AtomicU32,
}

impl Bell<'_> {
    /// Wakes who waits, if anybody does.
    #[inline]
    pub(crate) fn ring(self, peers: &impl Peers) {
        step!("ring: change made");
        // SeqCst: looks; a sleeper that this misses looks after the change.
        if self.waiting.load(SeqCst) != 0 {
            self.ring_aloud(peers);
        }
    }

    #[cold]
    fn ring_aloud(self, peers: &impl Peers) {
        // Relaxed: a sleeper whose announcement this overwrites has looked at `rings` before the count
        // below, or it would have seen this first. So it does not sleep, or is woken.
        self.waiting.store(0, Relaxed);
        step!("ring: nobody announced");
        self.rings.fetch_add(1, Release);
        step!("ring: counted, sleepers asleep");
        peers.wake(self.rings);
    }

    /// Looks until `look` finds something; `None` when patience runs out first. A ringer that is
    /// killed before it rings delays this by one slice.
    pub(crate) fn wait_for<R>(
        self,
        peers: &impl Peers,
        patience: Patience,
        mut look: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        if let found @ Some(_) = look() {
            return found;
        }
        let mut slices = Slices::until_woken();
        loop {
            let rings = self.rings.load(Acquire);
            // SeqCst: announces; a ringer that misses this made its change before we look.
            self.waiting.store(1, SeqCst);
            step!("bell: announced");
            let found = look();
            if found.is_some() || patience.is_over() {
                return found;
            }
            peers.wait(self.rings, rings, slices.next(patience));
            step!("bell: slept");
        }
    }
}
