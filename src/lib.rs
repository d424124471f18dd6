//! Named shared-memory segments.

mod error;
mod npy;
mod typed;

pub use crate::error::{Error, ErrorKind, Result};
pub use crate::npy::dtype::{Dtype, Field};
pub use crate::npy::header::Order;
pub use crate::npy::scalar::Scalar;
pub use crate::typed::bool::Bool;
pub use crate::typed::element::Element;

#[cfg(feature = "derive")]
pub use ndshm_derive::Element;

/// What the derive macro's code calls.
#[doc(hidden)]
pub mod __private {
    pub use crate::typed::element::{assert_no_padding_at_the_end, assert_no_padding_before};
    pub use bytemuck;
}

/// What the fuzzer calls.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod __fuzz {
    /// Reads bytes as an NPY header.
    pub fn header(bytes: &[u8]) {
        crate::npy::header::check_round_trip(bytes);
    }
}
