//! How many frames each receiver has read, so that a sender does not write over what is still to be
//! read. Kept beside every transport alike, whether it needs that or not.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use rustix::thread::futex;

use crate::places::Places;

/// A word for each receiver.
pub struct Credits(Places);

impl Credits {
    pub fn create() -> Self {
        Self(Places::create(0, 0))
    }

    /// Where receivers find them.
    pub fn path(&self) -> String {
        self.0.path()
    }

    pub fn open(path: &str) -> Self {
        Self(Places::open(path, 0, 0))
    }

    /// Counts a frame that this receiver has read.
    pub fn count(&self, receiver: usize) {
        let word = self.0.word(receiver);
        word.store(word.load(Relaxed).wrapping_add(1), Release);
        futex::wake(word, futex::Flags::empty(), 1).expect("a word of ours");
    }

    /// Sleeps until all receivers have read all but `left` of the frames that were sent.
    pub fn wait(&self, receivers: u32, sent: u32, left: u32) {
        for receiver in 0..receivers as usize {
            let word = self.0.word(receiver);
            loop {
                let read = word.load(Acquire);
                // Who is handed nothing may be ahead.
                if sent.wrapping_sub(read).cast_signed() <= left.cast_signed() {
                    break;
                }
                // An error tells that the word has another value by now, or that a signal came.
                let _ = futex::wait(word, futex::Flags::empty(), read, None);
            }
        }
    }
}
