//! Strings of fixed size, as NumPy keeps them.
//!
//! # Safety
//!
//! The implementations pair a transparent array of numbers with the dtype of the same layout.
#![allow(unsafe_code)]

use std::fmt;

use super::element::Element;
use crate::error::{Error, ErrorKind, Result};
use crate::npy::Dtype;
use crate::npy::datum::{quoted, trimmed};

/// A string of at most `N` bytes, NumPy's `|S` of that size. Zeros follow a shorter string.
///
/// Equality and order are those of the bytes. The zeros at the end are no part of the string. So a
/// string that ends in zeros cannot be told from a shorter one, as in NumPy.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Array1, Bytes};
///
/// let symbols = Array1::<Bytes<8>>::create_unique("doc-bytes-", 100)?; // np.dtype("S8")
/// symbols.write()?[0] = Bytes::new(b"NDSHM")?;
/// assert_eq!(symbols.read()?[0].as_bytes(), b"NDSHM");
/// assert!(Bytes::<2>::new(b"NDSHM").is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Bytes<const N: usize>([u8; N]);

/// A string of at most `N` characters of 4 bytes each, NumPy's `<U` of that size. Zeros follow a
/// shorter string.
///
/// Other processes may write any number where a character belongs. A number that is no character is
/// read as `U+FFFD`. Equality and order are those of the numbers.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Array1, Text};
///
/// let names = Array1::<Text<10>>::create_unique("doc-text-", 100)?; // np.dtype("U10")
/// names.write()?[0] = Text::new("Δt")?;
/// assert_eq!(names.read()?[0].to_string(), "Δt");
/// assert!(Text::<1>::new("Δt").is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Text<const N: usize>([u32; N]);

// SAFETY: a transparent array of bytes, which is zeroable.
unsafe impl<const N: usize> bytemuck::Zeroable for Bytes<N> {}

// SAFETY: a transparent array of bytes: all are valid, and there is no padding.
unsafe impl<const N: usize> bytemuck::Pod for Bytes<N> {}

// SAFETY: N bytes, as the dtype says, and aligned as bytes are.
unsafe impl<const N: usize> Element for Bytes<N> {
    fn dtype() -> Dtype {
        Dtype::Bytes(N)
    }
}

// SAFETY: a transparent array of numbers, which is zeroable.
unsafe impl<const N: usize> bytemuck::Zeroable for Text<N> {}

// SAFETY: a transparent array of numbers: all are valid, and there is no padding.
unsafe impl<const N: usize> bytemuck::Pod for Text<N> {}

// SAFETY: N numbers of 4 bytes, as the dtype says, and aligned as they are.
unsafe impl<const N: usize> Element for Text<N> {
    fn dtype() -> Dtype {
        Dtype::Text(N)
    }
}

impl<const N: usize> Bytes<N> {
    /// Returns the string of these bytes.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) if there are more than `N`.
    ///
    /// # Examples
    ///
    /// See [`Bytes`].
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let mut all = [0; N];
        let start = all.get_mut(..bytes.len()).ok_or_else(|| too_long(bytes.len(), N, "bytes"))?;
        start.copy_from_slice(bytes);
        Ok(Self(all))
    }

    /// Returns the bytes without the zeros behind them.
    ///
    /// # Examples
    ///
    /// See [`Bytes`].
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        trimmed(&self.0)
    }
}

impl<const N: usize> Text<N> {
    /// Returns the string of these characters.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) if there are more than `N`.
    ///
    /// # Examples
    ///
    /// See [`Text`].
    pub fn new(text: &str) -> Result<Self> {
        let mut all = [0; N];
        let len = text.chars().count();
        let start = all.get_mut(..len).ok_or_else(|| too_long(len, N, "characters"))?;
        start.iter_mut().zip(text.chars()).for_each(|(code, c)| *code = c.into());
        Ok(Self(all))
    }

    /// Returns the characters without the zeros behind them. Each number that is no character
    /// becomes `U+FFFD`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// assert!(ndshm::Text::<5>::new("Δt")?.chars().eq(['Δ', 't']));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn chars(&self) -> impl DoubleEndedIterator<Item = char> {
        let end = self.0.iter().rposition(|&code| code != 0).map_or(0, |last| last + 1);
        let character = |&code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.0[..end].iter().map(character)
    }
}

#[cold]
fn too_long(len: usize, most: usize, what: &str) -> Error {
    let message = format!("a string of {len} {what} does not fit into {most}: cut it, or use more");
    Error::new(ErrorKind::InvalidArgument, message)
}

impl<const N: usize> Default for Bytes<N> {
    /// The empty string.
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Default for Text<N> {
    /// The empty string.
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> fmt::Debug for Bytes<N> {
    /// Writes it as Python does, `b'NDSHM'`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("b")?;
        quoted(&self.as_bytes().iter().copied().map(char::from).collect::<String>(), '\x7e', f)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    /// Writes it as Python does, `'Δt'`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quoted(&self.chars().collect::<String>(), char::MAX, f)
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.chars().collect::<String>())
    }
}

impl<const N: usize> PartialEq<str> for Text<N> {
    fn eq(&self, other: &str) -> bool {
        self.chars().eq(other.chars())
    }
}

impl<const N: usize> PartialEq<[u8]> for Bytes<N> {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_bytes() == trimmed(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_where_its_zeros_begin() {
        let symbol = Bytes::<4>::new(b"a\0b").unwrap();
        assert_eq!(
            (symbol.as_bytes(), format!("{symbol:?}").as_str()),
            (&b"a\0b"[..], r"b'a\x00b'")
        );
        assert!(symbol == b"a\0b\0"[..] && symbol != b"a"[..]);
        assert_eq!(Bytes::<4>::new(b"a\0").unwrap(), Bytes::new(b"a").unwrap());
        assert_eq!(Bytes::<0>::default().as_bytes(), b"");
        let name = Text::<3>::new("Δt").unwrap();
        assert_eq!((format!("{name:?}"), format!("{name:>4}")), ("'Δt'".into(), "  Δt".into()));
        assert!(name == *"Δt" && name != *"Δ");
    }

    #[test]
    fn what_is_no_character_is_told_by_the_replacement() {
        let text = Text::<4>([0xd800, u32::from('a'), 0x11_0000, 0]);
        assert_eq!(text.to_string(), "\u{fffd}a\u{fffd}");
    }

    #[test]
    fn what_is_too_long_is_refused() {
        for error in [Bytes::<2>::new(b"abc").unwrap_err(), Text::<2>::new("äöü").unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains("does not fit into 2"), "{error}");
        }
    }

    #[test]
    fn dtypes_are_numpys() {
        assert_eq!(Bytes::<32>::dtype().to_string(), "|S32");
        assert_eq!(Text::<3>::dtype().to_string(), "<U3");
        assert_eq!(size_of::<Text<3>>(), Text::<3>::dtype().item_size());
    }
}
