//! Copies data without a lock, while others may be writing it.
//!
//! A writer makes the version of a stripe odd before it writes, and even when it is done. So a copy
//! is whole if every version was even before it and is the same after it. Then there is a moment
//! between the two looks at which all of the data was as the copy says. H.-J. Boehm, "Can seqlocks
//! get along with programming language memory models?", has the proof and the fences. The kernel
//! makes the copies, because writers use plain stores: see [`Segment::read_payload`].

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::Ordering::Acquire;

use super::hold::Poison;
use crate::atomic::fence;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::lock::{Entry, Owner, Patience, Sight, Slices};
use crate::segment::Segment;
use crate::steps::step;
use crate::sys::wait;

/// Data that others may write while it is copied, and the locks that tell whether they did.
pub(crate) trait Unlocked: fmt::Debug {
    /// The name of the segment, for errors.
    fn name(&self) -> &str;

    fn stripes(&self) -> u32;

    /// Looks at the lock of a stripe: see [`Stripe::look`](crate::lock::Stripe::look).
    fn sight(&self, stripe: u32) -> Result<Sight>;

    /// Whether nobody has begun to write the stripe since its lock had that version.
    fn is_still(&self, stripe: u32, version: u32) -> Result<bool>;

    /// Copies bytes of the payload, from `offset` on. Nothing is copied before the looks at the
    /// locks that this thread took earlier.
    fn copy(&self, bytes: &mut [u8], offset: usize) -> Result<()>;

    /// Describes who writes the stripe. `owner` is the owner that was seen there. Fails when the
    /// data is suspect.
    fn writer(&self, stripe: u32, owner: Option<Owner>) -> Result<Option<String>>;

    /// What to do if the data was being written all the time.
    fn advice(&self) -> &'static str;
}

/// One pass over data that copies it as it was at one moment.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    data: &'a dyn Unlocked,
    progress: RefCell<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// The version of each stripe before it was copied, if it was copied.
    versions: Vec<Option<u32>>,
    /// The write because of which this pass must be repeated.
    written: Option<Written>,
    failure: Option<Error>,
}

/// A stripe that somebody wrote during the pass.
#[derive(Debug)]
struct Written {
    stripe: u32,
    /// The owner that is still writing it, if one can be named.
    owner: Option<Owner>,
}

/// Copies the payload of all stripes as it was at one moment, without writing anything.
///
/// `bytes` is as long as the payload. Its contents mean nothing after an error.
pub(crate) fn copy_out(segment: &Segment, bytes: &mut [u8], patience: Patience) -> Result<()> {
    let stripes = 0..segment.region().stripes();
    observe(segment, patience, |pass| pass.copy(stripes.clone(), 0, bytes)).map(|_whole| ())
}

