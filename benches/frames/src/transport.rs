//! What all transports have in common.

use crate::form::Form;

/// A way to hand over frames. One process creates it; others open it by its address. Each is then
/// one end of it.
pub trait Transport: Sized {
    type Sender: Sender;
    type Receiver: Receiver;

    /// Makes one.
    fn create(form: Form) -> Self;

    /// What that one of the other processes opens it by.
    fn address(&self, process: usize) -> String;

    /// Opens one that another process made.
    fn open(address: &str, form: Form) -> Self;

    fn into_sender(self) -> Self::Sender;

    fn into_receiver(self) -> Self::Receiver;
}

/// The end of a transport that hands over frames.
pub trait Sender {
    /// Hands over a frame that `write` writes.
    fn send(&mut self, write: impl FnOnce(&mut [u8]));
}

/// The end of a transport that is handed frames.
pub trait Receiver {
    /// Waits for the next frame and reads it.
    fn receive(&mut self, read: impl FnOnce(&[u8]));
}
