//! `ndshm watch`.

use std::thread;

use ndshm::Status;

use super::{info, ls};
use crate::args::Watch;
use crate::failure::{Failure, Outcome, Result};
use crate::home::{Home, What};
use crate::output::{Output, Tone};
use crate::units;

/// To the upper left, and away with what is below.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_REST: &str = "\x1b[J";

pub(crate) fn run(args: &Watch, home: &Home, out: &Output) -> Result<Outcome> {
    if out.json {
        return Err(Failure::usage("watch prints no JSON: ask `ndshm ls --json` again and again"));
    }
    let mut looks = 0;
    if out.terminal {
        out.text(&format!("{HOME}{CLEAR_REST}"))?;
    }
    loop {
        let screen = match &args.name {
            Some(name) => one(name, home, out)?,
            None => all(home, out)?,
        };
        out.text(&if out.terminal { repainted(&screen) } else { screen + "\n" })?;
        looks += 1;
        if args.count.is_some_and(|count| looks >= count) {
            return Ok(Outcome::Fine);
        }
        thread::sleep(args.interval);
    }
}

/// The screen painted over the last one, line by line, so that nothing flickers.
fn repainted(screen: &str) -> String {
    let lines: String = screen.lines().map(|line| format!("{line}{CLEAR_LINE}\n")).collect();
    format!("{HOME}{lines}{CLEAR_REST}")
}

fn all(home: &Home, out: &Output) -> Result<String> {
    let mut entries = home.entries("")?;
    entries.retain(|entry| !matches!(entry.what, What::Foreign | What::Temporary));
    let bytes = entries.iter().map(|entry| entry.len).sum();
    let mut head = format!("{}, {}", units::segments(entries.len()), out.size(bytes));
    if home.is_shared_memory() {
        let capacity = ndshm::capacity()?;
        let (free, size) = (out.size(capacity.storage_free()), out.size(capacity.storage_size()));
        head.push_str(&format!(" of {size}, {free} free"));
    }
    head.push_str(&format!(", {} UTC", units::moment(std::time::SystemTime::now())));
    Ok(format!("{}\n{}", out.paint(Tone::Dim, &head), ls::usual_listing(&entries, out)))
}

fn one(name: &str, home: &Home, out: &Output) -> Result<String> {
    Ok(info::describe(&Status::of(home.find(name).address())?, out))
}
