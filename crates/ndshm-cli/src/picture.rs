//! Pictures in a terminal: each character is two pixels, one above the other.

use std::fmt::Write;

use ndshm::{Datum, Dtype, Scalar};

use crate::data::View;

/// Smaller ones are rather numbers.
const SMALLEST: usize = 16;

/// Whether a view is a picture: bytes of shape (h, w) or (h, w, 3), and not tiny.
pub(crate) fn looks_like_one(view: &View<'_>) -> bool {
    fits(view) && view.shape()[..2].iter().all(|&len| len >= SMALLEST)
}

/// Whether a view can be shown as a picture.
pub(crate) fn fits(view: &View<'_>) -> bool {
    let colors = matches!(view.shape()[..], [h, w] | [h, w, 3 | 4] if h > 0 && w > 0);
    colors && *view.dtype() == Dtype::Scalar(Scalar::U8)
}

/// The picture in that many columns and lines at most; `colored` or in shades made of characters.
pub(crate) fn text(view: &View<'_>, columns: usize, lines: usize, colored: bool) -> String {
    let shape = view.shape();
    let (height, width) = (shape[0], shape[1]);
    // As large as fits, never larger than it is; pixels stay square.
    let across = width.min(columns).min((width * lines * 2).div_ceil(height)).max(1);
    let down = (height * across).div_ceil(width).clamp(1, lines * 2);
    let pixel = |x: usize, y: usize| -> [u8; 3] {
        let (row, column) = (y * height / down, x * width / across);
        let value = |channel: &[usize]| {
            let at = [&[row, column], channel].concat();
            match view.at(&at) {
                Datum::Unsigned(value) => u8::try_from(value).unwrap_or(u8::MAX),
                _ => 0,
            }
        };
        if shape.len() == 2 { [value(&[]); 3] } else { [value(&[0]), value(&[1]), value(&[2])] }
    };
    let mut text = String::new();
    for y in (0..down).step_by(2) {
        for x in 0..across {
            let [r, g, b] = pixel(x, y);
            let lower = (y + 1 < down).then(|| pixel(x, y + 1));
            let written = match (colored, lower) {
                (true, Some([lr, lg, lb])) => {
                    write!(text, "\x1b[38;2;{r};{g};{b};48;2;{lr};{lg};{lb}m▀")
                }
                (true, None) => write!(text, "\x1b[38;2;{r};{g};{b};49m▀"),
                (false, lower) => write!(text, "{}", shade([r, g, b], lower)),
            };
            written.expect("memory takes all");
        }
        text.push_str(if colored { "\x1b[0m\n" } else { "\n" });
    }
    text
}

/// A character as bright as both pixels together.
fn shade(upper: [u8; 3], lower: Option<[u8; 3]>) -> char {
    const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
    let sum = |pixel: [u8; 3]| pixel.iter().map(|&byte| usize::from(byte)).sum::<usize>();
    let light = sum(upper) + sum(lower.unwrap_or(upper));
    SHADES[light * SHADES.len() / (6 * 255 + 1)]
}
