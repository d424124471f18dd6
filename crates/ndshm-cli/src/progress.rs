//! A bar for copies that take long.

use std::io::{self, IsTerminal, Write};

use crate::output::Output;

/// A shorter copy is done at once.
pub(crate) const WORTH_A_BAR: usize = 256 << 20;

/// How much is moved between two looks.
pub(crate) const STEP: usize = 8 << 20;

const WIDTH: usize = 30;

/// How far a copy is, on standard error when that is a terminal.
pub(crate) struct Progress<'a> {
    total: usize,
    done: usize,
    shown: bool,
    out: &'a Output,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(total: usize, out: &'a Output) -> Self {
        let shown = total > WORTH_A_BAR && !out.quiet && io::stderr().is_terminal();
        Self { total, done: 0, shown, out }
    }

    pub(crate) fn advance(&mut self, bytes: usize) {
        self.done += bytes;
        if !self.shown {
            return;
        }
        let full = (self.done as u128 * WIDTH as u128 / self.total.max(1) as u128) as usize;
        let bar = format!("{}{}", "#".repeat(full.min(WIDTH)), ".".repeat(WIDTH - full.min(WIDTH)));
        let (done, total) = (self.out.size(self.done as u64), self.out.size(self.total as u64));
        // A bar that cannot be drawn is no reason to stop.
        let _ = write!(io::stderr(), "\r[{bar}] {done} of {total} ");
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
