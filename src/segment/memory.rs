//! The bytes of a block: where they are mapped, and views of parts of them.
//!
//! # Safety
//!
//! A raw view made here lies within the mapping, is aligned, and spans no more than the address
//! space. Whoever dereferences it must know what its bytes mean, and that nobody changes them
//! meanwhile.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use ndarray::{Dimension, RawArrayView, RawArrayViewMut, Shape};

use super::layout::data_len;
use crate::error::{Error, ErrorKind, Result, size};
use crate::sys::map::Mapping;
use crate::sys::object::Object;

/// Mapped bytes, and their owner.
pub(super) enum Memory {
    /// An object of ours, mapped from its start.
    Object { object: Object, mapping: Mapping },
    /// A mapping of the `shared_memory` crate.
    #[cfg(feature = "shared_memory")]
    Shmem(Shmem),
}

impl Memory {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Object { mapping, .. } => mapping.len(),
            #[cfg(feature = "shared_memory")]
            Self::Shmem(shmem) => shmem.0.len(),
        }
    }

    /// The first byte. It is writable if the mapping is.
    pub(super) fn base(&self) -> NonNull<u8> {
        match self {
            Self::Object { mapping, .. } => mapping.base(),
            #[cfg(feature = "shared_memory")]
            Self::Shmem(shmem) => {
                NonNull::new(shmem.0.as_ptr()).expect("a mapping never starts at zero")
            }
        }
    }

    pub(super) fn view<T, D: Dimension>(
        &self,
        offset: usize,
        shape: Shape<D>,
    ) -> Result<RawArrayView<T, D>> {
        let start = self.locate::<T>(offset, shape.raw_dim().slice())?;
        // SAFETY: `locate` proved that so many items lie in the mapping, aligned, and that the
        // product of the axes that are not empty fits isize.
        Ok(unsafe { RawArrayView::from_shape_ptr(shape, start) })
    }

    pub(super) fn view_mut<T, D: Dimension>(
        &self,
        offset: usize,
        shape: Shape<D>,
    ) -> Result<RawArrayViewMut<T, D>> {
        let start = self.locate::<T>(offset, shape.raw_dim().slice())?;
        // SAFETY: as in `view`.
        Ok(unsafe { RawArrayViewMut::from_shape_ptr(shape, start) })
    }

    /// Where an array of `T` of that shape begins. All of the array lies in the block.
    fn locate<T>(&self, offset: usize, shape: &[usize]) -> Result<*mut T> {
        let needed = data_len(shape, size_of::<T>())?;
        if offset.checked_add(needed).is_none_or(|end| end > self.len()) {
            return Err(Error::new(
                ErrorKind::OutOfBounds,
                format!(
                    "has {}, of which an array of shape {shape:?} and {}-byte items at offset {offset} \
                     takes {}: ask for less",
                    size(self.len()),
                    size_of::<T>(),
                    size(needed)
                ),
            ));
        }
        let start = self.base().as_ptr().wrapping_add(offset).cast::<T>();
        if start.is_aligned() {
            return Ok(start);
        }
        Err(Error::new(
            ErrorKind::Misaligned,
            format!(
                "has no items at offset {offset} that must begin at a multiple of {}: round the \
                 offset up, or copy the bytes",
                align_of::<T>()
            ),
        ))
    }
}

/// A mapping that the `shared_memory` crate made and will unmap.
#[cfg(feature = "shared_memory")]
pub(super) struct Shmem(pub(super) shared_memory::Shmem);

// SAFETY: it holds a pointer to shared memory, a descriptor and two strings, none of them bound to
// a thread. Through a shared reference only its pointer and length are read, and they never change.
#[cfg(feature = "shared_memory")]
unsafe impl Send for Shmem {}
// SAFETY: see `Send`.
#[cfg(feature = "shared_memory")]
unsafe impl Sync for Shmem {}
