//! A hold on some stripes of a segment. They are taken in ascending order and released when it is
//! dropped.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

use super::held::{self, Nested};
use super::unwinding::Unwinding;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{self, Blocker, Entry, Owner, Patience, Stripe};
use crate::segment::{Membership, Segment, soil};
use crate::steps::step;

/// What a hold is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Shared with other readers.
    Read,
    /// Exclusive, and writing in place. Dying leaves poison.
    Write,
    /// Exclusive among committers. Nothing is written in place, so dying leaves nothing.
    Commit,
}

/// What to do about suspect data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Regard {
    /// Fail with `OwnerDied` or `Poisoned`.
    Refuse,
    /// Hand it over, and tell who left it suspect.
    Accept,
}

/// The request of a caller.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    pub(crate) stripes: Range<u32>,
    pub(crate) mode: Mode,
    pub(crate) patience: Patience,
    pub(crate) regard: Regard,
}

/// Who left the data suspect, and how.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Array1, ErrorKind, PoisonCause};
///
/// let array = Array1::<u8>::create_unique("doc-poison-", 4)?;
/// let panicked = std::panic::catch_unwind(|| {
///     let _guard = array.write().unwrap();
///     panic!("half written");
/// });
/// assert!(panicked.is_err());
/// assert_eq!(array.read().unwrap_err().kind(), ErrorKind::Poisoned);
///
/// let mut guard = array.write_recover()?;
/// let poison = guard.poison().expect("somebody panicked");
/// assert_eq!((poison.cause(), poison.pid()), (PoisonCause::Panicked, std::process::id()));
/// guard.fill(0);
/// guard.mark_consistent();
/// # drop(guard);
/// # array.read()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    cause: PoisonCause,
    pid: u32,
}

/// How data came to be suspect.
///
/// # Examples
///
/// See [`Poison`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PoisonCause {
    /// The writer's process died. It may have been killed.
    Died,
    /// The writer panicked while it held the guard.
    Panicked,
    /// The machine stopped before the file was synced: see [`Segment::sync`].
    Restarted,
}

impl Poison {
    /// Returns how the data became suspect.
    ///
    /// # Examples
    ///
    /// See [`Poison`].
    #[must_use]
    pub fn cause(&self) -> PoisonCause {
        self.cause
    }

    /// Returns the process id of the process that left it suspect, in that process's own PID
    /// namespace. Returns 0 for a restart.
    ///
    /// # Examples
    ///
    /// See [`Poison`].
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn of(stripe: &Stripe) -> Self {
        let (cause, pid) = stripe.culprit();
        let cause = match cause {
            lock::Cause::Panicked => PoisonCause::Panicked,
            lock::Cause::Restarted => PoisonCause::Restarted,
            _ => PoisonCause::Died,
        };
        Self { cause, pid }
    }
}

impl fmt::Display for Poison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.cause {
            PoisonCause::Died => "died",
            PoisonCause::Panicked => "panicked",
            PoisonCause::Restarted => {
                return f.write_str("the machine stopped before the file was synced");
            }
        };
        write!(f, "process {} {how} while writing", self.pid)
    }
}

/// Stripes that are held. `S` is a segment or a reference to one.
#[derive(Debug)]
pub(crate) struct Hold<S: Borrow<Segment>> {
    segment: S,
    stripes: Range<u32>,
    mode: Mode,
    me: Owner,
    tracked: bool,
    unwinding: Unwinding,
}

impl<S: Borrow<Segment>> Hold<S> {
    // Always inlined, like everything between a guard's caller and here. A guard is then put
    // together in the place where it is returned. Moving one that was just written stalls for
    // longer than the lock takes.

    /// Takes the stripes for a guard that stays in this thread. Returns `None` when patience ran
    /// out at once, and an error that names the owner when it ran out later.
    #[inline(always)]
    pub(crate) fn tracked(segment: S, demand: &Demand) -> Result<Option<Self>> {
        let stripes = demand.stripes.clone();
        let Some(me) = acquire_for_thread(segment.borrow(), demand)? else { return Ok(None) };
        Ok(Some(Self::new(segment, stripes, demand.mode, me, true)))
    }

    /// Takes the stripes for a guard that may be dropped in any thread.
    #[inline(always)]
    pub(crate) fn untracked(segment: S, demand: &Demand) -> Result<Option<Self>> {
        let stripes = demand.stripes.clone();
        let Some(me) = acquire(segment.borrow(), demand)? else { return Ok(None) };
        Ok(Some(Self::new(segment, stripes, demand.mode, me, false)))
    }

    #[inline(always)]
    fn new(segment: S, stripes: Range<u32>, mode: Mode, me: Owner, tracked: bool) -> Self {
        Self { segment, stripes, mode, me, tracked, unwinding: Unwinding::now() }
    }

    pub(crate) fn segment(&self) -> &Segment {
        self.segment.borrow()
    }

