//! Memory that processes share, with places for frames in it.
//!
//! # Safety
//!
//! Places are within the memory and do not overlap, and the memory is mapped as long as the
//! [`Places`] live.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process;
use std::sync::atomic::AtomicU32;

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::MemfdFlags;

/// Where places begin, and at multiples of what.
const PAGE: usize = 4096;

/// A page of words, and behind it places of some length.
pub struct Places {
    file: File,
    memory: MmapRaw,
    frame_len: usize,
    count: usize,
}

impl Places {
    /// How many words there are.
    pub const WORDS: usize = PAGE / LINE;

    /// Makes them, zeroed.
    pub fn create(frame_len: usize, count: u32) -> Self {
        let file = rustix::fs::memfd_create("frames", MemfdFlags::CLOEXEC).expect("a memfd");
        rustix::fs::ftruncate(&file, memory_len(frame_len, count) as u64).expect("memory");
        Self::map(file.into(), frame_len, count)
    }

    /// Opens those that another process made, by what their [`path`](Self::path) says.
    pub fn open(path: &str, frame_len: usize, count: u32) -> Self {
        let file = File::options().read(true).write(true).open(path);
        Self::map(file.expect("their maker lives"), frame_len, count)
    }

    fn map(file: File, frame_len: usize, count: u32) -> Self {
        let len = memory_len(frame_len, count);
        let memory = MmapOptions::new().len(len).map_raw(&file).expect("memory");
        Self { file, memory, frame_len, count: count as usize }
    }

    /// Where other processes find them, as long as this one has them.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.file.as_raw_fd())
    }

    /// One of the words, each in a line of its own.
    pub fn word(&self, index: usize) -> &AtomicU32 {
        assert!(index < Self::WORDS, "there is no word {index}");
        // SAFETY: the first page has so many lines.
        let word = unsafe { self.memory.as_mut_ptr().add(index * LINE) };
        // SAFETY: aligned to its line; touched as an atomic only, and mapped as long as `self` lives.
        unsafe { AtomicU32::from_ptr(word.cast()) }
    }

    /// The place of the frame of that number, as long as the frames; they take turns.
    pub fn place(&self, number: u32) -> *mut u8 {
        let index = number as usize % self.count;
        let offset = PAGE + index * self.frame_len.next_multiple_of(PAGE);
        // SAFETY: the memory goes on behind the words with so many places.
        unsafe { self.memory.as_mut_ptr().add(offset) }
    }
}

/// Bytes that processors pass on as one.
const LINE: usize = 64;

fn memory_len(frame_len: usize, count: u32) -> usize {
    PAGE + count as usize * frame_len.next_multiple_of(PAGE)
}
