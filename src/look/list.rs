//! The directory that named segments lie in, and what lies there.

use std::path::PathBuf;

use super::Look;
use crate::error::Result;
use crate::segment::Info;
use crate::sys::names;
use crate::sys::place::{self, Place};

/// Names that begin so are this library's own: of a segment that is being made or replaced, or what a killed
/// process left of one, which [`reap`](crate::reap) removes. No segment can be called so.
///
/// # Examples
///
/// ```
/// let name = format!("{}0123", ndshm::TEMPORARY_PREFIX);
/// let error = ndshm::Segment::open(&name).unwrap_err();
/// assert_eq!(error.kind(), ndshm::ErrorKind::InvalidName);
/// ```
pub const TEMPORARY_PREFIX: &str = place::TEMPORARY_PREFIX;

/// Describes every segment there is, in no order; what is not a segment, is damaged, or may not be
/// read is left out. Opens each file and reads its headers, of each at most 385 KiB.
///
/// # Errors
///
/// [`Os`](crate::ErrorKind::Os) when the directory cannot be listed.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let value = ndshm::Value::<u8>::create_unique("doc-list-", 1)?;
/// assert!(ndshm::list()?.iter().any(|info| info.name() == value.name()));
/// # Ok(()) }
/// ```
pub fn list() -> Result<Vec<Info>> {
    let looks = names::all()?.into_iter().filter_map(|name| Look::of(&name).ok());
    Ok(looks.map(|look| look.info).collect())
}

/// Returns the directory that names are looked up in, where others find the file of a segment.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let value = ndshm::Value::<u8>::create_unique("doc-directory-", 1)?;
/// assert_eq!(ndshm::directory().join(value.name()), value.segment().path());
/// # Ok(()) }
/// ```
#[must_use]
pub fn directory() -> PathBuf {
    // Where any of them would be, but for its name.
    let mut path = names::path_of(&Place::Named("any".into()));
    path.pop();
    path
}
