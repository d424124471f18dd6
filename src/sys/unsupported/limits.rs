//! Limits on memory, of which none are known.

use super::unsupported;
use crate::error::Result;

pub(crate) fn check_file_size(_len: u64) -> Result<()> {
    Err(unsupported())
}

pub(crate) fn check_memory(_len: u64) -> Result<()> {
    Err(unsupported())
}

/// How many bytes there are, by each limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) storage_size: u64,
    pub(crate) storage_free: u64,
    pub(crate) files_free: Option<u64>,
    pub(crate) is_read_only: bool,
    pub(crate) memory_left: Option<u64>,
    pub(crate) cgroup_headroom: Option<u64>,
    pub(crate) file_size: Option<u64>,
}

pub(crate) fn room() -> Result<Room> {
    Err(unsupported())
}
