//! The words of the control block that change: what each means, and who writes it when.

use std::sync::atomic::Ordering::{Acquire, Release};

use crate::atomic::{AtomicU32, AtomicU64, pin};
use crate::lock::{Bell, Tail};

/// Words about the whole segment, one cache line.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct State {
    /// Number of slots that were ever claimed. Raised (SeqCst) by a new participant before its
    /// first cell; pairs with a writer's SeqCst load after it took a word.
    pub(crate) high_water: AtomicU32,
    /// See [`Bell`], like `waiting`: rung when the payload changes.
    pub(crate) changes: AtomicU32,
    pub(crate) waiting: AtomicU32,
    /// Number of commits of a large value; even: the payload is current, odd: the shadow is.
    /// Stored by the lock's owner (SeqCst: it looks for waiters afterwards), read SeqCst before a copy
    /// and Relaxed after it.
    pub(crate) commits: AtomicU32,
    /// A set of bits that are set and never cleared: [`REPLACED`], [`FROZEN`].
    marks: AtomicU32,
    /// On a disk: 1 when it holds what the memory holds, 2 while somebody takes that mark off, else
    /// 0. Stored Relaxed by holders of locks, which order it.
    pub(crate) clean: AtomicU32,
    /// The boot in which it was made; on a disk, that in which it was last opened. Stored Release by the
    /// creator, and under the init lock after what a restart left was settled; read Acquire by every opener.
    pub(crate) boot: [AtomicU32; 4],
    /// Number of rows of a log that are committed: see [`Tail`].
    pub(crate) committed: AtomicU64,
    /// How many bytes of a log's data surely have memory. Read and raised by the owner of its lock
    /// alone, whose taking and giving back orders it: Relaxed.
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
    /// How many bytes it has in a segment; a model's atomics have more.
    pub(crate) const LEN: usize = 64;

    /// A private copy, of the bytes that were read where it lies.
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

    /// Says that another segment has the name; the caller wakes who waits for changes.
    pub(crate) fn mark_replaced(&self) {
        // Release, twice: a waiter that sees the count before it sleeps sees the mark, and one that
        // does not is woken, for nobody asks here whether anybody waits.
        self.marks.fetch_or(REPLACED, Release);
        self.changes.fetch_add(1, Release);
    }

    /// Whether another segment has the name.
    #[inline]
    pub(crate) fn is_replaced(&self) -> bool {
        // Acquire: who sees the mark sees what was changed before it was set.
        self.marks.load(Acquire) & REPLACED != 0
    }

    /// The bell that changes of the payload ring.
    #[inline]
    pub(crate) fn bell(&self) -> Bell<'_> {
        Bell { rings: &self.changes, waiting: &self.waiting }
    }

    /// Lets nobody write from now on. The caller holds the words of all stripes, or is alone.
    ///
    /// A writer looks after it took a stripe. It took it before the caller, who then waited until
    /// it was done; or after the caller, and then the stripe's word, released and taken, brings
    /// the mark along.
    pub(crate) fn freeze(&self) {
        // Release: who sees the mark without a lock sees all that was written before it.
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

/// Words about a ring; see [`Frames`](crate::lock::Frames). The numbers of its frames follow in the cache
/// line of `newest`, which who waits for frames has already.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct RingState {
    /// How many frames publishers dropped for want of a slot. Stored by the publisher, Relaxed: it
    /// counts, and orders nothing.
    pub(crate) dropped: AtomicU64,
    /// See [`Bell`], like `awaited`: rung when a lease ends.
    pub(crate) returns: AtomicU32,
    pub(crate) awaited: AtomicU32,
    _spare: [AtomicU32; 12],
    /// Number of the newest frame. Stored (SeqCst) by the publisher after the frame's slot has that
    /// number; pairs with the SeqCst load of who looks for frames.
    pub(crate) newest: AtomicU64,
}

impl RingState {
    /// Its bytes in the control block; in a model's memory it may be longer.
    pub(crate) const LEN: usize = 72;

    /// A private copy, of the bytes that were read where it lies.
    pub(crate) fn copied(bytes: [u8; Self::LEN]) -> Self {
        let words = bytemuck::cast::<_, [u32; 18]>(bytes).map(AtomicU32::new);
        let [_, _, returns, awaited, spare @ .., _, _] = words;
        let [dropped, .., newest] = bytemuck::cast::<_, [u64; 9]>(bytes).map(AtomicU64::new);
        Self { dropped, returns, awaited, _spare: spare, newest }
    }
}

pin!(RingState, 72, RING_FIELDS { dropped: 0, returns: 8, awaited: 12, newest: 64 });
