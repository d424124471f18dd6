//! Which rows of an array are asked for, and the stripes they lie in.

use std::ops::{Bound, Range, RangeBounds};

use crate::error::{Error, ErrorKind, Result, Spelt};
use crate::sync::{rows_of, stripes_over};

/// Which rows are asked for.
#[derive(Clone, Debug)]
pub(super) enum Rows {
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

// Always inlined: see `Hold`.
impl Rows {
    #[inline(always)]
    pub(super) fn range(rows: impl RangeBounds<usize>) -> Self {
        Self::Range(rows.start_bound().cloned(), rows.end_bound().cloned())
    }

    /// The rows in an array; `None` for all of one that may have no axis.
    #[inline(always)]
    pub(super) fn locate(&self, split: Split) -> Result<Option<Range<usize>>> {
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
    pub(super) fn stripes(&self, located: Option<&Range<usize>>, split: Split) -> Range<u32> {
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
