//! Rows of text in columns.

use unicode_width::UnicodeWidthStr;

use crate::output::{Output, Tone};
use crate::terminal::printable;

/// A cell and what it means.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

impl Cell {
    /// Text without control characters, which names may hold and terminals obey.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: printable(text.as_ref()), tone: Tone::Plain }
    }

    pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { tone, ..Self::new(text) }
    }
}

/// Which side of its column a cell stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// A column: its heading and side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heading(pub(crate) &'static str, pub(crate) Side);

/// Lays rows out under headings, two blanks between columns and none at the end of a line.
pub(crate) fn render(headings: &[Heading], rows: &[Vec<Cell>], out: &Output) -> String {
    let width_of = |text: &str| text.width();
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(column, Heading(title, _))| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| width_of(&cell.text)).max().unwrap_or(0).max(width_of(title))
        })
        .collect();
    let titles = headings.iter().map(|Heading(title, _)| Cell::toned(title, Tone::Heading));
    let titles: Vec<Cell> = titles.collect();
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        let mut gap = 0;
        for ((cell, width), Heading(_, side)) in row.iter().zip(&widths).zip(headings) {
            let missing = width - width_of(&cell.text);
            let (before, after) = match side {
                Side::Left => (0, missing),
                Side::Right => (missing, 0),
            };
            if !cell.text.is_empty() {
                line.push_str(&" ".repeat(gap + before));
                line.push_str(&out.paint(cell.tone, &cell.text));
                gap = after + 2;
            } else {
                gap += width + 2;
            }
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}
