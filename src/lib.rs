//! Named shared-memory segments.

mod atomic;
mod error;
mod lock;
mod npy;
mod segment;
mod sync;
mod sys;
mod typed;

pub use crate::error::{Error, ErrorKind, Result};
pub use crate::npy::dtype::{Dtype, Field};
pub use crate::npy::header::Order;
pub use crate::npy::scalar::Scalar;
pub use crate::segment::{
    Access, Handle, Info, Kind, Lifetime, Options, Origin, Reserve, Segment, list, remove,
};
pub use crate::sync::{Poison, PoisonCause};
pub use crate::typed::array::{
    Array, Array as SharedArray, Array1, Array2, Array3, Array4, Array5, Array6, ArrayD,
};
pub use crate::typed::bool::Bool;
pub use crate::typed::element::Element;
pub use crate::typed::guard::{OwnedReadGuard, OwnedWriteGuard, ReadGuard, WriteGuard};
pub use crate::typed::number::{Integer, Number};
pub use crate::typed::request::Request;
pub use crate::typed::value::{Value, ValueGuard};

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
