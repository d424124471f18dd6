//! Followers of a log.

use std::iter::FusedIterator;
use std::time::Duration;

use super::any::AnyLog;
use super::rows::{AnyLogRows, LogRows};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::Patience;
use crate::sync::wait_for_change;
use crate::typed::element::Element;

/// Hands out the rows of a log as they are committed, each once and in order.
///
/// Any number of followers in any processes follow the same log, each at its own pace. None takes a
/// participant's slot, and a slow or killed one holds nobody up. An appender pays for a wake only
/// while somebody sleeps.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let log = ndshm::Log::<u64>::create_unique("doc-follow-", 1000)?;
/// let mut follower = log.follow();
/// let appender = std::thread::spawn(move || (0..100).try_for_each(|row| log.append(&row).map(drop)));
///
/// let mut sum = 0;
/// while follower.position() < 100 {
///     sum += follower.wait()?.sum(); // as many as there are by now, at least one
/// }
/// assert_eq!(sum, 4950);
/// # appender.join().unwrap()?;
/// # Ok(()) }
/// ```
///
/// It is also an iterator over single rows. `next` waits for the row if it is not there yet. The
/// iterator ends after the last row that fits into the log, and after an error. The error is
/// [`Replaced`](ErrorKind::Replaced) when another segment has the log's name by now.
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let log = ndshm::Log::<u64>::create_unique("doc-follow-rows-", 3)?;
/// log.extend(&[1, 2, 3])?;
/// for row in log.follow_from(0) {
///     println!("{}", row?);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a follower does nothing until it is asked for rows"]
pub struct Follower<T: Element> {
    any: AnyFollower,
    /// The rows that were there when the iterator last looked.
    seen: Option<LogRows<T>>,
    /// Whether the iterator returned an error.
    failed: bool,
}

impl<T: Element> Follower<T> {
    /// Follows a log of `T`.
    pub(super) fn new(any: AnyFollower) -> Self {
        Self { any, seen: None, failed: false }
    }

    /// Waits until there are rows that were not handed out yet, and returns all of them.
    ///
    /// # Errors
    ///
    /// [`Full`](ErrorKind::Full) when the log is full and was read to its end: no more rows can
    /// come.
    /// [`Replaced`](ErrorKind::Replaced) when another segment has its name by now.
    ///
    /// # Examples
    ///
    /// See [`Follower`].
    pub fn wait(&mut self) -> Result<LogRows<T>> {
        self.any.wait().map(LogRows::of)
    }

    /// Waits for rows, at most `timeout`, by the monotonic clock.
    ///
    /// # Errors
    ///
    /// Those of [`wait`](Self::wait), and [`Timeout`](ErrorKind::Timeout), never early.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # use std::time::Duration;
    /// let log = ndshm::Log::<u8>::create_unique("doc-follow-timeout-", 10)?;
    /// let error = log.follow().wait_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error.kind(), ndshm::ErrorKind::Timeout);
    /// # Ok(()) }
    /// ```
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<LogRows<T>> {
        self.any.wait_timeout(timeout).map(LogRows::of)
    }

    /// Returns the rows that were not handed out yet, without waiting; `None` when there are none.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::Log::<u8>::create_unique("doc-try-next-", 10)?;
    /// let mut follower = log.follow();
    /// assert!(follower.try_next().is_none());
    /// log.append(&7)?;
    /// assert_eq!(follower.try_next().unwrap().as_slice(), [7]);
    /// # Ok(()) }
    /// ```
    pub fn try_next(&mut self) -> Option<LogRows<T>> {
        self.any.try_next().map(LogRows::of)
    }

    /// Returns the number of the row that is handed out next.
    ///
    /// # Examples
    ///
    /// See [`Follower`].
    #[must_use]
    pub fn position(&self) -> usize {
        self.any.next
    }

    /// The next row, if it was there at the last look.
    fn seen(&self) -> Option<T> {
        let rows = self.seen.as_ref()?;
        let row = self.any.next.checked_sub(rows.range().start)?;
        rows.as_slice().get(row).copied()
    }
}

