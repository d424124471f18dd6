//! Where segments are, and what lies there.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ndshm::{Address, Condition, ErrorKind, Look, RingStatus, Status, TEMPORARY_PREFIX};

use crate::failure::{Result, about, is_damage};

/// The directory that names are looked up in.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    path: PathBuf,
    /// Whether it is where named segments are, and not some directory of files.
    is_shared_memory: bool,
}

/// Where one segment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Name(String),
    File(PathBuf),
}

/// Something that lies where segments do.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) target: Target,
    pub(crate) len: u64,
    pub(crate) what: What,
}

/// What it is.
#[derive(Debug)]
pub(crate) enum What {
    Segment(Report),
    /// A segment that nobody can open.
    Damaged(ndshm::Error),
    /// Perhaps a segment: it may not be read, or not be judged.
    Unknown(ndshm::Error),
    /// A segment in the making, or what is left of one.
    Temporary,
    Foreign,
}

/// What is told of a segment.
#[derive(Debug)]
pub(crate) enum Report {
    Ring(Box<RingStatus>),
    Other(Box<Status>),
}

/// What a person wants to know first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Segment(Condition),
    Corrupt,
    Unknown,
    Temporary,
    Foreign,
}

impl Home {
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        let names = ndshm::directory();
        match directory.filter(|directory| !is_same_directory(directory, &names)) {
            Some(path) => Self { path, is_shared_memory: false },
            None => Self { path: names, is_shared_memory: true },
        }
    }

    /// Whether it is where `reap` and the limits of shared memory apply.
    pub(crate) fn is_shared_memory(&self) -> bool {
        self.is_shared_memory
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What a person means by that text: a name, or a path if there is a slash in it.
    pub(crate) fn find(&self, text: impl AsRef<OsStr>) -> Target {
        let text = text.as_ref();
        match text.to_str() {
            Some(text) => self.find_text(text),
            // Names are text, so only a file can be meant.
            None => Target::File(self.path().join(text)),
        }
    }

    fn find_text(&self, text: &str) -> Target {
        // Shells complete it like this.
        let names = ndshm::directory();
        let completed =
            names.to_str().and_then(|names| text.strip_prefix(names)?.strip_prefix('/'));
        let text = completed.filter(|name| !name.contains('/')).unwrap_or(text);
        let path = Path::new(text);
        match self.is_shared_memory {
            // `shm_open` wants it like this.
            true if text.starts_with('/') && text.matches('/').count() == 1 => {
                Target::Name(text.to_owned())
            }
            _ if text.contains('/') => Target::File(path.to_owned()),
            true => Target::Name(text.to_owned()),
            false => Target::File(self.path.join(path)),
        }
    }

    /// Everything there whose name begins with `prefix`, by name.
    pub(crate) fn entries(&self, prefix: &str) -> Result<Vec<Entry>> {
        let directory = self.path();
        let wrong = || about(directory.display());
        let mut entries = Vec::new();
        for found in fs::read_dir(directory).map_err(wrong())? {
            let found = found.map_err(wrong())?;
            let name = found.file_name();
            let shown = name.to_string_lossy();
            if !shown.starts_with(prefix) {
                continue;
            }
            let target = match name.to_str() {
                Some(name) if self.is_shared_memory => Target::Name(name.to_owned()),
                _ => Target::File(found.path()),
            };
            let what = if shown.starts_with(TEMPORARY_PREFIX) {
                What::Temporary
            } else {
                What::at(&target)
            };
            // Removed since.
            if matches!(&what, What::Unknown(error) if error.kind() == ErrorKind::NotFound) {
                continue;
            }
            let len = match what.status() {
                Some(status) => status.info().file_len(),
                None => found.metadata().map_or(0, |metadata| metadata.len()),
            };
            entries.push(Entry { name: shown.into_owned(), target, len, what });
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }
}

impl Target {
    pub(crate) fn address(&self) -> Address<'_> {
        match self {
            Self::Name(name) => Address::Name(name),
            Self::File(path) => Address::File(path),
        }
    }

    /// The path of its file.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Name(name) => ndshm::directory().join(name.trim_start_matches('/')),
            Self::File(path) => path.clone(),
        }
    }
}

impl Report {
    pub(crate) fn of(target: &Target) -> ndshm::Result<Self> {
        let look = Look::of(target.address())?;
        match look.ring_status() {
            Ok(ring) => Ok(Self::Ring(Box::new(ring))),
            // No ring, or one of another release.
            Err(error)
                if matches!(error.kind(), ErrorKind::KindMismatch | ErrorKind::DtypeMismatch) =>
            {
                Ok(Self::Other(Box::new(look.status()?)))
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn status(&self) -> &Status {
        match self {
            Self::Ring(ring) => ring.segment(),
            Self::Other(status) => status,
        }
    }

    pub(crate) fn ring(&self) -> Option<&RingStatus> {
        match self {
            Self::Ring(ring) => Some(ring),
            Self::Other(_) => None,
        }
    }
}

impl What {
    fn at(target: &Target) -> Self {
        match Report::of(target) {
            Ok(report) => Self::Segment(report),
            Err(error) => match error.kind() {
                ErrorKind::NotASegment | ErrorKind::InvalidName => Self::Foreign,
                kind if is_damage(kind) => Self::Damaged(error),
                _ => Self::Unknown(error),
            },
        }
    }

    fn status(&self) -> Option<&Status> {
        match self {
            Self::Segment(report) => Some(report.status()),
            _ => None,
        }
    }
}

impl Entry {
    pub(crate) fn status(&self) -> Option<&Status> {
        self.what.status()
    }

    pub(crate) fn state(&self) -> State {
        match &self.what {
            What::Segment(report) => State::Segment(report.status().condition()),
            What::Damaged(_) => State::Corrupt,
            What::Unknown(_) => State::Unknown,
            What::Temporary => State::Temporary,
            What::Foreign => State::Foreign,
        }
    }

    /// Whether it is stale: only dead processes have it.
    pub(crate) fn is_stale(&self) -> bool {
        self.status().is_some_and(Status::is_stale)
    }
}

/// Whether two paths lead to one directory, perhaps by links or mounts.
fn is_same_directory(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    one == other || matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Segment(condition) => format!("{condition:?}"),
            other => format!("{other:?}"),
        };
        f.write_str(&word.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn a_slash_makes_a_path_but_for_names_in_shared_memory() {
        let home = Home::new(None);
        let name = |text: &str| Target::Name(text.to_owned());
        let file = |path: &str| Target::File(PathBuf::from(path));
        assert_eq!(home.find("cam0"), name("cam0"));
        assert_eq!(home.find("/cam0"), name("/cam0"));
        assert_eq!(home.find("/dev/shm/cam0"), name("cam0"));
        assert_eq!(home.find("/dev/shm/run/cam0"), file("/dev/shm/run/cam0"));
        assert_eq!(home.find("./cam0"), file("./cam0"));
        assert_eq!(home.find("/data/cam0.npy"), file("/data/cam0.npy"));
        assert_eq!(Home::new(Some("/data".into())).find("cam0"), file("/data/cam0"));
        let odd = OsStr::from_bytes(b"odd\xff");
        assert_eq!(home.find(odd), Target::File(Path::new("/dev/shm").join(odd)));
    }
}
