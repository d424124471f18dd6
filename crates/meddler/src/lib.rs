//! Attribute macros that change the struct below them.
//!
//! A derive sees a struct as it is written. An attribute that stands below the derive is expanded later
//! and may still change the struct, so these show what a derive must not take on trust.

use proc_macro::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// Changes nothing.
#[proc_macro_attribute]
pub fn nothing(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Makes each `u8` a `bool`, not all of whose bytes are values.
#[proc_macro_attribute]
pub fn bool_for_u8(_: TokenStream, item: TokenStream) -> TokenStream {
    renamed(item, "u8", "bool")
}

/// Makes each `u32` a `f32`, an element of the same size that another dtype names.
#[proc_macro_attribute]
pub fn f32_for_u32(_: TokenStream, item: TokenStream) -> TokenStream {
    renamed(item, "u32", "f32")
}

/// Makes a union of the struct.
#[proc_macro_attribute]
pub fn union_for_struct(_: TokenStream, item: TokenStream) -> TokenStream {
    renamed(item, "struct", "union")
}

/// Adds a field of no bytes at the end.
#[proc_macro_attribute]
pub fn one_more_field(_: TokenStream, item: TokenStream) -> TokenStream {
    let mut trees: Vec<TokenTree> = item.into_iter().collect();
    if let Some(TokenTree::Group(fields)) = trees.last_mut() {
        let mut inside = fields.stream();
        inside.extend("one_more: (),".parse::<TokenStream>());
        *fields = Group::new(Delimiter::Brace, inside);
    }
    trees.into_iter().collect()
}

/// Aligns the struct to 64 bytes.
#[proc_macro_attribute]
pub fn aligned(_: TokenStream, item: TokenStream) -> TokenStream {
    let mut aligned: TokenStream = "#[repr(align(64))]".parse().unwrap_or_default();
    aligned.extend(item);
    aligned
}

/// Takes all `repr` away, so that the compiler may order the fields.
#[proc_macro_attribute]
pub fn without_repr(_: TokenStream, item: TokenStream) -> TokenStream {
    let mut kept: Vec<TokenTree> = Vec::new();
    for tree in item {
        let is_repr = matches!(&tree, TokenTree::Group(group)
            if group.delimiter() == Delimiter::Bracket && group.to_string().contains("repr"));
        if is_repr {
            // The `#` before it.
            kept.pop();
        } else {
            kept.push(tree);
        }
    }
    kept.into_iter().collect()
}

/// The same tokens, one name changed wherever it stands.
fn renamed(item: TokenStream, from: &str, to: &str) -> TokenStream {
    let change = |tree| match tree {
        TokenTree::Ident(name) if name.to_string() == from => {
            TokenTree::Ident(Ident::new(to, name.span()))
        }
        TokenTree::Group(group) => {
            TokenTree::Group(Group::new(group.delimiter(), renamed(group.stream(), from, to)))
        }
        tree => tree,
    };
    item.into_iter().map(change).collect()
}
