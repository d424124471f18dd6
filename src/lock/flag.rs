//! A flag that sleepers wait for. It is set and cleared, or taken by one of them.

use std::sync::atomic::Ordering::SeqCst;

use super::{Bell, Peers};
use crate::atomic::AtomicU32;
use crate::steps::step;

/// What going through does to a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// The flag stays set. Everybody goes through until it is cleared.
    StaysOpen,
    /// The flag is cleared. One waiter goes through each time it was set.
    Closes,
}

/// A word that is 1 when set and 0 when not, and the bell that rings when it is set.
///
/// To go through a flag that closes, a waiter exchanges 1 for 0, so only one of them takes it. A
/// waiter killed before the exchange took nothing. A waiter killed after it went through. A setter
/// killed before it rang has set the flag, and sleepers find it at the end of their slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag<'a> {
    /// Changed and looked at with SeqCst. See [`Bell`].
    pub(crate) state: &'a AtomicU32,
    pub(crate) bell: Bell<'a>,
    pub(crate) passage: Passage,
}

impl Flag<'_> {
    /// Sets the flag and wakes the waiters.
    pub(crate) fn set(self, peers: &impl Peers) {
        // SeqCst: announces, see `Bell`. It also gives one order to all that is done to flags.
        self.state.swap(1, SeqCst);
        self.bell.ring(peers);
    }

    /// Clears the flag. Waiters from now on wait for the next [`set`](Self::set).
    pub(crate) fn clear(self) {
        // SeqCst: one order for all that is done to flags. It is a swap, so that clearing a set
        // flag sees what the setter did before.
        self.state.swap(0, SeqCst);
    }

    pub(crate) fn is_set(self) -> bool {
        // SeqCst: looks, see `Bell`. It also gives one order to all that is done to flags.
        self.state.load(SeqCst) != 0
    }

    /// Goes through if the flag is set.
    pub(crate) fn pass(self) -> Option<()> {
        match self.passage {
            Passage::StaysOpen => self.is_set().then_some(()),
            Passage::Closes => {
                // SeqCst, twice: one order for all that is done to flags. On failure, it looks.
                self.state.compare_exchange(1, 0, SeqCst, SeqCst).ok()?;
                step!("flag: taken");
                Some(())
            }
        }
    }
}
