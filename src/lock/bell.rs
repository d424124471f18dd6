//! A bell: whoever waits for something to change sleeps until it is rung, and ringing costs a look
//! while nobody waits.

use std::sync::atomic::Ordering::{Acquire, Release, SeqCst};

use super::{Patience, Peers, Slices};
use crate::atomic::{AtomicU32, announce_before_look};

/// The two shared words of a bell.
///
/// Somebody changes what is waited for (SeqCst), then looks at `waiting`; a waiter raises `waiting`,
/// then looks at what it waits for. Whoever is second sees the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bell<'a> {
    /// Number of times it was rung for somebody; sleepers sleep on it.
    pub(crate) changes: &'a AtomicU32,
    /// 1 while somebody may sleep.
    pub(crate) waiting: &'a AtomicU32,
}

impl Bell<'_> {
    /// Wakes who waits, if anybody does; to be called after the change.
    #[inline]
    pub(crate) fn ring(&self, peers: &impl Peers) {
        announce_before_look();
        // SeqCst: see the type.
        if self.waiting.load(SeqCst) != 0 {
            self.ring_for_somebody(peers);
        }
    }

    #[cold]
    fn ring_for_somebody(&self, peers: &impl Peers) {
        // Lowered first: who waits again after this ring raises it again.
        self.waiting.store(0, SeqCst);
        self.changes.fetch_add(1, Release);
        peers.wake(self.changes);
    }

    /// Sleeps until `look` finds something, or patience is over. A ringer that is killed before it
    /// rings delays this by one slice.
    pub(crate) fn wait<R>(
        &self,
        peers: &impl Peers,
        patience: Patience,
        mut look: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        if let found @ Some(_) = look() {
            return found;
        }
        let mut slices = Slices::idle();
        loop {
            let changes = self.changes.load(Acquire);
            // SeqCst: see the type.
            self.waiting.store(1, SeqCst);
            announce_before_look();
            if let found @ Some(_) = look() {
                return found;
            }
            if patience.is_over() {
                return None;
            }
            peers.wait(self.changes, changes, slices.next(patience));
        }
    }
}
