//! Shared memory, and one word in it that tells how many frames were sent: the least that hands over a
//! frame. Nothing else is checked, kept or counted.
//!
//! # Safety
//!
//! A frame is written by the one sender before it raises the word, and read by receivers after they
//! saw that. The sender comes back to the same place after [`Form::frames`] frames; its caller sees to it
//! that all receivers have read the frame there by then.
#![allow(unsafe_code)]

use std::hint;
use std::slice;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};

use rustix::thread::futex;

use crate::form::{Form, Waiting};
use crate::places::Places;
use crate::transport::{Receiver, Sender, Transport};

/// How often a receiver looks before it sleeps, if it does both.
const LOOKS: u32 = 200;

/// Frames in shared memory.
pub struct Raw {
    places: Places,
    form: Form,
}

impl Transport for Raw {
    type Sender = RawSender;
    type Receiver = RawReceiver;

    fn create(form: Form) -> Self {
        Self { places: Places::create(form.frame_len, form.frames), form }
    }

    fn address(&self, _process: usize) -> String {
        self.places.path()
    }

    fn open(address: &str, form: Form) -> Self {
        Self { places: Places::open(address, form.frame_len, form.frames), form }
    }

    fn into_sender(self) -> RawSender {
        RawSender { raw: self, sent: 0 }
    }

    fn into_receiver(self) -> RawReceiver {
        RawReceiver { raw: self, received: 0 }
    }
}

impl Raw {
    /// How many frames were sent.
    fn sent(&self) -> &AtomicU32 {
        self.places.word(0)
    }
}

pub struct RawSender {
    raw: Raw,
    sent: u32,
}

impl Sender for RawSender {
    fn send(&mut self, write: impl FnOnce(&mut [u8])) {
        let frame = self.raw.places.place(self.sent);
        // SAFETY: the place is in the memory, and all receivers are done with the frame in it.
        write(unsafe { slice::from_raw_parts_mut(frame, self.raw.form.frame_len) });
        self.sent = self.sent.wrapping_add(1);
        self.raw.sent().store(self.sent, Release);
        if self.raw.form.waiting != Waiting::Spin {
            let all = i32::MAX.unsigned_abs();
            futex::wake(self.raw.sent(), futex::Flags::empty(), all).expect("a word of ours");
        }
    }
}

pub struct RawReceiver {
    raw: Raw,
    received: u32,
}

impl RawReceiver {
    /// Whether the next frame was sent.
    fn is_there(&self) -> bool {
        self.raw.sent().load(Acquire) != self.received
    }

    fn wait(&self) {
        let mut looks = 0;
        while !self.is_there() {
            let sleeps = match self.raw.form.waiting {
                Waiting::Spin => false,
                Waiting::SpinThenSleep => looks == LOOKS,
                Waiting::Sleep => true,
            };
            if sleeps {
                // An error tells that the word has another value by now, or that a signal came.
                let _ = futex::wait(self.raw.sent(), futex::Flags::empty(), self.received, None);
            } else {
                looks = LOOKS.min(looks + 1);
                hint::spin_loop();
            }
        }
    }
}

impl Receiver for RawReceiver {
    fn receive(&mut self, read: impl FnOnce(&[u8])) {
        self.wait();
        let frame = self.raw.places.place(self.received);
        // SAFETY: the place is in the memory; the frame was sent, and stays until this was read.
        read(unsafe { slice::from_raw_parts(frame, self.raw.form.frame_len) });
        self.received = self.received.wrapping_add(1);
    }
}
