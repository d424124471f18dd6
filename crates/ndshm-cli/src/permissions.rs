//! Permissions of what is created.
//!
//! # Safety
//!
//! The unsafe function called here lets the user who types a mode vouch for those whom that mode
//! lets write.
#![allow(unsafe_code)]

use ndshm::{AnyArray, Lifetime, Options};

use crate::args::Mode;

impl Mode {
    /// Begins to create an array that has these permissions and stays.
    pub(crate) fn options(&self) -> Options<AnyArray> {
        // SAFETY: a user who types a mode that lets others write says by it that they keep to the
        // protocol. What is created is written before it has a name. After that this command
        // neither reads nor writes it.
        let options = unsafe { AnyArray::options().mode_for_writers(self.mode) };
        options.lifetime(Lifetime::Persistent)
    }
}
