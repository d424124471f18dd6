//! One item of any dtype, read from its bytes.

use std::fmt::{self, Write};

use super::dtype::Dtype;
use super::scalar::Scalar;
use super::time::TimeUnit;

/// An item of an array whose dtype is known only at run time: a number, or an item made of others.
///
/// Its `Display` is about what Python would print.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{AnyArray, Datum};
///
/// let array = AnyArray::create("doc-datum", &"[('id', '<u4'), ('xy', '<f4', (2,))]".parse()?, &[3])?;
/// let item = array.read()?.at(&[2]).unwrap();
/// assert_eq!(item.to_string(), "(id: 0, xy: [0, 0])");
/// assert_eq!(item.field("id"), Some(&Datum::Unsigned(0)));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Datum {
    /// A truth value.
    Bool(bool),
    /// A signed integer of any width.
    Signed(i64),
    /// An unsigned integer of any width.
    Unsigned(u64),
    /// A float of 32 bits, or of 16 bits, whose values 32 bits hold exactly.
    F32(f32),
    /// A float of 64 bits.
    F64(f64),
    /// A complex number of two 32-bit floats.
    Complex64 {
        /// The real part.
        re: f32,
        /// The imaginary part.
        im: f32,
    },
    /// A complex number of two 64-bit floats.
    Complex128 {
        /// The real part.
        re: f64,
        /// The imaginary part.
        im: f64,
    },
    /// Bytes without meaning.
    Bytes(Vec<u8>),
    /// A string of bytes, without trailing zeros.
    ByteString(Vec<u8>),
    /// A string of characters, without trailing zeros. `\u{fffd}` stands for a value that is not a
    /// character.
    Text(String),
    /// A date: a number of units after the beginning of 1970.
    Datetime {
        /// The number of units; `i64::MIN` is not a time.
        ticks: i64,
        /// The unit.
        unit: TimeUnit,
    },
    /// A time difference.
    Timedelta {
        /// The number of units; `i64::MIN` is not a time.
        ticks: i64,
        /// The unit.
        unit: TimeUnit,
    },
    /// Items in a row.
    Array(Vec<Datum>),
    /// Fields, without padding.
    Struct(Vec<(String, Datum)>),
}

