//! Memory alone: the sender writes its frames and receivers read theirs, at the same time, and nothing
//! is handed over. What the memory can do.
//!
//! # Safety
//!
//! What the sender writes nobody else has, and what receivers read nobody writes.
#![allow(unsafe_code)]

use std::slice;

use crate::form::Form;
use crate::places::Places;
use crate::transport::{Receiver, Sender, Transport};

/// Frames that nobody writes.
pub struct Alone {
    places: Places,
    form: Form,
}

impl Transport for Alone {
    type Sender = AloneSender;
    type Receiver = AloneReceiver;

    fn create(form: Form) -> Self {
        let places = Places::create(form.frame_len, half(form));
        for number in 0..half(form) {
            // SAFETY: nobody else has it yet.
            unsafe { places.place(number).write_bytes(1, form.frame_len) };
        }
        Self { places, form }
    }

    fn address(&self, _process: usize) -> String {
        self.places.path()
    }

    fn open(address: &str, form: Form) -> Self {
        Self { places: Places::open(address, form.frame_len, half(form)), form }
    }

    /// The sender's places are its own, but shared memory as well.
    fn into_sender(self) -> AloneSender {
        let places = Places::create(self.form.frame_len, half(self.form));
        AloneSender { alone: Self { places, form: self.form }, sent: 0 }
    }

    fn into_receiver(self) -> AloneReceiver {
        AloneReceiver { alone: self, received: 0 }
    }
}

/// Each side has half the places, so that both together take as much of the processor's cache as a transport.
fn half(form: Form) -> u32 {
    form.frames / 2
}

pub struct AloneSender {
    alone: Alone,
    sent: u32,
}

impl Sender for AloneSender {
    fn send(&mut self, write: impl FnOnce(&mut [u8])) {
        let place = self.alone.places.place(self.sent);
        // SAFETY: nobody else has it.
        write(unsafe { slice::from_raw_parts_mut(place, self.alone.form.frame_len) });
        self.sent = self.sent.wrapping_add(1);
    }
}

pub struct AloneReceiver {
    alone: Alone,
    received: u32,
}

impl Receiver for AloneReceiver {
    fn receive(&mut self, read: impl FnOnce(&[u8])) {
        let place = self.alone.places.place(self.received);
        // SAFETY: nobody writes it.
        read(unsafe { slice::from_raw_parts(place, self.alone.form.frame_len) });
        self.received = self.received.wrapping_add(1);
    }
}
