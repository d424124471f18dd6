//! Where segments are, and what lies there.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ndshm::{Address, ErrorKind, Kind, Lifetime, RingStatus, Status};

use crate::failure::{Result, about, is_damage};

/// Where named segments are.
const SHARED_MEMORY: &str = "/dev/shm";

/// Names of the library's own, which segments in the making have and what a killed process left of them.
const TEMPORARY: &str = ".ndshm-";

/// The directory that names are looked up in.
#[derive(Clone, Debug)]
pub(crate) struct Home(Option<PathBuf>);

/// Where one segment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Name(String),
    File(PathBuf),
}

/// Something that lies where segments do.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) len: u64,
    pub(crate) what: What,
}

/// What it is.
#[derive(Debug)]
pub(crate) enum What {
    Segment(Sight),
    /// A segment that nobody can open.
    Damaged(ndshm::Error),
    /// Perhaps a segment: it may not be read, or not be judged.
    Unknown(ndshm::Error),
    /// A segment in the making, or what is left of one.
    Temporary,
    Foreign,
}

/// A segment, as it is seen from outside.
#[derive(Debug)]
pub(crate) enum Sight {
    Ring(Box<RingStatus>),
    Other(Box<Status>),
}

/// What a person wants to know first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A live process takes part.
    Live,
    /// Nobody takes part, and it is meant to stay.
    Idle,
    /// Only the dead have it.
    Stale,
    Replaced,
    Frozen,
    Poisoned,
    Corrupt,
    Unknown,
    Temporary,
    Foreign,
}

impl Home {
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self(directory.filter(|directory| !is_same_directory(directory, SHARED_MEMORY.as_ref())))
    }

    /// Whether it is where `reap` and the limits of shared memory apply.
    pub(crate) fn is_shared_memory(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(SHARED_MEMORY))
    }

    /// What a person means by that text: a name, or a path if there is a slash in it.
    pub(crate) fn find(&self, text: impl AsRef<OsStr>) -> Place {
        let text = text.as_ref();
        match text.to_str() {
            Some(text) => self.find_text(text),
            // Names are text, so only a file can be meant.
            None => Place::File(self.path().join(text)),
        }
    }

    fn find_text(&self, text: &str) -> Place {
        // As shells complete it.
        let completed = text.strip_prefix(SHARED_MEMORY).and_then(|rest| rest.strip_prefix('/'));
        let text = completed.filter(|name| !name.contains('/')).unwrap_or(text);
        let path = Path::new(text);
        match &self.0 {
            // As `shm_open` wants it.
            None if text.starts_with('/') && text.matches('/').count() == 1 => {
                Place::Name(text.to_owned())
            }
            _ if text.contains('/') => Place::File(path.to_owned()),
            None => Place::Name(text.to_owned()),
            Some(directory) => Place::File(directory.join(path)),
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
            let place = match (name.to_str(), &self.0) {
                (Some(name), None) => Place::Name(name.to_owned()),
                _ => Place::File(found.path()),
            };
            let what =
                if shown.starts_with(TEMPORARY) { What::Temporary } else { What::at(&place) };
            // Removed since.
            if matches!(&what, What::Unknown(error) if error.kind() == ErrorKind::NotFound) {
                continue;
            }
            let len = match what.status() {
                Some(status) => status.info().file_len(),
                None => found.metadata().map_or(0, |metadata| metadata.len()),
            };
            entries.push(Entry { name: shown.into_owned(), place, len, what });
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }
}

impl Place {
    pub(crate) fn address(&self) -> Address<'_> {
        match self {
            Self::Name(name) => Address::Name(name),
            Self::File(path) => Address::File(path),
        }
    }

    /// Where its file is.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Name(name) => Path::new(SHARED_MEMORY).join(name.trim_start_matches('/')),
            Self::File(path) => path.clone(),
        }
    }
}

impl Sight {
    pub(crate) fn of(place: &Place) -> ndshm::Result<Self> {
        let status = Status::of(place.address())?;
        if status.info().kind() != Kind::Ring {
            return Ok(Self::Other(Box::new(status)));
        }
        match RingStatus::of(place.address()) {
            Ok(ring) => Ok(Self::Ring(Box::new(ring))),
            Err(error) if error.kind() == ErrorKind::DtypeMismatch => {
                // Another release's.
                Ok(Self::Other(Box::new(status)))
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
    fn at(place: &Place) -> Self {
        match Sight::of(place) {
            Ok(sight) => Self::Segment(sight),
            Err(error) => match error.kind() {
                ErrorKind::NotASegment | ErrorKind::InvalidName => Self::Foreign,
                kind if is_damage(kind) => Self::Damaged(error),
                _ => Self::Unknown(error),
            },
        }
    }

    fn status(&self) -> Option<&Status> {
        match self {
            Self::Segment(sight) => Some(sight.status()),
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
            What::Segment(sight) => State::of(sight.status()),
            What::Damaged(_) => State::Corrupt,
            What::Unknown(_) => State::Unknown,
            What::Temporary => State::Temporary,
            What::Foreign => State::Foreign,
        }
    }

    /// Whether only the dead have it.
    pub(crate) fn is_stale(&self) -> bool {
        self.status().is_some_and(is_stale)
    }
}

/// Whether two paths lead to one directory, by links or mounts perhaps.
fn is_same_directory(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    one == other || matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

/// Whether nobody who lives takes part in what is not meant to stay.
pub(crate) fn is_stale(status: &Status) -> bool {
    status.info().lifetime() != Lifetime::Persistent
        && !status.participants().iter().any(ndshm::Participant::is_alive)
}

impl State {
    pub(crate) fn of(status: &Status) -> Self {
        if status.is_suspect() {
            Self::Poisoned
        } else if status.is_replaced() {
            Self::Replaced
        } else if is_stale(status) {
            Self::Stale
        } else if status.is_frozen() {
            Self::Frozen
        } else if status.participants().iter().any(ndshm::Participant::is_alive) {
            Self::Live
        } else {
            Self::Idle
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Idle => "idle",
            Self::Stale => "stale",
            Self::Replaced => "replaced",
            Self::Frozen => "frozen",
            Self::Poisoned => "poisoned",
            Self::Corrupt => "corrupt",
            Self::Unknown => "unknown",
            Self::Temporary => "temporary",
            Self::Foreign => "foreign",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn a_slash_makes_a_path_but_for_names_in_shared_memory() {
        let home = Home::new(None);
        let name = |text: &str| Place::Name(text.to_owned());
        let file = |path: &str| Place::File(PathBuf::from(path));
        assert_eq!(home.find("cam0"), name("cam0"));
        assert_eq!(home.find("/cam0"), name("/cam0"));
        assert_eq!(home.find("/dev/shm/cam0"), name("cam0"));
        assert_eq!(home.find("/dev/shm/run/cam0"), file("/dev/shm/run/cam0"));
        assert_eq!(home.find("./cam0"), file("./cam0"));
        assert_eq!(home.find("/data/cam0.npy"), file("/data/cam0.npy"));
        assert_eq!(Home::new(Some("/data".into())).find("cam0"), file("/data/cam0"));
        let odd = OsStr::from_bytes(b"odd\xff");
        assert_eq!(home.find(odd), Place::File(Path::new("/dev/shm").join(odd)));
    }
}
