//! The end of a log: how many rows are committed, and who waits for more.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::{Bell, Peers};
use crate::atomic::AtomicU64;
use crate::steps::step;

/// Where a log ends.
///
/// Appenders take turns under a lock: they write the rows behind the end, then move the end past
/// them, which is one store. Rows before the end never change again, so whoever saw the end may read
/// them without a lock; rows behind it are nothing until it moves, so an appender killed at any
/// instruction costs what it had not committed, and the next one writes over it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail<'a> {
    /// Number of committed rows; never goes back. Stored by the lock's owner after the rows; a load
    /// that sees it sees them.
    pub(crate) committed: &'a AtomicU64,
    /// Rung after rows were committed.
    pub(crate) bell: Bell<'a>,
}

impl Tail<'_> {
    /// How many rows there are to read.
    #[inline]
    pub(crate) fn len(self) -> u64 {
        // SeqCst: looks, see `Bell`; acquires the rows too.
        self.committed.load(SeqCst)
    }

    /// Where the lock's owner writes the next row.
    #[inline]
    pub(crate) fn end(self) -> u64 {
        // The last owner gave the lock back after it moved the end.
        self.committed.load(Relaxed)
    }

    /// Moves the end past rows that the lock's owner wrote. Who waits for them is woken by
    /// [`announce`](Self::announce), which needs no lock.
    #[inline]
    pub(crate) fn commit(self, end: u64) {
        step!("append: rows written");
        // SeqCst: announces, see `Bell`; releases the rows too.
        self.committed.store(end, SeqCst);
        step!("append: rows committed");
    }

    /// Wakes who waits for rows, if anybody does.
    #[inline]
    pub(crate) fn announce(self, peers: &impl Peers) {
        self.bell.ring(peers);
    }
}
