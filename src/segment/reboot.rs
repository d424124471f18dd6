//! The state of a segment on a disk after a restart of the machine.
//!
//! The kernel writes pages of a file back when it likes. So after a power cut the file may hold any
//! mixture of old and new pages. If the *clean* mark is set on the disk, the file holds no mixture.
//! [`make_clean`] sets the mark after everything else is on the disk, and the next writer removes
//! it from the disk before it writes ([`soil`]). If a process opens a file in another boot than the
//! file was last used in, and finds no mark, it poisons every stripe ([`settle`]).
//!
//! Every segment says in which boot it was last settled, wherever it lies and however it was
//! called. Whether that matters depends on its filesystem. A tmpfs never outlives a restart, so a
//! segment there is sound whatever it says. Containers may share a tmpfs and yet see different boot
//! ids.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::control::Control;
use super::name::Name;
use super::records::State;
use super::region::Region;
use crate::error::{Error, ErrorKind, Result};
use crate::steps::step;
use crate::sys::init::InitLock;
use crate::sys::lifeline::{self, registration};
use crate::sys::object::Object;
use crate::sys::process;

/// The file may differ from what its disk holds.
const SOILED: u32 = 0;

/// The disk holds what the memory holds.
const CLEAN: u32 = 1;

/// Somebody is about to write. The disk may still say [`CLEAN`].
const SOILING: u32 = 2;

/// Notes in a new segment in which boot it was made.
pub(super) fn note(region: &Region) {
    store_boot(region, process::boot_id(&registration()));
}

/// Poisons a segment that was in use when the machine stopped. The first process that opens it does
/// this, once.
pub(super) fn settle(
    name: &Name,
    object: &Object,
    region: &Region,
    control: &Control,
) -> Result<()> {
    let now = process::boot_id(&registration());
    if is_of_boot(region.state(), control, now) || object.lies_in_memory()? {
        return Ok(());
    }
    let _lock = InitLock::take(object, name.place())?;
    step!("restart: init locked");
    if is_of_boot(region.state(), control, now) {
        return Ok(());
    }
    for slot in 0..control.participants {
        if lifeline::is_alive(object, slot)? {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "was last used in another boot of the machine, and yet the participant in slot \
                     {slot} lives: its control block was changed by something else; end that process"
                ),
            ));
        }
    }
    if region.state().clean.load(Relaxed) != CLEAN {
        for stripe in 0..control.stripes {
            region.stripe(stripe).poison_by_restart();
            step!("restart: a stripe poisoned");
        }
    }
    store_boot(region, now);
    step!("restart: boot noted");
    Ok(())
}

/// Fails when nobody has settled the segment after a restart. A process that may only read cannot
/// settle it.
pub(crate) fn check_settled(object: &Object, state: &State, control: &Control) -> Result<()> {
    let now = process::boot_id(&registration());
    // A clean file needs no settling, except for its boot.
    let is_clean = || state.clean.load(Relaxed) == CLEAN;
    if is_of_boot(state, control, now) || is_clean() || object.lies_in_memory()? {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Poisoned,
        "may hold any mixture of old and new: the machine stopped before the file was synced; open \
         it once with `Access::ReadWrite`, mend it under `write_recover` and call `mark_consistent`",
    ))
}

/// Writes everything to the disk and marks it clean. The caller keeps writers out meanwhile.
pub(crate) fn make_clean(region: &Region) -> Result<()> {
    let state = region.state();
    region.flush_payload()?;
    step!("sync: data on the disk");
    // Relaxed: the caller's locks keep out everybody who would remove the mark.
    state.clean.store(CLEAN, Relaxed);
    let flushed = region.flush_control();
    if flushed.is_err() {
        state.clean.store(SOILED, Relaxed);
    }
    step!("sync: marked clean");
    flushed
}

/// Removes the clean mark from the disk. The caller holds a lock for writing and writes afterwards.
#[cold]
pub(crate) fn soil(region: &Region) -> Result<()> {
    let clean = &region.state().clean;
    // Others may do the same in other stripes. Nobody writes before the mark is off the disk. That
    // is why the mark in memory is not removed in one step.
    let _ = clean.compare_exchange(CLEAN, SOILING, Relaxed, Relaxed);
    step!("write: soiling");
    region.flush_control()?;
    let _ = clean.compare_exchange(SOILING, SOILED, Relaxed, Relaxed);
    step!("write: soiled");
    Ok(())
}

/// Whether no restart can lie between its last use and this boot, according to the segment.
fn is_of_boot(state: &State, control: &Control, now: [u8; 16]) -> bool {
    // The id is all zeros if the kernel does not tell it.
    now == [0; 16] || boot_of(state, control) == now
}

fn boot_of(state: &State, control: &Control) -> [u8; 16] {
    let mut boot = [0; 16];
    for (bytes, word) in boot.chunks_exact_mut(4).zip(&state.boot) {
        bytes.copy_from_slice(&word.load(Acquire).to_le_bytes());
    }
    // A segment that nobody has settled yet belongs to the boot in which it was made.
    if boot == [0; 16] { control.boot_id } else { boot }
}

/// Stores the boot. Half of an id is no boot's, so if this process dies here, the next one settles.
fn store_boot(region: &Region, boot: [u8; 16]) {
    for (bytes, word) in boot.chunks_exact(4).zip(&region.state().boot) {
        word.store(u32::from_le_bytes(bytes.try_into().expect("four bytes")), Release);
    }
}
