//! The description of a new segment, which its creation follows.

use super::facts::Kind;
use super::layout::data_len;
use super::options::Settings;
use crate::error::Result;
use crate::npy::{Dtype, Order};

/// The decisions of a creator, from the given options to where everything lies.
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    /// The dtype of an item, which is no array.
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) order: Order,
    /// Bytes of the payload.
    pub(crate) data_len: usize,
    pub(crate) participants: u32,
    pub(crate) stripes: u32,
    /// Bytes of the second copy of a large value, otherwise 0.
    pub(crate) shadow_len: usize,
    /// How many slots of a ring one process may lease, otherwise 0.
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