impl<T: Element> Iterator for Follower<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if self.failed {
            return None;
        }
        if self.seen().is_none() {
            let start = self.any.next;
            match self.wait() {
                // The iterator hands the rows out one by one. Until it has, `wait` returns them
                // again.
                Ok(rows) => (self.seen, self.any.next) = (Some(rows), start),
                Err(error) if error.kind() == ErrorKind::Full => return None,
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        let row = self.seen();
        self.any.next += 1;
        row.map(Ok)
    }
}

impl<T: Element> FusedIterator for Follower<T> {}

/// Hands out the rows of an [`AnyLog`](crate::AnyLog) as they are committed, each once and in
/// order. [`Follower`] does so for a log whose type is known.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let log = ndshm::AnyLog::create_unique("doc-any-follow-", &"|u1".parse()?, &[], 10)?;
/// let mut follower = log.follow();
/// assert!(follower.try_next().is_none());
/// log.extend(&[7, 8])?;
/// assert_eq!(follower.wait()?.bytes(), [7, 8]);
/// assert_eq!(follower.position(), 2);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a follower does nothing until it is asked for rows"]
pub struct AnyFollower {
    log: AnyLog,
    next: usize,
}

impl AnyFollower {
    pub(super) fn new(log: AnyLog, next: usize) -> Self {
        Self { log, next }
    }

    /// Waits until there are rows that were not handed out yet, and returns all of them.
    ///
    /// # Errors
    ///
    /// Those of [`Follower::wait`].
    ///
    /// # Examples
    ///
    /// See [`AnyFollower`].
    pub fn wait(&mut self) -> Result<AnyLogRows> {
        self.wait_with(Patience::Endless)
    }

    /// Waits for rows, at most `timeout`, by the monotonic clock.
    ///
    /// # Errors
    ///
    /// Those of [`wait`](Self::wait), and [`Timeout`](ErrorKind::Timeout), never early.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # use std::time::Duration;
    /// let log = ndshm::AnyLog::create_unique("doc-any-follow-", &"|u1".parse()?, &[], 10)?;
    /// let error = log.follow().wait_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error.kind(), ndshm::ErrorKind::Timeout);
    /// # Ok(()) }
    /// ```
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<AnyLogRows> {
        self.wait_with(Patience::at_most(timeout))
    }

    /// Returns the rows that were not handed out yet, without waiting; `None` when there are none.
    ///
    /// # Examples
    ///
    /// See [`AnyFollower`].
    pub fn try_next(&mut self) -> Option<AnyLogRows> {
        (self.log.len() > self.next).then(|| self.take())
    }

    /// Returns the number of the row that is handed out next.
    ///
    /// # Examples
    ///
    /// See [`AnyFollower`].
    #[must_use]
    pub fn position(&self) -> usize {
        self.next
    }

    fn wait_with(&mut self, patience: Patience) -> Result<AnyLogRows> {
        if self.next >= self.log.capacity() {
            return Err(self.at_the_end());
        }
        let (tail, seen) = (self.log.segment().region().state().tail(), self.next as u64);
        let more = || (tail.len() > seen).then_some(());
        match wait_for_change(self.log.segment(), patience, more)? {
            Some(()) => Ok(self.take()),
            None => Err(Error::new(
                ErrorKind::Timeout,
                format!(
                    "still has {} rows: wait longer, or see what its appenders do",
                    self.log.len()
                ),
            )
            .of(self.log.name())),
        }
    }

    fn take(&mut self) -> AnyLogRows {
        let rows = self.log.rows_from(self.next);
        self.next = rows.range().end;
        rows
    }

    #[cold]
    fn at_the_end(&self) -> Error {
        Error::new(
            ErrorKind::Full,
            format!(
                "is full and was read to its end, row {}: no more can come, go on in another log",
                self.log.capacity()
            ),
        )
        .of(self.log.name())
    }
}
