//! Structs that an attribute changes after the derive looked at them: each is an element as it is in the
//! end, or does not compile.
//!
//! ```
//! #[derive(Clone, Copy, ndshm::Element)]
//! #[repr(C)]
//! #[meddler::nothing]
//! struct Unchanged {
//!     a: u8,
//!     b: u8,
//! }
//! assert_eq!(<Unchanged as ndshm::Element>::dtype().item_size(), 2);
//! ```
//!
//! The dtype is that of the fields that there are:
//!
//! ```
//! #[derive(Clone, Copy, ndshm::Element)]
//! #[repr(C)]
//! #[meddler::f32_for_u32]
//! struct Other {
//!     a: u32,
//! }
//! assert_eq!(<Other as ndshm::Element>::dtype().to_string(), "[('a', '<f4')]");
//! ```
//!
//! ```compile_fail,E0277
//! #[derive(Clone, Copy, ndshm::Element)]
//! #[repr(C)]
//! #[meddler::bool_for_u8]
//! struct Untrue {
//!     a: u8,
//!     b: u8,
//! }
//! ```
//!
//! ```compile_fail,E0277
//! #[derive(Clone, Copy, ndshm::Element)]
//! #[repr(transparent)]
//! #[meddler::bool_for_u8]
//! struct Untrue(u8);
//! ```
//!
//! ```compile_fail,E0027
//! #[derive(Clone, Copy, ndshm::Element)]
//! #[repr(C)]
//! #[meddler::one_more_field]
//! struct More {
//!     a: u8,
//! }
//! ```
//!
//! ```compile_fail,E0133
//! #[derive(Clone, Copy, ndshm::Element)]
//! #[repr(C)]
//! #[meddler::union_for_struct]
//! struct Either {
//!     a: u8,
//! }
//! ```
//!
//! ```compile_fail,E0080
//! #[derive(Clone, Copy, ndshm::Element)]
//! #[repr(C)]
//! #[meddler::aligned]
//! struct Aligned {
//!     a: [u8; 64],
//! }
//! ```
//!
//! The compiler may put `c` first:
//!
//! ```compile_fail,E0080
//! #[derive(Clone, Copy, ndshm::Element)]
//! #[repr(C)]
//! #[meddler::without_repr]
//! struct Unordered {
//!     a: u8,
//!     #[element(padding)]
//!     _pad: [u8; 3],
//!     b: u32,
//!     c: u64,
//! }
//! ```
