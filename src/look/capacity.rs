//! How much shared memory may still be had.

use crate::error::Result;
use crate::sys::limits::{self, Room};

/// How much shared memory may still be had, by all the limits that creating compares: see
/// [`capacity`].
///
/// # Examples
///
/// See [`capacity`].
#[derive(Clone, Copy, Debug)]
pub struct Capacity(Room);

/// Reads the limits of new segments under names. Others take memory meanwhile, so this is a report
/// and no promise. Creating a segment compares again.
///
/// # Errors
///
/// [`Os`](crate::ErrorKind::Os) when there is nothing at `/dev/shm`.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let capacity = ndshm::capacity()?;
/// assert!(capacity.storage_free() <= capacity.storage_size());
/// assert!(capacity.available() <= capacity.storage_free());
/// println!("{} bytes may be created, {:?} in one file", capacity.available(), capacity.file_size());
/// println!("{:?} more files, read-only {}", capacity.files_free(), capacity.is_read_only());
/// println!("memory {:?}, cgroup {:?}", capacity.memory_left(), capacity.cgroup_headroom());
/// # Ok(()) }
/// ```
pub fn capacity() -> Result<Capacity> {
    limits::room().map(Capacity)
}

impl Capacity {
    /// Returns how many bytes `/dev/shm` may hold.
    ///
    /// # Examples
    ///
    /// See [`capacity`].
    #[must_use]
    pub fn storage_size(&self) -> u64 {
        self.0.storage_size
    }

    /// Returns how many bytes of `/dev/shm` are free.
    ///
    /// # Examples
    ///
    /// See [`capacity`].
    #[must_use]
    pub fn storage_free(&self) -> u64 {
        self.0.storage_free
    }

    /// Returns how many more files `/dev/shm` takes, one for each segment, or `None` without a
    /// limit.
    ///
    /// # Examples
    ///
    /// See [`capacity`].
    #[must_use]
    pub fn files_free(&self) -> Option<u64> {
        self.0.files_free
    }

    /// Returns whether `/dev/shm` is mounted read-only.
    ///
    /// # Examples
    ///
    /// See [`capacity`].
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.0.is_read_only
    }

    /// Returns how many bytes the machine has left, swap included, or `None` where it does not
    /// tell.
    ///
    /// # Examples
    ///
    /// See [`capacity`].
    #[must_use]
    pub fn memory_left(&self) -> Option<u64> {
        self.0.memory_left
    }

    /// Returns how many bytes the tightest memory cgroup of this process leaves, or `None` without
    /// a limit.
    ///
    /// # Examples
    ///
    /// See [`capacity`].
    #[must_use]
    pub fn cgroup_headroom(&self) -> Option<u64> {
        self.0.cgroup_headroom
    }

    /// Returns the length in bytes of the longest file that this process may make, or `None`
    /// without a limit.
    ///
    /// # Examples
    ///
    /// See [`capacity`].
    #[must_use]
    pub fn file_size(&self) -> Option<u64> {
        self.0.file_size
    }

    /// Returns the least of all these. That is the length of the longest segment that could be
    /// created now. It is 0 where no file can be created.
    ///
    /// # Examples
    ///
    /// See [`capacity`].
    #[must_use]
    pub fn available(&self) -> u64 {
        if self.is_read_only() || self.files_free() == Some(0) {
            return 0;
        }
        let limits = [self.memory_left(), self.cgroup_headroom(), self.file_size()];
        limits.into_iter().flatten().fold(self.storage_free(), u64::min)
    }
}
