//! A bell that sleepers wait for. Ringing it costs one load when nobody sleeps.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use super::{Patience, Peers, Slices};
use crate::atomic::AtomicU32;
use crate::steps::step;

/// Tells sleepers that something may have changed.
///
/// A sleeper [announces itself, then looks](super#announce-then-look). A ringer makes its change,
/// which is its announcement, and then looks for sleepers. So the change must be made and looked at
/// with SeqCst.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bell<'a> {
    /// The number of rings. Sleepers sleep on this word.
    pub(crate) rings: &'a AtomicU32,
    /// 1 while somebody may sleep.
    pub(crate) waiting: &'a AtomicU32,
}

impl Bell<'_> {
    /// Wakes the sleepers, if there are any.
    #[inline]
    pub(crate) fn ring(self, peers: &impl Peers) {
        step!("ring: change made");
        // SeqCst: looks. A sleeper that this misses looks after the change.
        if self.waiting.load(SeqCst) != 0 {
            self.ring_aloud(peers);
        }
    }

    #[cold]
    fn ring_aloud(self, peers: &impl Peers) {
        // Relaxed: a sleeper whose announcement this overwrites has read `rings` before the count
        // below. Otherwise it would have seen this store first. So it does not sleep, or is woken.
        self.waiting.store(0, Relaxed);
        step!("ring: nobody announced");
        self.rings.fetch_add(1, Release);
        step!("ring: counted, sleepers asleep");
        peers.wake(self.rings);
    }

    /// Calls `look` until it finds something. Returns `None` if patience runs out first. A ringer
    /// that is killed before it rings delays this by one slice.
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
            // SeqCst: announces. A ringer that misses this made its change before we look.
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
