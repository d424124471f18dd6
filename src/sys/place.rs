//! Where an object lives.

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
}
