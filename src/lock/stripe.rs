//! A reader-writer lock of shared words that survives the death of any process at any instruction.
//!
//! A writer takes the *word*, then waits until all reader *cells* are zero. A reader raises its
//! participant's cell, then looks at the word. If the word has an owner, the reader lowers the cell
//! and waits. So the word names a dead writer, and a cell names a dead reader.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use super::{Owner, Patience, Peers, Slices};
use crate::atomic::{AtomicU32, fence, pin};
use crate::error::{Error, ErrorKind, Result};
use crate::steps::step;

/// How many read guards of one participant a cell counts at once. More are refused long before the
/// count could wrap to 0, which would let a writer in beside them. The range above is for threads
/// that have raised the cell and have not yet seen that there are too many.
const MOST_READERS: u32 = 1 << 31;

/// A process may be asleep on the word.
const WAITERS: u32 = 1 << 31;

/// A writer died or panicked while writing, and nobody has vouched for the data since.
const POISON: u32 = 1 << 30;

/// The shared words of one lock, 32 bytes.
///
/// | `word` | means |
/// |---|---|
/// | 0 | free |
/// | owner | held for writing by that participant |
/// | `POISON` | free, but the data is suspect |
/// | owner, `POISON` | held by a process that may be mending the data |
/// | … with `WAITERS` | the next release wakes all sleepers |
#[repr(C, align(32))]
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
pub(crate) struct Stripe {
    /// `31 waiters | 30 poison | 29..0 owner`. Taken with SeqCst, which announces a writer.
    /// Released with Release by the owner's `swap`, which the next taker's exchange acquires.
    word: AtomicU32,
    /// Raised by a reader that leaves while a writer holds the word. Writers that wait for readers
    /// sleep on it. Pairs with the writer's Acquire load before it looks at the cells.
    gate: AtomicU32,
    /// 1 while readers wait for their turn. It serves fairness and never safety, so all accesses
    /// are Relaxed.
    turn: AtomicU32,
    /// Odd while a writer may be writing. Stored only by the owner: Relaxed and a Release fence
    /// before the data, Release after it. Pairs with the loads of those that copy without a lock.
    version: AtomicU32,
    /// Why the lock is poisoned, a [`PoisonCause`]. Written before `POISON`, by the process that
    /// sets `POISON`.
    cause: AtomicU32,
    /// Id of the process that died or panicked. Written with `cause`.
    culprit: AtomicU32,
    _reserved: [AtomicU32; 2],
}

pin!(Stripe, 32, STRIPE_FIELDS { word: 0, gate: 4, turn: 8, version: 12, cause: 16, culprit: 20 });

/// How data came to be suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The owner died, and nobody was told yet.
    DiedUnreported = 1,
    /// The owner died, and an error said so.
    Died = 2,
    /// The owner panicked.
    Panicked = 3,
    /// The machine stopped, and the disk may hold any mixture of old and new.
    Restarted = 4,
}

/// The state of the data when the lock was taken.
///
/// It is as wide as the type it shares a place with in results, so that it is read as it was
/// written. A narrower store would stall the load behind it.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The data is as the last writer left it.
    Clean,
    /// The last writer died or panicked.
    Poisoned,
}

/// Why a reader was refused. Its cell stays raised only for `Owned`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// The word has an owner.
    Owned,
    /// The cell counts [`MOST_READERS`].
    Crowded,
}

/// The participant that kept the lock from being taken in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocker {
    /// It is held for writing.
    Writer(Owner),
    /// It is held for reading by a participant in that slot.
    Reader(u32),
}

/// What the words tell of the data without a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Nobody writes, and the data has this version.
    Whole(u32),
    /// This participant writes; `None` if it cannot be named.
    Written(Option<Owner>),
    /// A writer died or panicked while writing, and nobody is mending the data.
    Suspect,
}

impl Stripe {
    /// A private copy of a lock, from the bytes read at its place.
    pub(crate) fn copied(bytes: [u8; 32]) -> Self {
        let words = bytemuck::cast::<_, [u32; 8]>(bytes);
        let [word, gate, turn, version, cause, culprit, reserved @ ..] = words.map(AtomicU32::new);
        Self { word, gate, turn, version, cause, culprit, _reserved: reserved }
    }

