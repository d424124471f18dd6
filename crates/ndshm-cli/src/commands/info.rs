//! `ndshm info`.

use std::fmt::Write;
use std::ops::Range;

use ndshm::{Lifetime, Order, RingStatus, Status, StripeStatus};
use serde_json::{Value, json};

use super::ls;
use crate::args::Info;
use crate::failure::{Outcome, Result};
use crate::home::{Home, Sight, State};
use crate::output::{Output, Tone};
use crate::process;
use crate::rate;
use crate::table::printable;
use crate::units;

pub(crate) fn run(args: &Info, home: &Home, out: &Output) -> Result<Outcome> {
    let sight = Sight::of(&home.find(&args.name))?;
    if out.json {
        out.value(&value(&sight))?;
    } else {
        out.text(&describe(&sight, out))?;
    }
    Ok(if sight.status().is_suspect() { Outcome::Problem } else { Outcome::Fine })
}

/// All that is known of a segment, in words.
pub(crate) fn describe(sight: &Sight, out: &Output) -> String {
    let status = sight.status();
    let info = status.info();
    let state = State::of(status);
    let mut text = String::new();
    let mut say = |label: &str, what: &str| {
        let label = out.paint(Tone::Heading, &format!("{label:<10}"));
        writeln!(text, "{label}{what}").expect("memory takes all");
    };
    say("name", &printable(info.name()));
    say("id", &ls::id(status));
    say("state", &format!("{}{}", out.paint(ls::tone(state), state.name()), remedy(state, sight)));
    say("kind", &ls::kind(info.kind()));
    if let Some(ring) = sight.ring() {
        say("frames", &frames(ring, out));
        say("published", &published(ring));
    } else {
        let (dtype, size) = (info.dtype(), info.dtype().item_size());
        let bytes = if size == 1 { "byte" } else { "bytes" };
        say("dtype", &format!("{} ({size} {bytes})", printable(&dtype.to_string())));
        let order = match info.order() {
            Order::C => "C order",
            Order::F => "Fortran order",
        };
        say("shape", &format!("{}, {order}", ls::shape(sight)));
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
        namespace if Some(namespace) == process::own_namespace() => {
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
    if let Some(ring) = sight.ring() {
        say("publisher", &publisher(ring));
        for (index, line) in leases(ring).iter().enumerate() {
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

/// What a ring's frames are.
pub(crate) fn frames(ring: &RingStatus, out: &Output) -> String {
    format!(
        "{} {}, {} each, in {} slots",
        printable(&ring.dtype().to_string()),
        ls::tuple(ring.shape()),
        out.size(ring.frame_len() as u64),
        ring.slots()
    )
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

pub(crate) fn publisher(ring: &RingStatus) -> String {
    ring.publisher().map_or("nobody".to_owned(), |who| printable(&process::long(who)))
}

/// Who leases which frames, a line for each process.
pub(crate) fn leases(ring: &RingStatus) -> Vec<String> {
    let lines: Vec<String> = ring
        .leases()
        .chunk_by(|one, other| one.holder() == other.holder())
        .map(|leases| {
            let frames: Vec<String> = leases
                .iter()
                .map(|lease| lease.seq().map_or("?".to_owned(), |seq| format!("#{seq}")))
                .collect();
            format!("{}: {}", printable(&process::long(leases[0].holder())), frames.join(", "))
        })
        .collect();
    if lines.is_empty() { vec!["none".to_owned()] } else { lines }
}

/// What to do about it.
fn remedy(state: State, sight: &Sight) -> &'static str {
    match state {
        State::Poisoned if sight.ring().is_some() => {
            ": the machine restarted before it was synced; the next publisher forgets its frames"
        }
        State::Stale => ": only the dead have it; `ndshm reap` removes it",
        State::Poisoned => {
            ": half written perhaps; a program must mend it under `write_recover` and call \
             `mark_consistent`, or `ndshm rm` it"
        }
        State::Replaced => ": another segment has its name; those who have it open should `reopen`",
        State::Frozen => ": nobody writes it any more",
        _ => "",
    }
}

/// Which rows the stripe's lock is about: as even a split as whole rows allow.
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

/// The same for programs.
pub(crate) fn value(sight: &Sight) -> Value {
    let status = sight.status();
    let info = status.info();
    json!({
        "name": info.name(),
        "id": ls::id(status),
        "state": State::of(status).name(),
        "kind": ls::kind(info.kind()),
        "dtype": info.dtype().to_string(),
        "item_size": info.dtype().item_size(),
        "shape": info.shape(),
        "committed_rows": status.committed_rows(),
        "published": status.published(),
        "order": format!("{:?}", info.order()),
        "data_offset": info.data_offset(),
        "data_size": info.data_len(),
        "control_offset": info.control_offset(),
        "size": info.file_len(),
        "owner": info.owner(),
        "lifetime": format!("{:?}", info.lifetime()).to_lowercase(),
        "created": units::timestamp(info.created()),
        "creator": {
            "pid": info.creator_pid(),
            "pid_namespace": info.creator_namespace(),
            "user": info.creator_user(),
        },
        "frozen": status.is_frozen(),
        "suspect": status.is_suspect(),
        "replaced": status.is_replaced(),
        "most_participants": info.participants(),
        "participants": status.participants().iter().map(process::value).collect::<Vec<_>>(),
        "ring": sight.ring().map(ring_value),
        "locks": status.locks().iter().map(|lock| json!({
            "writer": lock.writer().map(process::value),
            "readers": lock.readers().iter().map(process::value).collect::<Vec<_>>(),
            "suspect": lock.is_suspect(),
            "poison": lock.poison().map(|poison| json!({
                "cause": format!("{:?}", poison.cause()).to_lowercase(),
                "pid": poison.pid(),
            })),
        })).collect::<Vec<_>>(),
    })
}

/// What only rings have, for programs.
fn ring_value(ring: &RingStatus) -> Value {
    json!({
        "dtype": ring.dtype().to_string(),
        "shape": ring.shape(),
        "frame_size": ring.frame_len(),
        "slots": ring.slots(),
        "published": ring.published(),
        "dropped": ring.dropped(),
        "hz": rate::rate_of(ring),
        "publisher": ring.publisher().map(process::value),
        "leases": ring.leases().iter().map(|lease| json!({
            "holder": process::value(lease.holder()),
            "seq": lease.seq(),
        })).collect::<Vec<_>>(),
        "frames": ring.frames().iter().map(|meta| json!({
            "seq": meta.seq,
            "age_s": rate::age_of(meta).map(|age| age.as_secs_f64()),
        })).collect::<Vec<_>>(),
    })
}
