//! Atomic arithmetic on single values.

use super::cells;
use super::element::Element;
use super::value::Value;
use crate::error::Result;

/// A number of one machine word or less, on which [`Value`](crate::Value) does atomic arithmetic.
///
/// Implemented for the integers and floats that are an [`Element`]; integers wrap around, as
/// atomics do. Sealed.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// fn count<N: ndshm::Number>(value: &ndshm::Value<N>, by: N) -> ndshm::Result<N> {
///     value.fetch_add(by)
/// }
/// let hits = ndshm::Value::<u32>::create_unique("doc-number-", 40)?;
/// assert_eq!(count(&hits, 2)?, 40);
/// assert_eq!(hits.get()?, 42);
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no number that a `Value` does atomic arithmetic on",
    note = "integers of 8 to 64 bits, `f32` and `f64` are; change any other value by `Value::update`"
)]
pub trait Number: Element + PartialOrd + sealed::Number {}

/// An integer, on which [`Value`](crate::Value) does atomic bit operations too.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// fn raise<I: ndshm::Integer>(flags: &ndshm::Value<I>, bits: I) -> ndshm::Result<I> {
///     flags.fetch_or(bits)
/// }
/// let flags = ndshm::Value::<u8>::create_unique("doc-integer-", 0b01)?;
/// raise(&flags, 0b10)?;
/// assert_eq!(flags.get()?, 0b11);
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no integer that a `Value` does atomic bit operations on",
    note = "integers of 8 to 64 bits are; change any other value by `Value::update`"
)]
pub trait Integer: Number + sealed::Integer {}

/// Atomic arithmetic.
impl<N: Number> Value<N> {
    /// Adds, wrapping for integers, and returns what the value was.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let sum = ndshm::Value::create_unique("doc-add-", 1.5_f64)?;
    /// assert_eq!(sum.fetch_add(1.0)?, 1.5);
    /// assert_eq!(sum.get()?, 2.5);
    /// # Ok(()) }
    /// ```
    #[inline]
    pub fn fetch_add(&self, by: N) -> Result<N> {
        if !N::ADDS_AS_BITS {
            return self.update(|value| value.sum(by));
        }
        self.segment().writable()?;
        let old = cells::add_bits(self.segment().region(), by);
        self.announce();
        Ok(old)
    }

    /// Subtracts, wrapping for integers, and returns what the value was.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let left = ndshm::Value::create_unique("doc-sub-", 3_u32)?;
    /// left.fetch_sub(1)?;
    /// assert_eq!(left.get()?, 2);
    /// # Ok(()) }
    /// ```
    pub fn fetch_sub(&self, by: N) -> Result<N> {
        self.update(|value| value.difference(by))
    }

    /// Raises the value to `other` if that is greater, and returns what it was.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let peak = ndshm::Value::create_unique("doc-max-", 3.0_f32)?;
    /// peak.fetch_max(7.0)?;
    /// peak.fetch_max(5.0)?;
    /// assert_eq!(peak.get()?, 7.0);
    /// # Ok(()) }
    /// ```
    pub fn fetch_max(&self, other: N) -> Result<N> {
        self.update(|value| if other > value { other } else { value })
    }

    /// Lowers the value to `other` if that is less, and returns what it was.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let best = ndshm::Value::create_unique("doc-min-", 3_i16)?;
    /// best.fetch_min(-1)?;
    /// assert_eq!(best.get()?, -1);
    /// # Ok(()) }
    /// ```
    pub fn fetch_min(&self, other: N) -> Result<N> {
        self.update(|value| if other < value { other } else { value })
    }
}

/// Atomic bit operations.
impl<I: Integer> Value<I> {
    /// Keeps the bits that `mask` has, and returns what the value was.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let flags = ndshm::Value::create_unique("doc-and-", 0b111_u8)?;
    /// flags.fetch_and(0b101)?;
    /// assert_eq!(flags.get()?, 0b101);
    /// # Ok(()) }
    /// ```
    pub fn fetch_and(&self, mask: I) -> Result<I> {
        self.update(|value| value.and(mask))
    }

    /// Sets the bits that `bits` has, and returns what the value was.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let flags = ndshm::Value::create_unique("doc-or-", 0b001_u8)?;
    /// assert_eq!(flags.fetch_or(0b100)?, 0b001);
    /// # Ok(()) }
    /// ```
    pub fn fetch_or(&self, bits: I) -> Result<I> {
        self.update(|value| value.or(bits))
    }

    /// Flips the bits that `bits` has, and returns what the value was.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let flags = ndshm::Value::create_unique("doc-xor-", 0b011_u8)?;
    /// flags.fetch_xor(0b110)?;
    /// assert_eq!(flags.get()?, 0b101);
    /// # Ok(()) }
    /// ```
    pub fn fetch_xor(&self, bits: I) -> Result<I> {
        self.update(|value| value.xor(bits))
    }
}

pub(super) mod sealed {
    /// What atomics do with numbers.
    pub trait Number: Copy {
        /// Whether adding is adding the bits, as it is in two's complement.
        const ADDS_AS_BITS: bool;
        /// Sum, wrapping.
        fn sum(self, other: Self) -> Self;
        /// Difference, wrapping.
        fn difference(self, other: Self) -> Self;
    }

    /// What atomics do with bits.
    pub trait Integer: Number {
        /// Bits of both.
        fn and(self, other: Self) -> Self;
        /// Bits of either.
        fn or(self, other: Self) -> Self;
        /// Bits of one alone.
        fn xor(self, other: Self) -> Self;
    }
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Number for $type {}
        impl Integer for $type {}
        impl sealed::Number for $type {
            const ADDS_AS_BITS: bool = true;
            fn sum(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn difference(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
        }
        impl sealed::Integer for $type {
            fn and(self, other: Self) -> Self {
                self & other
            }
            fn or(self, other: Self) -> Self {
                self | other
            }
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
        }
    )*};
}

macro_rules! floats {
    ($($type:ty)*) => {$(
        impl Number for $type {}
        impl sealed::Number for $type {
            const ADDS_AS_BITS: bool = false;
            fn sum(self, other: Self) -> Self {
                self + other
            }
            fn difference(self, other: Self) -> Self {
                self - other
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 i8 i16 i32 i64);
floats!(f32 f64);
