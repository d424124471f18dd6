//! The directory of named segments, and what lies in it.

use std::path::PathBuf;

use super::Look;
use crate::error::Result;
use crate::segment::Info;
use crate::sys::names;
use crate::sys::place::{self, Place};

/// Names that begin so are this library's own. They belong to segments that are being made or
/// replaced. A killed process may leave such files, and [`reap`](crate::reap) removes them. No
/// segment can be called so.
///
/// # Examples
///
/// ```
/// let name = format!("{}0123", ndshm::TEMPORARY_PREFIX);
/// let error = ndshm::Segment::open(&name).unwrap_err();
/// assert_eq!(error.kind(), ndshm::ErrorKind::InvalidName);
/// ```
pub const TEMPORARY_PREFIX: &str = place::TEMPORARY_PREFIX;

/// Describes every segment there is, in no order. A file is left out if it is not a segment, is
/// damaged, or may not be read. This opens each file and reads its headers, at most 385 KiB of
/// each.
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

/// Returns the directory in which names are looked up. Others find the file of a segment there.
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
    // The path of any of them, except for its name.
    let mut path = names::path_of(&Place::Named("any".into()));
    path.pop();
    path
}