    /// Whether this process took it. A forked child's copies of its parent's guards hold nothing.
    pub(crate) fn is_ours(&self) -> bool {
        self.segment().membership().registered() == Some(self.me)
    }

    /// Whether this thread panicked since it was taken.
    #[inline]
    pub(crate) fn is_unwound(&self) -> bool {
        self.unwinding.began_since()
    }

    /// Who left the held data suspect, if anybody did.
    pub(crate) fn poison(&self) -> Option<Poison> {
        let region = self.segment().region();
        let mut stripes = self.stripes.clone().map(|stripe| region.stripe(stripe));
        stripes.find(|stripe| stripe.entry() == Entry::Poisoned).map(Poison::of)
    }

    /// Forbids all further writes to the held stripes. These must be all stripes, held to commit.
    pub(crate) fn freeze(&self) {
        let region = self.segment().region();
        assert!(self.mode == Mode::Commit && self.stripes == (0..region.stripes()));
        region.state().freeze();
    }

    /// Vouches for the held data. The hold must not be for reading.
    pub(crate) fn mark_consistent(&mut self) {
        debug_assert_ne!(self.mode, Mode::Read);
        let region = self.segment().region();
        self.stripes.clone().for_each(|stripe| region.stripe(stripe).forgive());
    }
}

impl<S: Borrow<Segment>> Drop for Hold<S> {
    #[inline]
    fn drop(&mut self) {
        if self.tracked {
            let membership = self.segment.borrow().membership();
            held::pop(membership.serial(), self.me, &self.stripes, self.mode != Mode::Read);
        }
        if !self.is_ours() {
            return;
        }
        let segment = self.segment.borrow();
        if self.mode == Mode::Write && self.is_unwound() {
            for stripe in self.stripes.clone() {
                segment.region().stripe(stripe).poison_by_panic(std::process::id());
            }
        }
        release(segment, self.stripes.clone(), self.mode);
    }
}

/// Takes all demanded stripes, or none, and records that this thread has them.
///
/// This is not generic and returns in registers, because moving a hold costs more than the lock.
fn acquire_for_thread(segment: &Segment, demand: &Demand) -> Result<Option<Owner>> {
    let taken = acquire(segment, demand)?;
    if let Some(me) = taken {
        let writing = demand.mode != Mode::Read;
        held::push(segment.membership().serial(), me, demand.stripes.clone(), writing);
    }
    Ok(taken)
}

/// Takes all demanded stripes, or none.
#[inline]
fn acquire(segment: &Segment, demand: &Demand) -> Result<Option<Owner>> {
    let membership = segment.membership();
    let named = |error: Error| error.of(segment.name());
    let me = membership.me().map_err(named)?;
    let writing = demand.mode != Mode::Read;
    let nested = held::check(membership.serial(), me, &demand.stripes, writing).map_err(named)?;
    for stripe in demand.stripes.clone() {
        match take(segment, me, stripe, demand, &nested) {
            Ok(None) => {}
            Ok(Some(blocker)) => {
                release(segment, demand.stripes.start..stripe, demand.mode);
                return match demand.patience {
                    Patience::None => Ok(None),
                    _ => Err(named(timeout(membership, demand.mode, blocker))),
                };
            }
            Err(error) => {
                release(segment, demand.stripes.start..stripe, demand.mode);
                return Err(named(error));
            }
        }
    }
    if demand.mode == Mode::Write && segment.is_frozen() {
        // Released as after a commit: nothing was written, so the versions stay.
        release(segment, demand.stripes.clone(), Mode::Commit);
        step!("lock: refused, frozen");
        return Err(named(frozen()));
    }
    // Relaxed: whoever set the mark held locks that exclude ours.
    if writing
        && segment.region().state().clean.load(Relaxed) != 0
        && let Err(error) = soil(segment.region())
    {
        release(segment, demand.stripes.clone(), demand.mode);
        return Err(named(error));
    }
    if demand.mode == Mode::Write {
        // This comes after all are taken, so that a process that dies waiting for one stripe has
        // not written to another.
        for stripe in demand.stripes.clone() {
            segment.region().stripe(stripe).begin_write();
        }
    }
    Ok(Some(me))
}

/// Takes one stripe, or returns who is in the way. On error it is not held.
#[inline]
fn take(
    segment: &Segment,
    me: Owner,
    stripe: u32,
    demand: &Demand,
    nested: &Nested,
) -> Result<Option<Blocker>> {
    let membership = segment.membership();
    let (lock, peers) = (segment.region().stripe(stripe), membership.peers(stripe));
    let taken = match demand.mode {
        Mode::Write => lock.lock_write(&peers, me, demand.patience)?,
        Mode::Commit => lock.lock_word(&peers, me, demand.patience)?,
        Mode::Read => {
            let cell = segment.region().cell(me.slot(), stripe);
            if nested.contains(stripe) {
                Ok(lock.lock_read_again(cell)?)
            } else {
                lock.lock_read(&peers, cell, demand.patience)?
            }
        }
    };
    match taken {
        Err(blocker) => Ok(Some(blocker)),
        Ok(Entry::Poisoned) if demand.regard == Regard::Refuse => {
            let error = suspect(lock);
            step!("lock: refused");
            release(segment, stripe..stripe + 1, demand.mode);
            Err(error)
        }
        Ok(_) => Ok(None),
    }
}

