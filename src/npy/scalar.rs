//! Numbers and truth values, and how NumPy spells them.

use std::fmt;

/// A number or a truth value, little-endian.
///
/// # Examples
///
/// ```
/// use ndshm::Scalar;
///
/// assert_eq!(Scalar::Complex64.to_string(), "<c8");
/// assert_eq!(Scalar::Complex64.item_size(), 8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scalar {
    /// `|b1`: one byte, true unless zero.
    Bool,
    /// `|i1`
    I8,
    /// `<i2`
    I16,
    /// `<i4`
    I32,
    /// `<i8`
    I64,
    /// `|u1`
    U8,
    /// `<u2`
    U16,
    /// `<u4`
    U32,
    /// `<u8`
    U64,
    /// `<f2`: IEEE 754 half precision.
    F16,
    /// `<bf16`: the upper half of an `f32`. NumPy sees `|V2`.
    Bf16,
    /// `<f4`
    F32,
    /// `<f8`
    F64,
    /// `<c8`: two `f32`, real part first.
    Complex64,
    /// `<c16`: two `f64`, real part first.
    Complex128,
}

impl Scalar {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 15] = [
        Self::U8,
        Self::F32,
        Self::F64,
        Self::U16,
        Self::I32,
        Self::I64,
        Self::Bool,
        Self::I8,
        Self::I16,
        Self::U32,
        Self::U64,
        Self::F16,
        Self::Bf16,
        Self::Complex64,
        Self::Complex128,
    ];

    /// Returns the size in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ndshm::Scalar::F64.item_size(), 8);
    /// ```
    #[must_use]
    pub const fn item_size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 | Self::Bf16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 | Self::Complex64 => 8,
            Self::Complex128 => 16,
        }
    }

    /// The alignment of the corresponding C type, the same on every platform.
    pub(crate) const fn alignment(self) -> usize {
        match self {
            Self::Complex64 | Self::Complex128 => self.item_size() / 2,
            _ => self.item_size(),
        }
    }

    /// The text of the dtype.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Bool => "|b1",
            Self::I8 => "|i1",
            Self::I16 => "<i2",
            Self::I32 => "<i4",
            Self::I64 => "<i8",
            Self::U8 => "|u1",
            Self::U16 => "<u2",
            Self::U32 => "<u4",
            Self::U64 => "<u8",
            Self::F16 => "<f2",
            Self::Bf16 => "<bf16",
            Self::F32 => "<f4",
            Self::F64 => "<f8",
            Self::Complex64 => "<c8",
            Self::Complex128 => "<c16",
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
