//! The end of a log: the number of committed rows, and the bell for those that wait for more.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::{Bell, Peers};
use crate::atomic::AtomicU64;
use crate::steps::step;

/// Where a log ends.
///
/// Appenders take turns under a lock. They write the rows behind the end, then move the end past
/// them with one store. Rows before the end never change again, so a process that has seen the end
/// may read them without a lock. Rows behind the end mean nothing until it moves. So an appender
/// killed at any instruction loses only what it had not committed, and the next one writes over
/// that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail<'a> {
    /// Number of committed rows. It never decreases. Stored by the lock's owner after the rows, so
    /// a load that sees the number sees the rows.
    pub(crate) committed: &'a AtomicU64,
    /// Rung after rows were committed.
    pub(crate) bell: Bell<'a>,
}

impl Tail<'_> {
    /// How many rows there are to read.
    #[inline]
    pub(crate) fn len(self) -> u64 {
        // SeqCst: looks, see `Bell`. It acquires the rows too.
        self.committed.load(SeqCst)
    }

    /// Where the lock's owner writes the next row.
    #[inline]
    pub(crate) fn end(self) -> u64 {
        // The last owner released the lock after it moved the end.
        self.committed.load(Relaxed)
    }

    /// Moves the end past rows that the lock's owner wrote. [`announce`](Self::announce) wakes the
    /// processes that wait for them, and needs no lock.
    #[inline]
    pub(crate) fn commit(self, end: u64) {
        step!("append: rows written");
        // SeqCst: announces, see `Bell`. It releases the rows too.
        self.committed.store(end, SeqCst);
        step!("append: rows committed");
    }

    /// Wakes the processes that wait for rows, if there are any.
    #[inline]
    pub(crate) fn announce(self, peers: &impl Peers) {
        self.bell.ring(peers);
    }
}
