//! Appending, one process and thread at a time.
//!
//! # Safety
//!
//! A turn owns the log's lock, which every appender takes, and writes nowhere but between the committed
//! rows and the end of the payload, where no reference ever is.
#![allow(unsafe_code)]

use std::ops::Range;

use super::Log;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::Patience;
use crate::segment::Segment;
use crate::sync::{Demand, Hold, Mode, Regard};
use crate::typed::element::Element;

/// The right to append, held until dropped.
pub(super) struct Turn<'a, T: Element> {
    log: &'a Log<T>,
    _hold: Hold<&'a Segment>,
}

impl<'a, T: Element> Turn<'a, T> {
    /// Waits for the turn; `None` when patience ran out at once.
    #[inline]
    pub(super) fn take(log: &'a Log<T>, patience: Patience) -> Result<Option<Self>> {
        log.segment.writable()?;
        let demand = Demand { stripes: 0..1, mode: Mode::Commit, patience, regard: Regard::Accept };
        let Some(hold) = Hold::untracked(&log.segment, &demand)? else { return Ok(None) };
        if hold.poison().is_some() {
            return Err(restarted(log));
        }
        Ok(Some(Self { log, _hold: hold }))
    }

    /// Appends rows, all of them or none.
    #[inline]
    pub(super) fn append(self, rows: &[T]) -> Result<Range<usize>> {
        let log = self.log;
        let tail = log.segment.region().state().tail();
        let start = log.in_capacity(tail.end());
        if rows.len() > log.capacity() - start {
            return Err(full(log, start, rows.len()));
        }
        let end = start + rows.len();
        log.segment.reserve_data(end * size_of::<T>())?;
        let payload = log.segment.region().payload().cast::<T>();
        // SAFETY: the payload holds `capacity` rows, which `start` is at most.
        let to = unsafe { payload.add(start) };
        // SAFETY: `rows` fit behind `start`, which is the committed length: no reference is there,
        // `rows` itself included, and nobody else writes there, since this turn owns the lock. The
        // memory is mapped for writing (checked in `take`), has pages behind it, and is aligned,
        // since the payload begins at a page and T's alignment is at most that.
        unsafe { to.as_ptr().copy_from_nonoverlapping(rows.as_ptr(), rows.len()) };
        tail.commit(end as u64);
        Ok(start..end)
    }
}

#[cold]
fn full<T: Element>(log: &Log<T>, len: usize, asked: usize) -> Error {
    let capacity = log.capacity();
    Error::new(
        ErrorKind::Full,
        format!(
            "has {len} of {capacity} rows, so {asked} more do not fit: go on in a log of greater \
             capacity, which costs no memory until it is used"
        ),
    )
    .of(log.name())
}

/// Appenders leave no poison, so only a restart of the machine does.
#[cold]
fn restarted<T: Element>(log: &Log<T>) -> Error {
    Error::new(
        ErrorKind::Poisoned,
        "may hold rows that never reached the disk: the machine stopped before its file was synced; \
         see which rows are whole, and go on in another log",
    )
    .of(log.name())
}
