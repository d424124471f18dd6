//! Mutexes of POSIX that processes share, with a counter beside them: what ours is compared with.
//!
//! # Safety
//!
//! Each is a `pthread_mutex_t` at the start of a page of shared memory: initialised once, never
//! moved, mapped as long as it is used. The counter, in the same page, is touched under it only.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::process;

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::MemfdFlags;

const COUNTER_OFFSET: usize = 128;

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Waits for ever when its owner died.
    Plain,
    /// Tells the next one that its owner died.
    Robust,
}

/// A page of memory that processes share.
pub(crate) struct Page {
    file: File,
    memory: MmapRaw,
}

impl Page {
    /// Returns a new one, zeroed.
    pub(crate) fn new() -> Self {
        let file = rustix::fs::memfd_create("page", MemfdFlags::CLOEXEC).expect("a memfd");
        rustix::fs::ftruncate(&file, 4096).expect("a page");
        Self::map(file.into())
    }

    /// Opens one that another process made, by what its [`Self::path`] says.
    pub(crate) fn open(path: &str) -> Self {
        Self::map(File::options().read(true).write(true).open(path).expect("its maker lives"))
    }

    fn map(file: File) -> Self {
        let memory = MmapOptions::new().len(4096).map_raw(&file).expect("a page");
        Self { file, memory }
    }

    /// Where other processes find it, as long as this one lives.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.file.as_raw_fd())
    }

    /// Its start, mapped as long as this lives.
    pub(crate) fn pointer(&self) -> *mut u8 {
        self.memory.as_mut_ptr()
    }
}

pub(crate) struct Mutex(Page);

impl Mutex {
    pub(crate) fn new(kind: Kind) -> Self {
        let mutex = Self(Page::new());
        let mut attributes = MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let to = attributes.as_mut_ptr();
        // SAFETY: `to` has room for attributes.
        assert_eq!(unsafe { libc::pthread_mutexattr_init(to) }, 0);
        let shared = libc::PTHREAD_PROCESS_SHARED;
        // SAFETY: initialised above.
        assert_eq!(unsafe { libc::pthread_mutexattr_setpshared(to, shared) }, 0);
        if let Kind::Robust = kind {
            let robust = libc::PTHREAD_MUTEX_ROBUST;
            // SAFETY: initialised above.
            assert_eq!(unsafe { libc::pthread_mutexattr_setrobust(to, robust) }, 0);
        }
        // SAFETY: the page is zeroed, aligned, stays where it is, and nobody else has it yet.
        assert_eq!(unsafe { libc::pthread_mutex_init(mutex.pointer(), to) }, 0);
        mutex
    }

    /// Opens one that another process made, by what its [`Self::path`] says.
    pub(crate) fn open(path: &str) -> Self {
        Self(Page::open(path))
    }

    /// Where other processes find it, as long as this one lives.
    pub(crate) fn path(&self) -> String {
        self.0.path()
    }

    /// Locks it, and returns what `pthread_mutex_lock` does.
    pub(crate) fn lock(&self) -> i32 {
        // SAFETY: initialised by `new`.
        unsafe { libc::pthread_mutex_lock(self.pointer()) }
    }

    /// Unlocks it; this thread has locked it.
    pub(crate) fn unlock(&self) {
        // SAFETY: initialised by `new`.
        assert_eq!(unsafe { libc::pthread_mutex_unlock(self.pointer()) }, 0);
    }

    pub(crate) fn lock_and_unlock(&self) {
        assert_eq!(self.lock(), 0);
        self.unlock();
    }

    /// Takes a robust one over from an owner that died, or will.
    pub(crate) fn recover(&self) {
        assert_eq!(self.lock(), libc::EOWNERDEAD);
        // SAFETY: initialised by `new`, and locked above.
        assert_eq!(unsafe { libc::pthread_mutex_consistent(self.pointer()) }, 0);
        self.unlock();
    }

    /// Adds one to the counter, under the lock.
    pub(crate) fn increment(&self) {
        assert_eq!(self.lock(), 0);
        // SAFETY: the page goes on beyond the counter.
        let counter = unsafe { self.0.pointer().add(COUNTER_OFFSET) }.cast::<u64>();
        // SAFETY: the lock is held, and the page is mapped.
        let count = unsafe { counter.read_volatile() };
        // SAFETY: as above.
        unsafe { counter.write_volatile(count + 1) };
        self.unlock();
    }

    fn pointer(&self) -> *mut libc::pthread_mutex_t {
        self.0.pointer().cast()
    }
}
