//! The one error type. It has a kind for programs to match on, and a sentence that tells people
//! what to do.

mod words;

use std::fmt;
use std::io;

use self::words::Visible;
pub(crate) use self::words::{Spelt, size};

/// Result of every fallible operation in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for programs to match on.
///
/// # Examples
///
/// ```
/// let missing = ndshm::Array1::<f64>::open("no-such-segment").unwrap_err();
/// assert_eq!(missing.kind(), ndshm::ErrorKind::NotFound);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The name is empty, too long, or holds a character that names may not hold.
    InvalidName,
    /// An option or argument has a value that can never work.
    InvalidArgument,
    /// No segment of that name exists.
    NotFound,
    /// Something of that name exists already.
    AlreadyExists,
    /// The file of that name is not one of our segments.
    NotASegment,
    /// The segment is shorter than its own header says.
    Truncated,
    /// The block has no bytes yet: its maker has yet to set its size.
    Empty,
    /// The header and the control block disagree, or a checksum does not match.
    Corrupt,
    /// The segment was written in a layout version that this build does not know.
    UnsupportedVersion,
    /// The segment was written on a machine of the other byte order.
    ForeignByteOrder,
    /// The segment is of another kind: for example, a value where an array was asked for.
    KindMismatch,
    /// The elements are of another dtype.
    DtypeMismatch,
    /// The number of axes differs.
    RankMismatch,
    /// The lengths of the axes differ.
    ShapeMismatch,
    /// The picture in a frame has another pixel format, or its rows lie further apart than was
    /// asked for.
    FormatMismatch,
    /// The handle names another segment than the one that now has this name.
    Replaced,
    /// A length does not fit the address space or the file-size type.
    SizeOverflow,
    /// The rows or the stripe lie outside the array, or a view outside the block.
    OutOfBounds,
    /// The data does not begin at a multiple of its elements' alignment.
    Misaligned,
    /// There is no room for the data to be added.
    Full,
    /// The filesystem that holds the segments is full.
    StorageFull,
    /// The filesystem has no inode left for one more file, however much room it has.
    OutOfInodes,
    /// The disk quota of the user, the group or the project is used up.
    QuotaExceeded,
    /// The filesystem is mounted read-only.
    ReadOnlyFilesystem,
    /// The memory would exceed a cgroup limit. The kernel would kill the process instead of
    /// refusing.
    MemoryLimit,
    /// The process or the system is out of file descriptors.
    OutOfDescriptors,
    /// The process is out of address space or mappings.
    OutOfAddressSpace,
    /// Every participant slot of the segment is taken by a live process.
    OutOfSlots,
    /// This process holds as many frames of the ring as one process may.
    OutOfLeases,
    /// This process holds as many read locks of one stripe as can be counted. Guards are being
    /// forgotten.
    TooManyLocks,
    /// A resource limit of this process forbids it.
    LimitExceeded,
    /// The file mode forbids it.
    PermissionDenied,
    /// Somebody other than this user and root owns the segment or may write it, and could break
    /// every promise.
    NotTrusted,
    /// Another program has locked bytes of the segment's file. So it cannot be told whether
    /// processes live, or the name cannot be changed. Any process that may read the file can take
    /// such locks.
    ForeignLock,
    /// The program closed the descriptor that this crate keeps, and it cannot be opened again.
    DescriptorLost,
    /// The filesystem drops locks or mappings, so it cannot be told whether processes live.
    UnsupportedFilesystem,
    /// A previous owner died or panicked while writing and nobody has vouched for the data yet.
    Poisoned,
    /// The owner died while writing, and this call is the first to notice.
    OwnerDied,
    /// The deadline passed first.
    Timeout,
    /// Waiting would never end, because this thread holds what it asks for.
    Deadlock,
    /// The handle was opened for reading only.
    ReadOnly,
    /// The array is frozen: nobody writes it any more.
    Frozen,
    /// The array is not frozen, so others may write it.
    NotFrozen,
    /// Others still have the memory mapped for writing.
    Busy,
    /// A worker process could not be started, was killed, or reported a failure.
    WorkerFailed,
    /// This platform or backing cannot do that.
    Unsupported,
    /// Any other error of the operating system. See [`source`](std::error::Error::source).
    Os,
}

