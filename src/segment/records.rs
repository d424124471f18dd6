//! The words of the control block that change: what each means, and who writes it when.

use std::sync::atomic::Ordering::{Acquire, Release};

use crate::atomic::{AtomicU32, AtomicU64, pin};
use crate::lock::{Bell, Tail};

/// Words about the whole segment, one cache line.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct State {
    /// Number of slots that were ever claimed. A new participant raises it (SeqCst) before its
    /// first cell. That store pairs with a writer's SeqCst load after it took a word.
    pub(crate) high_water: AtomicU32,
    /// This and `waiting` are a [`Bell`]. It is rung when the payload changes.
    pub(crate) changes: AtomicU32,
    pub(crate) waiting: AtomicU32,
    /// Number of commits of a large value. If even, the payload is current; if odd, the shadow is.
    /// The lock's owner stores it (SeqCst: it looks for waiters afterwards). Readers load it SeqCst
    /// before a copy and Relaxed after it.
    pub(crate) commits: AtomicU32,
    /// Bits that are set and never cleared: [`REPLACED`], [`FROZEN`].
    marks: AtomicU32,
    /// For a segment on a disk: 1 when the disk holds what the memory holds, 2 while somebody
    /// removes that mark, otherwise 0. Holders of locks store it Relaxed, and the locks order it.
    pub(crate) clean: AtomicU32,
    /// The boot in which it was made; on a disk, that in which it was last opened. The creator
    /// stores it Release, and so does the process that settles the segment after a restart, under
    /// the init lock. Every opener loads it Acquire.
    pub(crate) boot: [AtomicU32; 4],
    /// Number of committed rows of a log: see [`Tail`].
    pub(crate) committed: AtomicU64,
    /// How many bytes of a log's data certainly have memory. Only the owner of the log's lock reads
    /// and raises it. Taking and releasing the lock orders it: Relaxed.
    pub(crate) backed: AtomicU64,
    _spare: [AtomicU32; 2],
}

pin!(
    State,
    64,
    STATE_FIELDS {
        high_water: 0,
        changes: 4,
        waiting: 8,
        commits: 12,
        marks: 16,
        clean: 20,
        boot: 24,
        committed: 40,
        backed: 48,
    }
);

/// Another segment has its name.
const REPLACED: u32 = 1 << 0;

/// Nobody writes the payload any more.
const FROZEN: u32 = 1 << 1;

impl State {
    /// Its length in a segment. A model's atomics are longer.
    pub(crate) const LEN: usize = 64;

    /// A private copy, made of the bytes read from a segment.
    pub(crate) fn copied(bytes: [u8; Self::LEN]) -> Self {
        let words = bytemuck::cast::<_, [u32; 16]>(bytes);
        let [high_water, changes, waiting, commits, marks, clean, boot @ .., _, _, _, _, _, _] =
            words.map(AtomicU32::new);
        let [_, _, _, _, _, committed, backed, spare] = bytemuck::cast::<_, [u64; 8]>(bytes);
        Self {
            high_water,
            changes,
            waiting,
            commits,
            marks,
            clean,
            boot,
            committed: AtomicU64::new(committed),
            backed: AtomicU64::new(backed),
            _spare: bytemuck::cast::<_, [u32; 2]>(spare).map(AtomicU32::new),
        }
    }

    /// Marks the segment as replaced by another one with its name. The caller wakes those who wait
    /// for changes.
    pub(crate) fn mark_replaced(&self) {
        // Release, twice: a waiter that sees the count before it sleeps also sees the mark. A
        // waiter that does not see it is woken, because nobody asks here whether anybody waits.
        self.marks.fetch_or(REPLACED, Release);
        self.changes.fetch_add(1, Release);
    }

    /// Whether another segment has the name.
    #[inline]
    pub(crate) fn is_replaced(&self) -> bool {
        // Acquire: a thread that sees the mark also sees every change made before it was set.
        self.marks.load(Acquire) & REPLACED != 0
    }

    /// The bell that is rung when the payload changes.
    #[inline]
    pub(crate) fn bell(&self) -> Bell<'_> {
        Bell { rings: &self.changes, waiting: &self.waiting }
    }

    /// Forbids all further writes. The caller holds the words of all stripes, or is alone.
    ///
    /// A writer looks at the mark after it took a stripe. If it took the stripe before the caller,
    /// the caller waited until it was done. If it took the stripe after the caller, the release and
    /// the taking of the stripe's word bring the mark along.
    pub(crate) fn freeze(&self) {
        // Release: a thread that sees the mark without a lock sees everything written before it.
        self.marks.fetch_or(FROZEN, Release);
    }

    /// Whether nobody writes the payload any more.
    #[inline]
    pub(crate) fn is_frozen(&self) -> bool {
        self.marks.load(Acquire) & FROZEN != 0
    }

    /// The end of a log.
    #[inline]
    pub(crate) fn tail(&self) -> Tail<'_> {
        Tail { committed: &self.committed, bell: self.bell() }
    }
}

/// Words about a ring: see [`Frames`](crate::lock::Frames). The numbers of its frames follow in the
/// cache line of `newest`, which a process that waits for frames has already.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct RingState {
    /// How many frames publishers dropped because no slot was free. The publisher stores it
    /// Relaxed, because it counts and orders nothing.
    pub(crate) dropped: AtomicU64,
    /// This and `awaited` are a [`Bell`]. It is rung when a lease ends.
    pub(crate) returns: AtomicU32,
    pub(crate) awaited: AtomicU32,
    _spare: [AtomicU32; 12],
    /// Number of the newest frame. The publisher stores it (SeqCst) after the frame's slot has that
    /// number. The store pairs with the SeqCst load of those that look for frames.
    pub(crate) newest: AtomicU64,
}

impl RingState {
    /// Its length in the control block. In a model's memory it may be longer.
    pub(crate) const LEN: usize = 72;

    /// A private copy, made of the bytes read from a segment.
    pub(crate) fn copied(bytes: [u8; Self::LEN]) -> Self {
        let words = bytemuck::cast::<_, [u32; 18]>(bytes).map(AtomicU32::new);
        let [_, _, returns, awaited, spare @ .., _, _] = words;
        let [dropped, .., newest] = bytemuck::cast::<_, [u64; 9]>(bytes).map(AtomicU64::new);
        Self { dropped, returns, awaited, _spare: spare, newest }
    }
}

pin!(RingState, 72, RING_FIELDS { dropped: 0, returns: 8, awaited: 12, newest: 64 });
