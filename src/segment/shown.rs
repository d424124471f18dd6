//! How handles show themselves: the type, the name, and the contents.

use std::fmt;

use super::facts::Kind;
use super::life::Segment;
use crate::npy::{Dtype, Named};

/// Items of one dtype in a shape.
pub(crate) struct Items<'a> {
    pub(crate) dtype: &'a Dtype,
    pub(crate) shape: &'a [usize],
}

impl fmt::Display for Items<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shape {:?} of {}", self.shape, Named(self.dtype))
    }
}

/// The kind, the name, the shape and the dtype: `Array "cam0" of shape [480, 640] of <f4 (f32)`.
impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let control = self.control();
        write!(f, "{:?} {:?}", control.kind, self.name())?;
        match control.kind {
            Kind::Event | Kind::AutoResetEvent => Ok(()),
            _ => write!(f, " of {}", Items { dtype: &control.dtype, shape: &control.shape }),
        }
    }
}
