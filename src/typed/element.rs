//! The Rust types that arrays may hold.
//!
//! # Safety
//!
//! Every implementation here pairs a type with the dtype of the same layout. So code that has
//! compared dtypes may view the payload as a slice of the type. There is no other unsafe code.
#![allow(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use crate::npy::dtype::Dtype;
use crate::npy::scalar::Scalar;
use crate::typed::bool::Bool;

const _: () =
    assert!(u16::from_ne_bytes([1, 0]) == 1, "dtypes are little-endian, this target is not");

/// A type that arrays in shared memory may hold. Any bytes are a valid value, and a [`Dtype`] tells
/// other languages what they mean.
///
/// It is implemented for integers of fixed width, `f32`, `f64`, [`Bool`](crate::Bool), the strings
/// [`Bytes`](crate::Bytes) and [`Text`](crate::Text), the times [`Datetime`](crate::Datetime) and
/// [`Timedelta`](crate::Timedelta), and arrays of elements. The features `half` and `num-complex`
/// add `half::{f16, bf16}` and `num_complex::Complex`. `#[derive(Element)]` implements it for
/// structs. It is not implemented for
///
/// - `bool` and `char`, because a value that they forbid, written by another process, would be
///   undefined behaviour;
/// - `usize` and `isize`, whose width differs between a 32-bit and a 64-bit process on one machine:
///   use `u64` or `i64`;
/// - references, pointers, `String` or `Vec`, which mean nothing in another process.
///
/// Elements of no bytes, such as `[T; 0]`, are refused with
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when an array is created or opened,
/// because no format can count them.
///
/// # Safety
///
/// - `Self` has the size of `dtype()` and at most its alignment, on every target.
/// - The fields, items and numbers of `Self` lie where `dtype()` says, and are what it says, so
///   that whatever has an equal dtype may be read as `Self`.
/// - `dtype()` is the same at every call.
///
/// # Examples
///
/// ```
/// use ndshm::Element;
///
/// assert_eq!(<[u8; 3]>::dtype().to_string(), "('|u1', (3,))");
/// # #[cfg(feature = "derive")] {
/// #[derive(Clone, Copy, Element)]
/// #[repr(C)]
/// struct Particle {
///     position: [f32; 3],
///     id: u32,
/// }
/// assert_eq!(Particle::dtype().to_string(), "[('position', '<f4', (3,)), ('id', '<u4')]");
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of a shared array",
    label = "not an `ndshm::Element`",
    note = "use `ndshm::Bool` for `bool`, `u64` or `i64` for `usize` or `isize`",
    note = "add `#[derive(Clone, Copy, ndshm::Element)]` and `#[repr(C)]` to a struct of elements"
)]
pub unsafe trait Element: bytemuck::Pod + Send + Sync {
    /// Returns the dtype of one element.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndshm::{Dtype, Element, Scalar};
    ///
    /// assert_eq!(i16::dtype(), Dtype::Scalar(Scalar::I16));
    /// ```
    #[must_use]
    fn dtype() -> Dtype;
}

