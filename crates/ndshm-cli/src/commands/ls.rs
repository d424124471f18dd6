//! `ndshm ls`.

use ndshm::{Participant, RingStatus, Status};

use crate::args::{Column, Ls};
use crate::facts;
use crate::failure::{Outcome, Result};
use crate::home::{Entry, Home, What};
use crate::output::{Output, Tone};
use crate::process;
use crate::rate;
use crate::table::{Cell, Heading, Side, render};
use crate::units;
use crate::words;

const USUAL: [Column; 10] = [
    Column::Name,
    Column::Kind,
    Column::Dtype,
    Column::Shape,
    Column::Size,
    Column::Procs,
    Column::Writer,
    Column::Hz,
    Column::Age,
    Column::State,
];

const MORE: [Column; 4] = [Column::Owner, Column::Lifetime, Column::Stripes, Column::Created];

/// A dtype of many fields is cut here.
const LONGEST_DTYPE: usize = 24;

pub(crate) fn run(args: &Ls, home: &Home, out: &Output) -> Result<Outcome> {
    let mut entries = home.entries(args.prefix.as_deref().unwrap_or(""))?;
    entries.retain(|entry| {
        if args.stale {
            return entry.is_stale() || matches!(entry.what, What::Temporary);
        }
        args.all || !matches!(entry.what, What::Foreign | What::Temporary)
    });
    if out.json {
        out.value(&entries.iter().map(facts::entry).collect())?;
        return Ok(Outcome::Fine);
    }
    let columns = if !args.columns.is_empty() {
        args.columns.clone()
    } else if args.long {
        [&usual(&entries)[..], &MORE[..]].concat()
    } else {
        usual(&entries)
    };
    if entries.is_empty() {
        out.note(&format!("no segments in {}", home.path().display()))?;
    } else {
        out.text(&listing(&entries, &columns, out))?;
    }
    Ok(Outcome::Fine)
}

/// The usual columns, for those who show them again and again.
pub(crate) fn usual_listing(entries: &[Entry], out: &Output) -> String {
    listing(entries, &usual(entries), out)
}

/// The usual columns; a rate only where there are rings.
fn usual(entries: &[Entry]) -> Vec<Column> {
    let has_rings = entries.iter().any(|entry| ring(entry).is_some());
    USUAL.into_iter().filter(|&column| has_rings || column != Column::Hz).collect()
}

fn ring(entry: &Entry) -> Option<&RingStatus> {
    match &entry.what {
        What::Segment(report) => report.ring(),
        _ => None,
    }
}

fn listing(entries: &[Entry], columns: &[Column], out: &Output) -> String {
    let headings: Vec<Heading> = columns.iter().map(|&column| heading(column)).collect();
    let rows: Vec<Vec<Cell>> = entries
        .iter()
        .map(|entry| columns.iter().map(|&column| cell(entry, column, out)).collect())
        .collect();
    render(&headings, &rows, out)
}

fn heading(column: Column) -> Heading {
    match column {
        Column::Name => Heading("NAME", Side::Left),
        Column::Kind => Heading("KIND", Side::Left),
        Column::Dtype => Heading("DTYPE", Side::Left),
        Column::Shape => Heading("SHAPE", Side::Left),
        Column::Size => Heading("SIZE", Side::Right),
        Column::Procs => Heading("PROCS", Side::Right),
        Column::Writer => Heading("WRITER", Side::Left),
        Column::Hz => Heading("HZ", Side::Right),
        Column::Age => Heading("AGE", Side::Right),
        Column::State => Heading("STATE", Side::Left),
        Column::Owner => Heading("OWNER", Side::Right),
        Column::Lifetime => Heading("LIFETIME", Side::Left),
        Column::Stripes => Heading("STRIPES", Side::Right),
        Column::Created => Heading("CREATED", Side::Left),
        Column::Id => Heading("ID", Side::Left),
    }
}

fn cell(entry: &Entry, column: Column, out: &Output) -> Cell {
    match column {
        Column::Name => return Cell::new(&entry.name),
        Column::Size => return Cell::new(out.size(entry.len)),
        Column::State => {
            let state = entry.state();
            return Cell::toned(state.to_string(), words::tone(state));
        }
        _ => {}
    }
    let What::Segment(report) = &entry.what else { return Cell::toned("-", Tone::Dim) };
    let status = report.status();
    let info = status.info();
    match column {
        Column::Kind => Cell::new(words::kind(info.kind())),
        Column::Dtype => {
            let dtype = report.ring().map_or(info.dtype(), RingStatus::dtype);
            Cell::new(shortened(&dtype.to_string()))
        }
        Column::Shape => Cell::new(words::shape(report)),
        Column::Procs => Cell::new(alive(status).to_string()),
        Column::Writer => match writer(status) {
            None => Cell::toned("-", Tone::Dim),
            Some(writer) if writer.is_alive() => Cell::new(process::short(writer)),
            Some(writer) => Cell::toned(process::short(writer), Tone::Bad),
        },
        Column::Hz => match report.ring().and_then(rate::rate_of) {
            Some(hz) => Cell::new(words::rate(hz)),
            None => Cell::toned("-", Tone::Dim),
        },
        Column::Age => Cell::new(units::age(info.created())),
        Column::Owner => Cell::new(info.owner().to_string()),
        Column::Lifetime => Cell::new(format!("{:?}", info.lifetime()).to_lowercase()),
        Column::Stripes => Cell::new(info.stripes().to_string()),
        Column::Created => Cell::new(units::moment(info.created())),
        Column::Id => Cell::new(words::id(status)),
        Column::Name | Column::Size | Column::State => unreachable!("said of every entry, above"),
    }
}

fn alive(status: &Status) -> usize {
    status.participants().iter().filter(|who| who.is_alive()).count()
}

/// The process that writes. The dead come before the living, because they are news.
fn writer(status: &Status) -> Option<&Participant> {
    let writers = || status.locks().iter().filter_map(|lock| lock.writer());
    writers().find(|who| !who.is_alive()).or_else(|| writers().next())
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LONGEST_DTYPE {
        return text.to_owned();
    }
    text.chars().take(LONGEST_DTYPE - 1).chain(['…']).collect()
}
