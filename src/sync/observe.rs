//! Copies taken without a lock, of data that others may be writing.
//!
//! A writer makes the version of a stripe odd before it writes and even when it is done. So a copy is
//! whole if every version was even before it and is the same after it: a moment lies between the two
//! looks at which all of the data was what the copy says. H.-J. Boehm, "Can seqlocks get along with
//! programming language memory models?", has the proof and the fences.

use std::sync::atomic::Ordering::Acquire;

use super::hold::Poison;
use crate::atomic::fence;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Entry, Owner, Patience, Sight, Slices};
use crate::segment::{Region, Segment};
use crate::steps::step;
use crate::sys::wait;

/// What kept a copy from being whole.
struct Obstacle {
    stripe: u32,
    /// Who writes there, if anybody still does.
    writer: Option<Owner>,
}

/// Copies the payload of all stripes out as it was at one moment, without writing anything.
///
/// `bytes` is as long as the payload; its contents mean nothing after an error.
pub(crate) fn copy_out(segment: &Segment, bytes: &mut [u8], patience: Patience) -> Result<()> {
    try_copy_out(segment, bytes, patience).map_err(|error| error.of(segment.name()))
}

fn try_copy_out(segment: &Segment, bytes: &mut [u8], patience: Patience) -> Result<()> {
    let region = segment.region();
    let mut versions = Vec::with_capacity(region.stripes() as usize);
    let mut looks = wait::spins();
    loop {
        let Some(Obstacle { stripe, writer }) = attempt(region, bytes, &mut versions)? else {
            return Ok(());
        };
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

/// Copies once, and says what made that copy worthless.
fn attempt(region: &Region, bytes: &mut [u8], versions: &mut Vec<u32>) -> Result<Option<Obstacle>> {
    versions.clear();
    for stripe in 0..region.stripes() {
        let lock = region.stripe(stripe);
        match lock.look() {
            Sight::Whole(version) => versions.push(version),
            Sight::Written(writer) => return Ok(Some(Obstacle { stripe, writer })),
            Sight::Suspect => return Err(suspect(&Poison::of(lock))),
        }
    }
    step!("observe: versions read");
    region.copy_payload(bytes);
    step!("observe: copied");
    // The copy above must not sink below the second look.
    fence(Acquire);
    for (stripe, &version) in (0..).zip(versions.iter()) {
        let lock = region.stripe(stripe);
        if !lock.is_still(version) {
            let writer = match lock.look() {
                Sight::Written(writer) => writer,
                Sight::Whole(_) | Sight::Suspect => None,
            };
            return Ok(Some(Obstacle { stripe, writer }));
        }
    }
    Ok(None)
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
fn suspect(poison: &Poison) -> Error {
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