/// Releases stripes that this process holds.
#[inline]
fn release(segment: &Segment, stripes: Range<u32>, mode: Mode) {
    let membership = segment.membership();
    for stripe in stripes {
        let (lock, peers) = (segment.region().stripe(stripe), membership.peers(stripe));
        match mode {
            Mode::Write => lock.unlock_write(&peers),
            Mode::Commit => lock.unlock_word(&peers),
            Mode::Read => {
                if let Some(me) = membership.registered() {
                    lock.unlock_read(&peers, segment.region().cell(me.slot(), stripe));
                }
            }
        }
    }
}

#[cold]
fn suspect(stripe: &Stripe) -> Error {
    let first_to_notice = stripe.report_death();
    let kind = if first_to_notice { ErrorKind::OwnerDied } else { ErrorKind::Poisoned };
    let poison = Poison::of(stripe);
    Error::new(
        kind,
        format!(
            "may be half written: {poison}; look at it with `read_recover`, or mend it under \
             `write_recover` and call `mark_consistent`"
        ),
    )
}

#[cold]
fn timeout(membership: &Membership, mode: Mode, blocker: Blocker) -> Error {
    let purpose = if mode == Mode::Read { "reading" } else { "writing" };
    let (verb, slot) = match blocker {
        Blocker::Writer(owner) => ("writes", owner.slot()),
        Blocker::Reader(slot) => ("reads", slot),
    };
    let who = membership.describe(slot);
    Error::new(
        ErrorKind::Timeout,
        format!(
            "could not be locked for {purpose} in time: {who}, {verb} it; wait longer, or see what \
             that process does"
        ),
    )
}

/// The error for a caller who wants to write frozen data.
#[cold]
pub(crate) fn frozen() -> Error {
    Error::new(
        ErrorKind::Frozen,
        "is frozen: nobody writes it any more; remove it and create another, or write to a copy",
    )
}

/// Unwraps the result of a demand with patience. Only a demand without patience returns nothing.
#[inline]
pub(crate) fn acquired<G>(guard: Option<G>) -> G {
    guard.expect("a demand that waits ends with a lock or an error")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::event::Event;

    fn demand(mode: Mode) -> Demand {
        Demand { stripes: 0..1, mode, patience: Patience::None, regard: Regard::Refuse }
    }

    #[test]
    fn forgotten_read_guards_are_an_error_before_they_let_a_writer_in() {
        let event = Event::create_unique("unit-forgotten-").unwrap();
        let segment = event.segment();
        let live = Hold::untracked(segment, &demand(Mode::Read)).unwrap().expect("nobody writes");
        let cell = segment.region().cell(live.me.slot(), 0);
        // As after so many forgotten guards, and as while all threads that Linux may have ask at
        // once.
        for forgotten in [1 << 31, (1 << 31) + (1 << 22)] {
            cell.store(forgotten, Relaxed);
            let first = Hold::untracked(segment, &demand(Mode::Read)).map(std::mem::forget);
            assert_eq!(first.unwrap_err().kind(), ErrorKind::TooManyLocks);
            // The thread has one already, so the word is not consulted.
            held::push(segment.membership().serial(), live.me, 0..1, false);
            let again = Hold::tracked(segment, &demand(Mode::Read)).map(std::mem::forget);
            held::pop(segment.membership().serial(), live.me, &(0..1), false);
            assert_eq!(again.unwrap_err().kind(), ErrorKind::TooManyLocks);
            assert_eq!(cell.load(Relaxed), forgotten, "a refused reader stays counted");
            let writer = Hold::untracked(segment, &demand(Mode::Write)).unwrap();
            assert!(writer.is_none(), "a writer is in beside a reader");
        }
        cell.store(1, Relaxed);
        drop(live);
        assert!(Hold::untracked(segment, &demand(Mode::Write)).unwrap().is_some());
    }

    #[test]
    fn as_many_read_guards_as_are_counted_are_granted() {
        let event = Event::create_unique("unit-counted-").unwrap();
        let segment = event.segment();
        let live = Hold::untracked(segment, &demand(Mode::Read)).unwrap().expect("nobody writes");
        let cell = segment.region().cell(live.me.slot(), 0);
        cell.store((1 << 31) - 1, Relaxed);
        let last = Hold::untracked(segment, &demand(Mode::Read)).unwrap().expect("nobody writes");
        assert_eq!(cell.load(Relaxed), 1 << 31);
        drop(last);
        cell.store(1, Relaxed);
    }
}
