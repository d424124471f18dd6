//! Logs whose dtype is known at run time only: the core of all logs.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Log;
use super::follower::AnyFollower;
use super::rows::AnyLogRows;
use super::turn::Turn;
use crate::error::{Error, ErrorKind, Result, size};
use crate::lock::Patience;
use crate::npy::Dtype;
use crate::segment::{
    Creates, Draft, Kind, Opens, Options, Plan, Reserve, Segment, Settings, data_len, handle,
};
use crate::sync::acquired;
use crate::typed::contents::Laid;
use crate::typed::element::Element;

/// A log whose dtype and rows are known at run time only. Bindings of other languages stand on it.
///
/// It is appended to, read and followed as a [`Log`](crate::Log) is, but by rows of bytes:
/// little-endian items, one behind the other, in C order.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{AnyLog, Log};
///
/// let known = Log::<[u8; 2]>::create("doc-any-log", 1000)?;
/// known.append(&[1, 2])?;
///
/// let log = AnyLog::open("doc-any-log")?;
/// assert_eq!((log.dtype().to_string().as_str(), log.row_shape()), ("|u1", &[2][..]));
/// assert_eq!(log.extend(&[3, 4, 5, 6])?, 1..3);
/// let rows = log.rows_from(1);
/// assert_eq!(rows.bytes(), [3, 4, 5, 6]);
/// assert_eq!(rows.at(&[1, 0]).unwrap().to_string(), "5");
/// assert_eq!(known.rows()[2], [5, 6]);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AnyLog {
    segment: Segment,
    /// Bytes of a row; at least one.
    row_len: usize,
}

handle! {
    /// It is empty, and has room for `capacity` rows. Each row is an array of that shape, whose
    /// items are of that dtype. With `&[]`, a row is a single item.
    impl[] AnyLog, "log of any dtype", "a log of any dtype", "ndshm::AnyLog", given "&\"<f8\".parse()?, &[2], 1000",
    |it| &it.segment;
    create(dtype: &Dtype, row_shape: &[usize], capacity: usize) => (dtype.clone(), [&[capacity], row_shape].concat())
}

impl Opens for AnyLog {
    fn check(segment: Segment) -> Result<Self> {
        let control = segment.control();
        if control.kind != Kind::Log {
            return Err(control.kind.mismatch(Kind::Log));
        }
        let row = control.shape.get(1..).map(|row| data_len(row, control.dtype.item_size()));
        match row.transpose()? {
            Some(row_len) if row_len > 0 => Ok(Self { segment, row_len }),
            _ => Err(Error::new(
                ErrorKind::Corrupt,
                "is damaged: it is a Log whose rows have no bytes; remove it and create it anew",
            )),
        }
    }

    fn default_options() -> Options<Self> {
        Options::new().reserve(Reserve::Lazy)
    }
}

impl Creates for AnyLog {
    /// Capacity and shape of a row.
    type Start = (Dtype, Vec<usize>);

    fn plan(settings: &Settings, (dtype, shape): &Self::Start) -> Result<Plan> {
        dtype.check()?;
        let (dtype, folded) = dtype.clone().fold();
        let shape = [&shape[..], &folded].concat();
        if shape[1..].contains(&0) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "asks for rows of shape {:?}, which have no bytes: use longer axes",
                    &shape[1..]
                ),
            ));
        }
        Plan::new(settings, Kind::Log, dtype, shape)
    }

    fn fill(draft: &mut Draft, _start: &Self::Start) -> Result<()> {
        fill(draft);
        Ok(())
    }

    fn check_same(&self, (dtype, shape): &Self::Start) -> Result<()> {
        let (dtype, folded) = dtype.clone().fold();
        let asked = Laid { dtype: &dtype, shape: &[&shape[1..], &folded].concat() };
        self.row().check_same(ROWS, asked)
    }
}

/// How an error begins to say what a log holds.
pub(super) const ROWS: &str = "rows of ";

/// What the log is.
impl AnyLog {
    /// Returns the dtype of an item of a row.
    ///
    /// # Examples
    ///
    /// See [`AnyLog`].
    #[must_use]
    pub fn dtype(&self) -> &Dtype {
        &self.segment.control().dtype
    }

    /// Returns the shape of a row; that of a single item is empty.
    ///
    /// # Examples
    ///
    /// See [`AnyLog`].
    #[must_use]
    pub fn row_shape(&self) -> &[usize] {
        &self.segment.control().shape[1..]
    }

    /// Returns how many bytes a row has.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::AnyLog::create_unique("doc-any-log-", &"<f8".parse()?, &[2], 1000)?;
    /// assert_eq!(log.row_len(), 16);
    /// # Ok(()) }
    /// ```
    #[inline]
    #[must_use]
    pub fn row_len(&self) -> usize {
        self.row_len
    }