/// The error of every operation in this crate. It is one pointer wide.
///
/// Its text names the segment, what was found, what was asked, and what to do.
/// `{:?}` adds the kind and the cause. A `main` that returns the error prints it so.
///
/// # Examples
///
/// ```
/// let error = ndshm::Array1::<f64>::open("a/b").unwrap_err();
/// assert_eq!(error.kind(), ndshm::ErrorKind::InvalidName);
/// assert_eq!(error.segment(), Some("a/b"));
/// println!("{error}");
///
/// let missing = ndshm::Array1::<f64>::open("no-such-segment").unwrap_err();
/// assert!(format!("{missing:?}").starts_with("\"no-such-segment\" does not exist"));
/// assert!(format!("{missing:?}").ends_with("(kind: NotFound)"));
/// ```
pub struct Error(Box<Repr>);

struct Repr {
    kind: ErrorKind,
    segment: Option<Box<str>>,
    message: String,
    source: Option<io::Error>,
}

impl Error {
    /// Returns what went wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = ndshm::remove("no-such-segment").unwrap_err();
    /// assert_eq!(error.kind(), ndshm::ErrorKind::NotFound);
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the name of the segment concerned, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = ndshm::remove("no-such-segment").unwrap_err();
    /// assert_eq!(error.segment(), Some("no-such-segment"));
    /// ```
    #[must_use]
    pub fn segment(&self) -> Option<&str> {
        self.0.segment.as_deref()
    }

    /// An error with its own message.
    #[cold]
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Repr { kind, segment: None, message: message.into(), source: None }))
    }

    /// Names the segment, unless a lower layer already did.
    #[cold]
    pub(crate) fn of(mut self, segment: &str) -> Self {
        self.0.segment.get_or_insert_with(|| segment.into());
        self
    }

    /// Attaches the operating system's error.
    #[cold]
    pub(crate) fn caused_by(mut self, source: io::Error) -> Self {
        self.0.source = Some(source);
        self
    }
}

/// Names the segment in the error of a lower layer.
pub(crate) trait ResultExt {
    /// Names the segment, unless a lower layer already did.
    fn of(self, segment: &str) -> Self;
}

impl<T> ResultExt for Result<T> {
    fn of(self, segment: &str) -> Self {
        self.map_err(|error| error.of(segment))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(segment) = &self.0.segment {
            write!(f, "{segment:?} ")?;
        }
        Visible(&self.0.message).fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `main` prints this for an error that it returns, and `unwrap` when it panics.
        write!(f, "{self} (kind: {:?}", self.0.kind)?;
        match &self.0.source {
            Some(source) => write!(f, "; cause: {source})"),
            None => f.write_str(")"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_wide_and_travels_anywhere() {
        fn travels<E: std::error::Error + Send + Sync + 'static>() -> usize {
            size_of::<E>()
        }
        assert_eq!(travels::<Error>(), size_of::<usize>());
    }

    #[test]
    fn an_error_that_main_returns_reads_as_a_sentence_with_its_kind_and_cause() {
        let full = Error::new(ErrorKind::StorageFull, "needs 1 byte: remove segments").of("cam0");
        let says = "\"cam0\" needs 1 byte: remove segments (kind: StorageFull)";
        assert_eq!(format!("{full:?}"), says);
        let caused = full.caused_by(io::Error::other("No space left on device"));
        let says = "\"cam0\" needs 1 byte: remove segments (kind: StorageFull; cause: No space left on device)";
        assert_eq!(format!("{caused:?}"), says);
    }

    #[test]
    fn no_name_or_header_in_an_error_speaks_to_the_terminal() {
        let error =
            Error::new(ErrorKind::Corrupt, "holds \u{9b}31m and \u{202e}").of("a\x1b[2J\u{ad}");
        let says = r#""a\u{1b}[2J\u{ad}" holds \u{9b}31m and \u{202e}"#;
        assert_eq!(error.to_string(), says);
        assert_eq!(format!("{error:?}"), format!("{says} (kind: Corrupt)"));
    }

    #[test]
    fn the_first_layer_to_name_the_segment_wins() {
        let error = Error::new(ErrorKind::NotFound, "does not exist").of("cam0").of("outer");
        assert_eq!(error.to_string(), "\"cam0\" does not exist");
    }
}
