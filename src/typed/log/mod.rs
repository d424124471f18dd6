//! Logs: rows that are appended, read in place, and followed.
//!
//! In reading order: this file, a log and what it is asked for · [`any`] the same of any dtype, which it stands on ·
//! [`turn`] appending under the lock ·
//! [`rows`] committed rows · [`follower`] waiting for more.

mod any;
mod follower;
mod rows;
mod turn;

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::time::Duration;

pub use self::any::AnyLog;
use self::any::ROWS;
pub use self::follower::{AnyFollower, Follower};
pub use self::rows::{AnyLogRows, LogRows};
use super::contents::Laid;
use super::element::{Element, checked_dtype};
use crate::error::{ErrorKind, Result};
use crate::lock::Patience;
use crate::npy::UNIT;
use crate::segment::{Creates, Draft, Opens, Options, Plan, Reserve, Segment, Settings, handle};
use crate::sync::acquired;

/// An append-only table in shared memory. Any number of processes append rows, and any number read
/// and follow them, in place and without locks.
///
/// A row is committed whole or not at all, and never changes afterwards. Appenders take turns under
/// a lock. An appender killed at any instruction loses what it had not committed, and holds nobody
/// up. Readers take no lock and no participant's slot. [`rows`](Self::rows) is the committed part
/// as an `ndarray` view, and a [`Follower`] sleeps until there is more.
///
/// The capacity is fixed, and may be far larger than the memory there is. Memory is allocated as
/// the log grows, a megabyte at a time. If `/dev/shm` or the memory cgroup is full by then, that
/// append returns an error, and nothing is lost.
///
/// An element type `[T; N]` makes a table of N columns. NumPy sees an array of *capacity* rows;
/// `docs/format.md` tells where it finds the number of those committed. Open it with
/// `mmap_mode="r"`, never with `"w+"`, which cuts the file to nothing under everybody:
///
/// ```text
/// rows = np.load("/dev/shm/ticks", mmap_mode="r")
/// control = -(-(rows.offset + rows.nbytes) // 4096) * 4096
/// head_len = int(np.memmap("/dev/shm/ticks", "<u4", "r", control + 16, 1)[0])
/// committed = np.memmap("/dev/shm/ticks", "<u8", "r", control + head_len + 40, 1)
/// rows[:int(committed[0])]   # again whenever you like; not beyond: there may be no memory
/// ```
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let ticks = ndshm::Log::<[f64; 2]>::create("doc-ticks", 1 << 30)?; // 16 GiB, if it ever fills
/// ticks.append(&[0.0, 101.5])?;
/// ticks.extend(&[[0.1, 101.7], [0.2, 101.6]])?; // one commit
///
/// // In any other process:
/// let ticks = ndshm::Log::<[f64; 2]>::open("doc-ticks")?;
/// let last = ticks.rows()[ticks.len() - 1];
/// let mut follower = ticks.follow();
/// # ticks.append(&[0.3, 101.9])?;
/// let new = follower.wait()?; // what came since, in place
/// # assert_eq!((last, new.as_slice()), ([0.2, 101.6], &[[0.3, 101.9]][..]));
/// # Ok(()) }
/// ```
pub struct Log<T: Element> {
    any: AnyLog,
    row: PhantomData<fn() -> T>,
}

handle! {
    /// It is empty, and has room for `capacity` rows. Memory is allocated as it grows. With
    /// [`reserve`](Options::reserve)`(Reserve::Full)` it is allocated all at once, and then no
    /// append fails for want of it.
    impl[T: Element] Log<T>, "log", "a log", "ndshm::Log::<u64>", given "1000", |it| it.any.segment();
    create(capacity: usize) => capacity
}

impl<T: Element> Opens for Log<T> {
    fn check(segment: Segment) -> Result<Self> {
        let any = AnyLog::check(segment)?;
        let (dtype, folded) = checked_dtype::<T>()?.fold();
        let asked = Laid { dtype: &dtype, shape: &folded };
        if any.row() != asked || align_of::<T>() > UNIT {
            return Err(any.row().mismatch(ErrorKind::DtypeMismatch, ROWS, asked));
        }
        Ok(Self { any, row: PhantomData })
    }

    fn default_options() -> Options<Self> {
        Options::new().reserve(Reserve::Lazy)
    }
}

impl<T: Element> Creates for Log<T> {
    type Start = usize;

    fn plan(settings: &Settings, &capacity: &usize) -> Result<Plan> {
        AnyLog::plan(settings, &(checked_dtype::<T>()?, vec![capacity]))
    }

    fn fill(draft: &mut Draft, _capacity: &usize) -> Result<()> {
        any::fill(draft);
        Ok(())
    }
}

/// What the log is.
impl<T: Element> Log<T> {
    /// Returns how many rows are committed; it never goes back.
    ///
    /// # Examples
    ///
    /// See [`append`](Self::append).
    #[must_use]
    pub fn len(&self) -> usize {
        self.any.len()
    }

    /// Returns whether no row is committed.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// assert!(ndshm::Log::<u8>::create_unique("doc-log-", 10)?.is_empty());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many rows there is room for in all.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// assert_eq!(ndshm::Log::<u8>::create_unique("doc-log-", 1000)?.capacity(), 1000);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.any.capacity()
    }

    /// Returns whether no row can be appended any more.
    ///
    /// # Examples
    ///
    /// See [`append`](Self::append).
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }
}

