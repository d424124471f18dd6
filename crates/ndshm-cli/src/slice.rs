//! Slices as Python writes them: `0, :, ::4, ...`.

use crate::data::{Axis, Selection};
use crate::failure::{Failure, Result};

/// What is asked of one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    At(isize),
    Range {
        start: Option<isize>,
        stop: Option<isize>,
        step: isize,
    },
    /// All axes that no other part is about.
    Rest,
}

/// The items that `text` selects from numbers of that shape. Without a text, these are all of them.
pub(crate) fn select(shape: &[usize], text: Option<&str>) -> Result<Selection> {
    let parts = match text {
        Some(text) => text.split(',').map(part).collect::<Result<Vec<_>>>()?,
        None => vec![Part::Rest],
    };
    apply(&parts, shape)
}

fn part(text: &str) -> Result<Part> {
    let text = text.trim();
    let wrong = || Failure::usage(format!("`{text}` is no slice: write 3, -1, 2:5, ::4 or ..."));
    let number = |text: &str| match text.trim() {
        "" => Ok(None),
        text => text.parse::<isize>().map(Some).map_err(|_| wrong()),
    };
    if text == "..." {
        return Ok(Part::Rest);
    }
    let fields: Vec<&str> = text.split(':').collect();
    match fields[..] {
        [at] => number(at)?.map(Part::At).ok_or_else(wrong),
        [start, stop] => Ok(Part::Range { start: number(start)?, stop: number(stop)?, step: 1 }),
        [start, stop, step] => match number(step)?.unwrap_or(1) {
            0 => Err(Failure::usage(format!("`{text}` has step 0, which leads nowhere"))),
            step => Ok(Part::Range { start: number(start)?, stop: number(stop)?, step }),
        },
        _ => Err(wrong()),
    }
}

fn apply(parts: &[Part], shape: &[usize]) -> Result<Selection> {
    let rests = parts.iter().filter(|part| **part == Part::Rest).count();
    let named = parts.len() - rests;
    if rests > 1 || named > shape.len() {
        return Err(Failure::usage(format!(
            "the slice names {named} axes, and there are {}{}",
            shape.len(),
            if rests > 1 { "; `...` may stand once" } else { "" }
        )));
    }
    let everything = Part::Range { start: None, stop: None, step: 1 };
    let mut whole = Vec::new();
    for &part in parts {
        match part {
            Part::Rest => whole.extend(vec![everything; shape.len() - named]),
            part => whole.push(part),
        }
    }
    whole.resize(shape.len(), everything);

    let (mut base, mut axes) = (Vec::new(), Vec::new());
    for (source, (part, &len)) in whole.into_iter().zip(shape).enumerate() {
        match part {
            Part::At(at) => base.push(resolve(at, len).ok_or_else(|| {
                Failure::usage(format!(
                    "index {at} is outside of axis {source}, which is {len} long"
                ))
            })?),
            Part::Range { start, stop, step } => {
                let range = Walk::new(start, stop, step, len);
                base.push(range.start);
                axes.push(Axis { source, step, len: range.len });
            }
            Part::Rest => unreachable!("replaced above"),
        }
    }
    Ok(Selection { base, axes })
}

fn resolve(at: isize, len: usize) -> Option<usize> {
    let at = if at < 0 { len.checked_sub(at.unsigned_abs())? } else { at.unsigned_abs() };
    (at < len).then_some(at)
}

/// Where a range begins and how many items it has.
struct Walk {
    start: usize,
    len: usize,
}

impl Walk {
    /// As Python's `slice.indices` does it.
    fn new(start: Option<isize>, stop: Option<isize>, step: isize, len: usize) -> Self {
        let len = len.cast_signed();
        let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let bound = |at: isize| (if at < 0 { at.saturating_add(len) } else { at }).clamp(low, high);
        let (first, last) = if step > 0 { (low, high) } else { (high, low) };
        let start = start.map_or(first, bound);
        let stop = stop.map_or(last, bound);
        let span = if step > 0 { stop - start } else { start - stop };
        let count = if span <= 0 { 0 } else { span.unsigned_abs().div_ceil(step.unsigned_abs()) };
        Self { start: start.max(0).unsigned_abs(), len: count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes(text: &str, shape: &[usize]) -> (Vec<usize>, Vec<(isize, usize)>) {
        let parts: Vec<_> = text.split(',').map(|text| part(text).unwrap()).collect();
        let Selection { base, axes } = apply(&parts, shape).unwrap();
        (base, axes.iter().map(|axis| (axis.step, axis.len)).collect())
    }

    #[test]
    fn slices_mean_what_they_mean_in_python() {
        for (text, base, expected) in [
            ("0", vec![0], vec![]),
            ("-1", vec![9], vec![]),
            (":", vec![0], vec![(1, 10)]),
            ("::4", vec![0], vec![(4, 3)]),
            ("::-1", vec![9], vec![(-1, 10)]),
            ("7:2:-2", vec![7], vec![(-2, 3)]),
            ("-3:", vec![7], vec![(1, 3)]),
            (":99", vec![0], vec![(1, 10)]),
            ("99:", vec![10], vec![(1, 0)]),
            ("-99:2", vec![0], vec![(1, 2)]),
            ("...", vec![0], vec![(1, 10)]),
        ] {
            assert_eq!(axes(text, &[10]), (base, expected), "{text}");
        }
        assert_eq!(axes("0,...,-1", &[2, 3, 4]), (vec![0, 0, 3], vec![(1, 3)]));
        assert_eq!(axes("1", &[2, 3]), (vec![1, 0], vec![(1, 3)]));
        assert_eq!(axes("...", &[]), (vec![], vec![]));
    }

    #[test]
    fn what_is_no_slice_is_refused() {
        for text in ["", "x", "1:2:3:4", "::0", "1.5"] {
            assert!(part(text).is_err(), "{text}");
        }
        for (text, shape) in [("10", &[10][..]), ("-11", &[10]), ("0,0", &[10]), ("...,...", &[10])]
        {
            let parts: Vec<_> = text.split(',').map(|text| part(text).unwrap()).collect();
            assert!(apply(&parts, shape).is_err(), "{text}");
        }
    }
}