impl Datum {
    /// Returns the item of that dtype in `bytes`, or `None` if `bytes` is not as long as one item.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Array1, Datum};
    ///
    /// let array = Array1::<i16>::create_unique("doc-datum-", 1000)?;
    /// array.write()?[700] = -7;
    /// let item = array.segment().peek(|data| {
    ///     let mut bytes = [0; 2];
    ///     data.read_at(&mut bytes, 700 * 2)?;
    ///     Ok(Datum::of(data.dtype(), &bytes))
    /// })?;
    /// assert_eq!(item, Some(Datum::Signed(-7)));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn of(dtype: &Dtype, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == dtype.item_size()).then(|| Self::read(dtype, bytes))
    }

    /// Reads an item. `bytes` is as long as the dtype says.
    pub(crate) fn read(dtype: &Dtype, bytes: &[u8]) -> Self {
        match dtype {
            Dtype::Scalar(scalar) => Self::of_scalar(*scalar, bytes),
            Dtype::Void(_) => Self::Bytes(bytes.to_vec()),
            Dtype::Bytes(_) => Self::ByteString(trimmed(bytes).to_vec()),
            Dtype::Text(_) => Self::Text(characters(bytes)),
            Dtype::Datetime(unit) => {
                Self::Datetime { ticks: i64::from_le_bytes(part(bytes, 0)), unit: *unit }
            }
            Dtype::Timedelta(unit) => {
                Self::Timedelta { ticks: i64::from_le_bytes(part(bytes, 0)), unit: *unit }
            }
            Dtype::Array(item, _) => {
                let items = bytes.chunks_exact(item.item_size().max(1));
                Self::Array(items.map(|bytes| Self::read(item, bytes)).collect())
            }
            Dtype::Struct(fields) => {
                let mut rest = bytes;
                let fields = fields.iter().filter_map(|field| {
                    let (own, others) = rest.split_at(field.dtype().item_size());
                    rest = others;
                    let named = || (field.name().to_owned(), Self::read(field.dtype(), own));
                    (!field.is_padding()).then(named)
                });
                Self::Struct(fields.collect())
            }
        }
    }

    fn of_scalar(scalar: Scalar, bytes: &[u8]) -> Self {
        let f32_at = |at: usize| f32::from_le_bytes(part(bytes, at));
        let f64_at = |at: usize| f64::from_le_bytes(part(bytes, at));
        match scalar {
            Scalar::Bool => Self::Bool(bytes[0] != 0),
            Scalar::I8 => Self::Signed(i8::from_le_bytes(part(bytes, 0)).into()),
            Scalar::I16 => Self::Signed(i16::from_le_bytes(part(bytes, 0)).into()),
            Scalar::I32 => Self::Signed(i32::from_le_bytes(part(bytes, 0)).into()),
            Scalar::I64 => Self::Signed(i64::from_le_bytes(part(bytes, 0))),
            Scalar::U8 => Self::Unsigned(bytes[0].into()),
            Scalar::U16 => Self::Unsigned(u16::from_le_bytes(part(bytes, 0)).into()),
            Scalar::U32 => Self::Unsigned(u32::from_le_bytes(part(bytes, 0)).into()),
            Scalar::U64 => Self::Unsigned(u64::from_le_bytes(part(bytes, 0))),
            Scalar::F16 => Self::F32(widen_f16(u16::from_le_bytes(part(bytes, 0)))),
            Scalar::Bf16 => {
                let upper: u32 = u16::from_le_bytes(part(bytes, 0)).into();
                Self::F32(f32::from_bits(upper << 16))
            }
            Scalar::F32 => Self::F32(f32_at(0)),
            Scalar::F64 => Self::F64(f64_at(0)),
            Scalar::Complex64 => Self::Complex64 { re: f32_at(0), im: f32_at(4) },
            Scalar::Complex128 => Self::Complex128 { re: f64_at(0), im: f64_at(8) },
        }
    }

    /// Returns the field of that name, or `None` if there is none or this is not a struct.
    ///
    /// # Examples
    ///
    /// See [`Datum`].
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        let Self::Struct(fields) = self else { return None };
        fields.iter().find(|(own, _)| own == name).map(|(_, datum)| datum)
    }

    /// Returns the number as an `f64`, rounded where that is too narrow, or `None` if this is not a
    /// real number.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndshm::Datum;
    ///
    /// assert_eq!(Datum::Signed(-3).to_f64(), Some(-3.0));
    /// assert_eq!(Datum::Bytes(vec![1]).to_f64(), None);
    /// ```
    #[must_use]
    pub fn to_f64(&self) -> Option<f64> {
        match self {
            Self::Bool(value) => Some(u8::from(*value).into()),
            Self::Signed(value) => Some(*value as f64),
            Self::Unsigned(value) => Some(*value as f64),
            Self::F32(value) => Some((*value).into()),
            Self::F64(value) => Some(*value),
            _ => None,
        }
    }
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            Self::Signed(value) => value.fmt(f),
            Self::Unsigned(value) => value.fmt(f),
            Self::F32(value) => value.fmt(f),
            Self::F64(value) => value.fmt(f),
            Self::Complex64 { re, im } => write!(f, "({re}{im:+}j)"),
            Self::Complex128 { re, im } => write!(f, "({re}{im:+}j)"),
            Self::Bytes(bytes) => {
                f.write_str("0x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::ByteString(bytes) => {
                f.write_str("b")?;
                quoted(&bytes.iter().copied().map(char::from).collect::<String>(), '\x7e', f)
            }
            Self::Text(text) => quoted(text, char::MAX, f),
            Self::Datetime { ticks, unit } => unit.date(*ticks).fmt(f),
            Self::Timedelta { ticks, unit } => unit.lapse(*ticks).fmt(f),
            Self::Array(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", comma(index))?;
                }
                f.write_str("]")
            }
            Self::Struct(fields) => {
                f.write_str("(")?;
                for (index, (name, datum)) in fields.iter().enumerate() {
                    write!(f, "{}{name}: {datum}", comma(index))?;
                }
                f.write_str(")")
            }
        }
    }
}

/// The bytes without trailing zeros.
pub(crate) fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &bytes[..end]
}

/// The characters, which have 4 bytes each, without trailing zeros.
fn characters(bytes: &[u8]) -> String {
    let codes: Vec<u32> =
        bytes.as_chunks().0.iter().map(|code| u32::from_le_bytes(*code)).collect();
    let end = codes.iter().rposition(|&code| code != 0).map_or(0, |last| last + 1);
    let character = |&code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    codes[..end].iter().map(character).collect()
}

