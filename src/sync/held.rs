//! The locks that this thread holds. With them, waiting for oneself is an error and not an endless
//! wait.

use std::cell::RefCell;
use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};
use crate::lock::Owner;

/// A lock that a guard of this thread holds.
#[derive(Clone, Debug)]
struct Entry {
    /// Serial number of the segment's membership. Its address would not do: an address is reused,
    /// while the entry of a forgotten guard stays.
    segment: u64,
    /// The owner that took it. After a fork the parent's guards are no longer this process's.
    me: Owner,
    stripes: Range<u32>,
    writing: bool,
}

thread_local! {
    static HELD: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// The stripes of a request that this thread reads already, found by [`check`].
#[derive(Debug, Default)]
pub(super) struct Nested(Vec<Range<u32>>);

impl Nested {
    /// Whether the thread already reads that stripe, so that another read cannot wait.
    #[inline]
    pub(super) fn contains(&self, stripe: u32) -> bool {
        self.0.iter().any(|range| range.contains(&stripe))
    }
}

/// Fails with `Deadlock` when this thread would wait for itself.
///
/// Every thread takes locks in ascending order of stripes, so no two wait for each other. Hence a
/// thread that holds a stripe may not wait for a lower one.
#[inline]
pub(super) fn check(
    segment: u64,
    me: Owner,
    stripes: &Range<u32>,
    writing: bool,
) -> Result<Nested> {
    // While thread-local storage is being destroyed, nothing is tracked any more.
    let checked = HELD.try_with(|held| match &held.borrow()[..] {
        [] => Ok(Nested::default()),
        held => check_all(held, segment, me, stripes, writing),
    });
    checked.unwrap_or_else(|_| Ok(Nested::default()))
}

#[cold]
fn check_all(
    held: &[Entry],
    segment: u64,
    me: Owner,
    stripes: &Range<u32>,
    writing: bool,
) -> Result<Nested> {
    let here = || held.iter().filter(|entry| entry.segment == segment && entry.me == me);
    let mut nested = Nested::default();
    for entry in here() {
        let overlap = entry.stripes.start < stripes.end && stripes.start < entry.stripes.end;
        if overlap && (writing || entry.writing) {
            return Err(deadlock(if entry.writing { "writes" } else { "reads" }));
        }
        if overlap {
            nested.0.push(entry.stripes.clone());
        }
    }
    let highest = here().map(|entry| entry.stripes.end).max().unwrap_or(0);
    // New stripes must lie above all stripes that are held.
    match stripes.clone().find(|&stripe| !nested.contains(stripe)) {
        Some(lowest_new) if lowest_new + 1 < highest => Err(deadlock("holds a later part of")),
        _ => Ok(nested),
    }
}

/// Records a lock that was taken.
#[inline]
pub(super) fn push(segment: u64, me: Owner, stripes: Range<u32>, writing: bool) {
    let _ = HELD.try_with(|held| held.borrow_mut().push(Entry { segment, me, stripes, writing }));
}

/// Removes the record of a lock.
#[inline]
pub(super) fn pop(segment: u64, me: Owner, stripes: &Range<u32>, writing: bool) {
    let _ = HELD.try_with(|held| {
        let mut held = held.borrow_mut();
        let found = held.iter().rposition(|entry| {
            entry.segment == segment
                && entry.me == me
                && entry.stripes == *stripes
                && entry.writing == writing
        });
        if let Some(index) = found {
            held.swap_remove(index);
        }
    });
}

#[cold]
fn deadlock(how: &str) -> Error {
    Error::new(
        ErrorKind::Deadlock,
        format!(
            "would wait for itself: this thread {how} what it asks for; drop the guard it holds \
             first, or take all rows it needs at once, in ascending order"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Owner {
        Owner::new(3, 7)
    }

    /// Holds stripes for as long as the closure runs.
    fn holding<R>(stripes: Range<u32>, writing: bool, then: impl FnOnce() -> R) -> R {
        push(1, me(), stripes.clone(), writing);
        let result = then();
        pop(1, me(), &stripes, writing);
        result
    }

    fn kind(stripes: Range<u32>, writing: bool) -> Option<ErrorKind> {
        check(1, me(), &stripes, writing).err().map(|error| error.kind())
    }

    #[test]
    fn reading_again_what_is_read_is_granted() {
        holding(2..5, false, || {
            assert!(check(1, me(), &(3..4), false).unwrap().contains(3));
            let wider = check(1, me(), &(3..7), false).unwrap();
            assert!(wider.contains(4) && !wider.contains(5));
        });
    }

    #[test]
    fn what_would_wait_for_itself_is_an_error() {
        holding(2..5, false, || assert_eq!(kind(4..6, true), Some(ErrorKind::Deadlock)));
        holding(2..5, true, || {
            assert_eq!(kind(4..6, false), Some(ErrorKind::Deadlock));
            assert_eq!(kind(4..6, true), Some(ErrorKind::Deadlock));
        });
    }

    #[test]
    fn stripes_are_taken_in_ascending_order() {
        for writing in [false, true] {
            holding(2..5, writing, || {
                assert_eq!(kind(0..1, !writing), Some(ErrorKind::Deadlock));
                assert_eq!(kind(5..9, !writing), None);
            });
        }
        holding(2..5, false, || assert_eq!(kind(1..9, false), Some(ErrorKind::Deadlock)));
    }

    #[test]
    fn other_segments_and_the_parents_guards_do_not_count() {
        holding(2..5, true, || {
            assert!(check(2, me(), &(2..5), true).is_ok());
            assert!(check(1, Owner::new(3, 8), &(2..5), true).is_ok());
        });
        assert_eq!(kind(2..5, true), None);
    }
}
