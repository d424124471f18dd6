//! Pictures in a terminal: each character is two pixels, one above the other.

use std::fmt::Write;

use ndshm::{Datum, Dtype, Scalar};

use crate::data::View;

/// Smaller arrays are rather numbers than pictures.
const SMALLEST: usize = 16;

/// Whether numbers of that dtype and shape are a picture: bytes of shape (h, w) or (h, w, 3), not tiny.
pub(crate) fn looks_like_one(dtype: &Dtype, shape: &[usize]) -> bool {
    fits(dtype, shape) && shape[..2].iter().all(|&len| len >= SMALLEST)
}

/// Whether numbers of that dtype and shape can be shown as a picture.
pub(crate) fn fits(dtype: &Dtype, shape: &[usize]) -> bool {
    let colors = matches!(shape, [h, w] | [h, w, 3 | 4] if *h > 0 && *w > 0);
    colors && *dtype == Dtype::Scalar(Scalar::U8)
}

/// `at * to / from`, which is less than `to`, however large that is.
fn scale(at: usize, to: usize, from: usize) -> usize {
    usize::try_from(at as u128 * to as u128 / from as u128).unwrap_or(usize::MAX)
}

/// `len * part / whole`, and one more if that does not come out even.
fn share(len: usize, part: usize, whole: usize) -> usize {
    let product = len as u128 * part as u128;
    usize::try_from(product.div_ceil(whole as u128)).unwrap_or(usize::MAX)
}

/// A picture that [`fits`], in so many pixels across and down.
pub(crate) struct Scaled {
    shape: Vec<usize>,
    across: usize,
    down: usize,
}

impl Scaled {
    /// As large as fits in that many columns and lines, and never larger than it is. Pixels stay
    /// square.
    pub(crate) fn new(shape: &[usize], columns: usize, lines: usize) -> Self {
        let (height, width) = (shape[0], shape[1]);
        let across = width.min(columns).min(share(width, lines * 2, height)).max(1);
        let down = share(height, across, width).clamp(1, lines * 2);
        Self { shape: shape.to_vec(), across, down }
    }

    fn row(&self, y: usize) -> usize {
        scale(y, self.shape[0], self.down)
    }

    fn column(&self, x: usize) -> usize {
        scale(x, self.shape[1], self.across)
    }

    /// Which indices of each axis are shown.
    pub(crate) fn shown(&self) -> Vec<Vec<usize>> {
        let rows = (0..self.down).map(|y| self.row(y)).collect();
        let columns = (0..self.across).map(|x| self.column(x)).collect();
        let mut shown: Vec<Vec<usize>> = vec![rows, columns];
        shown.extend(self.shape.get(2).map(|&channels| (0..channels).collect()));
        shown.iter_mut().for_each(Vec::dedup);
        shown
    }
}

/// The picture of a view that has what is shown; `colored` or in shades made of characters.
pub(crate) fn text(view: &View, scaled: &Scaled, colored: bool) -> String {
    let &Scaled { across, down, .. } = scaled;
    let pixel = |x: usize, y: usize| -> [u8; 3] {
        let (row, column) = (scaled.row(y), scaled.column(x));
        let value = |channel: &[usize]| {
            let at = [&[row, column], channel].concat();
            match view.at(&at) {
                Datum::Unsigned(value) => u8::try_from(value).unwrap_or(u8::MAX),
                _ => 0,
            }
        };
        let is_grey = scaled.shape.len() == 2;
        if is_grey { [value(&[]); 3] } else { [value(&[0]), value(&[1]), value(&[2])] }
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