    /// Whether the owner said that it may be writing.
    pub(crate) fn is_written(&self) -> bool {
        self.version.load(Relaxed) & 1 == 1
    }

    /// Takes the lock for writing. The owner calls [`begin_write`](Self::begin_write) before it
    /// writes.
    ///
    /// The outer result has the world's errors. The inner one names the participant in the way.
    #[inline]
    pub(crate) fn lock_write(
        &self,
        peers: &impl Peers,
        me: Owner,
        patience: Patience,
    ) -> Result<Result<Entry, Blocker>> {
        let entry = match self.lock_word(peers, me, patience)? {
            Ok(entry) => entry,
            Err(blocker) => return Ok(Err(blocker)),
        };
        for slot in 0..peers.high_water() {
            // SeqCst: looks. A reader that this misses sees the word taken.
            if peers.cell(slot).load(SeqCst) != 0 {
                match self.wait_for_reader(peers, slot, patience) {
                    Ok(None) => {}
                    blocked => {
                        self.unlock_word(peers);
                        return blocked.map(|by| Err(by.unwrap_or(Blocker::Reader(slot))));
                    }
                }
            }
        }
        step!("write: readers gone");
        Ok(Ok(entry))
    }

    /// Marks that the owner may be writing from now on. If it dies, it leaves poison.
    #[inline]
    pub(crate) fn begin_write(&self) {
        let version = self.version.load(Relaxed);
        self.version.store(version | 1, Relaxed);
        fence(Release);
        step!("write: begun");
    }

    /// Releases a write lock. Poison that nobody forgave stays.
    #[inline]
    pub(crate) fn unlock_write(&self, peers: &impl Peers) {
        if self.entry() == Entry::Clean {
            let version = self.version.load(Relaxed);
            self.version.store((version | 1).wrapping_add(1), Release);
            step!("write: ended");
        }
        self.unlock_word(peers);
    }

    /// Vouches for the data. Only the owner may call this.
    pub(crate) fn forgive(&self) {
        if self.entry() == Entry::Poisoned {
            self.word.fetch_and(!POISON, Relaxed);
            step!("mend: poison cleared");
        }
    }

    /// Leaves the data suspect because the owner, process `pid`, panics.
    pub(crate) fn poison_by_panic(&self, pid: u32) {
        self.blame(Cause::Panicked, pid);
        step!("panic: blamed");
        self.word.fetch_or(POISON, Relaxed);
        step!("panic: poisoned");
    }

    /// Poisons data that was open when the machine stopped. Nobody else has the lock.
    pub(crate) fn poison_by_restart(&self) {
        self.blame(Cause::Restarted, 0);
        self.word.fetch_or(POISON, Release);
    }

    /// Takes only the word, without regard to readers. This is a mutex among callers that do the
    /// same.
    ///
    /// An owner that dies with an even version leaves no poison, because it wrote nothing in place.
    #[inline]
    pub(crate) fn lock_word(
        &self,
        peers: &impl Peers,
        me: Owner,
        patience: Patience,
    ) -> Result<Result<Entry, Blocker>> {
        // SeqCst on success: announces. A reader that misses this has its cell raised already.
        if self.turn.load(Relaxed) == 0
            && self.word.compare_exchange(0, me.bits(), SeqCst, Relaxed).is_ok()
        {
            step!("lock: word taken");
            return Ok(Ok(Entry::Clean));
        }
        self.lock_word_slow(peers, me, patience)
    }

    /// Releases the word and leaves poison and version as they are.
    #[inline]
    pub(crate) fn unlock_word(&self, peers: &impl Peers) {
        let keep = self.word.load(Relaxed) & POISON;
        if self.word.swap(keep, Release) & WAITERS != 0 {
            step!("unlock: word free, sleepers asleep");
            peers.wake(&self.word);
            step!("unlock: sleepers woken");
        }
    }

