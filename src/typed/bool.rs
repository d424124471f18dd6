//! A truth value for which any byte is valid.
//!
//! # Safety
//!
//! The `Pod` implementation is the only unsafe code: `Bool` is a transparent `u8`.
#![allow(unsafe_code)]

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Not;

/// A `bool` that may lie in shared memory. It is one byte, true unless that is zero: NumPy's `|b1`.
///
/// A `bool` itself may not lie there. It must be 0 or 1, and a `&bool` to a byte that another
/// process sets to 2 would be undefined behaviour. Two true values are equal, whatever their bytes.
///
/// # Examples
///
/// ```
/// use ndshm::Bool;
///
/// let mask = [Bool::TRUE, Bool::from(2 > 3)];
/// assert_eq!(mask.iter().filter(|set| set.get()).count(), 1);
/// assert_eq!(!mask[1], true);
/// ```
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct Bool(u8);

// SAFETY: `Bool` is a transparent `u8`, which is zeroable.
unsafe impl bytemuck::Zeroable for Bool {}

// SAFETY: `Bool` is a transparent `u8`, which is `Pod`: every byte is valid and there is no padding.
unsafe impl bytemuck::Pod for Bool {}

impl Bool {
    /// True, as the byte 1.
    pub const TRUE: Self = Self(1);

    /// False, as the byte 0.
    pub const FALSE: Self = Self(0);

    /// Returns the truth value: true unless the byte is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(ndshm::Bool::TRUE.get());
    /// ```
    #[must_use]
    pub const fn get(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Bool {
    fn from(value: bool) -> Self {
        Self(value.into())
    }
}

impl From<Bool> for bool {
    fn from(value: Bool) -> Self {
        value.get()
    }
}

impl PartialEq for Bool {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl PartialEq<bool> for Bool {
    fn eq(&self, other: &bool) -> bool {
        self.get() == *other
    }
}

impl PartialEq<Bool> for bool {
    fn eq(&self, other: &Bool) -> bool {
        *self == other.get()
    }
}

impl Eq for Bool {}

impl PartialOrd for Bool {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bool {
    fn cmp(&self, other: &Self) -> Ordering {
        self.get().cmp(&other.get())
    }
}

impl Hash for Bool {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.get().hash(state);
    }
}

impl Not for Bool {
    type Output = Self;

    fn not(self) -> Self {
        (!self.get()).into()
    }
}

impl fmt::Debug for Bool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl fmt::Display for Bool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_but_zero_is_the_same_true() {
        for byte in 1..=u8::MAX {
            let value: Bool = bytemuck::cast(byte);
            assert_eq!(value, Bool::TRUE);
            assert_eq!(!value, Bool::FALSE);
            assert_eq!(value.cmp(&Bool::TRUE), Ordering::Equal);
            assert_eq!(format!("{value:?}"), "true");
        }
        assert_eq!(Bool::default(), false);
    }
}
