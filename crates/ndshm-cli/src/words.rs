//! What is said of a segment, in words and colours.

use ndshm::{Condition, Kind, RingStatus, Status};

use crate::home::{Report, State};
use crate::output::{Output, Tone};
use crate::process;
use crate::terminal::printable;

/// The colour of a state.
pub(crate) fn tone(state: State) -> Tone {
    match state {
        State::Segment(Condition::Live | Condition::Frozen) => Tone::Good,
        State::Segment(Condition::Idle) => Tone::Plain,
        State::Segment(Condition::Poisoned) | State::Corrupt => Tone::Bad,
        State::Segment(_) | State::Unknown | State::Temporary => Tone::Doubtful,
        State::Foreign => Tone::Dim,
    }
}

/// A kind in lower case.
pub(crate) fn kind(kind: Kind) -> String {
    match kind {
        Kind::AutoResetEvent => "event".to_owned(),
        kind => format!("{kind:?}").to_lowercase(),
    }
}

/// The lengths of the axes as Python writes them. For a log, how many rows of how many there are.
/// For a ring, the slots, the shape of a frame, and how many frames there were:
/// `8×(480, 640) #4711`.
pub(crate) fn shape(report: &Report) -> String {
    if let Some(ring) = report.ring() {
        return format!("{}×{} #{}", ring.slots(), tuple(ring.shape()), ring.published());
    }
    let axes = report.status().info().shape();
    match (report.status().committed_rows(), axes) {
        (Some(rows), [first, rest @ ..]) => {
            let rest: Vec<String> = rest.iter().map(usize::to_string).collect();
            parenthesised(&[&[format!("{rows}/{first}")], &rest[..]].concat())
        }
        _ => tuple(axes),
    }
}

/// Lengths of axes as Python writes them.
pub(crate) fn tuple(axes: &[usize]) -> String {
    parenthesised(&axes.iter().map(usize::to_string).collect::<Vec<_>>())
}

fn parenthesised(texts: &[String]) -> String {
    format!("({}{})", texts.join(", "), if texts.len() == 1 { "," } else { "" })
}

/// Frames a second, in as many digits as mean something.
pub(crate) fn rate(hz: f64) -> String {
    if hz == 0.0 || hz >= 1000.0 { format!("{hz:.0}") } else { format!("{hz:.2}") }
}

/// The id as handles spell it.
pub(crate) fn id(status: &Status) -> String {
    format!("{:032x}", u128::from_be_bytes(status.info().id()))
}

/// What a ring's frames are.
pub(crate) fn frames(ring: &RingStatus, out: &Output) -> String {
    format!(
        "{} {}, {} each, in {} slots",
        printable(&ring.dtype().to_string()),
        tuple(ring.shape()),
        out.size(ring.frame_len() as u64),
        ring.slots()
    )
}

/// Who publishes in a ring.
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