    /// Takes the lock for reading, through `cell`, the caller's own.
    #[inline]
    pub(crate) fn lock_read(
        &self,
        peers: &impl Peers,
        cell: &AtomicU32,
        patience: Patience,
    ) -> Result<Result<Entry, Blocker>> {
        match self.enter(cell) {
            Ok(entry) => Ok(Ok(entry)),
            Err(Refusal::Owned) => self.lock_read_slow(peers, cell, patience),
            Err(Refusal::Crowded) => Err(crowded()),
        }
    }

    /// Takes a further read lock beside one that this process already holds through the same
    /// `cell`.
    #[inline]
    pub(crate) fn lock_read_again(&self, cell: &AtomicU32) -> Result<Entry> {
        if cell.fetch_add(1, Relaxed) >= MOST_READERS {
            cell.fetch_sub(1, Relaxed);
            return Err(crowded());
        }
        step!("read: cell raised again");
        Ok(self.entry())
    }

    /// Releases a read lock.
    #[inline]
    pub(crate) fn unlock_read(&self, peers: &impl Peers, cell: &AtomicU32) {
        // SeqCst, twice: announces, then looks. Either the writer sees the cell lowered, or this
        // side sees the writer and wakes it.
        if cell.fetch_sub(1, SeqCst) == 1 {
            step!("read: cell lowered");
            if Owner::in_word(self.word.load(SeqCst)).is_some() {
                self.open_gate(peers);
            }
        }
    }

    /// Takes the lock away from a dead owner. The data is suspect if the owner was writing.
    pub(crate) fn disown(&self, peers: &impl Peers, dead: Owner) {
        loop {
            let word = self.word.load(Acquire);
            if Owner::in_word(word) != Some(dead) {
                return;
            }
            let mut poison = word & POISON;
            if poison == 0 && self.version.load(Relaxed) & 1 == 1 {
                let pid = peers.pid(dead.slot());
                // The next occupant stores its pid after it swept the word. So while the word still
                // names the dead, the pid is the dead one's.
                if self.word.load(Relaxed) != word {
                    continue;
                }
                self.blame(Cause::DiedUnreported, pid);
                step!("disown: blamed");
                poison = POISON;
            }
            let free = poison | WAITERS;
            if self.word.compare_exchange(word, free, Release, Relaxed).is_ok() {
                step!("disown: word free, sleepers asleep");
                peers.wake(&self.word);
                return;
            }
        }
    }

    /// Wakes a writer that waits for readers, after a dead reader's cell was zeroed.
    pub(crate) fn open_gate(&self, peers: &impl Peers) {
        self.gate.fetch_add(1, Release);
        step!("gate: open, writer asleep");
        peers.wake(&self.gate);
    }

    /// Records which process left the data suspect. The caller holds the word or judged its owner
    /// dead.
    fn blame(&self, cause: Cause, pid: u32) {
        self.culprit.store(pid, Relaxed);
        self.cause.store(cause as u32, Relaxed);
    }

    /// How the data came to be suspect, and the id of the process that left it so, if one did.
    pub(crate) fn culprit(&self) -> (Cause, u32) {
        let cause = match self.cause.load(Relaxed) {
            3 => Cause::Panicked,
            4 => Cause::Restarted,
            1 => Cause::DiedUnreported,
            _ => Cause::Died,
        };
        (cause, self.culprit.load(Relaxed))
    }

    /// Claims the right to report the death. Returns true for one caller.
    pub(crate) fn report_death(&self) -> bool {
        let (unreported, reported) = (Cause::DiedUnreported as u32, Cause::Died as u32);
        self.cause.compare_exchange(unreported, reported, Relaxed, Relaxed).is_ok()
    }

    /// Looks at the data without a lock and without writing.
    ///
    /// Data copied afterwards is whole if the version [`is_still`](Self::is_still) the same after
    /// the copy.
    #[inline]
    pub(crate) fn look(&self) -> Sight {
        // Acquire: the last writer's data is seen with the version that it left.
        let version = self.version.load(Acquire);
        let word = self.word.load(Acquire);
        match Owner::in_word(word) {
            _ if version & 1 == 0 && word & POISON == 0 => Sight::Whole(version),
            None if word & POISON != 0 => Sight::Suspect,
            writer => Sight::Written(writer),
        }
    }