/// Appending. It waits for other appenders as long as they live, and for nobody else.
impl<T: Element> Log<T> {
    /// Appends one row, and returns its number. When this returns, everybody sees the row.
    ///
    /// # Errors
    ///
    /// [`Full`](ErrorKind::Full); [`StorageFull`](ErrorKind::StorageFull) and
    /// [`MemoryLimit`](ErrorKind::MemoryLimit) when there is no memory to be had;
    /// [`ReadOnly`](ErrorKind::ReadOnly); [`OutOfSlots`](ErrorKind::OutOfSlots) when this process
    /// is one appender too many; [`Poisoned`](ErrorKind::Poisoned) when the machine stopped before
    /// the log's file was synced, so that its rows are suspect. After an error nothing is appended,
    /// and nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::Log::<u64>::create_unique("doc-log-append-", 2)?;
    /// assert_eq!((log.append(&7)?, log.append(&8)?), (0, 1));
    /// assert_eq!(log.len(), 2);
    /// assert!(log.is_full());
    /// assert_eq!(log.append(&9).unwrap_err().kind(), ndshm::ErrorKind::Full);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "push")]
    #[inline]
    pub fn append(&self, row: &T) -> Result<usize> {
        self.extend(std::slice::from_ref(row)).map(|rows| rows.start)
    }

    /// Appends rows, all of them or none, and returns their numbers. Nobody ever sees some of them
    /// without the others.
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::Log::<u64>::create_unique("doc-log-extend-", 3)?;
    /// assert_eq!(log.extend(&[7, 8])?, 0..2);
    /// assert_eq!(log.extend(&[9, 10]).unwrap_err().kind(), ndshm::ErrorKind::Full);
    /// assert_eq!(log.rows().as_slice(), [7, 8]);
    /// # Ok(()) }
    /// ```
    #[inline]
    pub fn extend(&self, rows: &[T]) -> Result<Range<usize>> {
        self.extend_with(rows, Patience::Endless).map(acquired)
    }

    /// Appends rows if nobody else is appending; `None` when somebody is.
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::Log::<u64>::create_unique("doc-log-try-", 3)?;
    /// assert_eq!(log.try_extend(&[7, 8])?, Some(0..2));
    /// # Ok(()) }
    /// ```
    pub fn try_extend(&self, rows: &[T]) -> Result<Option<Range<usize>>> {
        self.extend_with(rows, Patience::None)
    }

    /// Appends rows, waiting at most `timeout` for other appenders. An appender that is stopped may
    /// take that long.
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append), and [`Timeout`](ErrorKind::Timeout), which names the
    /// appender.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # use std::time::Duration;
    /// let log = ndshm::Log::<u64>::create_unique("doc-log-timeout-", 3)?;
    /// assert_eq!(log.extend_timeout(&[7, 8], Duration::from_secs(1))?, 0..2);
    /// # Ok(()) }
    /// ```
    pub fn extend_timeout(&self, rows: &[T], timeout: Duration) -> Result<Range<usize>> {
        self.extend_with(rows, Patience::at_most(timeout)).map(acquired)
    }

    fn extend_with(&self, rows: &[T], patience: Patience) -> Result<Option<Range<usize>>> {
        self.any.extend_with(bytemuck::cast_slice(rows), patience)
    }
}

/// Reading and following, without a lock.
impl<T: Element> Log<T> {
    /// Returns all rows that are committed now, in place.
    ///
    /// # Examples
    ///
    /// See [`LogRows`].
    #[must_use]
    pub fn rows(&self) -> LogRows<T> {
        self.rows_from(0)
    }

    /// Returns the rows from number `start` on that are committed now, in place. There are none if
    /// the log does not have that many.
    ///
    /// # Examples
    ///
    /// See [`LogRows`].
    #[must_use]
    pub fn rows_from(&self, start: usize) -> LogRows<T> {
        LogRows::of(self.any.rows_from(start))
    }

    /// Follows the log from here on: the rows committed after this call.
    ///
    /// # Examples
    ///
    /// See [`Follower`].
    #[doc(alias = "subscribe")]
    #[doc(alias = "iter")]
    pub fn follow(&self) -> Follower<T> {
        self.follow_from(self.len())
    }

    /// Follows the log from row number `start` on, 0 for all there ever were.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::Log::<u64>::create_unique("doc-log-from-", 10)?;
    /// log.extend(&[7, 8])?;
    /// assert_eq!(log.follow_from(0).wait()?.as_slice(), [7, 8]);
    /// # Ok(()) }
    /// ```
    pub fn follow_from(&self, start: usize) -> Follower<T> {
        Follower::new(self.any.follow_from(start))
    }
}

impl<T: Element> Clone for Log<T> {
    fn clone(&self) -> Self {
        Self { any: self.any.clone(), row: PhantomData }
    }
}

impl<T: Element> fmt::Debug for Log<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("name", &self.name())
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish()
    }
}

/// See [`Segment`], whose shape is the capacity: the name, the shape and the dtype, not the rows.
impl<T: Element> fmt::Display for Log<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.any.fmt(f)
    }
}
