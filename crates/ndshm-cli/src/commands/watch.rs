//! `ndshm watch`.

use std::ffi::OsStr;
use std::thread;
use std::time::{Duration, SystemTime};

use ndshm::{ErrorKind, RingStatus};
use serde_json::{Value, json};
use terminal_size::{Height, Width, terminal_size};

use super::{info, ls};
use crate::args::Watch;
use crate::facts;
use crate::failure::{Outcome, Result};
use crate::follow::{Figures, Follower, Spread};
use crate::home::{Home, Report, State, Target, What};
use crate::output::{Output, Tone};
use crate::rate::{self, PERIOD};
use crate::terminal::{cut, printable};
use crate::units;
use crate::words;

/// To the upper left, and away with what is below.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_REST: &str = "\x1b[J";

/// What one look shows, for people and for programs.
struct Screen {
    text: String,
    value: Value,
}

pub(crate) fn run(args: &Watch, home: &Home, out: &Output) -> Result<Outcome> {
    let mut looks = 0;
    let mut one = args.name.as_deref().map(|name| One::new(name, home)).transpose()?;
    if out.terminal && !out.json {
        out.text(&format!("{HOME}{CLEAR_REST}"))?;
    }
    loop {
        if let Some(one) = &mut one {
            one.wait(args.interval);
        }
        let screen = match &mut one {
            Some(one) => one.screen(out)?,
            None => all(home, out)?,
        };
        if out.json {
            out.line(&screen.value)?;
        } else if out.terminal {
            out.text(&repainted(&screen.text))?;
        } else {
            out.text(&(screen.text + "\n"))?;
        }
        looks += 1;
        if args.count.is_some_and(|count| looks >= count) || !out.is_heard() {
            return Ok(Outcome::Fine);
        }
        if one.is_none() {
            thread::sleep(args.interval);
        }
    }
}

/// The screen painted over the last one, line by line, so that nothing flickers. It has no more
/// lines than the terminal has room for, because it would scroll.
fn repainted(screen: &str) -> String {
    let (width, height) = terminal_size()
        .map_or((usize::MAX, usize::MAX), |(Width(width), Height(height))| {
            (width.into(), height.into())
        });
    let lines = screen.lines().take(height.saturating_sub(1));
    let lines: String = lines.map(|line| format!("{}{CLEAR_LINE}\n", cut(line, width))).collect();
    format!("{HOME}{lines}{CLEAR_REST}")
}

fn all(home: &Home, out: &Output) -> Result<Screen> {
    let mut entries = home.entries("")?;
    entries.retain(|entry| !matches!(entry.what, What::Foreign | What::Temporary));
    let value = Value::Array(entries.iter().map(facts::entry).collect());
    let bytes = entries.iter().map(|entry| entry.len).sum();
    let mut head = format!("{}, {}", units::segments(entries.len()), out.size(bytes));
    if home.is_shared_memory() {
        let capacity = ndshm::capacity()?;
        let (free, size) = (out.size(capacity.storage_free()), out.size(capacity.storage_size()));
        head.push_str(&format!(" of {size}, {free} free"));
    }
    head.push_str(&format!(", {} UTC", units::moment(SystemTime::now())));
    let head = out.paint(Tone::Dim, &head);
    Ok(Screen { text: format!("{head}\n{}", ls::usual_listing(&entries, out)), value })
}

/// One segment that is watched. It may be removed and made anew meanwhile.
struct One {
    name: String,
    target: Target,
    /// The ring that it is, and its id.
    ring: Option<(Follower, [u8; 16])>,
    looked: bool,
}

impl One {
    fn new(name: &OsStr, home: &Home) -> Result<Self> {
        let (name, target) = (name.to_string_lossy().into_owned(), home.find(name));
        let report = Report::of(&target)?;
        let mut one = Self { name, target, ring: None, looked: false };
        one.keep_up_with(&report);
        Ok(one)
    }

    /// Follows the ring that is there now, if it is one and can be followed.
    fn keep_up_with(&mut self, report: &Report) {
        let id = report.ring().map(|ring| ring.segment().info().id());
        if id != self.ring.as_ref().map(|(_, id)| *id) {
            let follower = id.and_then(|id| Some((Follower::new(&self.target).ok()?, id)));
            self.ring = follower;
        }
    }