    /// Whether nobody began to write since the version was `version`. An Acquire fence must stand
    /// between the copy and this.
    #[inline]
    pub(crate) fn is_still(&self, version: u32) -> bool {
        self.version.load(Relaxed) == version
    }

    /// Whether `owner` died while it was writing or mending, and the word still names it.
    pub(crate) fn is_abandoned_by(&self, peers: &impl Peers, owner: Owner) -> Result<bool> {
        let version = self.version.load(Acquire);
        // Acquire: a process that took the word after this version's writer brings a later version.
        let is_named = || Owner::in_word(self.word.load(Acquire)) == Some(owner);
        let is_suspect = version & 1 == 1 || self.entry() == Entry::Poisoned;
        let was_writing = is_suspect && is_named();
        Ok(was_writing && peers.is_dead(owner)? && is_named() && self.is_still(version))
    }

    /// Whether that participant holds the lock for writing.
    pub(crate) fn is_held_by(&self, owner: Owner) -> bool {
        Owner::in_word(self.word.load(Relaxed)) == Some(owner)
    }

    /// The owner of the lock for writing, for reports.
    pub(crate) fn owner(&self) -> Option<Owner> {
        Owner::in_word(self.word.load(Relaxed))
    }

    /// Whether the data is suspect, for reports.
    pub(crate) fn entry(&self) -> Entry {
        if self.word.load(Relaxed) & POISON == 0 { Entry::Clean } else { Entry::Poisoned }
    }

    /// Announces a reader. If the word has an owner, the cell stays raised for the caller to lower.
    #[inline]
    fn enter(&self, cell: &AtomicU32) -> Result<Entry, Refusal> {
        // SeqCst, twice: announces, then looks. Either this side sees the writer, or the writer
        // sees the cell raised.
        if cell.fetch_add(1, SeqCst) >= MOST_READERS {
            // Relaxed: to writers, other readers are inside before and after.
            cell.fetch_sub(1, Relaxed);
            return Err(Refusal::Crowded);
        }
        step!("read: cell raised");
        let word = self.word.load(SeqCst);
        if Owner::in_word(word).is_some() {
            return Err(Refusal::Owned);
        }
        Ok(if word & POISON == 0 { Entry::Clean } else { Entry::Poisoned })
    }

    #[cold]
    fn lock_word_slow(
        &self,
        peers: &impl Peers,
        me: Owner,
        patience: Patience,
    ) -> Result<Result<Entry, Blocker>> {
        let mut spins = peers.spins();
        let mut slices = Slices::behind_an_owner();
        // An owner that died before this began is found without waiting for a slice to end first.
        let mut slice_over = true;
        let mut readers_had_their_turn = matches!(patience, Patience::None);
        loop {
            let word = self.word.load(Relaxed);
            let Some(owner) = Owner::in_word(word) else {
                if !readers_had_their_turn {
                    readers_had_their_turn = true;
                    self.let_readers_in(peers, patience);
                    continue;
                }
                // Behind a word without WAITERS nobody sleeps for longer than a slice. Sleepers set
                // it first, and the process that clears it wakes them all, unless it is killed
                // before that. SeqCst on success: announces, as in `lock_word`.
                let mine = me.bits() | (word & !Owner::MASK);
                if self.word.compare_exchange(word, mine, SeqCst, Relaxed).is_ok() {
                    step!("lock: word taken after a wait");
                    let poisoned = word & POISON != 0;
                    return Ok(Ok(if poisoned { Entry::Poisoned } else { Entry::Clean }));
                }
                continue;
            };
            if spins > 0 {
                spins -= 1;
                std::hint::spin_loop();
                continue;
            }
            match self.sleep_behind(peers, owner, word, &mut slice_over, &mut slices, patience)? {
                Some(blocker) => return Ok(Err(blocker)),
                None => continue,
            }
        }
    }

