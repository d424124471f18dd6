//! Where the pages of a segment come from: they are reserved, mapped early, or huge.

use std::sync::atomic::Ordering::Relaxed;

use super::facts::{Paging, Reserve};
use super::name::Name;
use super::options::{Opening, Settings};
use super::region::Region;
use crate::error::Result;
use crate::sys::limits;
use crate::sys::object::{Facts, Object};
use crate::sys::pages;

/// Gives a new object memory, as its creator chose.
pub(super) fn provide(
    name: &Name,
    object: &Object,
    region: &Region,
    settings: &Settings,
) -> Result<()> {
    let (layout, mapping) = (region.layout(), region.mapping());
    let is_full = settings.reserve == Reserve::Full;
    // Everybody touches the locks, so they have memory in any case.
    let start = if is_full { 0 } else { layout.control_offset };
    let lies_in_memory = !name.is_file() || object.lies_in_memory()?;
    if lies_in_memory {
        limits::check_memory((layout.total - start) as u64)?;
    }
    let Paging { huge, prefault } = settings.paging;
    let gets_huge = huge && is_full && mapping.gets_huge_pages(object)?;
    // The kernel lets only one thread reserve at a time, but several threads map at once.
    let by_mapping =
        lies_in_memory && pages::can_populate() && (gets_huge || prefault.is_some() && !huge);
    if !by_mapping {
        object.reserve(start as u64..layout.total as u64)?;
        if huge && is_full {
            mapping.collapse(settings.paging.threads());
        }
    }
    if by_mapping || prefault.is_some() {
        mapping.populate(object, settings.paging.threads())?;
    }
    Ok(())
}

/// Makes sure that a file has blocks for its locks, and for those rows of a log that have blocks
/// according to the log. A copy of a segment may have lost them, since copying tools like to leave
/// zeros out.
pub(super) fn reserve_again(object: &Object, region: &Region, facts: &Facts) -> Result<()> {
    let layout = region.layout();
    let control = layout.control_offset as u64..layout.total as u64;
    let backed = region.state().backed.load(Relaxed).min(layout.data_len as u64);
    // If nothing is missing, nothing is requested again: xfs would want as much free space once
    // more.
    let has_all = facts.allocated >= control.end - control.start + backed;
    if has_all || object.lies_in_memory()? {
        return Ok(());
    }
    object.reserve(control)?;
    let start = layout.data_offset as u64;
    object.reserve(start..start + backed)
}

/// Maps the pages of an existing segment, if its opener asks for it.
pub(super) fn prefault(
    object: &Object,
    region: &Region,
    opening: Opening,
    facts: &Facts,
) -> Result<()> {
    if opening.paging.prefault.is_none() {
        return Ok(());
    }
    if object.lies_in_memory()? {
        limits::check_memory((region.layout().total as u64).saturating_sub(facts.allocated))?;
    }
    region.mapping().populate(object, opening.paging.threads())
}
