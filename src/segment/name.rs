//! What a segment may be called.

use crate::error::{Error, ErrorKind, Result};
use crate::sys::process;

/// Names that begin so are the library's own.
const RESERVED_PREFIX: &str = ".ndshm-";

/// Longest name, in bytes, that Linux filesystems take.
const LONGEST: usize = 255;

/// A name that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(Box<str>);

impl Name {
    /// Checks a name; a leading slash, as `shm_open` wants it, is dropped.
    pub(crate) fn new(text: &str) -> Result<Self> {
        let name = text.strip_prefix('/').unwrap_or(text);
        let problem = if name.is_empty() {
            "is empty: give it 1 to 255 bytes"
        } else if name.len() > LONGEST {
            "is too long: a name has at most 255 bytes"
        } else if name.contains('/') {
            "holds a slash: names are not paths"
        } else if name.contains('\0') {
            "holds a NUL byte: leave it out"
        } else if matches!(name, "." | "..") {
            "means a directory: choose another name"
        } else if name.starts_with(RESERVED_PREFIX) {
            "begins with \".ndshm-\", which this library keeps for itself: choose another name"
        } else {
            return Ok(Self(name.into()));
        };
        Err(Error::new(ErrorKind::InvalidName, problem).of(text))
    }

    /// Makes up a name that begins with `prefix` and that nobody else makes up.
    pub(crate) fn unique(prefix: &str) -> Result<Self> {
        let id = process::random_id();
        let suffix = u64::from_le_bytes(id[..8].try_into().expect("eight bytes"));
        Self::new(&format!("{prefix}{suffix:016x}")).map_err(|error| error.of(prefix))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
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
    fn unique_names_keep_their_prefix_and_differ() {
        let (one, two) = (Name::unique("job-").unwrap(), Name::unique("job-").unwrap());
        assert!(one.as_str().starts_with("job-"));
        assert_ne!(one, two);
        assert!(Name::unique(&"n".repeat(250)).is_err());
    }
}
