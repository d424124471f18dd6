//! What locking a value hands out.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::MutexGuard;

use super::cells;
use super::element::Element;
use super::value::Value;
use crate::segment::Segment;
use crate::sync::Hold;

/// A locked value: a copy to work on, committed when the guard is dropped.
///
/// # Examples
///
/// See [`Value::lock`].
#[must_use = "the value is unlocked when the guard is dropped"]
pub struct ValueGuard<'a, T: Element> {
    value: &'a Value<T>,
    copy: T,
    changed: bool,
    /// Given back after `drop` committed.
    hold: Hold<&'a Segment>,
    stays: PhantomData<MutexGuard<'static, ()>>,
}

impl<'a, T: Element> ValueGuard<'a, T> {
    pub(super) fn new(value: &'a Value<T>, copy: T, hold: Hold<&'a Segment>) -> Self {
        Self { value, copy, changed: false, hold, stays: PhantomData }
    }
}

impl<T: Element> Deref for ValueGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.copy
    }
}

impl<T: Element> DerefMut for ValueGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.changed = true;
        &mut self.copy
    }
}

impl<T: Element + fmt::Debug> fmt::Debug for ValueGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.copy.fmt(f)
    }
}

impl<T: Element> Drop for ValueGuard<'_, T> {
    fn drop(&mut self) {
        if !self.changed || self.hold.is_unwound() || !self.hold.is_ours() {
            return;
        }
        let region = self.value.segment().region();
        if cells::is_word::<T>() {
            cells::swap(region, self.copy);
        } else {
            cells::commit(region, &self.copy);
        }
        self.value.announce();
    }
}
