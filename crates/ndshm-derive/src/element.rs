//! From the definition of a struct to its `Element` implementation.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{
    Data, DeriveInput, Error, Ident, LitInt, LitStr, Member, Result, Type, parenthesized, token,
};

/// Returns the implementations, or says what about the definition stands in the way.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(_) => return refuse(&input.ident, ENUM),
        Data::Union(_) => return refuse(&input.ident, UNION),
    };
    if !input.generics.params.is_empty() {
        return refuse(&input.generics, GENERIC);
    }
    let repr = Repr::of(input)?;
    let fields = fields
        .members()
        .zip(fields)
        .map(|(member, field)| Field::of(&input.ident, member, field))
        .collect::<Result<Vec<_>>>()?;
    let dtype = match (repr, fields.as_slice()) {
        (_, []) => return refuse(&input.ident, EMPTY),
        (Repr::Transparent, [field]) => {
            let reach = field.reach();
            quote!(::ndshm::__private::dtype_of_field(#reach))
        }
        (Repr::Transparent, _) => return refuse(&input.ident, TRANSPARENT),
        (Repr::C, [Field { member: Member::Unnamed(_), .. }, ..]) => {
            return refuse(&input.ident, TUPLE);
        }
        (Repr::C, fields) => {
            let fields = fields.iter().map(Field::description);
            quote!(::ndshm::Dtype::Struct(::std::vec![#(#fields),*]))
        }
    };

    let name = &input.ident;
    let layout = layout_checks(name, &fields);
    Ok(quote! {
        #layout

        // SAFETY: the fields are `Pod`, being elements, and leave no padding, as was checked.
        #[automatically_derived]
        #[allow(unsafe_code)]
        unsafe impl ::ndshm::__private::bytemuck::Zeroable for #name {}

        // SAFETY: as above; the compiler checks that the type is `Copy`.
        #[automatically_derived]
        #[allow(unsafe_code)]
        unsafe impl ::ndshm::__private::bytemuck::Pod for #name {}

        // SAFETY: the dtype lists the fields in order, and none has padding around it.
        #[automatically_derived]
        #[allow(unsafe_code)]
        unsafe impl ::ndshm::Element for #name {
            #[allow(deprecated)]
            fn dtype() -> ::ndshm::Dtype {
                #dtype
            }
        }
    })
}

const ENUM: &str = "an enum cannot be an Element: bytes that are no variant would be undefined \
                    behaviour; store an integer and convert it";
const UNION: &str = "a union cannot be an Element: no dtype says which of its fields is meant";
const GENERIC: &str = "a generic struct cannot be an Element: its layout differs with its \
                       parameters, and borrowed data means nothing in another process; write one \
                       struct for each layout";
const EMPTY: &str = "a struct without fields cannot be an Element: it has no bytes to share";
const TUPLE: &str = "an Element needs named fields, for they are named in the dtype; a tuple struct \
                     of one field may be #[repr(transparent)]";
const TRANSPARENT: &str = "a transparent Element has exactly one field";
const REPR: &str = "an Element needs #[repr(C)], which fixes the order of its fields";
const ALIGN: &str = "an Element is aligned as the greatest of its fields, for a dtype says no more; \
                     remove align";
const REFERENCE: &str = "a reference or pointer cannot be in an Element: it means nothing in \
                         another process";
const PADDING: &str = "padding is an array of bytes, [u8; N]";
const ATTRIBUTE: &str = "expected #[element(rename = \"...\")] or #[element(padding)]";

/// How the fields lie in memory.
#[derive(Clone, Copy)]
enum Repr {
    C,
    Transparent,
}

impl Repr {
    fn of(input: &DeriveInput) -> Result<Self> {
        let mut found = None;
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("repr")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("align") {
                    return Err(meta.error(ALIGN));
                } else if meta.path.is_ident("packed") {
                    // Where fields then lie is checked, whatever the number says.
                    skip_argument(meta.input)?;
                } else if meta.path.is_ident("C") {
                    found = Some(Self::C);
                } else if meta.path.is_ident("transparent") {
                    found = Some(Self::Transparent);
                }
                Ok(())
            })?;
        }
        found.map_or_else(|| refuse(&input.ident, REPR), Ok)
    }
}

