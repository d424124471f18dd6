//! Shared memory, and one word in it that tells how many frames were sent: the least that hands over a
//! frame. Nothing else is checked, kept or counted.
//!
//! # Safety
//!
//! The memory is a word at its start, touched as an atomic only, and behind it frames. A frame is
//! written by the one sender before it raises the word, and read by receivers after they saw that. The
//! sender comes back to the same place after [`Form::frames`] frames; its caller sees to it that all
//! receivers have read the frame there by then.
#![allow(unsafe_code)]

use std::fs::File;
use std::hint;
use std::os::fd::AsRawFd;
use std::process;
use std::slice;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::MemfdFlags;
use rustix::thread::futex;

use crate::form::{Form, Waiting};
use crate::transport::{Receiver, Sender, Transport};

/// Where frames begin, and at multiples of what.
const PAGE: usize = 4096;

/// How often a receiver looks before it sleeps, if it does both.
const LOOKS: u64 = 200;

/// Memory that processes share, with frames in it.
pub struct Raw {
    file: File,
    memory: MmapRaw,
    form: Form,
}

impl Transport for Raw {
    type Sender = RawSender;
    type Receiver = RawReceiver;

    fn create(form: Form) -> Self {
        let file = rustix::fs::memfd_create("frames", MemfdFlags::CLOEXEC).expect("a memfd");
        rustix::fs::ftruncate(&file, memory_len(form) as u64).expect("memory");
        Self::map(file.into(), form)
    }

    fn address(&self, _process: usize) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.file.as_raw_fd())
    }

    fn open(address: &str, form: Form) -> Self {
        let file = File::options().read(true).write(true).open(address);
        Self::map(file.expect("its maker lives"), form)
    }

    fn into_sender(self) -> RawSender {
        RawSender { raw: self, sent: 0 }
    }

    fn into_receiver(self) -> RawReceiver {
        RawReceiver { raw: self, received: 0 }
    }
}

impl Raw {
    fn map(file: File, form: Form) -> Self {
        let memory = MmapOptions::new().len(memory_len(form)).map_raw(&file).expect("memory");
        Self { file, memory, form }
    }

    /// How many frames were sent.
    fn sent(&self) -> &AtomicU32 {
        // SAFETY: the word at the start, aligned to a page; it lives as long as `self`.
        unsafe { AtomicU32::from_ptr(self.memory.as_mut_ptr().cast()) }
    }

    /// The place of that frame.
    fn frame(&self, number: u32) -> *mut u8 {
        let index = number % self.form.frames;
        let offset = PAGE + index as usize * place_len(self.form);
        // SAFETY: the memory goes on behind the word with this many places.
        unsafe { self.memory.as_mut_ptr().add(offset) }
    }
}

pub struct RawSender {
    raw: Raw,
    sent: u32,
}

impl Sender for RawSender {
    fn send(&mut self, write: impl FnOnce(&mut [u8])) {
        let frame = self.raw.frame(self.sent);
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
        let mut looks = 0u64;
        while !self.is_there() {
            let sleeps = match self.raw.form.waiting {
                Waiting::Spin => false,
                Waiting::SpinThenSleep => looks >= LOOKS,
                Waiting::Sleep => true,
            };
            if sleeps {
                // An error tells that the word has another value by now, or that a signal came.
                let _ = futex::wait(self.raw.sent(), futex::Flags::empty(), self.received, None);
            } else {
                looks += 1;
                hint::spin_loop();
            }
        }
    }
}

impl Receiver for RawReceiver {
    fn receive(&mut self, read: impl FnOnce(&[u8])) {
        self.wait();
        let frame = self.raw.frame(self.received);
        // SAFETY: the place is in the memory; the frame was sent, and stays until this was read.
        read(unsafe { slice::from_raw_parts(frame, self.raw.form.frame_len) });
        self.received = self.received.wrapping_add(1);
    }
}

fn place_len(form: Form) -> usize {
    form.frame_len.next_multiple_of(PAGE)
}

fn memory_len(form: Form) -> usize {
    PAGE + form.frames as usize * place_len(form)
}
