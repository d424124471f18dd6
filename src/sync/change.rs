//! Waiting until a payload changes.

use crate::lock::{Patience, Slices};
use crate::segment::{Access, Segment};
use crate::sys::wait;

/// Waits until `look`, which looks at the payload with SeqCst, finds something; `None` when patience
/// runs out first.
///
/// Whoever changes the payload rings the bell for those who wait. Observers may not ask for that, so
/// they look again after slices of 1 ms that grow to 100 ms.
pub(crate) fn wait_for_change<R>(
    segment: &Segment,
    patience: Patience,
    mut look: impl FnMut() -> Option<R>,
) -> Option<R> {
    if segment.access() != Access::Observe {
        let peers = segment.membership().peers(0);
        return segment.region().state().bell().wait_for(&peers, patience, look);
    }
    let mut slices = Slices::idle();
    loop {
        let found = look();
        if found.is_some() || patience.is_over() {
            return found;
        }
        wait::pause(slices.next(patience));
    }
}
