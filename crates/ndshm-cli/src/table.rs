//! Rows of text in columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::output::{Output, Tone};

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

/// Text that does to a terminal what it shows: nothing moves the cursor, or hides or turns characters.
pub(crate) fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        let is_hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if c.is_control() || is_hidden { clean.extend(c.escape_default()) } else { clean.push(c) }
    }
    clean
}

/// A line cut where a terminal of that width would break it; colours take no room.
pub(crate) fn cut(line: &str, width: usize) -> String {
    let (mut cut, mut room) = (String::with_capacity(line.len()), width);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            cut.push(c);
            for c in chars.by_ref() {
                cut.push(c);
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
            continue;
        }
        let wide = c.width().unwrap_or(0);
        if wide > room {
            // What is left out may have ended the colour.
            if line.contains('\x1b') {
                cut.push_str("\x1b[0m");
            }
            break;
        }
        room -= wide;
        cut.push(c);
    }
    cut
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_where_a_terminal_breaks_them() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "abc");
        assert_eq!(cut("\x1b[31mabcd\x1b[0m", 3), "\x1b[31mabc\x1b[0m");
        assert_eq!(cut("\x1b[31mabc\x1b[0m", 3), "\x1b[31mabc\x1b[0m");
        assert_eq!(cut("日本", 3), "日");
    }

    #[test]
    fn what_turns_or_hides_text_is_spelt_out() {
        assert_eq!(printable("a\u{202e}b\u{200b}\n"), "a\\u{202e}b\\u{200b}\\n");
        assert_eq!(printable("größe 日本"), "größe 日本");
    }
}
