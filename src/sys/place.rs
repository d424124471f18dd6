//! Where an object lives.

use std::ffi::OsStr;
use std::path::Path;

/// Names that begin so are the library's own: of objects in the making, where those cannot be
/// without a name, and of what changes places with another.
pub(crate) const TEMPORARY_PREFIX: &str = ".ndshm-";

/// Where an object lives; whoever makes one has checked its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// Shared memory under a name, without a leading slash.
    Named(Box<str>),
    /// A file, by its absolute path.
    File(Box<str>),
    /// Memory without a name, by the path at which a process shows what it has open.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "only Linux shows what a process has open")
    )]
    InProcess(Box<str>),
    /// Memory without a name that nobody has opened yet: only to create.
    Anonymous,
}

impl Place {
    /// The name, or the path.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Named(text) | Self::File(text) | Self::InProcess(text) => text,
            Self::Anonymous => "anonymous segment",
        }
    }

    /// A place in the same directory for what has that id.
    pub(crate) fn beside(&self, id: [u8; 16]) -> Self {
        let name = format!("{TEMPORARY_PREFIX}{:032x}", u128::from_be_bytes(id));
        match self {
            Self::Named(_) | Self::Anonymous => Self::Named(name.into()),
            Self::File(path) | Self::InProcess(path) => {
                let path = Path::new(&**path).with_file_name(name);
                Self::File(path.to_str().expect("joined of two texts").into())
            }
        }
    }

    /// Files beside this one whose names are the library's own.
    pub(crate) fn leftovers_beside(&self) -> Vec<Self> {
        let Self::File(path) = self else { return Vec::new() };
        let directory = Path::new(&**path).parent().and_then(|parent| parent.read_dir().ok());
        let names = directory.into_iter().flatten().flatten().map(|entry| entry.path());
        names
            .filter_map(|path| Some(Self::File(path.to_str()?.into())))
            .filter(Self::is_temporary)
            .collect()
    }

    /// Whether the name is the library's own.
    fn is_temporary(&self) -> bool {
        let name = Path::new(self.as_str()).file_name();
        name.and_then(OsStr::to_str).is_some_and(|name| name.starts_with(TEMPORARY_PREFIX))
    }
}
