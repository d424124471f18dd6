//! The part before the text of a header: a magic number, a version, and the length of the text.

use std::borrow::Cow;

use super::literal::Writer;
use crate::error::{Error, ErrorKind, Result};

/// How many bytes are needed to know the length of a header.
pub(crate) const PRELUDE: usize = 12;

/// The greatest length of text that is read and written: a hundred times what `np.load` reads by
/// default.
pub(super) const MAX_TEXT_LEN: usize = 1 << 20;

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// A version of the format. Versions differ in the length and the encoding of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// 1.0: up to 65,535 bytes of Latin-1.
    One,
    /// 2.0: more bytes of Latin-1.
    Two,
    /// 3.0: UTF-8.
    Three,
}

impl Version {
    /// Where the text begins.
    pub(super) const fn text_start(self) -> usize {
        match self {
            Self::One => 10,
            Self::Two | Self::Three => 12,
        }
    }

    /// The possible writer of the text. No Python 2 wrote version 3.0.
    pub(super) const fn writer(self) -> Writer {
        match self {
            Self::One | Self::Two => Writer::Python2,
            Self::Three => Writer::Python3,
        }
    }

    /// Turns the text into characters.
    pub(super) fn decode(self, text: &[u8]) -> Result<Cow<'_, str>> {
        match (self, str::from_utf8(text)) {
            (Self::Three, Ok(text)) => Ok(Cow::Borrowed(text)),
            (Self::Three, Err(error)) => {
                let message =
                    format!("has a header text that is not UTF-8 at byte {}", error.valid_up_to());
                Err(Error::new(ErrorKind::Corrupt, message))
            }
            (_, Ok(same)) if same.is_ascii() => Ok(Cow::Borrowed(same)),
            _ => Ok(Cow::Owned(text.iter().copied().map(char::from).collect())),
        }
    }

    /// Turns characters that the version can express into the text.
    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Three => text.as_bytes().to_vec(),
            _ => text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect(),
        }
    }

    /// Returns the part before the text, for data that begins at `data_offset`.
    pub(super) fn prelude(self, data_offset: usize) -> Vec<u8> {
        let number = match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        };
        let len = (data_offset - self.text_start()).to_le_bytes();
        [&MAGIC[..], &[number, 0], &len[..self.text_start() - 8]].concat()
    }
}

/// The part before the text, and what follows from it.
pub(super) struct Prelude {
    pub(super) version: Version,
    /// Where the text ends and the data begins.
    pub(super) data_offset: usize,
}

impl Prelude {
    /// Reads the first bytes of a file: [`PRELUDE`] or more, unless the file is shorter.
    pub(super) fn of(bytes: &[u8]) -> Result<Self> {
        let truncated = |needed| truncated(bytes.len(), needed);
        if !bytes.starts_with(MAGIC) {
            return Err(if !bytes.is_empty() && MAGIC.starts_with(bytes) {
                truncated(Version::One.text_start())
            } else {
                Error::new(ErrorKind::NotASegment, "is not NPY: it does not begin with \\x93NUMPY")
            });
        }
        let version = match bytes.get(6..8) {
            Some([1, 0]) => Version::One,
            Some([2, 0]) => Version::Two,
            Some([3, 0]) => Version::Three,
            Some(version) => {
                let message = format!("is NPY {}.{}, not 1.0, 2.0 or 3.0", version[0], version[1]);
                return Err(Error::new(ErrorKind::UnsupportedVersion, message));
            }
            None => return Err(truncated(Version::One.text_start())),
        };
        let text_start = version.text_start();
        let len = bytes.get(8..text_start).ok_or_else(|| truncated(text_start))?;
        let len = len.iter().rev().fold(0_u32, |len, byte| len << 8 | u32::from(*byte));
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > MAX_TEXT_LEN {
            let message = format!("has an NPY header of {len} bytes, more than {MAX_TEXT_LEN}");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        Ok(Self { version, data_offset: text_start + len })
    }
}

#[cold]
pub(super) fn truncated(len: usize, needed: usize) -> Error {
    let message = format!("ends after {len} bytes; its NPY header has {needed}");
    Error::new(ErrorKind::Truncated, message)
}