    #[cold]
    fn lock_read_slow(
        &self,
        peers: &impl Peers,
        cell: &AtomicU32,
        patience: Patience,
    ) -> Result<Result<Entry, Blocker>> {
        let mut spins = peers.spins();
        let mut slices = Slices::behind_an_owner();
        // An owner that died before this began is found without waiting for a slice to end first.
        let mut slice_over = true;
        loop {
            self.unlock_read(peers, cell);
            loop {
                let word = self.word.load(Relaxed);
                let Some(owner) = Owner::in_word(word) else { break };
                if spins > 0 {
                    spins -= 1;
                    std::hint::spin_loop();
                    continue;
                }
                self.turn.store(1, Relaxed);
                step!("read: turn asked for");
                let blocked =
                    self.sleep_behind(peers, owner, word, &mut slice_over, &mut slices, patience)?;
                if let Some(blocker) = blocked {
                    return Ok(Err(blocker));
                }
            }
            match self.enter(cell) {
                Err(Refusal::Owned) => continue,
                Err(Refusal::Crowded) => return Err(crowded()),
                Ok(entry) => {
                    if self.turn.swap(0, Relaxed) != 0 {
                        step!("read: turn had, writers asleep");
                        peers.wake(&self.turn);
                    }
                    return Ok(Ok(entry));
                }
            }
        }
    }

    /// Sleeps one slice behind `owner`, which `word` names, or disowns it if it is dead.
    fn sleep_behind(
        &self,
        peers: &impl Peers,
        owner: Owner,
        word: u32,
        slice_over: &mut bool,
        slices: &mut Slices,
        patience: Patience,
    ) -> Result<Option<Blocker>> {
        // Wakes may keep a slice from ever ending, but they do not extend the patience.
        if *slice_over || patience.is_over() {
            *slice_over = false;
            // The owner moved into its slot before it took the word, with a SeqCst exchange. This
            // process has seen the word, so it must also see the slot. Otherwise it would take an
            // older generation for a death.
            fence(Acquire);
            if peers.is_dead(owner)? {
                self.disown(peers, owner);
                return Ok(None);
            }
            if patience.is_over() {
                return Ok(Some(Blocker::Writer(owner)));
            }
        }
        let expected = word | WAITERS;
        if word == expected || self.word.compare_exchange(word, expected, Relaxed, Relaxed).is_ok()
        {
            step!("wait: announced");
            *slice_over = peers.wait(&self.word, expected, slices.next(patience));
            step!("wait: slept");
        }
        Ok(None)
    }

    /// Waits until the cell of the participant in `slot` is zero, or returns that participant.
    #[cold]
    fn wait_for_reader(
        &self,
        peers: &impl Peers,
        slot: u32,
        patience: Patience,
    ) -> Result<Option<Blocker>> {
        let mut slices = Slices::behind_an_owner();
        let mut has_slept = matches!(patience, Patience::None);
        loop {
            let gate = self.gate.load(Acquire);
            // Acquire: `lock_write` has looked already. The reader that it saw lowers its cell
            // later, sees the word, and opens the gate. Either the load above sees the gate, and
            // with it the lowered cell, or the opened gate ends the sleep below.
            if peers.cell(slot).load(Acquire) == 0 {
                return Ok(None);
            }
            // This runs after a wake too: others may open the gate forever, so that no slice ends.
            if has_slept {
                peers.bury(slot)?;
                if peers.cell(slot).load(Acquire) == 0 {
                    return Ok(None);
                }
                if patience.is_over() {
                    return Ok(Some(Blocker::Reader(slot)));
                }
            }
            peers.wait(&self.gate, gate, slices.next(patience));
            step!("wait: slept at the gate");
            has_slept = true;
        }
    }

    /// Lets waiting readers go first, once. Sleeps until one of them is in, for at most one slice.
    fn let_readers_in(&self, peers: &impl Peers, patience: Patience) {
        if self.turn.load(Relaxed) != 0 {
            peers.wait(&self.turn, 1, Slices::behind_an_owner().next(patience));
            self.turn.store(0, Relaxed);
            step!("wait: readers had their turn");
        }
    }
}

#[cold]
fn crowded() -> Error {
    Error::new(
        ErrorKind::TooManyLocks,
        "is read under 2^31 guards of this process already: guards are being forgotten (`mem::forget`, \
         or a cycle of `Rc`s); drop them, since only that or the end of the process unlocks",
    )
}
