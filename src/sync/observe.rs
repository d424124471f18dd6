//! Looks at data without a lock, while others may be writing it.
//!
//! A writer makes the version of a stripe odd before it writes and even when it is done. So a copy is
//! whole if every version was even before it and is the same after it: a moment lies between the two
//! looks at which all of the data was what the copy says. H.-J. Boehm, "Can seqlocks get along with
//! programming language memory models?", has the proof and the fences. The kernel makes the copies, for
//! writers store as they like: see [`Segment::read_payload`].

use std::cell::RefCell;
use std::ops::Range;
use std::sync::atomic::Ordering::Acquire;

use super::hold::Poison;
use crate::atomic::fence;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Entry, Owner, Patience, Sight, Slices};
use crate::segment::{Region, Segment};
use crate::steps::step;
use crate::sys::wait;

/// What kept a look from being whole.
#[derive(Debug)]
struct Obstacle {
    stripe: u32,
    /// Who writes there, if anybody still does.
    writer: Option<Owner>,
}

/// One try to see data as it was at one moment.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    segment: &'a Segment,
    found: RefCell<Found>,
}

/// What a try found so far.
#[derive(Debug)]
struct Found {
    /// Of each stripe that was looked at, its version before.
    versions: Vec<Option<u32>>,
    obstacle: Option<Obstacle>,
    failure: Option<Error>,
}

/// Copies the payload of all stripes out as it was at one moment, without writing anything.
///
/// `bytes` is as long as the payload; its contents mean nothing after an error.
pub(crate) fn copy_out(segment: &Segment, bytes: &mut [u8], patience: Patience) -> Result<()> {
    let stripes = 0..segment.region().stripes();
    observe(segment, patience, |look| look.copy(stripes.clone(), 0, bytes)).map(|_whole| ())
}

/// Calls `see` until nothing that it copied was written meanwhile, and returns what it returned then.
///
/// Writes nothing. What `see` gets in other tries means nothing.
pub(crate) fn observe<R>(
    segment: &Segment,
    patience: Patience,
    see: impl FnMut(&Look<'_>) -> R,
) -> Result<R> {
    try_observe(segment, patience, see).map_err(|error| error.of(segment.name()))
}

fn try_observe<R>(
    segment: &Segment,
    patience: Patience,
    mut see: impl FnMut(&Look<'_>) -> R,
) -> Result<R> {
    let region = segment.region();
    let look = Look::new(segment);
    let mut looks = wait::spins();
    loop {
        let seen = see(&look);
        let Some(Obstacle { stripe, writer }) = look.end()? else { return Ok(seen) };
        let over = patience.is_over();
        if looks > 0 && !over {
            looks -= 1;
            std::hint::spin_loop();
            continue;
        }
        if let Some(writer) = writer {
            let peers = segment.membership().peers(stripe);
            if region.stripe(stripe).is_abandoned_by(&peers, writer)? {
                return Err(abandoned(segment, stripe, writer));
            }
        }
        if over {
            return Err(timeout(segment, writer));
        }
        // Short every time: a writer that lives may leave a gap at any moment, and wakes nobody.
        wait::pause(Slices::behind_an_owner().next(patience));
        looks = wait::spins();
    }
}

impl<'a> Look<'a> {
    fn new(segment: &'a Segment) -> Self {
        let versions = vec![None; segment.region().stripes() as usize];
        Self { segment, found: RefCell::new(Found { versions, obstacle: None, failure: None }) }
    }

    /// Copies bytes of the payload that lie in those stripes, from `offset` on; false, and nothing
    /// copied, when this try is in vain.
    pub(crate) fn copy(&self, stripes: Range<u32>, offset: usize, bytes: &mut [u8]) -> bool {
        let found = &mut *self.found.borrow_mut();
        if !stripes.into_iter().all(|stripe| found.is_whole(stripe, self.segment.region())) {
            return false;
        }
        step!("observe: versions read");
        let copied = self.segment.read_payload(bytes, offset);
        step!("observe: copied");
        found.failure = copied.err();
        found.failure.is_none()
    }

    /// What made this try worthless, if anything did; ready for the next one.
    fn end(&self) -> Result<Option<Obstacle>> {
        let found = &mut *self.found.borrow_mut();
        // The copies must not sink below the second look. Each stripe was looked at before it was
        // copied, and all copies are from before this: so just now all was as they say.
        fence(Acquire);
        let mut obstacle = found.obstacle.take();
        for (stripe, version) in (0..).zip(&mut found.versions) {
            let lock = self.segment.region().stripe(stripe);
            let is_still = version.take().is_none_or(|version| lock.is_still(version));
            if !is_still && obstacle.is_none() {
                let writer = match lock.look() {
                    Sight::Written(writer) => writer,
                    Sight::Whole(_) | Sight::Suspect => None,
                };
                obstacle = Some(Obstacle { stripe, writer });
            }
        }
        found.failure.take().map_or(Ok(obstacle), Err)
    }
}

impl Found {
    /// Whether nobody writes that stripe, as far as this try knows; looks at it once.
    fn is_whole(&mut self, stripe: u32, region: &Region) -> bool {
        if self.obstacle.is_some() || self.failure.is_some() {
            return false;
        }
        let version = &mut self.versions[stripe as usize];
        if version.is_some() {
            return true;
        }
        let lock = region.stripe(stripe);
        match lock.look() {
            Sight::Whole(seen) => *version = Some(seen),
            Sight::Written(writer) => self.obstacle = Some(Obstacle { stripe, writer }),
            Sight::Suspect => self.failure = Some(suspect(&Poison::of(lock))),
        }
        version.is_some()
    }
}

/// Fails when somebody left the data suspect; for data that nobody writes any more.
pub(crate) fn check_sound(segment: &Segment) -> Result<()> {
    let region = segment.region();
    let mut stripes = (0..region.stripes()).map(|stripe| region.stripe(stripe));
    match stripes.find(|stripe| stripe.entry() == Entry::Poisoned) {
        None => Ok(()),
        Some(stripe) => Err(Error::new(
            ErrorKind::Poisoned,
            format!(
                "may be half written, and is frozen: {}; remove it and create another",
                Poison::of(stripe)
            ),
        )
        .of(segment.name())),
    }
}

#[cold]
pub(crate) fn suspect(poison: &Poison) -> Error {
    Error::new(
        ErrorKind::Poisoned,
        format!(
            "may be half written: {poison}; open it with `Access::ReadWrite`, mend it under \
             `write_recover` and call `mark_consistent`"
        ),
    )
}

#[cold]
fn abandoned(segment: &Segment, stripe: u32, writer: Owner) -> Error {
    let region = segment.region();
    let lock = region.stripe(stripe);
    if lock.entry() == Entry::Poisoned {
        return suspect(&Poison::of(lock));
    }
    Error::new(
        ErrorKind::OwnerDied,
        format!(
            "may be half written: process {} died while writing; open it with `Access::ReadWrite`, \
             mend it under `write_recover` and call `mark_consistent`",
            region.slot(writer.slot()).pid()
        ),
    )
}

#[cold]
fn timeout(segment: &Segment, writer: Option<Owner>) -> Error {
    let why = match writer {
        Some(writer) => format!("{}, writes it", segment.membership().describe(writer.slot())),
        None => "it was written to all the time".into(),
    };
    Error::new(
        ErrorKind::Timeout,
        format!(
            "could not be copied in time: {why}; wait longer with `snapshot_timeout`, or take the \
             read lock, which writers let in, with `Access::Read`"
        ),
    )
}
