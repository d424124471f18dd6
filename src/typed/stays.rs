//! Why a guard is not sent to another thread, in words that the compiler says.
//!
//! # Safety
//!
//! What has a [`StaysInItsThread`] is never `Send`: that wants a type that is [`CanBeSent`], and there is none.
#![allow(unsafe_code)]

use std::marker::PhantomData;

/// A part of guards that stay in the thread that took the lock.
pub(super) struct StaysInItsThread<T = Guard>(PhantomData<T>);

/// A guard, which is not [`CanBeSent`].
pub(super) struct Guard;

impl StaysInItsThread {
    pub(super) const HERE: Self = Self(PhantomData);
}

/// What no guard is that borrows.
#[diagnostic::on_unimplemented(
    message = "a guard stays in the thread that took the lock: for one that can be sent, use `write_owned` or \
               `read_owned`"
)]
pub(super) trait CanBeSent {}

// SAFETY: nothing is `CanBeSent`, so this says of no type that it is `Send`; it is there for its trait's message.
unsafe impl<T: CanBeSent> Send for StaysInItsThread<T> {}
