//! The address of a segment, as users write it.

use std::path::{self, Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::sys::names;
use crate::sys::place::{Place, TEMPORARY_PREFIX};
use crate::sys::process;

/// Longest name, in bytes.
const LONGEST: usize = 255;

/// Where a segment is: shared memory under a name, or a file.
///
/// Strings are names and paths are files. Functions that take an address accept either.
///
/// A *name* has 1 to 255 bytes, no `/` and no NUL. It is not `.` or `..` and does not begin with
/// `.ndshm-`. A leading `/`, as `shm_open` wants it, is dropped. Other programs find the memory at
/// `/dev/shm/NAME`.
///
/// A *file* lies on tmpfs, ext4, xfs, btrfs or f2fs. It outlives the machine's restart and may be
/// larger than its memory. A relative path counts from the working directory.
///
/// A full disk is an error and never a signal, as long as the file shares no blocks. After a
/// snapshot, or after a copy of the file by `cp --reflink`, the next write to each block needs room
/// again. If there is none, the process is killed by SIGBUS. On btrfs, files are made to be
/// overwritten in place (`chattr +C`), and that takes Linux 6.17 or later. Other files there may
/// only be observed.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use std::path::Path;
///
/// use ndshm::Array1;
///
/// let named = Array1::<f64>::create("doc-address", 1000)?;
///
/// let path = Path::new("/dev/shm/doc-address.npy");
/// # let path = &path.with_extension(std::process::id().to_string());
/// let filed = Array1::<f64>::create(path, 1000)?;
/// drop(filed);
/// assert_eq!(Array1::<f64>::open(path)?.shape(), [1000]);
/// ndshm::remove(path)?;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address<'a> {
    /// Shared memory under that name.
    Name(&'a str),
    /// The file at that path.
    File(&'a Path),
}

impl<'a> From<&'a str> for Address<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a &str> for Address<'a> {
    fn from(name: &'a &str) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a String> for Address<'a> {
    fn from(name: &'a String) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a Path> for Address<'a> {
    fn from(path: &'a Path) -> Self {
        Self::File(path)
    }
}

impl<'a> From<&'a PathBuf> for Address<'a> {
    fn from(path: &'a PathBuf) -> Self {
        Self::File(path)
    }
}

/// An address that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name(Place);

impl Name {
    pub(crate) fn new<'a>(address: impl Into<Address<'a>>) -> Result<Self> {
        match address.into() {
            Address::Name(name) => Self::of_name(name),
            Address::File(path) => Self::of_file(path),
        }
    }

    /// Memory that is to have no name.
    pub(crate) fn anonymous() -> Self {
        Self(Place::Anonymous)
    }

    /// The place where an object was found.
    pub(crate) fn found(place: Place) -> Self {
        Self(place)
    }

    /// A found name, if it is the library's own. The caller examines what it was left for.
    pub(super) fn leftover(text: &str) -> Option<Self> {
        text.starts_with(TEMPORARY_PREFIX).then(|| Self(Place::Named(text.into())))
    }

    /// The library's own names in the directory of a file.
    pub(super) fn leftovers_beside(&self) -> Vec<Self> {
        self.0.leftovers_beside().into_iter().map(Self).collect()
    }

    /// Makes up a name that begins with `prefix` and that nobody else makes up.
    pub(crate) fn unique(prefix: &str) -> Result<Self> {
        let id = process::random_id();
        let suffix = u64::from_le_bytes(id[..8].try_into().expect("eight bytes"));
        Self::new(&format!("{prefix}{suffix:016x}")).map_err(|error| error.of(prefix))
    }

    /// Parses the text that [`as_str`](Self::as_str) returned.
    pub(super) fn from_text(text: &str) -> Result<Self> {
        match names::in_process(text) {
            Some(place) => Ok(Self(place)),
            None if Path::new(text).is_absolute() => Self::of_file(Path::new(text)),
            None => Self::of_name(text),
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0
    }

    /// Whether others find the object under this name, so that the name can be removed.
    pub(crate) fn is_shown(&self) -> bool {
        matches!(self.0, Place::Named(_) | Place::File(_))
    }

    /// Whether it is a file's path.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.0, Place::File(_))
    }

    /// The name, the absolute path, or the path at which a process shows memory without a name.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn of_name(text: &str) -> Result<Self> {
        let name = text.strip_prefix('/').unwrap_or(text);
        let problem = if name.is_empty() {
            "is empty: give it 1 to 255 bytes"
        } else if name.len() > LONGEST {
            "is too long: a name has at most 255 bytes"
        } else if name.contains('/') {
            "holds a slash: names are not paths; for a file give a `Path`"
        } else if name.contains('\0') {
            "holds a NUL byte: leave it out"
        } else if matches!(name, "." | "..") {
            "means a directory: choose another name"
        } else if name.starts_with(TEMPORARY_PREFIX) {
            "begins with \".ndshm-\", which this library keeps for itself: choose another name"
        } else {
            return Ok(Self(Place::Named(name.into())));
        };
        Err(Error::new(ErrorKind::InvalidName, problem).of(text))
    }

    fn of_file(path: &Path) -> Result<Self> {
        let invalid = |problem: &str| {
            Err(Error::new(ErrorKind::InvalidName, problem).of(&path.to_string_lossy()))
        };
        let Ok(absolute) = path::absolute(path) else {
            return invalid("is no path that could be made absolute: give an absolute one");
        };
        let Some(text) = absolute.to_str() else {
            return invalid("is not UTF-8, as handles are: choose another path");
        };
        match absolute.file_name().and_then(|name| name.to_str()) {
            _ if text.contains('\0') => invalid("holds a NUL byte: leave it out"),
            None => invalid("means a directory: add a file's name"),
            Some(name) if name.starts_with(TEMPORARY_PREFIX) => invalid(
                "begins with \".ndshm-\", which this library keeps for itself: choose another name",
            ),
            Some(_) => Ok(Self(Place::File(text.into()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_both_shm_open_and_a_file_may_be_called() {
        let longest = "n".repeat(255);
        for good in ["x", "a b", ".hidden", "ünïcode", "/leading", longest.as_str()] {
            assert_eq!(
                Name::new(good).expect(good).as_str(),
                good.strip_prefix('/').unwrap_or(good)
            );
        }
        let too_long = "n".repeat(256);
        for bad in ["", "/", "a/b", "//x", "a\0b", ".", "..", ".ndshm-1", too_long.as_str()] {
            let error = Name::new(bad).expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::InvalidName, "{bad:?}");
            assert_eq!(error.segment(), Some(bad));
        }
    }

    #[test]
    fn files_are_known_by_their_absolute_path() {
        let here = std::env::current_dir().unwrap();
        let name = Name::new(Path::new("data/x.npy")).unwrap();
        assert_eq!(name.as_str(), here.join("data/x.npy").to_str().unwrap());
        assert!(name.is_file());
        for bad in ["", "/", "a/..", "a\0b", "/tmp/.ndshm-1"] {
            let error = Name::new(Path::new(bad)).expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::InvalidName, "{bad:?}");
        }
    }

    #[test]
    fn every_address_survives_its_text() {
        for text in ["name", "ünïcode", "/a/file", "/proc/1/fd/64"] {
            assert_eq!(Name::from_text(text).unwrap().as_str(), text);
        }
        assert!(Name::from_text("/proc/self/fd/64").unwrap().is_file());
        assert!(!Name::from_text("/proc/1/fd/64").unwrap().is_file());
    }

    #[test]
    fn unique_names_keep_their_prefix_and_differ() {
        let (one, two) = (Name::unique("job-").unwrap(), Name::unique("job-").unwrap());
        assert!(one.as_str().starts_with("job-"));
        assert_ne!(one, two);
        assert!(Name::unique(&"n".repeat(250)).is_err());
    }
}
