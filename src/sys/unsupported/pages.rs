//! Pages of mappings, of which there are none.

use std::num::NonZero;

use super::map::Mapping;
use super::object::Object;
use crate::error::Result;

pub(crate) fn can_populate() -> bool {
    false
}

impl Mapping {
    pub(crate) fn populate(&self, _object: &Object, _threads: NonZero<usize>) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn gets_huge_pages(&self, _object: &Object) -> Result<bool> {
        match self.0 {}
    }

    pub(crate) fn collapse(&self, _threads: NonZero<usize>) {
        match self.0 {}
    }

    pub(crate) fn huge_bytes(&self) -> Result<usize> {
        match self.0 {}
    }
}
