//! Appending, one process and thread at a time.
//!
//! # Safety
//!
//! A turn owns the log's lock, which every appender takes. It writes only between the committed
//! rows and the end of the payload, where no reference ever is.
#![allow(unsafe_code)]

use std::ops::Range;

use super::any::AnyLog;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::Patience;
use crate::segment::Segment;
use crate::sync::{Demand, Hold, Mode, Regard};

/// The right to append, held until dropped.
pub(super) struct Turn<'a> {
    log: &'a AnyLog,
    _hold: Hold<&'a Segment>,
}

impl<'a> Turn<'a> {
    /// Waits for the turn. Returns `None` if patience runs out first.
    #[inline]
    pub(super) fn take(log: &'a AnyLog, patience: Patience) -> Result<Option<Self>> {
        log.segment().writable()?;
        let demand = Demand { stripes: 0..1, mode: Mode::Commit, patience, regard: Regard::Accept };
        let Some(hold) = Hold::untracked(log.segment(), &demand)? else { return Ok(None) };
        if hold.poison().is_some() {
            return Err(restarted(log));
        }
        Ok(Some(Self { log, _hold: hold }))
    }

    /// Appends a whole number of rows, all of them or none.
    #[inline]
    pub(super) fn append(self, rows: &[u8]) -> Result<Range<usize>> {
        let (log, count) = (self.log, rows.len() / self.log.row_len());
        let region = log.segment().region();
        let tail = region.state().tail();
        let start = log.in_capacity(tail.end());
        if count > log.capacity() - start {
            return Err(full(log, start, count));
        }
        let end = start + count;
        log.segment().reserve_data(end * log.row_len())?;
        // SAFETY: the payload holds `capacity` rows, and `start` is at most that.
        let to = unsafe { region.payload().add(start * log.row_len()) };
        // SAFETY: `rows` fit behind `start`, which is the committed length. No reference is there,
        // `rows` itself included. Nobody else writes there, because this turn owns the lock. The
        // memory is mapped for writing (checked in `take`), and has pages behind it.
        unsafe { to.as_ptr().copy_from_nonoverlapping(rows.as_ptr(), rows.len()) };
        tail.commit(end as u64);
        Ok(start..end)
    }
}

#[cold]
fn full(log: &AnyLog, len: usize, asked: usize) -> Error {
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

/// The error for a log that a restart of the machine left suspect. Appenders leave no poison.
#[cold]
fn restarted(log: &AnyLog) -> Error {
    Error::new(
        ErrorKind::Poisoned,
        "may hold rows that never reached the disk: the machine stopped before its file was synced; \
         see which rows are whole, and go on in another log",
    )
    .of(log.name())
}