/// Writes a string as Python does. Characters beyond `last_plain` are written by their number.
pub(crate) fn quoted(text: &str, last_plain: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    f.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\\' => f.write_str("\\\\")?,
            c if c == quote => write!(f, "\\{c}")?,
            c if c.is_control() || c > last_plain => write!(f, "\\x{:02x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char(quote)
}

fn comma(index: usize) -> &'static str {
    if index == 0 { "" } else { ", " }
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("an item is as long as its dtype says")
}

/// The same number in 32 bits. See IEEE 754-2008, 3.6.
fn widen_f16(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        // A subnormal: a multiple of 2⁻²⁴, which f32 holds exactly.
        0 => (f32::from(bits & 0x3ff) / 16_777_216.0).to_bits(),
        0x1f => 0xff << 23 | fraction << 13,
        _ => (exponent + 112) << 23 | fraction << 13,
    };
    f32::from_bits(u32::from(bits >> 15) << 31 | magnitude)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::npy::dtype::tests::any_dtype;

    fn read(dtype: &str, bytes: &[u8]) -> String {
        Datum::read(&dtype.parse().unwrap(), bytes).to_string()
    }

    #[test]
    fn every_scalar_is_read_and_printed() {
        assert_eq!(read("|b1", &[2]), "True");
        assert_eq!(read("|i1", &[0xff]), "-1");
        assert_eq!(read("<i2", &(-300_i16).to_le_bytes()), "-300");
        assert_eq!(read("<i4", &i32::MIN.to_le_bytes()), "-2147483648");
        assert_eq!(read("<i8", &i64::MIN.to_le_bytes()), "-9223372036854775808");
        assert_eq!(read("|u1", &[200]), "200");
        assert_eq!(read("<u2", &[1, 1]), "257");
        assert_eq!(read("<u4", &u32::MAX.to_le_bytes()), "4294967295");
        assert_eq!(read("<u8", &u64::MAX.to_le_bytes()), "18446744073709551615");
        assert_eq!(read("<f2", &0x3e00_u16.to_le_bytes()), "1.5");
        assert_eq!(read("<bf16", &0x3fc0_u16.to_le_bytes()), "1.5");
        assert_eq!(read("<f4", &0.1_f32.to_le_bytes()), "0.1");
        assert_eq!(read("<f8", &0.1_f64.to_le_bytes()), "0.1");
        assert_eq!(read("<c8", &[1.5_f32, -2.0].map(f32::to_le_bytes).concat()), "(1.5-2j)");
        assert_eq!(read("<c16", &[0.0_f64, 2.0].map(f64::to_le_bytes).concat()), "(0+2j)");
        assert_eq!(read("|V3", &[1, 2, 0xff]), "0x0102ff");
    }

    #[test]
    fn strings_and_times_are_read_and_printed() {
        let text =
            |text: &str| text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect::<Vec<_>>();
        assert_eq!(read("|S6", b"it's\0\0"), "b\"it's\"");
        assert_eq!(read("|S4", b"\0a\xff\n"), "b'\\x00a\\xff\\n'");
        assert_eq!(read("|S1", b"\0"), "b''");
        assert_eq!(read("<U4", &text("Δ'\"\0")), "'Δ\\'\"'");
        assert_eq!(read("<U3", &text("a\0b")), "'a\\x00b'");
        assert_eq!(read("<U1", &[0xff; 4]), "'\u{fffd}'");
        assert_eq!(read("<M8[ns]", &1_i64.to_le_bytes()), "1970-01-01T00:00:00.000000001");
        assert_eq!(read("<M8[D]", &i64::MIN.to_le_bytes()), "NaT");
        assert_eq!(read("<m8[25s]", &5_i64.to_le_bytes()), "125 seconds");
        assert_eq!(read("<m8", &i64::MIN.to_le_bytes()), "NaT");
    }

    #[test]
    fn structs_are_their_fields_without_padding() {
        let dtype = "[('a', '|u1'), ('', '|V1'), ('b', [('c', '<i2', (2,))])]";
        assert_eq!(read(dtype, &[1, 99, 2, 0, 3, 0]), "(a: 1, b: (c: [2, 3]))");
    }

    #[test]
    #[cfg(feature = "half")]
    fn every_half_is_the_same_number() {
        for bits in 0..=u16::MAX {
            let (ours, theirs) = (widen_f16(bits), half::f16::from_bits(bits).to_f32());
            assert!(ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_of_any_dtype_are_something(dtype in any_dtype(), byte: u8) {
            let bytes = vec![byte; dtype.item_size()];
            prop_assert!(!Datum::read(&dtype, &bytes).to_string().is_empty());
        }
    }
}
