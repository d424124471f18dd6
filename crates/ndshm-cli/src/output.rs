//! Where output goes, and in what form.

use std::cell::Cell;
use std::env;
use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::args::Global;
use crate::failure::{Result, about};
use crate::terminal::{printable_json, printable_lines};
use crate::units;

/// The form of output that the person, or the program, wants to read.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) terminal: bool,
    bytes: bool,
    color: bool,
    /// Whether the reader of standard output went away.
    unheard: Cell<bool>,
}

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Heading,
    Good,
    Doubtful,
    Bad,
    Dim,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let terminal = io::stdout().is_terminal();
        // See https://no-color.org.
        let refused =
            global.no_color || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            json: global.json,
            quiet: global.quiet,
            terminal,
            bytes: global.bytes,
            color: terminal && !refused,
            unheard: Cell::new(false),
        }
    }

    /// A number of bytes, for people or as it is.
    pub(crate) fn size(&self, bytes: u64) -> String {
        if self.bytes { bytes.to_string() } else { units::size(bytes) }
    }

    /// Text in the colour of its meaning.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Heading => "1",
            Tone::Good => "32",
            Tone::Doubtful => "33",
            Tone::Bad => "31",
            Tone::Dim => "2",
            Tone::Plain => return text.to_owned(),
        };
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Whether colours that mean nothing but themselves can be shown.
    pub(crate) fn shows_colors(&self) -> bool {
        self.color
    }

    /// Prints text that ends with its line. All that it quotes of others is printable by then.
    pub(crate) fn text(&self, text: &str) -> Result {
        self.raw(text.as_bytes())
    }

    /// Prints what was done, unless nobody wants to hear of it.
    pub(crate) fn note(&self, text: &str) -> Result {
        if self.quiet || self.json { Ok(()) } else { self.plain(&format!("{text}\n")) }
    }

    /// Prints text without colours, whatever it quotes.
    pub(crate) fn plain(&self, text: &str) -> Result {
        self.text(&printable_lines(text))
    }

    /// Prints JSON.
    pub(crate) fn value(&self, value: &Value) -> Result {
        self.text(&printable_json(&format!("{value:#}\n")))
    }

    /// Prints JSON on a line of its own.
    pub(crate) fn line(&self, value: &Value) -> Result {
        self.text(&printable_json(&format!("{value}\n")))
    }

    /// Whether anybody still reads what is printed, as far as is known.
    pub(crate) fn is_heard(&self) -> bool {
        !self.unheard.get()
    }

    /// Prints bytes. The reader may stop at any time.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.unheard.set(true);
                Ok(())
            }
            written => written.map_err(about("standard output")),
        }
    }
}
