//! Checks whether the contents of a segment or a file are an array of a Rust type.

use std::fmt;

use ndarray::Dimension;

use super::element::Element;
use crate::error::{Error, ErrorKind, Result};
use crate::npy::{Dtype, Header, Named, Order, UNIT};
use crate::segment::Segment;

/// What a segment or a file says that it holds.
pub(crate) struct Contents<'a> {
    pub(crate) dtype: &'a Dtype,
    pub(crate) shape: &'a [usize],
    pub(crate) order: Order,
    /// The data begins at a multiple of this.
    pub(crate) alignment: usize,
}

impl<'a> Contents<'a> {
    pub(crate) fn of(segment: &'a Segment) -> Self {
        let control = segment.control();
        let alignment = alignment_of(control.layout.data_offset);
        Self { dtype: &control.dtype, shape: &control.shape, order: control.order, alignment }
    }

    pub(crate) fn of_header(header: &'a Header) -> Self {
        let alignment = alignment_of(header.data_offset);
        Self { dtype: &header.dtype, shape: &header.shape, order: header.order, alignment }
    }
}

impl Contents<'_> {
    /// Returns the shape of these contents as an array of `T`. `asked` is the dtype of `T`.
    ///
    /// # Errors
    ///
    /// `DtypeMismatch`, `Misaligned`, `RankMismatch`, and `ShapeMismatch` where elements that are arrays do not fit
    /// the last axes.
    pub(crate) fn shape_of<T: Element, D: Dimension>(&self, asked: Dtype) -> Result<D> {
        // Strings and times may be read as the plain numbers that they are made of.
        let reads = self.dtype.reads_as(&asked);
        let (dtype, folded) = if reads { (asked, Vec::new()) } else { asked.fold() };
        let ndim = D::NDIM.map(|ndim| ndim + folded.len());
        let mismatch = |kind| {
            let asked = match ndim {
                Some(ndim) => format!("asked for {}, {}", Named(&dtype), axes(ndim)),
                None => format!("asked for {}", Named(&dtype)),
            };
            let problem = format!("holds {self}, {asked}: open it as what it holds");
            Err(Error::new(kind, problem))
        };
        if !self.dtype.reads_as(&dtype) {
            return mismatch(ErrorKind::DtypeMismatch);
        }
        if align_of::<T>() > self.alignment {
            return Err(Error::new(
                ErrorKind::Misaligned,
                format!(
                    "has data at a multiple of {} bytes, and such elements want {}: use a type that \
                     asks for no more",
                    self.alignment,
                    align_of::<T>()
                ),
            ));
        }
        if ndim.is_some_and(|ndim| ndim != self.shape.len()) {
            return mismatch(ErrorKind::RankMismatch);
        }
        let outer = match self.shape.len().checked_sub(folded.len()) {
            Some(outer) if self.shape[outer..] == folded[..] => &self.shape[..outer],
            _ => {
                return Err(Error::new(
                    ErrorKind::ShapeMismatch,
                    format!(
                        "holds {self}, asked for elements of shape {folded:?}: open it as what it holds"
                    ),
                ));
            }
        };
        if self.order == Order::F && !folded.is_empty() {
            return Err(Error::new(
                ErrorKind::ShapeMismatch,
                "is in Fortran order, where elements that are arrays are not contiguous: open it \
                 with scalar elements and more axes",
            ));
        }
        let mut shape = D::zeros(outer.len());
        shape.slice_mut().copy_from_slice(outer);
        Ok(shape)
    }
}

impl fmt::Display for Contents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Laid { dtype: self.dtype, shape: self.shape }.fmt(f)
    }
}

/// Items along axes, as errors show them: `<f8 (f64), 2 axes: 3 × 4`, or `<f8 (f64)` alone.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Laid<'a> {
    pub(crate) dtype: &'a Dtype,
    pub(crate) shape: &'a [usize],
}

impl Laid<'_> {
    /// Fails if a segment that holds this was asked for something else. In the error, `each` comes
    /// before both: `"rows of "`, or nothing.
    pub(crate) fn check_same(self, each: &str, asked: Laid<'_>) -> Result<()> {
        match (self.dtype == asked.dtype, self.shape == asked.shape) {
            (true, true) => Ok(()),
            (false, _) => Err(self.mismatch(ErrorKind::DtypeMismatch, each, asked)),
            (true, false) => Err(self.mismatch(ErrorKind::ShapeMismatch, each, asked)),
        }
    }

    /// The error for a segment that holds this and was asked for `asked`.
    #[cold]
    pub(crate) fn mismatch(self, kind: ErrorKind, each: &str, asked: Laid<'_>) -> Error {
        let problem =
            format!("holds {each}{self}, asked for {each}{asked}: open it as what it holds");
        Error::new(kind, problem)
    }
}

impl fmt::Display for Laid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Named(self.dtype))?;
        if !self.shape.is_empty() {
            write!(f, ", {}", axes(self.shape.len()))?;
        }
        for (index, len) in self.shape.iter().enumerate() {
            write!(f, "{}{len}", if index == 0 { ": " } else { " × " })?;
        }
        Ok(())
    }
}

/// The greatest power of two that divides an offset into a mapping, at most [`UNIT`].
fn alignment_of(offset: usize) -> usize {
    1 << offset.trailing_zeros().min(UNIT.trailing_zeros())
}

fn axes(count: usize) -> String {
    if count == 1 { "1 axis".into() } else { format!("{count} axes") }
}
