//! Limits on memory, of which none are known.

use super::unsupported;
use crate::error::Result;

pub(crate) fn check_file_size(_len: u64) -> Result<()> {
    Err(unsupported())
}

pub(crate) fn check_memory(_len: u64) -> Result<()> {
    Err(unsupported())
}
