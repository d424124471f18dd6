//! Dates and lapses of time, as NumPy counts them.
//!
//! # Safety
//!
//! The implementations pair a transparent `i64` with the dtype of the same layout. The unit is a type
//! of no bytes, and a constant, so that the dtype is the same at every call.
#![allow(unsafe_code)]

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use super::element::Element;
use crate::npy::Dtype;
use crate::npy::time::{NOT_A_TIME, Span, TimeUnit};

/// The unit that a [`Datetime`] or a [`Timedelta`] counts.
///
/// The types in this module are the usual units. For another unit, write a type of your own:
///
/// ```
/// use ndshm::unit::Unit;
/// use ndshm::{Datetime, Element, Span, TimeUnit};
///
/// /// Bars of 25 seconds.
/// enum Bar {}
///
/// impl Unit for Bar {
///     const UNIT: TimeUnit = TimeUnit::new(25, Span::Second);
/// }
///
/// assert_eq!(Datetime::<Bar>::dtype().to_string(), "<M8[25s]");
/// ```
pub trait Unit: 'static {
    /// The unit.
    const UNIT: TimeUnit;
}

macro_rules! units {
    ($($name:ident $text:literal)*) => {$(
        #[doc = concat!("The unit `", $text, "`; see [`Datetime`].")]
        #[derive(Debug)]
        pub enum $name {}

        impl Unit for $name {
            const UNIT: TimeUnit = TimeUnit::new(1, Span::$name);
        }
    )*};
}

units! {
    Year "Y"
    Month "M"
    Week "W"
    Day "D"
    Hour "h"
    Minute "m"
    Second "s"
    Millisecond "ms"
    Microsecond "us"
    Nanosecond "ns"
    Picosecond "ps"
    Femtosecond "fs"
    Attosecond "as"
}

/// No unit in particular, as NumPy has it when none is given. See [`Datetime`].
#[derive(Debug)]
pub enum Generic {}

impl Unit for Generic {
    const UNIT: TimeUnit = TimeUnit::GENERIC;
}

macro_rules! times {
    ($(#[$attribute:meta])* $name:ident $dtype:ident $written:ident) => {
        $(#[$attribute])*
        #[repr(transparent)]
        pub struct $name<U: Unit> {
            ticks: i64,
            unit: PhantomData<fn() -> U>,
        }

        impl<U: Unit> $name<U> {
            /// Not a time: NumPy's `NaT`.
            pub const NAT: Self = Self::new(NOT_A_TIME);

            /// Returns a value of so many units.
            ///
            /// # Examples
            ///
            #[doc = concat!("See [`", stringify!($name), "`].")]
            #[must_use]
            pub const fn new(ticks: i64) -> Self {
                Self { ticks, unit: PhantomData }
            }

            /// Returns how many units it is. That is `i64::MIN` if it is not a time.
            ///
            /// # Examples
            ///
            #[doc = concat!("See [`", stringify!($name), "`].")]
            #[must_use]
            pub const fn ticks(self) -> i64 {
                self.ticks
            }

            /// Returns whether it is not a time.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use ndshm::{", stringify!($name), ", unit::Second};")]
            ///
            #[doc = concat!("assert!(", stringify!($name), "::<Second>::NAT.is_nat());")]
            /// ```
            #[must_use]
            pub const fn is_nat(self) -> bool {
                self.ticks == NOT_A_TIME
            }
        }

        // SAFETY: a transparent i64, which is zeroable.
        unsafe impl<U: Unit> bytemuck::Zeroable for $name<U> {}

        // SAFETY: a transparent i64, all of whose bytes are valid; the marker has none.
        unsafe impl<U: Unit> bytemuck::Pod for $name<U> {}

        // SAFETY: 8 bytes that are an i64, as the dtype says, aligned as one.
        unsafe impl<U: Unit> Element for $name<U> {
            fn dtype() -> Dtype {
                Dtype::$dtype(U::UNIT)
            }
        }

        // Written out, because derived ones would ask the same of the unit.
        impl<U: Unit> Clone for $name<U> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<U: Unit> Copy for $name<U> {}

        impl<U: Unit> PartialEq for $name<U> {
            fn eq(&self, other: &Self) -> bool {
                self.ticks == other.ticks
            }
        }

        impl<U: Unit> Eq for $name<U> {}

        impl<U: Unit> PartialOrd for $name<U> {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl<U: Unit> Ord for $name<U> {
            fn cmp(&self, other: &Self) -> Ordering {
                self.ticks.cmp(&other.ticks)
            }
        }

        impl<U: Unit> Hash for $name<U> {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.ticks.hash(state);
            }
        }

        impl<U: Unit> fmt::Display for $name<U> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                U::UNIT.$written(self.ticks).fmt(f)
            }
        }

        impl<U: Unit> fmt::Debug for $name<U> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

times! {
    /// A date, counted in units since the beginning of 1970: NumPy's `datetime64`, 8 bytes.
    ///
    /// Equality and order are those of the counts. So [`NAT`](Self::NAT) is less than every date
    /// and equal to itself, while in NumPy it is equal to nothing. [`Array`](crate::Array)s and
    /// [`Npy`](crate::Npy) of `i64` open the same data as plain counts, whatever their unit.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::unit::Nanosecond;
    /// use ndshm::{Array1, Datetime};
    ///
    /// let ticks = Array1::<Datetime<Nanosecond>>::create_unique("doc-time-", 100)?; // "M8[ns]"
    /// ticks.write()?[0] = Datetime::new(1_700_000_000_123_456_789);
    /// assert_eq!(ticks.read()?[0].to_string(), "2023-11-14T22:13:20.123456789");
    /// let counts = Array1::<i64>::open(ticks.name())?;
    /// assert_eq!(counts.read()?[0], ticks.read()?[0].ticks());
    /// # Ok(()) }
    /// ```
    Datetime Datetime date
}

times! {
    /// A lapse of time, counted in units: NumPy's `timedelta64`, 8 bytes.
    ///
    /// Equality and order are those of the counts, as of [`Datetime`]; `i64` opens the same data here too.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndshm::unit::Second;
    /// use ndshm::{Element, Timedelta};
    ///
    /// let lapse = Timedelta::<Second>::new(90);
    /// assert_eq!((lapse.ticks(), lapse.to_string().as_str()), (90, "90 seconds"));
    /// assert_eq!(Timedelta::<Second>::dtype().to_string(), "<m8[s]");
    /// ```
    Timedelta Timedelta lapse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dtypes_have_the_unit() {
        assert_eq!(Datetime::<Nanosecond>::dtype().to_string(), "<M8[ns]");
        assert_eq!(Timedelta::<Generic>::dtype().to_string(), "<m8");
        assert_eq!(size_of::<Datetime<Day>>(), 8);
        assert_eq!(align_of::<Datetime<Day>>(), align_of::<i64>());
    }

    #[test]
    fn what_is_no_time_says_so() {
        assert_eq!(Datetime::<Day>::NAT.to_string(), "NaT");
        assert!(
            Datetime::<Day>::NAT.is_nat() && Datetime::<Day>::NAT < Datetime::new(i64::MIN + 1)
        );
        assert_eq!(format!("{:?}", Timedelta::<Hour>::new(-3)), "-3 hours");
    }
}
