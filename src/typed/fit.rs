//! Whether a payload can be viewed as an array of a Rust type.

use ndarray::Dimension;

use super::element::{Element, checked_dtype};
use crate::error::{Error, ErrorKind, Result};
use crate::npy::{Dtype, Order};

/// The shape in elements of `T` of a payload of that dtype and shape, or how they differ.
pub(super) fn fit<T: Element, D: Dimension>(
    dtype: &Dtype,
    shape: &[usize],
    order: Order,
) -> Result<D> {
    let (asked_dtype, folded) = checked_dtype::<T>()?.fold();
    let ndim = D::NDIM.map(|ndim| ndim + folded.len());
    let asked = || match ndim {
        Some(ndim) => format!("asked for {asked_dtype} ({})", axes(ndim)),
        None => format!("asked for {asked_dtype}"),
    };
    let mismatch = |kind| {
        let found = describe(dtype, shape);
        Err(Error::new(kind, format!("holds {found}, {}", asked())))
    };
    if *dtype != asked_dtype || align_of::<T>() > 4096 {
        return mismatch(ErrorKind::DtypeMismatch);
    }
    if ndim.is_some_and(|ndim| ndim != shape.len()) {
        return mismatch(ErrorKind::RankMismatch);
    }
    let outer = match shape.len().checked_sub(folded.len()) {
        Some(outer) if shape[outer..] == folded[..] => &shape[..outer],
        _ => {
            let found = describe(dtype, shape);
            return Err(Error::new(
                ErrorKind::ShapeMismatch,
                format!("holds {found}, asked for elements of shape {folded:?}"),
            ));
        }
    };
    if order == Order::F && !folded.is_empty() {
        return Err(Error::new(
            ErrorKind::ShapeMismatch,
            "is in Fortran order, where elements that are arrays are not contiguous: open it with \
             scalar elements and more axes",
        ));
    }
    let mut fitting = D::zeros(outer.len());
    fitting.slice_mut().copy_from_slice(outer);
    Ok(fitting)
}

fn describe(dtype: &Dtype, shape: &[usize]) -> String {
    let lengths: Vec<String> = shape.iter().map(usize::to_string).collect();
    match lengths.len() {
        0 => format!("{dtype} (0 axes)"),
        count => format!("{dtype} ({}: {})", axes(count), lengths.join(" × ")),
    }
}

fn axes(count: usize) -> String {
    if count == 1 { "1 axis".into() } else { format!("{count} axes") }
}