    /// Returns how many rows are committed; it never goes back.
    ///
    /// # Examples
    ///
    /// See [`extend`](Self::extend).
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.in_capacity(self.segment.region().state().tail().len())
    }

    /// Returns whether no row is committed.
    ///
    /// # Examples
    ///
    /// See [`extend`](Self::extend).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many rows there is room for in all.
    ///
    /// # Examples
    ///
    /// See [`extend`](Self::extend).
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.segment.control().shape[0]
    }

    /// Returns the same log with its type known, checked as [`Log::open`](crate::Log::open) does.
    ///
    /// # Errors
    ///
    /// [`DtypeMismatch`](ErrorKind::DtypeMismatch).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::AnyLog::create_unique("doc-any-log-", &"<f8".parse()?, &[2], 1000)?;
    /// log.downcast::<[f64; 2]>()?.append(&[0.5, 1.0])?;
    /// assert!(log.downcast::<f64>().is_err());
    /// # Ok(()) }
    /// ```
    pub fn downcast<T: Element>(&self) -> Result<Log<T>> {
        Log::from_segment(self.segment.clone())
    }

    /// What a row is.
    pub(super) fn row(&self) -> Laid<'_> {
        Laid { dtype: self.dtype(), shape: self.row_shape() }
    }

    /// The committed length in memory as a number of rows, cut to the capacity.
    pub(super) fn in_capacity(&self, len: u64) -> usize {
        usize::try_from(len).map_or(self.capacity(), |len| len.min(self.capacity()))
    }
}

/// Appending, reading and following, as a [`Log`](crate::Log) does.
impl AnyLog {
    /// Appends rows, all of them or none, and returns their numbers.
    ///
    /// # Errors
    ///
    /// Those of [`Log::append`](crate::Log::append), and
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when the bytes are no whole number of rows.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::AnyLog::create_unique("doc-any-log-", &"<u2".parse()?, &[], 3)?;
    /// assert!(log.is_empty());
    /// assert_eq!(log.extend(&[7, 0, 8, 0])?, 0..2);
    /// assert_eq!((log.len(), log.capacity()), (2, 3));
    /// assert_eq!(log.extend(&[9]).unwrap_err().kind(), ndshm::ErrorKind::InvalidArgument);
    /// # Ok(()) }
    /// ```
    pub fn extend(&self, rows: &[u8]) -> Result<Range<usize>> {
        self.extend_with(rows, Patience::Endless).map(acquired)
    }

    /// Appends rows if nobody else is appending; `None` when somebody is.
    ///
    /// # Errors
    ///
    /// Those of [`extend`](Self::extend).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::AnyLog::create_unique("doc-any-log-", &"|u1".parse()?, &[], 3)?;
    /// assert_eq!(log.try_extend(&[7, 8])?, Some(0..2));
    /// # Ok(()) }
    /// ```
    pub fn try_extend(&self, rows: &[u8]) -> Result<Option<Range<usize>>> {
        self.extend_with(rows, Patience::None)
    }

    /// Appends rows, waiting at most `timeout` for other appenders.
    ///
    /// # Errors
    ///
    /// Those of [`extend`](Self::extend), and [`Timeout`](ErrorKind::Timeout), which names the
    /// appender.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # use std::time::Duration;
    /// let log = ndshm::AnyLog::create_unique("doc-any-log-", &"|u1".parse()?, &[], 3)?;
    /// assert_eq!(log.extend_timeout(&[7, 8], Duration::from_secs(1))?, 0..2);
    /// # Ok(()) }
    /// ```
    pub fn extend_timeout(&self, rows: &[u8], timeout: Duration) -> Result<Range<usize>> {
        self.extend_with(rows, Patience::at_most(timeout)).map(acquired)
    }

    pub(super) fn extend_with(
        &self,
        rows: &[u8],
        patience: Patience,
    ) -> Result<Option<Range<usize>>> {
        if !rows.len().is_multiple_of(self.row_len) {
            return Err(self.no_whole_rows(rows.len()));
        }
        let Some(turn) = Turn::take(self, patience)? else { return Ok(None) };
        let appended = turn.append(rows)?;
        self.segment.region().state().tail().announce(&self.segment.membership().peers(0));
        Ok(Some(appended))
    }

    /// Returns all rows that are committed now, in place.
    ///
    /// # Examples
    ///
    /// See [`AnyLogRows`].
    #[must_use]
    pub fn rows(&self) -> AnyLogRows {
        self.rows_from(0)
    }

    /// Returns the rows from number `start` on that are committed now, in place. There are none if
    /// the log does not have that many.
    ///
    /// # Examples
    ///
    /// See [`AnyLog`].
    #[must_use]
    pub fn rows_from(&self, start: usize) -> AnyLogRows {
        AnyLogRows::of(self, start)
    }

    /// Follows the log from here on: the rows committed after this call.
    ///
    /// # Examples
    ///
    /// See [`AnyFollower`].
    pub fn follow(&self) -> AnyFollower {
        self.follow_from(self.len())
    }

    /// Follows the log from row number `start` on, 0 for all there ever were.
    ///
    /// # Examples
    ///
    /// See [`AnyFollower`].
    pub fn follow_from(&self, start: usize) -> AnyFollower {
        AnyFollower::new(self.clone(), start)
    }

    #[cold]
    fn no_whole_rows(&self, len: usize) -> Error {
        let problem = format!(
            "is given {}, and a row has {}: give whole rows",
            size(len),
            size(self.row_len)
        );
        Error::new(ErrorKind::InvalidArgument, problem).of(self.name())
    }
}

impl<T: Element> From<Log<T>> for AnyLog {
    fn from(log: Log<T>) -> Self {
        log.any
    }
}

impl fmt::Debug for AnyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyLog")
            .field("name", &self.name())
            .field("dtype", &format_args!("{}", self.dtype()))
            .field("row_shape", &self.row_shape())
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

/// See [`Segment`], whose shape begins with the capacity: the name, the shape and the dtype, not the rows.
impl fmt::Display for AnyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segment.fmt(f)
    }
}

/// Notes how much of a new log has memory.
pub(super) fn fill(draft: &Draft) {
    let region = draft.region();
    if draft.is_reserved() {
        region.state().backed.store(region.layout().data_len as u64, Relaxed);
    }
}