/// Calls `see` until nothing that it copied was written meanwhile. Returns the result of that call.
///
/// Writes nothing. The copies of all other passes mean nothing.
pub(crate) fn observe<R>(
    data: &dyn Unlocked,
    patience: Patience,
    see: impl FnMut(&Pass<'_>) -> R,
) -> Result<R> {
    try_observe(data, patience, see).of(data.name())
}

fn try_observe<R>(
    data: &dyn Unlocked,
    patience: Patience,
    mut see: impl FnMut(&Pass<'_>) -> R,
) -> Result<R> {
    let pass = Pass::new(data);
    let mut spins = wait::spins();
    loop {
        let seen = see(&pass);
        let Some(Written { stripe, owner }) = pass.end()? else { return Ok(seen) };
        let over = patience.is_over();
        if spins > 0 && !over {
            spins -= 1;
            std::hint::spin_loop();
            continue;
        }
        let writer = data.writer(stripe, owner)?;
        if over {
            return Err(timeout(data, writer));
        }
        // Always short: a live writer may leave a gap at any moment, and wakes nobody.
        wait::pause(Slices::behind_an_owner().next(patience));
        spins = wait::spins();
    }
}

impl<'a> Pass<'a> {
    fn new(data: &'a dyn Unlocked) -> Self {
        let versions = vec![None; data.stripes() as usize];
        Self { data, progress: RefCell::new(Progress { versions, written: None, failure: None }) }
    }

    /// Copies bytes of the payload that lie in those stripes, from `offset` on. Returns false when
    /// the copy is of no use.
    pub(crate) fn copy(&self, stripes: Range<u32>, offset: usize, bytes: &mut [u8]) -> bool {
        let progress = &mut *self.progress.borrow_mut();
        if progress.written.is_some() || progress.failure.is_some() {
            return false;
        }
        self.try_copy(progress, stripes, offset, bytes).unwrap_or_else(|error| {
            progress.failure = Some(error);
            false
        })
    }

    fn try_copy(
        &self,
        progress: &mut Progress,
        stripes: Range<u32>,
        offset: usize,
        bytes: &mut [u8],
    ) -> Result<bool> {
        for stripe in stripes {
            let version = &mut progress.versions[stripe as usize];
            if version.is_some() {
                continue;
            }
            match self.data.sight(stripe)? {
                Sight::Whole(seen) => *version = Some(seen),
                sight => {
                    progress.written = Some(Written::new(stripe, sight));
                    return Ok(false);
                }
            }
        }
        step!("observe: versions read");
        let copied = self.data.copy(bytes, offset);
        step!("observe: copied");
        copied.map(|()| true)
    }

    /// Returns the write because of which this pass must be repeated, if any, and prepares for the
    /// next pass.
    fn end(&self) -> Result<Option<Written>> {
        let progress = &mut *self.progress.borrow_mut();
        // The copies must not sink below the second look. Each stripe was looked at before it was
        // copied, and all copies are from before this. So at this moment all of the data was as the
        // copies say.
        fence(Acquire);
        let mut written = progress.written.take();
        for (stripe, version) in (0..).zip(&mut progress.versions) {
            if let Some(version) = version.take()
                && written.is_none()
                && !self.data.is_still(stripe, version)?
            {
                written = Some(Written::new(stripe, self.data.sight(stripe)?));
            }
        }
        progress.failure.take().map_or(Ok(written), Err)
    }
}

impl Written {
    fn new(stripe: u32, sight: Sight) -> Self {
        let owner = match sight {
            Sight::Written(owner) => owner,
            Sight::Whole(_) | Sight::Suspect => None,
        };
        Self { stripe, owner }
    }
}

impl Unlocked for Segment {
    fn name(&self) -> &str {
        self.name()
    }

    fn stripes(&self) -> u32 {
        self.region().stripes()
    }

    fn sight(&self, stripe: u32) -> Result<Sight> {
        Ok(self.region().stripe(stripe).look())
    }

    fn is_still(&self, stripe: u32, version: u32) -> Result<bool> {
        Ok(self.region().stripe(stripe).is_still(version))
    }

    fn copy(&self, bytes: &mut [u8], offset: usize) -> Result<()> {
        self.read_payload(bytes, offset)
    }

    fn writer(&self, stripe: u32, owner: Option<Owner>) -> Result<Option<String>> {
        let lock = self.region().stripe(stripe);
        let is_suspect = match owner {
            Some(owner) => lock.is_abandoned_by(&self.membership().peers(stripe), owner)?,
            None => lock.look() == Sight::Suspect,
        };
        match owner {
            _ if is_suspect && lock.entry() == Entry::Poisoned => Err(suspect(&Poison::of(lock))),
            Some(owner) if is_suspect => Err(died(self.region().slot(owner.slot()).pid())),
            owner => Ok(owner.map(|owner| self.membership().describe(owner.slot()))),
        }
    }

    fn advice(&self) -> &'static str {
        "wait longer with `snapshot_timeout`, or take the read lock, which writers let in, with \
         `Access::Read`"
    }
}

/// Fails when somebody left the data suspect. For data that nobody writes any more.
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
pub(crate) fn died(pid: u32) -> Error {
    Error::new(
        ErrorKind::OwnerDied,
        format!(
            "may be half written: process {pid} died while writing; open it with `Access::ReadWrite`, \
             mend it under `write_recover` and call `mark_consistent`"
        ),
    )
}

#[cold]
fn timeout(data: &dyn Unlocked, writer: Option<String>) -> Error {
    let why = match writer {
        Some(writer) => format!("{writer}, writes it"),
        None => "it was written to all the time".into(),
    };
    let advice = data.advice();
    Error::new(ErrorKind::Timeout, format!("could not be copied in time: {why}; {advice}"))
}
