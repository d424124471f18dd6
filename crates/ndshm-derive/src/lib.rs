//! Derive macro of `ndshm`: structs as elements of shared arrays.

#[cfg(doctest)]
mod changed;
mod element;

use proc_macro::TokenStream;

/// Implements `ndshm::Element` for a struct, and `bytemuck::{Pod, Zeroable}` with it.
///
/// The struct needs `#[repr(C)]`, `Copy` and at least one field, and every field must be an
/// `Element`; the dtype has the same fields in the same order. A `#[repr(transparent)]` struct of
/// one field has the dtype of the field.
///
/// NumPy packs a structured dtype unless it is made with `align=True`: its fields follow each other
/// without gaps, wherever that puts them. Such a dtype is a `#[repr(C, packed)]` struct here. The
/// compiler lets no reference to a packed field be made; copy the field instead, as in `{ row.price }`.
///
/// # Errors
///
/// It does not compile if a field is not an element, a reference say; if there is padding, whose
/// bytes would be undefined, and then the message names the field after it and the bytes to add; or
/// if the type is packed, over-aligned, generic, an enum or a union.
///
/// # Attributes
///
/// - `#[element(rename = "x")]` on a field: its name in the dtype.
/// - `#[element(padding)]` on a field of bytes: padding in the dtype, as `np.dtype(..., align=True)`
///   has it.
///
/// # Examples
///
/// ```
/// use ndshm::{Bool, Element};
///
/// #[derive(Clone, Copy, Element)]
/// #[repr(C)]
/// struct Sample {
///     time: f64,
///     volts: [f32; 4],
///     valid: Bool,
///     r#type: u8,
///     #[element(padding)]
///     _pad: [u8; 6],
/// }
///
/// assert_eq!(
///     Sample::dtype().to_string(),
///     "[('time', '<f8'), ('volts', '<f4', (4,)), ('valid', '|b1'), ('type', '|u1'), ('', '|V6')]",
/// );
///
/// #[derive(Clone, Copy, Element)]
/// #[repr(transparent)]
/// struct Metres(f64);
///
/// assert_eq!(Metres::dtype(), f64::dtype());
/// ```
///
/// A packed struct, for `np.dtype([('side', 'u1'), ('price', '<f8')])`:
///
/// ```
/// use ndshm::Element;
///
/// #[derive(Clone, Copy, Debug, Element)]
/// #[repr(C, packed)]
/// struct Quote {
///     side: u8,
///     price: f64,
/// }
///
/// assert_eq!(Quote::dtype().to_string(), "[('side', '|u1'), ('price', '<f8')]");
/// assert_eq!(size_of::<Quote>(), 9);
/// ```
///
/// Three bytes of padding before field `b` are an error:
///
/// ```compile_fail,E0080
/// #[derive(Clone, Copy, ndshm::Element)]
/// #[repr(C)]
/// struct Gap {
///     a: u8,
///     b: u32,
/// }
/// ```
///
/// So is padding at the end:
///
/// ```compile_fail,E0080
/// #[derive(Clone, Copy, ndshm::Element)]
/// #[repr(C)]
/// struct Tail {
///     a: u32,
///     b: u8,
/// }
/// ```
///
/// So is a field that is not an element, and a type that is not `Copy`:
///
/// ```compile_fail,E0277
/// #[derive(Clone, Copy, ndshm::Element)]
/// #[repr(C)]
/// struct Flag {
///     set: bool,
/// }
/// ```
///
/// ```compile_fail,E0277
/// #[derive(ndshm::Element)]
/// #[repr(C)]
/// struct Moved {
///     id: u64,
/// }
/// ```
#[proc_macro_derive(Element, attributes(element))]
pub fn derive_element(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    element::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
