//! Copies of data in a segment that is not mapped.
//!
//! Words and data are read with `pread` into private memory. So the owner of a segment, or a
//! process that may write it, can keep a copy from being made, or make it nonsense, and can do no
//! other harm. What makes a copy whole is the same as for an observer: see
//! [`observe`](crate::sync::observe). Fences order what the kernel copies for this thread as they
//! order the thread's own loads.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::Look;
use crate::atomic::fence;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Owner, Patience, Sight};
use crate::segment::Participant;
use crate::sync::{Unlocked, died, suspect};

impl Unlocked for Look {
    fn name(&self) -> &str {
        self.info().name()
    }

    fn stripes(&self) -> u32 {
        self.info().stripes()
    }

    fn sight(&self, stripe: u32) -> Result<Sight> {
        Ok(self.stripe(stripe)?.look())
    }

    fn is_still(&self, stripe: u32, version: u32) -> Result<bool> {
        Ok(self.stripe(stripe)?.is_still(version))
    }

    fn copy(&self, bytes: &mut [u8], offset: usize) -> Result<()> {
        // The kernel must not have copied what follows before this point.
        fence(Acquire);
        self.payload(bytes, offset)
    }

    fn writer(&self, stripe: u32, _owner: Option<Owner>) -> Result<Option<String>> {
        let status = self.status()?;
        let lock = &status.locks()[stripe as usize];
        match (lock.poison(), lock.writer()) {
            (Some(poison), _) => Err(suspect(poison)),
            (None, writer) if lock.is_suspect() => Err(died(writer.map_or(0, Participant::pid))),
            (None, writer) => Ok(writer.map(|who| {
                let state = if who.is_alive() { "alive" } else { "dead" };
                format!("process {}, which is {state}", who.pid())
            })),
        }
    }

    fn advice(&self) -> &'static str {
        "try again"
    }
}

/// Copies a value as its last commit left it. `bytes` has the value's length.
pub(super) fn copy_value(look: &Look, bytes: &mut [u8], patience: Patience) -> Result<()> {
    let is_word = matches!(bytes.len(), 1 | 2 | 4 | 8);
    let mut again = vec![0; if is_word { bytes.len() } else { 0 }];
    loop {
        let before = look.state()?.commits.load(Relaxed);
        fence(Acquire);
        if is_word || before.is_multiple_of(2) {
            look.payload(bytes, 0)?;
        } else {
            look.shadow(bytes)?;
        }
        fence(Acquire);
        let is_whole = if is_word {
            // The kernel does not promise to copy a word at once. A word in which two copies agree
            // was there.
            look.payload(&mut again, 0)?;
            *bytes == *again
        } else {
            look.state()?.commits.load(Relaxed) == before
        };
        if is_whole {
            return Ok(());
        }
        if patience.is_over() {
            return Err(Error::new(
                ErrorKind::Timeout,
                "could not be copied in time: it was written to all the time; try again",
            ));
        }
    }
}
