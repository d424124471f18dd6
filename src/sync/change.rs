//! Waiting until a payload changes.

use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Patience, Slices};
use crate::segment::{Access, Segment};
use crate::sys::wait;

/// Waits until `look` finds something. It looks at the payload with SeqCst. Returns `None` when
/// patience runs out first. Fails when another segment has the name by now, because this one may
/// never change again.
///
/// Whoever changes the payload rings the bell for those who wait. Observers may not ask for that,
/// because asking writes. So they look again after slices of 1 ms that grow to 100 ms.
pub(crate) fn wait_for_change<R>(
    segment: &Segment,
    patience: Patience,
    mut look: impl FnMut() -> Option<R>,
) -> Result<Option<R>> {
    let mut look = || {
        // This comes before the look, so the look finds the last change before the replacement.
        let is_replaced = segment.region().state().is_replaced();
        match look() {
            Some(found) => Some(Ok(found)),
            None => is_replaced.then(|| Err(replaced(segment))),
        }
    };
    if segment.access() != Access::Observe {
        let peers = segment.membership().peers(0);
        return segment.region().state().bell().wait_for(&peers, patience, look).transpose();
    }
    let mut slices = Slices::between_looks();
    loop {
        let found = look();
        if found.is_some() || patience.is_over() {
            return found.transpose();
        }
        wait::pause(slices.next(patience));
    }
}

#[cold]
fn replaced(segment: &Segment) -> Error {
    Error::new(
        ErrorKind::Replaced,
        "was replaced by another segment of its name, which is what changes now: `reopen` it",
    )
    .of(segment.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::event::Event;

    #[test]
    fn the_last_change_before_a_replacement_is_found() {
        for access in [Access::ReadWrite, Access::Observe] {
            let event = Event::create_unique("unit-change-").unwrap();
            let seen = Segment::options().access(access).open(event.name()).unwrap();
            let mut looks = 0;
            let found = wait_for_change(&seen, Patience::Endless, || {
                looks += 1;
                // A change and a replacement come just after the first look.
                event.segment().region().state().mark_replaced();
                (looks > 1).then_some(looks)
            });
            assert_eq!(found.unwrap(), Some(2));
            let none: Option<()> = None;
            let error = wait_for_change(&seen, Patience::Endless, || none).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Replaced);
        }
    }
}
