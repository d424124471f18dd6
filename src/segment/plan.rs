//! What a new segment is to be: the one description that a creation follows.

use super::facts::Kind;
use super::layout::data_len;
use super::options::Settings;
use crate::error::Result;
use crate::npy::{Dtype, Order};

/// What a creator decides, from the options it was given to where everything lies.
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    /// That of an item, which is no array.
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) order: Order,
    /// Bytes of the payload.
    pub(crate) data_len: usize,
    pub(crate) participants: u32,
    pub(crate) stripes: u32,
    /// Bytes of the second copy of a large value; else 0.
    pub(crate) shadow_len: usize,
    /// How many slots of a ring one process may lease; else 0.
    pub(crate) leases: u32,
}

impl Plan {
    /// Plans a segment of one stripe.
    ///
    /// # Errors
    ///
    /// `SizeOverflow`.
    pub(crate) fn new(
        settings: &Settings,
        kind: Kind,
        dtype: Dtype,
        shape: Vec<usize>,
    ) -> Result<Self> {
        Ok(Self {
            kind,
            data_len: data_len(&shape, dtype.item_size())?,
            dtype,
            shape,
            order: settings.order,
            participants: settings.participants,
            stripes: 1,
            shadow_len: 0,
            leases: 0,
        })
    }
}
