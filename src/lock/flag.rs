//! A flag that sleepers wait for: set and cleared, or taken by one of them.

use std::sync::atomic::Ordering::SeqCst;

use super::{Bell, Peers};
use crate::atomic::AtomicU32;
use crate::steps::step;

/// What going through does to a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It stays set: everybody goes through until it is cleared.
    StaysOpen,
    /// It is cleared: one goes through each time it was set.
    Closes,
}

/// A word that is 1 when set and 0 when not, and the bell that tells of its being set.
///
/// Whoever goes through a flag that closes exchanges 1 for 0, so among all who try one takes it. One
/// killed before the exchange took nothing; killed after it, it went through. A setter killed
/// before it rang has set the flag, which sleepers find at the end of their slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag<'a> {
    /// Changed and looked at with SeqCst: see [`Bell`].
    pub(crate) state: &'a AtomicU32,
    pub(crate) bell: Bell<'a>,
    pub(crate) passage: Passage,
}

impl Flag<'_> {
    /// Sets it, and wakes who waits.
    pub(crate) fn set(self, peers: &impl Peers) {
        // SeqCst: announces, see `Bell`; and one order with all else that is done to flags.
        self.state.swap(1, SeqCst);
        self.bell.ring(peers);
    }

    /// Clears it: who comes from now on waits for the next [`set`](Self::set).
    pub(crate) fn clear(self) {
        // SeqCst: one order with all else that is done to flags. A swap: whoever clears what was set
        // sees what the setter did before.
        self.state.swap(0, SeqCst);
    }

    pub(crate) fn is_set(self) -> bool {
        // SeqCst: looks, see `Bell`; and one order with all else that is done to flags.
        self.state.load(SeqCst) != 0
    }

    /// Goes through if it is set.
    pub(crate) fn pass(self) -> Option<()> {
        match self.passage {
            Passage::StaysOpen => self.is_set().then_some(()),
            Passage::Closes => {
                // SeqCst, twice: one order with all else that is done to flags; failing, it looks.
                self.state.compare_exchange(1, 0, SeqCst, SeqCst).ok()?;
                step!("flag: taken");
                Some(())
            }
        }
    }
}
