//! `ndshm rm`.

use serde_json::json;

use crate::args::Rm;
use crate::failure::{Failure, Outcome, Result};
use crate::home::{Home, Target, What};
use crate::output::Output;

pub(crate) fn run(args: &Rm, home: &Home, out: &Output) -> Result<Outcome> {
    let mut doomed: Vec<(String, Target)> = args
        .names
        .iter()
        .map(|name| (name.to_string_lossy().into_owned(), home.find(name)))
        .collect();
    if let Some(prefix) = &args.prefix {
        let entries = home.entries(prefix)?.into_iter();
        let ours =
            entries.filter(|entry| matches!(entry.what, What::Segment(_) | What::Damaged(_)));
        doomed.extend(ours.map(|entry| (entry.name, entry.target)));
    }
    let mut removed = Vec::new();
    let mut failure = None;
    for (name, target) in &doomed {
        let done = if args.dry_run {
            ndshm::Look::of(target.address()).map(drop).or_else(|error| {
                // A damaged segment is removed as well.
                if crate::failure::is_damage(error.kind()) { Ok(()) } else { Err(error) }
            })
        } else {
            ndshm::remove(target.address())
        };
        match done {
            Ok(()) => {
                let verb = if args.dry_run { "would remove" } else { "removed" };
                out.note(&format!("{verb} {name}"))?;
                removed.push(name);
            }
            // The others are removed all the same. The first reason decides how this ends.
            Err(error) => {
                let error = Failure::from(error);
                if failure.is_some() {
                    error.tell();
                }
                failure.get_or_insert(error);
            }
        }
    }
    if out.json {
        out.value(&json!({ "removed": removed, "dry_run": args.dry_run }))?;
    }
    failure.map_or(Ok(Outcome::Fine), Err)
}
