//! Whether what is held can be taken for an array of a Rust type.

use std::fmt;

use ndarray::Dimension;

use super::element::Element;
use crate::error::{Error, ErrorKind, Result};
use crate::npy::{Dtype, Order};

/// Alignment of every payload's start within its page, which no element may exceed.
const PAGE: usize = 4096;

/// What a segment or a file says that it holds.
pub(crate) struct Contents<'a> {
    pub(crate) dtype: &'a Dtype,
    pub(crate) shape: &'a [usize],
    pub(crate) order: Order,
}

impl Contents<'_> {
    /// The shape of an array of `T` over it, where `asked` is the dtype of `T`.
    ///
    /// # Errors
    ///
    /// `DtypeMismatch`, `RankMismatch`, and `ShapeMismatch` where elements that are arrays do not fit
    /// the last axes.
    pub(crate) fn shape_of<T: Element, D: Dimension>(&self, asked: Dtype) -> Result<D> {
        let (dtype, folded) = asked.fold();
        let ndim = D::NDIM.map(|ndim| ndim + folded.len());
        let mismatch = |kind| {
            let asked = match ndim {
                Some(ndim) => format!("asked for {dtype} ({})", axes(ndim)),
                None => format!("asked for {dtype}"),
            };
            Err(Error::new(kind, format!("holds {self}, {asked}")))
        };
        if *self.dtype != dtype || align_of::<T>() > PAGE {
            return mismatch(ErrorKind::DtypeMismatch);
        }
        if ndim.is_some_and(|ndim| ndim != self.shape.len()) {
            return mismatch(ErrorKind::RankMismatch);
        }
        let outer = match self.shape.len().checked_sub(folded.len()) {
            Some(outer) if self.shape[outer..] == folded[..] => &self.shape[..outer],
            _ => {
                return Err(Error::new(
                    ErrorKind::ShapeMismatch,
                    format!("holds {self}, asked for elements of shape {folded:?}"),
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
        write!(f, "{} ({}", self.dtype, axes(self.shape.len()))?;
        for (index, len) in self.shape.iter().enumerate() {
            write!(f, "{}{len}", if index == 0 { ": " } else { " × " })?;
        }
        f.write_str(")")
    }
}

fn axes(count: usize) -> String {
    if count == 1 { "1 axis".into() } else { format!("{count} axes") }
}
