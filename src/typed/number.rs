//! Arithmetic on single values.

use super::element::Element;

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
pub trait Integer: Number + sealed::Integer {}

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
