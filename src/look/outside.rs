//! Looks at data from outside, in a segment that is not mapped.
//!
//! Words and data are read with `pread` into private memory, so whoever owns the segment, or may write it,
//! can make a look be in vain or see nonsense, and do no harm. What makes a copy whole is what makes an
//! observer's whole: see [`observe`](crate::sync::observe). Fences order what the kernel copies for this thread as
//! they order the thread's own loads.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::status::Status;
use super::words::Glimpse;
use crate::atomic::fence;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::lock::{Patience, Sight, Slices};
use crate::segment::Participant;
use crate::sync::suspect;
use crate::sys::wait;

/// One try to see data as it was at one moment.
#[derive(Debug)]
pub(crate) struct OutsideLook<'a> {
    glimpse: &'a Glimpse,
    found: RefCell<Found>,
}

/// What a try found so far.
#[derive(Debug)]
struct Found {
    /// Of each stripe that was looked at, its version before.
    versions: Vec<Option<u32>>,
    /// A stripe that somebody writes.
    written: Option<u32>,
    failure: Option<Error>,
}

/// Calls `see` until nothing that it copied was written meanwhile, and returns what it returned then.
///
/// What `see` gets in other tries means nothing.
pub(crate) fn observe_outside<R>(
    glimpse: &Glimpse,
    patience: Patience,
    see: impl FnMut(&OutsideLook<'_>) -> R,
) -> Result<R> {
    try_observe(glimpse, patience, see).of(glimpse.info().name())
}

fn try_observe<R>(
    glimpse: &Glimpse,
    patience: Patience,
    mut see: impl FnMut(&OutsideLook<'_>) -> R,
) -> Result<R> {
    let versions = vec![None; glimpse.info().stripes() as usize];
    let found = RefCell::new(Found { versions, written: None, failure: None });
    let look = OutsideLook { glimpse, found };
    loop {
        let seen = see(&look);
        let Some(written) = look.end()? else { return Ok(seen) };
        let status = Status::through(glimpse)?;
        let lock = status.locks().get(written as usize);
        if let Some(lock) = lock.filter(|lock| lock.is_suspect()) {
            return Err(match lock.poison() {
                Some(poison) => suspect(poison),
                None => died(lock.writer()),
            });
        }
        if patience.is_over() {
            let writer = lock.and_then(|lock| lock.writer());
            return Err(timeout(writer));
        }
        wait::pause(Slices::behind_an_owner().next(patience));
    }
}

impl OutsideLook<'_> {
    /// Copies bytes of the payload that lie in those stripes, from `offset` on; false when this try is in
    /// vain.
    pub(crate) fn copy(&self, stripes: Range<u32>, offset: usize, bytes: &mut [u8]) -> bool {
        let found = &mut *self.found.borrow_mut();
        if found.written.is_some() || found.failure.is_some() {
            return false;
        }
        let copied = self.try_copy(found, stripes, offset, bytes);
        copied.unwrap_or_else(|error| {
            found.failure = Some(error);
            false
        })
    }

    fn try_copy(
        &self,
        found: &mut Found,
        stripes: Range<u32>,
        offset: usize,
        bytes: &mut [u8],
    ) -> Result<bool> {
        for stripe in stripes {
            let version = &mut found.versions[stripe as usize];
            if version.is_some() {
                continue;
            }
            match self.glimpse.stripe(stripe)?.look() {
                Sight::Whole(seen) => *version = Some(seen),
                // Whether it is suspect is looked up at the end.
                Sight::Written(_) | Sight::Suspect => {
                    found.written = Some(stripe);
                    return Ok(false);
                }
            }
        }
        // What the kernel copies next it must not have copied before.
        fence(Acquire);
        self.glimpse.payload(bytes, offset)?;
        Ok(true)
    }

    /// The stripe that made this try worthless, if one did; ready for the next one.
    fn end(&self) -> Result<Option<u32>> {
        let found = &mut *self.found.borrow_mut();
        fence(Acquire);
        let mut written = found.written.take();
        for (stripe, version) in (0..).zip(&mut found.versions) {
            if let Some(version) = version.take()
                && written.is_none()
                && !self.glimpse.stripe(stripe)?.is_still(version)
            {
                written = Some(stripe);
            }
        }
        found.failure.take().map_or(Ok(written), Err)
    }
}

/// Copies a value as its last commit left it; `bytes` is as long as it.
pub(crate) fn copy_value_outside(
    glimpse: &Glimpse,
    bytes: &mut [u8],
    patience: Patience,
) -> Result<()> {
    let is_word = matches!(bytes.len(), 1 | 2 | 4 | 8);
    let mut again = vec![0; if is_word { bytes.len() } else { 0 }];
    loop {
        let before = glimpse.state()?.commits.load(Relaxed);
        fence(Acquire);
        if is_word || before.is_multiple_of(2) {
            glimpse.payload(bytes, 0)?;
        } else {
            glimpse.shadow(bytes)?;
        }
        fence(Acquire);
        let is_whole = if is_word {
            // Nobody says that the kernel copies a word at once: what two looks agree in, it was.
            glimpse.payload(&mut again, 0)?;
            *bytes == *again
        } else {
            glimpse.state()?.commits.load(Relaxed) == before
        };
        if is_whole {
            return Ok(());
        }
        if patience.is_over() {
            return Err(timeout(None).of(glimpse.info().name()));
        }
    }
}

#[cold]
fn died(writer: Option<&Participant>) -> Error {
    let pid = writer.map_or(0, Participant::pid);
    Error::new(
        ErrorKind::OwnerDied,
        format!(
            "may be half written: process {pid} died while writing; a program has to mend it under \
             `write_recover` and call `mark_consistent`"
        ),
    )
}

#[cold]
fn timeout(writer: Option<&Participant>) -> Error {
    let why = match writer {
        Some(writer) => format!("process {}, which is alive, writes it", writer.pid()),
        None => "it was written to all the time".to_owned(),
    };
    Error::new(ErrorKind::Timeout, format!("could not be copied in time: {why}; try again"))
}
