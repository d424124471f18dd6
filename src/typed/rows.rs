//! What is asked of a lock: the rows of an array, the stripes they lie in, and how long to wait.

use std::ops::{Bound, Range, RangeBounds};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Spelt};
use crate::lock::Patience;
use crate::sync::{Demand, Mode, Regard, rows_of, stripes_over};

/// Which rows are asked for.
#[derive(Clone, Debug)]
enum Rows {
    All,
    Range(Bound<usize>, Bound<usize>),
    Stripe(u32),
}

/// How the rows of an array are split.
#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    /// Length of axis 0; one row when there is no axis.
    pub(super) rows: usize,
    pub(super) ndim: usize,
    pub(super) stripes: u32,
}

/// What is asked of a lock, except whether it is to read or to write.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    rows: Rows,
    patience: Patience,
    regard: Regard,
}

/// The rows that were asked for, found in an array.
#[derive(Clone, Debug)]
pub(super) struct Located {
    /// The rows; `None` for all of an array that may have no axis.
    pub(super) rows: Option<Range<usize>>,
    /// The lock that covers them.
    pub(super) demand: Demand,
}

// Always inlined: see `Hold`.
impl Ask {
    /// Asks for all rows. Waits for as long as their owner lives, and refuses suspect rows.
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { rows: Rows::All, patience: Patience::Endless, regard: Regard::Refuse }
    }

    #[inline(always)]
    pub(super) fn rows(&mut self, rows: impl RangeBounds<usize>) {
        self.rows = Rows::Range(rows.start_bound().cloned(), rows.end_bound().cloned());
    }

    #[inline(always)]
    pub(super) fn stripe(&mut self, stripe: u32) {
        self.rows = Rows::Stripe(stripe);
    }

    #[inline(always)]
    pub(super) fn timeout(&mut self, timeout: Duration) {
        self.patience = Patience::at_most(timeout);
    }

    #[inline(always)]
    pub(super) fn at_once(&mut self) {
        self.patience = Patience::None;
    }

    #[inline(always)]
    pub(super) fn recover(&mut self) {
        self.regard = Regard::Accept;
    }

    /// Finds the rows in an array, and the stripes that cover them.
    #[inline(always)]
    pub(super) fn locate(&self, split: Split, mode: Mode) -> Result<Located> {
        let rows = self.rows.locate(split)?;
        let stripes = self.rows.stripes(rows.as_ref(), split);
        let demand = Demand { stripes, mode, patience: self.patience, regard: self.regard };
        Ok(Located { rows, demand })
    }
}

impl Rows {
    /// The rows in an array; `None` for all of one that may have no axis.
    #[inline(always)]
    fn locate(&self, split: Split) -> Result<Option<Range<usize>>> {
        match *self {
            Self::All => Ok(None),
            _ if split.ndim == 0 => Err(no_axes()),
            Self::Range(from, to) => located(from, to, split.rows).map(Some),
            Self::Stripe(stripe) if stripe < split.stripes => {
                Ok(Some(rows_of(stripe, split.rows, split.stripes)))
            }
            Self::Stripe(stripe) => Err(no_such_stripe(split.stripes, stripe)),
        }
    }

    /// The stripes to lock for rows that were located.
    #[inline(always)]
    fn stripes(&self, located: Option<&Range<usize>>, split: Split) -> Range<u32> {
        match (self, located) {
            (&Self::Stripe(stripe), _) => stripe..stripe + 1,
            (_, Some(rows)) => stripes_over(rows, split.rows, split.stripes),
            (_, None) => 0..split.stripes,
        }
    }
}

#[inline(always)]
fn located(from: Bound<usize>, to: Bound<usize>, rows: usize) -> Result<Range<usize>> {
    let start = match from {
        Bound::Included(row) => Some(row),
        Bound::Excluded(row) => row.checked_add(1),
        Bound::Unbounded => Some(0),
    };
    let end = match to {
        Bound::Included(row) => row.checked_add(1),
        Bound::Excluded(row) => Some(row),
        Bound::Unbounded => Some(rows),
    };
    match (start, end) {
        (Some(start), Some(end)) if start <= end && end <= rows => Ok(start..end),
        _ => Err(no_such_rows(rows, from, to)),
    }
}

#[cold]
pub(super) fn no_axes() -> Error {
    Error::new(
        ErrorKind::OutOfBounds,
        "has no axes, so it has no rows: lock it whole with `read` or `write`",
    )
}

#[cold]
fn no_such_stripe(stripes: u32, asked: u32) -> Error {
    Error::new(ErrorKind::OutOfBounds, format!("has {stripes} stripes, asked for stripe {asked}"))
}

#[cold]
fn no_such_rows(rows: usize, from: Bound<usize>, to: Bound<usize>) -> Error {
    Error::new(
        ErrorKind::OutOfBounds,
        format!("has {rows} rows, asked for rows {}", Spelt((from, to))),
    )
}
