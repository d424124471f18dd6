//! `ndshm info`.

use std::fmt::Write;
use std::ops::Range;

use ndshm::{Condition, Lifetime, Order, RingStatus, Status, StripeStatus};

use crate::args::Info;
use crate::facts;
use crate::failure::{Outcome, Result};
use crate::home::{Home, Report, State};
use crate::output::{Output, Tone};
use crate::process;
use crate::rate;
use crate::terminal::printable;
use crate::units;
use crate::words;

pub(crate) fn run(args: &Info, home: &Home, out: &Output) -> Result<Outcome> {
    let report = Report::of(&home.find(&args.name))?;
    if out.json {
        out.value(&facts::segment(&report))?;
    } else {
        out.text(&describe(&report, out))?;
    }
    Ok(if report.status().is_suspect() { Outcome::Problem } else { Outcome::Fine })
}

/// All that is known of a segment, in words.
pub(crate) fn describe(report: &Report, out: &Output) -> String {
    let status = report.status();
    let info = status.info();
    let state = State::Segment(status.condition());
    let mut text = String::new();
    let mut say = |label: &str, what: &str| {
        let label = out.paint(Tone::Heading, &format!("{label:<10}"));
        writeln!(text, "{label}{what}").expect("memory takes all");
    };
    say("name", &printable(info.name()));
    say("id", &words::id(status));
    say(
        "state",
        &format!("{}{}", out.paint(words::tone(state), &state.to_string()), remedy(report)),
    );
    say("kind", &words::kind(info.kind()));
    if let Some(ring) = report.ring() {
        say("frames", &words::frames(ring, out));
        say("published", &published(ring));
    } else {
        let (dtype, size) = (info.dtype(), info.dtype().item_size());
        let bytes = if size == 1 { "byte" } else { "bytes" };
        say("dtype", &format!("{} ({size} {bytes})", printable(&dtype.to_string())));
        let order = match info.order() {
            Order::C => "C order",
            Order::F => "Fortran order",
        };
        say("shape", &format!("{}, {order}", words::shape(report)));
    }
    say("data", &format!("{} at offset {}", out.size(info.data_len() as u64), info.data_offset()));
    say(
        "control",
        &format!("{} at offset {}", out.size(info.control_len() as u64), info.control_offset()),
    );
    say("file", &format!("{}, owned by user {}", out.size(info.file_len()), info.owner()));
    let lifetime = match info.lifetime() {
        Lifetime::Creator => "until its creator drops it",
        Lifetime::LastUser => "until its last user drops it",
        Lifetime::Persistent => "until it is removed",
        _ => "unknown to this version",
    };
    say("lifetime", lifetime);
    let created = info.created();
    let creator = match info.creator_namespace() {
        namespace if Some(namespace) == ndshm::pid_namespace() => {
            format!("process {}", info.creator_pid())
        }
        namespace => format!("process {} of PID namespace {namespace}", info.creator_pid()),
    };
    say(
        "created",
        &format!(
            "{} UTC, {} ago, by {creator}, user {}",
            units::moment(created),
            units::age(created),
            info.creator_user()
        ),
    );
    let (known, most) = (status.participants().len(), info.participants());
    say("processes", &format!("{known} of at most {most}"));
    for who in status.participants() {
        say("", &format!("slot {}: {}", who.slot(), printable(&process::long(who))));
    }
    if let Some(ring) = report.ring() {
        say("publisher", &words::publisher(ring));
        for (index, line) in words::leases(ring).iter().enumerate() {
            say(if index == 0 { "leases" } else { "" }, line);
        }
        return text;
    }
    say(
        "locks",
        &format!("{} {}", info.stripes(), if info.stripes() == 1 { "stripe" } else { "stripes" }),
    );
    let mut quiet = true;
    for (stripe, lock) in status.locks().iter().enumerate() {
        let rows = rows_of(stripe, status);
        for line in lines(lock) {
            quiet = false;
            say(
                "",
                &format!(
                    "stripe {stripe} (rows {}..{}): {}",
                    rows.start,
                    rows.end,
                    printable(&line)
                ),
            );
        }
    }
    if quiet {
        say("", "nobody holds any");
    }
    text
}

/// How many frames there were, and which are there.
fn published(ring: &RingStatus) -> String {
    let mut text = format!("#{}, {} dropped", ring.published(), ring.dropped());
    if let (Some(oldest), Some(newest)) = (ring.frames().first(), ring.frames().last()) {
        text.push_str(&format!("; #{} to #{} are there", oldest.seq, newest.seq));
        if let Some(age) = rate::age_of(newest) {
            text.push_str(&format!(", the newest {} old", units::interval(age.as_secs_f64())));
        }
    }
    text
}

/// What to do about it.
fn remedy(report: &Report) -> &'static str {
    match report.status().condition() {
        Condition::Poisoned if report.ring().is_some() => {
            ": the machine restarted before it was synced; the next publisher forgets its frames"
        }
        Condition::Stale => ": only the dead have it; `ndshm reap` removes it",
        Condition::Poisoned => {
            ": half written perhaps; a program must mend it under `write_recover` and call \
             `mark_consistent`, or `ndshm rm` it"
        }
        Condition::Replaced => {
            ": another segment has its name; those who have it open should `reopen`"
        }
        Condition::Frozen => ": nobody writes it any more",
        _ => "",
    }
}

/// The rows that the stripe's lock is about. The split is as even as whole rows allow.
fn rows_of(stripe: usize, status: &Status) -> Range<usize> {
    let rows = status.info().shape().first().copied().unwrap_or(1);
    let stripes = status.locks().len().max(1);
    let edge = |index: usize| index * (rows / stripes) + index * (rows % stripes) / stripes;
    edge(stripe)..edge(stripe + 1)
}

fn lines(lock: &StripeStatus) -> Vec<String> {
    let writer = lock.writer().map(|who| format!("held for writing by {}", process::long(who)));
    let readers =
        lock.readers().iter().map(|who| format!("held for reading by {}", process::long(who)));
    let poison = match lock.poison() {
        Some(poison) => Some(format!("suspect: {poison}")),
        None if lock.is_suspect() => Some("suspect: its writer died while writing".to_owned()),
        None => None,
    };
    writer.into_iter().chain(readers).chain(poison).collect()
}
