//! Lifelines in objects, of which there are none.

use std::sync::atomic::AtomicU32;

use super::lock::{Byte, Locker};
use super::object::Object;
use super::{Never, unsupported};
use crate::error::Result;

/// Proof to every other process that this one is alive.
#[derive(Debug)]
pub(crate) struct Lifeline(Never);

impl Lifeline {
    pub(crate) fn new(object: &Object, _locker: Locker, _byte: Byte) -> Result<Self> {
        object.never()
    }

    pub(crate) fn forget(self) {
        match self.0 {}
    }
}

/// A word that only this process sees.
#[derive(Debug)]
pub(crate) struct Mark(Never);

impl Mark {
    pub(crate) fn new(_proof: &Registration) -> Result<Self> {
        Err(unsupported())
    }

    pub(crate) fn release(&self, _proof: &Registration) {
        match self.0 {}
    }
}

impl std::ops::Deref for Mark {
    type Target = AtomicU32;

    fn deref(&self) -> &AtomicU32 {
        match self.0 {}
    }
}

/// The registration mutex, which guards nothing here.
#[derive(Debug)]
pub(crate) struct Registration(());

pub(crate) fn registration() -> Registration {
    Registration(())
}