    /// Waits until the next look. A ring is followed meanwhile, so there is something to tell at
    /// the first.
    fn wait(&mut self, interval: Duration) {
        let is_first = !std::mem::replace(&mut self.looked, true);
        let followed = self.ring.as_mut().map(|(follower, _)| follower.follow(interval));
        if !matches!(followed, Some(Ok(()))) && !is_first {
            thread::sleep(interval);
        }
    }

    fn screen(&mut self, out: &Output) -> Result<Screen> {
        match Report::of(&self.target) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.ring = None;
                let text = format!("{} is gone; waiting for it\n", printable(&self.name));
                let value = json!({ "name": self.name, "state": "gone" });
                Ok(Screen { text: out.paint(Tone::Doubtful, &text), value })
            }
            seen => {
                let report = seen?;
                self.keep_up_with(&report);
                Ok(match (&report, &self.ring) {
                    (Report::Ring(ring), Some((follower, _))) => {
                        ring_screen(&report, ring, &follower.figures(ring.frame_len()), out)
                    }
                    _ => Screen {
                        text: info::describe(&report, out),
                        value: facts::segment(&report),
                    },
                })
            }
        }
    }
}

fn ring_screen(report: &Report, ring: &RingStatus, figures: &Figures, out: &Output) -> Screen {
    let state = State::Segment(ring.segment().condition());
    let newest = ring.frames().last().and_then(rate::age_of);
    let ago = newest.map(|age| format!(", {} ago", units::interval(age.as_secs_f64())));
    let rate = match (figures.hz, figures.bytes_per_second, figures.least, figures.greatest) {
        (Some(hz), Some(bytes), least, greatest) => {
            let between = least.zip(greatest).map(|(least, greatest)| {
                let (least, greatest) = (units::interval(least), units::interval(greatest));
                format!("; {least} to {greatest} between frames")
            });
            format!(
                "{} Hz, {} a second{}",
                words::rate(hz),
                out.size(bytes),
                between.unwrap_or_default()
            )
        }
        _ => "none".to_owned(),
    };
    let mut lines = vec![
        ("name", printable(ring.segment().info().name())),
        ("state", out.paint(words::tone(state), &state.to_string())),
        ("frames", words::frames(ring, out)),
        ("publisher", words::publisher(ring)),
        ("published", format!("#{}{}", ring.published(), ago.unwrap_or_default())),
        ("rate", rate),
    ];
    for (path, Spread { p50, p99 }) in &figures.latencies {
        let (p50, p99) = (units::interval(*p50), units::interval(*p99));
        lines.push(("latency", format!("{path}: p50 {p50}, p99 {p99}")));
    }
    if !figures.latencies.is_empty() {
        let period = units::interval(PERIOD.as_secs_f64());
        lines.push(("latency", format!("here means this command, which looks every {period}")));
    }
    lines.push((
        "missed",
        format!("{} here, of {}", figures.missed, figures.seen.saturating_add(figures.missed)),
    ));
    lines.push((
        "dropped",
        format!("{} by publishers, {} while watched", ring.dropped(), figures.dropped),
    ));
    lines.extend(words::leases(ring).into_iter().map(|line| ("leases", line)));
    let mut text = String::new();
    let mut last = "";
    for (label, line) in lines {
        let shown = if label == last { "" } else { label };
        text.push_str(&format!("{}{line}\n", out.paint(Tone::Heading, &format!("{shown:<10}"))));
        last = label;
    }
    let mut value = facts::segment(report);
    value["watched"] = json!({
        "hz": figures.hz,
        "bytes_per_second": figures.bytes_per_second,
        "min_s": figures.least,
        "max_s": figures.greatest,
        "latency": figures.latencies.iter().map(|(path, spread)| {
            (path.replace(' ', "_"), json!({ "p50_s": spread.p50, "p99_s": spread.p99 }))
        }).collect::<serde_json::Map<_, _>>(),
        "seen": figures.seen,
        "missed": figures.missed,
        "dropped": figures.dropped,
    });
    Screen { text, value }
}