macro_rules! scalars {
    ($($(#[$attribute:meta])* $type:ty => $scalar:ident,)*) => {$(
        $(#[$attribute])*
        const _: () = {
            assert!(size_of::<$type>() == Scalar::$scalar.item_size());
            assert!(align_of::<$type>() <= Scalar::$scalar.alignment());

            // SAFETY: size and alignment were compared above; both names mean the same number.
            unsafe impl Element for $type {
                fn dtype() -> Dtype {
                    Dtype::Scalar(Scalar::$scalar)
                }
            }
        };
    )*};
}

scalars! {
    Bool => Bool,
    u8 => U8,
    u16 => U16,
    u32 => U32,
    u64 => U64,
    i8 => I8,
    i16 => I16,
    i32 => I32,
    i64 => I64,
    f32 => F32,
    f64 => F64,
    #[cfg(feature = "half")]
    half::f16 => F16,
    #[cfg(feature = "half")]
    half::bf16 => Bf16,
    #[cfg(feature = "num-complex")]
    num_complex::Complex<f32> => Complex64,
    #[cfg(feature = "num-complex")]
    num_complex::Complex<f64> => Complex128,
}

// SAFETY: an array is its items in a row, and its alignment is theirs.
unsafe impl<T: Element, const N: usize> Element for [T; N] {
    fn dtype() -> Dtype {
        Dtype::Array(Box::new(T::dtype()), N)
    }
}

/// The dtype of `T`, if arrays can hold it.
///
/// # Errors
///
/// `InvalidArgument` if elements have no bytes, or a field has a name that no header can hold.
pub(crate) fn checked_dtype<T: Element>() -> Result<Dtype> {
    let dtype = T::dtype();
    dtype.check()?;
    if dtype.item_size() == size_of::<T>() {
        return Ok(dtype);
    }
    let (stated, actual) = (dtype.item_size(), size_of::<T>());
    let message = format!("an Element of {actual} bytes states {dtype}, which has {stated}");
    Err(Error::new(ErrorKind::InvalidArgument, message))
}

/// Compiles if the field is an element. The argument of these functions leads from a struct to a
/// field. It is never called: the compiler infers the type of the field from it.
#[doc(hidden)]
pub const fn assert_element<S, T: Element>(_: fn(&S) -> *const T) {}

/// The dtype of a field.
#[doc(hidden)]
#[must_use]
pub fn dtype_of_field<S, T: Element>(_: fn(&S) -> *const T) -> Dtype {
    T::dtype()
}

/// The size of a field in bytes.
#[doc(hidden)]
#[must_use]
pub const fn size_of_field<S, T>(_: fn(&S) -> *const T) -> usize {
    size_of::<T>()
}

/// The alignment of a field's type in bytes.
#[doc(hidden)]
#[must_use]
pub const fn align_of_field<S, T>(_: fn(&S) -> *const T) -> usize {
    align_of::<T>()
}

/// Fails to compile, naming the struct, if it is aligned to more than each of its fields.
#[doc(hidden)]
pub const fn assert_alignment(name: &str, fields: &[usize], alignment: usize) {
    let mut index = 0;
    while index < fields.len() {
        if fields[index] >= alignment {
            return;
        }
        index += 1;
    }
    Message::NEW
        .text("`")
        .text(name)
        .text("` is aligned to ")
        .number(alignment)
        .text(" bytes and none of its fields is, for which a dtype has no word: remove align")
        .panic();
}

/// Fails to compile, naming the field, if it does not begin where the one before it ends.
#[doc(hidden)]
pub const fn assert_no_padding_before(field: &str, end: usize, offset: usize) {
    if end != offset {
        Message::of_padding(offset - end, " before field `", field).panic();
    }
}

/// Fails to compile, naming the struct, if it does not end where its last field does.
#[doc(hidden)]
pub const fn assert_no_padding_at_the_end(name: &str, end: usize, size: usize) {
    if end != size {
        Message::of_padding(size - end, " at the end of `", name).panic();
    }
}

/// A sentence built at compile time, where nothing can be formatted. It is cut if it is too long.
struct Message {
    bytes: [u8; 512],
    len: usize,
}

impl Message {
    const NEW: Self = Self { bytes: [0; 512], len: 0 };

    const fn of_padding(size: usize, place: &str, name: &str) -> Self {
        Self::NEW
            .number(size)
            .text(if size == 1 { " byte of padding" } else { " bytes of padding" })
            .text(place)
            .text(name)
            .text("`: reorder the fields, or add a field `#[element(padding)] _pad: [u8; ")
            .number(size)
            .text("]`")
    }

    const fn text(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut index = 0;
        while index < text.len() && self.len < self.bytes.len() {
            self.bytes[self.len] = text[index];
            self.len += 1;
            index += 1;
        }
        self
    }

    const fn number(self, number: usize) -> Self {
        const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let shorter = if number < 10 { self } else { self.number(number / 10) };
        shorter.text(DIGITS[number % 10])
    }

    const fn panic(&self) -> ! {
        match str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("padding between the fields"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_nest() {
        assert_eq!(<[[f32; 3]; 2]>::dtype().to_string(), "('<f4', (2, 3))");
        assert_eq!(checked_dtype::<[[f32; 3]; 2]>().unwrap().item_size(), 24);
    }

    #[test]
    #[cfg(all(feature = "half", feature = "num-complex"))]
    fn numbers_of_other_crates_are_elements() {
        assert_eq!(half::f16::dtype().to_string(), "<f2");
        assert_eq!(<[half::bf16; 2]>::dtype().to_string(), "('<bf16', (2,))");
        assert_eq!(num_complex::Complex::<f32>::dtype().to_string(), "<c8");
        assert_eq!(num_complex::Complex::<f64>::dtype().to_string(), "<c16");
    }

    #[test]
    fn elements_of_no_bytes_are_an_error() {
        let error = checked_dtype::<[f32; 0]>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(checked_dtype::<[[f32; 0]; 3]>().is_err());
    }

    #[test]
    #[should_panic(expected = "12 bytes of padding before field `b`: reorder the fields, or add \
                               a field `#[element(padding)] _pad: [u8; 12]`")]
    fn padding_between_fields_is_counted() {
        assert_no_padding_before("b", 4, 16);
    }

    #[test]
    #[should_panic(expected = "1 byte of padding at the end of `Sample`: ")]
    fn padding_at_the_end_is_counted() {
        assert_no_padding_at_the_end("Sample", 7, 8);
    }
}