/// Skips the number in `packed(2)`.
fn skip_argument(input: ParseStream<'_>) -> Result<()> {
    if input.peek(token::Paren) {
        let number;
        parenthesized!(number in input);
        number.parse::<LitInt>()?;
    }
    Ok(())
}

/// A field of the struct and what the dtype calls it.
///
/// Its type is never repeated in what is generated. An attribute below the derive may still change
/// it, and a macro in its place may say something else each time; so the compiler is asked for
/// the type that the field has.
struct Field<'a> {
    owner: &'a Ident,
    member: Member,
    ty: &'a Type,
    role: Role,
}

enum Role {
    Named(String),
    Padding,
}

impl<'a> Field<'a> {
    fn of(owner: &'a Ident, member: Member, field: &'a syn::Field) -> Result<Self> {
        if matches!(field.ty, Type::Reference(_) | Type::Ptr(_)) {
            return refuse(&field.ty, REFERENCE);
        }
        let mut role = Role::Named(name_of(&member));
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("element"))
        {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("padding") {
                    role = Role::Padding;
                    Ok(())
                } else if meta.path.is_ident("rename") {
                    role = Role::Named(meta.value()?.parse::<LitStr>()?.value());
                    Ok(())
                } else {
                    Err(meta.error(ATTRIBUTE))
                }
            })?;
        }
        Ok(Self { owner, member, ty: &field.ty, role })
    }

    /// A function from the struct to the field, from whose type the field's is inferred: raw pointers
    /// are not coerced.
    fn reach(&self) -> TokenStream {
        let Self { owner, member, ty, .. } = self;
        quote_spanned!(ty.span()=> |whole: &#owner| &raw const whole.#member)
    }

    fn description(&self) -> TokenStream {
        let reach = self.reach();
        match &self.role {
            Role::Named(name) => {
                quote!(::ndshm::Field::new(#name, ::ndshm::__private::dtype_of_field(#reach)))
            }
            Role::Padding => {
                quote!(::ndshm::Field::padding(::ndshm::__private::size_of_field(#reach)))
            }
        }
    }
}

/// Compile-time checks that the struct has these fields and no others, that every field is an element
/// and begins where the last one ends, and that nothing else aligns the struct. Each is a constant
/// of its own, so that all that fail are reported.
fn layout_checks(name: &Ident, fields: &[Field<'_>]) -> TokenStream {
    let mut end = quote!(0);
    let mut checks = TokenStream::new();
    for field @ Field { member, ty, role, .. } in fields {
        let (field_name, reach) = (name_of(member), field.reach());
        let offset = quote!(::core::mem::offset_of!(#name, #member));
        checks.extend(quote_spanned! {ty.span()=>
            const _: () = ::ndshm::__private::assert_element(#reach);
        });
        checks.extend(quote! {
            const _: () =
                ::ndshm::__private::assert_no_padding_before(#field_name, #end, #offset);
        });
        if matches!(role, Role::Padding) {
            checks.extend(quote! {
                const _: () =
                    ::core::assert!(::ndshm::__private::align_of_field(#reach) == 1, #PADDING);
            });
        }
        end = quote!(#offset + ::ndshm::__private::size_of_field(#reach));
    }
    let struct_name = name.unraw().to_string();
    let members = fields.iter().map(|field| &field.member);
    let bindings = (0..fields.len()).map(|index| format_ident!("_field_{index}"));
    let alignments = fields.iter().map(Field::reach);
    quote! {
        #[allow(deprecated)]
        const _: () = {
            #checks
            ::ndshm::__private::assert_no_padding_at_the_end(
                #struct_name,
                #end,
                ::core::mem::size_of::<#name>(),
            );
            // All fields of a struct, taken out by value, as no union lets it be done.
            const _: fn(#name) = |whole| {
                let #name { #(#members: #bindings),* } = whole;
            };
            ::ndshm::__private::assert_alignment(
                #struct_name,
                &[#(::ndshm::__private::align_of_field(#alignments)),*],
                ::core::mem::align_of::<#name>(),
            );
        };
    }
}

fn name_of(member: &Member) -> String {
    match member {
        Member::Named(name) => name.unraw().to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}

fn refuse<T>(at: impl ToTokens, why: &str) -> Result<T> {
    Err(Error::new_spanned(at, why))
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[track_caller]
    fn assert_refused(input: &DeriveInput, why: &str) {
        assert_eq!(expand(input).unwrap_err().to_string(), why);
    }

    #[test]
    fn only_structs_of_one_layout_are_elements() {
        assert_refused(
            &parse_quote!(
                #[repr(u8)]
                enum E {
                    A,
                }
            ),
            ENUM,
        );
        assert_refused(&parse_quote!(#[repr(C)] union U { a: u8 }), UNION);
        assert_refused(
            &parse_quote!(
                #[repr(C)]
                struct S<T> {
                    a: T,
                }
            ),
            GENERIC,
        );
        assert_refused(
            &parse_quote!(
                #[repr(C)]
                struct S<'a> {
                    a: &'a u8,
                }
            ),
            GENERIC,
        );
        assert_refused(
            &parse_quote!(
                #[repr(C)]
                struct S;
            ),
            EMPTY,
        );
        assert_refused(
            &parse_quote!(
                #[repr(C)]
                struct S {}
            ),
            EMPTY,
        );
    }

    #[test]
    fn the_layout_must_be_that_of_a_c_struct() {
        assert_refused(
            &parse_quote!(
                struct S {
                    a: u8,
                }
            ),
            REPR,
        );
        assert_refused(
            &parse_quote!(
                #[repr(Rust)]
                struct S {
                    a: u8,
                }
            ),
            REPR,
        );
        assert_refused(
            &parse_quote!(
                #[repr(C, align(8))]
                struct S {
                    a: u64,
                }
            ),
            ALIGN,
        );
    }

    #[test]
    fn a_struct_may_be_packed() {
        for input in [
            parse_quote!(
                #[repr(C, packed)]
                struct S {
                    a: u8,
                }
            ),
            parse_quote!(
                #[repr(C)]
                #[repr(packed(2))]
                struct S {
                    a: u8,
                }
            ),
        ] {
            assert!(expand(&input).is_ok());
        }
        assert_refused(
            &parse_quote!(
                #[repr(packed)]
                struct S {
                    a: u8,
                }
            ),
            REPR,
        );
    }

    #[test]
    fn fields_have_names_unless_there_is_one_field() {
        assert_refused(
            &parse_quote!(
                #[repr(C)]
                struct S(u8, u8);
            ),
            TUPLE,
        );
        assert_refused(
            &parse_quote!(
                #[repr(transparent)]
                struct S {
                    a: u8,
                    b: (),
                }
            ),
            TRANSPARENT,
        );
        assert!(
            expand(&parse_quote!(
                #[repr(transparent)]
                struct S(u8);
            ))
            .is_ok()
        );
    }

    #[test]
    fn pointers_are_refused() {
        assert_refused(
            &parse_quote!(
                #[repr(C)]
                struct S {
                    a: &'static u8,
                }
            ),
            REFERENCE,
        );
        assert_refused(
            &parse_quote!(
                #[repr(C)]
                struct S {
                    a: *const u8,
                }
            ),
            REFERENCE,
        );
    }

    #[test]
    fn unknown_attributes_are_refused() {
        assert_refused(
            &parse_quote!(
                #[repr(C)]
                struct S {
                    #[element(skip)]
                    a: u8,
                }
            ),
            ATTRIBUTE,
        );
    }

    #[test]
    fn fields_are_named_as_they_are_called() {
        let input = parse_quote!(
            #[repr(C)]
            struct S {
                r#type: u8,
                #[element(rename = "x y")]
                b: u8,
            }
        );
        let output = expand(&input).unwrap().to_string();
        assert!(output.contains("Field :: new (\"type\" ,"), "{output}");
        assert!(output.contains("Field :: new (\"x y\" ,"), "{output}");
    }
}
