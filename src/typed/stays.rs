//! Makes the compiler say why a guard is not sent to another thread.
//!
//! # Safety
//!
//! A type with a [`StaysInItsThread`] in it is never `Send`: that requires a type that is
//! [`CanBeSent`], and there is none.
#![allow(unsafe_code)]

use std::marker::PhantomData;

/// A part of guards that stay in the thread that took the lock.
pub(super) struct StaysInItsThread<T = Guard>(PhantomData<T>);

/// A guard, which is not [`CanBeSent`].
pub(super) struct Guard;

impl StaysInItsThread {
    pub(super) const HERE: Self = Self(PhantomData);
}

/// A guard that borrows never implements this.
#[diagnostic::on_unimplemented(
    message = "a guard stays in the thread that took the lock: for one that can be sent, use `write_owned` or \
               `read_owned`"
)]
pub(super) trait CanBeSent {}

// SAFETY: no type is `CanBeSent`, so this makes no type `Send`. It is there for the message of that
// trait.
unsafe impl<T: CanBeSent> Send for StaysInItsThread<T> {}
