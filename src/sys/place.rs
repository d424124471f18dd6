//! Where an object lives.

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
    /// Memory without a name, by `/proc/PID/fd/N` of a process that has it open.
    Descriptor(Box<str>),
    /// Memory without a name that nobody has opened yet: only to create.
    Anonymous,
}

impl Place {
    /// The name, or the path.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Named(text) | Self::File(text) | Self::Descriptor(text) => text,
            Self::Anonymous => "anonymous segment",
        }
    }

    /// A place in the same directory for what has that id.
    pub(crate) fn beside(&self, id: [u8; 16]) -> Self {
        let name = format!("{TEMPORARY_PREFIX}{:032x}", u128::from_be_bytes(id));
        match self.as_str().rsplit_once('/') {
            Some((directory, _)) => Self::File(format!("{directory}/{name}").into()),
            None => Self::Named(name.into()),
        }
    }
}
