//! Lifelines in objects, of which there are none.

use std::ops::Range;
use std::sync::atomic::AtomicU32;

use super::object::Object;
use super::{Never, unsupported};
use crate::error::Result;
use crate::sys::place::Place;

/// A slot that nobody else has.
#[derive(Debug)]
pub(crate) struct ClaimedSlot(Never);

impl ClaimedSlot {
    pub(crate) fn slot(&self) -> u32 {
        match self.0 {}
    }

    pub(crate) fn keep(self, object: &Object) -> Result<Lifeline> {
        object.never()
    }
}

pub(crate) fn claim(
    object: &Object,
    _place: &Place,
    _slots: Range<u32>,
) -> Result<Option<ClaimedSlot>> {
    object.never()
}

pub(crate) fn is_alive(object: &Object, _slot: u32) -> Result<bool> {
    object.never()
}

/// Proof to every other process that this one is alive.
#[derive(Debug)]
pub(crate) struct Lifeline(Never);

impl Lifeline {
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
