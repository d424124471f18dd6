//! The public API of the library as a text, so that a change to it is seen and reviewed.
//!
//! The text is made from rustdoc's JSON, which has the methods that macros generate. Its format changes
//! from time to time; a rustdoc of another format than `rustdoc-types` reads is no failure of the library,
//! and the check is skipped then.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{self, Path};
use std::process::Command;

use public_api::PublicApi;
use rustdoc_types::FORMAT_VERSION;

use crate::Outcome;
use crate::Result;
use crate::command;
use crate::paths;

/// What is done with the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action {
    /// It is written to the checkout.
    Write,
    /// It is compared with the one in the checkout.
    Check,
}

/// The text in the checkout.
const PINNED: &str = "docs/api.txt";

/// Runs rustdoc with unstable options allowed, for JSON is one. It is a program, and not a variable for
/// Cargo, because some build scripts look at that variable, and nearly all crates would be built anew.
const RUSTDOC: &str = "crates/xtask/rustdoc.sh";

pub(crate) fn run(action: Action) -> Result<Outcome> {
    let mut doc = command::cargo(["rustdoc", "--lib", "--all-features"]);
    // The step `documentation` complains of what is wrong with it.
    doc.args(["--", "-Zunstable-options", "--output-format=json", "--cap-lints=allow"]);
    command::run(doc.env("RUSTDOC", path::absolute(RUSTDOC)?))?;
    let target = paths::target()?;
    let json = target.join("doc/ndshm.json");
    let format = format_version(&fs::read_to_string(&json)?)?;
    if format != FORMAT_VERSION {
        return Ok(Outcome::Skipped(format!(
            "this toolchain's rustdoc writes JSON of format {format}, `public-api` reads \
             {FORMAT_VERSION}: use another toolchain, or another version in crates/xtask/Cargo.toml"
        )));
    }
    let api = public_api::Builder::from_rustdoc_json(json);
    let text = text(&api.omit_blanket_impls(true).omit_auto_trait_impls(true).build()?);
    match action {
        Action::Write => fs::write(PINNED, text)?,
        Action::Check => compare(&text, &target.join("api.txt"))?,
    }
    Ok(Outcome::Passed)
}

/// Returns the format that rustdoc says its JSON has.
fn format_version(json: &str) -> Result<u32> {
    let (_, rest) = json.rsplit_once("\"format_version\":").ok_or("rustdoc names no format")?;
    let digits = rest.trim_start().split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    Ok(digits.parse()?)
}

/// Shows how the text differs from the one in the checkout; that it does is an error.
fn compare(text: &str, made: &Path) -> Result {
    fs::write(made, text)?;
    let mut diff = Command::new("git");
    diff.args(["diff", "--no-index", "--no-color", "--exit-code", PINNED]);
    command::run(diff.arg(made)).map_err(|_| {
        format!(
            "the public API is not the one of {PINNED}, as shown above: if that is meant, run `cargo \
             xtask api`, commit the file, and say in CHANGELOG.md what users notice"
        )
        .into()
    })
}

/// An item that is not of an `impl`, with what follows it.
#[derive(Default)]
struct Group {
    line: String,
    /// By the line of the `impl`, the lines of what is in it.
    impls: BTreeMap<String, BTreeSet<String>>,
}

/// Returns a line for each item: modules, types and functions in the order of `public-api`, each type
/// followed by its `impl`s, sorted.
///
/// How methods are spread over `impl` blocks says nothing to users, so blocks with the same head are one.
fn text(api: &PublicApi) -> String {
    let mut heads = HashMap::<_, String>::new();
    let mut groups = vec![Group::default()];
    for item in api.items() {
        let line = item.to_string();
        let impls = &mut groups.last_mut().expect("there is one from the start").impls;
        if let Some(head) = item.parent_id().and_then(|parent| heads.get(&parent)) {
            if is_told(head, &line) {
                impls.entry(head.clone()).or_default().insert(line);
            }
        } else if line.trim_start_matches("unsafe ").starts_with("impl") {
            impls.entry(line.clone()).or_default();
            heads.insert(item.id(), line);
        } else {
            groups.push(Group { line, ..Group::default() });
        }
    }
    let mut told = BTreeSet::new();
    let mut text = String::new();
    for group in &groups[1..] {
        let impls = group.impls.iter().filter(|(head, _)| !head.contains(DERIVED));
        let lines = impls.flat_map(|(head, items)| [head].into_iter().chain(items));
        for line in [&group.line].into_iter().chain(lines) {
            // An `impl` is listed with the type, and again with the trait if that is ours.
            if told.insert(line.as_str()) {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

/// What comes with `derive(PartialEq)`, and no program can name.
const DERIVED: &str = "StructuralPartialEq";

/// Whether an item of an `impl` says something that its head does not: the functions of a trait are
/// the trait's.
fn is_told(head: &str, line: &str) -> bool {
    !head.contains(" for ") || !line.contains(" fn ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_last_thing_in_the_json() {
        let json = r#"{"docs":"\"format_version\":1","format_version":57}"#;
        assert_eq!(format_version(json).unwrap(), 57);
        assert!(format_version("{}").is_err());
        assert!(format_version(r#"{"format_version":"x"}"#).is_err());
    }

    #[test]
    fn functions_of_traits_are_left_out_and_their_types_are_not() {
        let head = "impl core::ops::Deref for ndshm::Lease<T, D>";
        assert!(!is_told(head, "pub fn ndshm::Lease<T, D>::deref(&self) -> &Self::Target"));
        assert!(is_told(head, "pub type ndshm::Lease<T, D>::Target = [T]"));
        assert!(is_told("impl<T> ndshm::Value<T>", "pub fn ndshm::Value<T>::name(&self) -> &str"));
    }
}
