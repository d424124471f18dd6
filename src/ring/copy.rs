//! Copying a frame with several threads.

use std::sync::{Mutex, PoisonError};
use std::thread;

use ndarray::{ArrayRef, ArrayView, ArrayViewMut, Axis, Dimension};

use crate::typed::element::Element;

/// The least number of bytes that each thread copies. Starting a thread takes as long as copying
/// about a tenth of them.
const SHARE: usize = 4 << 20;

/// How many threads a frame has enough work for: 0 and 1 mean that another is not worth starting.
pub(super) fn shares_of<T: Element, D: Dimension>(frame: &ArrayRef<T, D>) -> usize {
    frame.len() * size_of::<T>() / SHARE
}

/// Copies a frame to another of its shape, with at most that many threads, this one among them.
pub(super) fn copy<T: Element, D: Dimension>(
    mut to: ArrayViewMut<'_, T, D>,
    from: ArrayView<'_, T, D>,
    threads: usize,
) {
    let shares = threads.min(shares_of(&from));
    if shares <= 1 {
        to.assign(&from);
        return;
    }
    let work = Mutex::new(split(to, from, shares));
    let take = || work.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let run = || {
        while let Some((mut to, from)) = take() {
            to.assign(&from);
        }
    };
    thread::scope(|scope| {
        for _ in 1..shares {
            // The frame is copied with fewer threads too, and this one is the first.
            if thread::Builder::new().spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        run();
    });
}

type Pair<'a, T, D> = (ArrayViewMut<'a, T, D>, ArrayView<'a, T, D>);

/// Splits both frames alike into about as many parts, along the first axis that is long enough.
fn split<'a, T: Element, D: Dimension>(
    mut to: ArrayViewMut<'a, T, D>,
    mut from: ArrayView<'a, T, D>,
    parts: usize,
) -> Vec<Pair<'a, T, D>> {
    let mut split = Vec::new();
    if let Some(axis) = from.shape().iter().position(|&len| len >= parts).map(Axis) {
        for left in (2..=parts).rev() {
            let at = from.len_of(axis) / left;
            let (part, rest) = to.split_at(axis, at);
            let (from_part, from_rest) = from.split_at(axis, at);
            split.push((part, from_part));
            (to, from) = (rest, from_rest);
        }
    }
    split.push((to, from));
    split
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, Array3, IxDyn};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_are_the_whole(
            shape in prop::collection::vec(1usize..9, 0..=3),
            parts in 0usize..9,
        ) {
            let len: u32 = shape.iter().map(|&len| u32::try_from(len).unwrap()).product();
            let from = Array::from_iter(1..=len).into_shape_with_order(IxDyn(&shape)).unwrap();
            let mut to = Array::zeros(IxDyn(&shape));
            let split = split(to.view_mut(), from.view(), parts);
            prop_assert!(split.len() == 1 || split.len() == parts);
            for (mut to, from) in split {
                to.assign(&from);
            }
            prop_assert_eq!(to, from);
        }
    }

    #[test]
    fn a_frame_that_several_threads_copy_is_the_frame() {
        let numbers = 1..=u32::try_from(5 * SHARE / 4).unwrap();
        // Fortran order, so that both sides are split across.
        let from = Array3::from_shape_vec((5, 1024, SHARE / 4096), numbers.collect()).unwrap();
        let from = from.reversed_axes();
        let mut to = Array3::zeros(from.dim());
        copy(to.view_mut(), from.view(), 3);
        assert_eq!(to, from);
    }
}
