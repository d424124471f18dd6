//! `ndshm reap`.

use serde_json::json;

use crate::args::Reap;
use crate::failure::{Failure, Outcome, Result};
use crate::home::Home;
use crate::output::Output;
use crate::units;

pub(crate) fn run(args: &Reap, home: &Home, out: &Output) -> Result<Outcome> {
    if !home.is_shared_memory() {
        return Err(Failure::usage(
            "reap looks after /dev/shm alone: files are meant to stay; remove one with `ndshm rm`",
        ));
    }
    let (verb, found) = if args.dry_run {
        let entries = home.entries(args.prefix.as_deref().unwrap_or(""))?;
        let stale = entries.into_iter().filter(|entry| entry.is_stale());
        ("would remove", stale.map(|entry| (entry.name, entry.len)).collect())
    } else {
        let reaped = match &args.prefix {
            Some(prefix) => ndshm::reap_prefix(prefix)?,
            None => ndshm::reap()?,
        };
        let mut reaped: Vec<_> =
            reaped.iter().map(|info| (info.name().to_owned(), info.file_len())).collect();
        reaped.sort();
        ("removed", reaped)
    };
    let bytes = found.iter().map(|(_, len)| len).sum();
    if out.json {
        let names: Vec<_> = found.iter().map(|(name, _)| name).collect();
        out.value(&json!({ "removed": names, "bytes": bytes, "dry_run": args.dry_run }))?;
        return Ok(Outcome::Fine);
    }
    for (name, len) in &found {
        out.note(&format!("{verb} {name} ({})", out.size(*len)))?;
    }
    out.note(&format!("{verb} {}, {}", units::segments(found.len()), out.size(bytes)))?;
    Ok(Outcome::Fine)
}
