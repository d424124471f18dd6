//! Memory that a handle requests, or asks about.
//!
//! Growing data gets its memory before it is written, so that running out is an error.

use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

use super::life::Segment;
use crate::error::{ErrorKind, Result, ResultExt};
use crate::steps::step;
use crate::sys::limits;

/// Memory is reserved in pieces of this length. That is enough to make a check of the cgroup limits
/// worth its cost.
const CHUNK: usize = 1 << 20;

impl Segment {
    /// Returns how many bytes of the segment this process reaches through huge pages now: see
    /// [`Options::huge_pages`](crate::Options::huge_pages). This reads all of `/proc/self/smaps`,
    /// which takes longer the more this process has mapped.
    ///
    /// # Errors
    ///
    /// [`Os`](crate::ErrorKind::Os) where `/proc` is not mounted.
    ///
    /// # Examples
    ///
    /// See [`Options::huge_pages`](crate::Options::huge_pages).
    pub fn huge_page_bytes(&self) -> Result<usize> {
        self.region().mapping().huge_bytes().of(self.name())
    }

    /// Makes sure that the first `end` bytes of the data have memory. `end` is within the data, and
    /// the caller owns the lock of the first stripe.
    #[inline]
    pub(crate) fn reserve_data(&self, end: usize) -> Result<()> {
        let backed = &self.region().state().backed;
        if end as u64 <= backed.load(Relaxed) { Ok(()) } else { self.reserve_more(end) }
    }

    #[cold]
    fn reserve_more(&self, end: usize) -> Result<()> {
        let data_len = self.region().layout().data_len;
        let backed = &self.region().state().backed;
        let start = usize::try_from(backed.load(Relaxed)).unwrap_or(data_len).min(end);
        let generous = end.checked_next_multiple_of(CHUNK).unwrap_or(data_len).min(data_len);
        let had = match self.reserve_range(start..generous) {
            Ok(()) => generous,
            // The memory that is left may suffice for these rows.
            Err(error)
                if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) =>
            {
                self.reserve_range(start..end).of(self.name())?;
                end
            }
            Err(error) => return Err(error.of(self.name())),
        };
        step!("reserve: memory had");
        backed.store(had as u64, Relaxed);
        step!("reserve: mark raised");
        Ok(())
    }

    /// Reserves memory for bytes of the data.
    fn reserve_range(&self, bytes: Range<usize>) -> Result<()> {
        let object = self.membership().object()?;
        if !self.is_file() || object.lies_in_memory()? {
            limits::check_memory(bytes.len() as u64)?;
        }
        let offset = self.region().layout().data_offset;
        object.reserve((offset + bytes.start) as u64..(offset + bytes.end) as u64)
    }
}
