//! Lifelines: kernel locks that end exactly when a process's memory does. Also: detecting forks.
//!
//! A lifeline is a byte lock. Only a mapping marked `MADV_DONTFORK` keeps its open file
//! description. So the lock survives a program that closes all its descriptors, is not inherited by
//! a forked child, and ends at `exec`. The kernel releases it when the address space goes, after
//! the last thread stopped running.
//!
//! A [`Mark`] is a word that reads zero in a forked child, whichever way it was forked, because it
//! lives in a page marked `MADV_WIPEONFORK`.
//!
//! # Safety
//!
//! The unsafe code here maps pages of our own and advises the kernel about them. It also registers
//! `pthread_atfork` handlers when this code is loaded. They touch nothing but two mutexes and, in
//! the child, copies of descriptors that nobody uses there.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::mem;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use memmap2::{Advice, MmapOptions, MmapRaw};

use super::lock::{Byte, Locker, is_held};
use super::map::map_error;
use super::object::Object;
use super::os_error;
use super::pages::page_size;
use super::unshared::{self, List};
use crate::error::{Error, ErrorKind, Result};
use crate::steps::step;
use crate::sys::place::Place;

/// A slot that no other process can have until this is dropped.
#[derive(Debug)]
pub(crate) struct ClaimedSlot {
    slot: u32,
    locker: Locker,
}

/// Claims the first of these slots whose occupant is gone. Returns `None` when all occupants are
/// alive.
pub(crate) fn claim(
    object: &Object,
    place: &Place,
    slots: Range<u32>,
) -> Result<Option<ClaimedSlot>> {
    let locker = Locker::new(object, place)?;
    for slot in slots {
        if locker.try_lock(Byte::Slot(slot))? {
            return Ok(Some(ClaimedSlot { slot, locker }));
        }
    }
    Ok(None)
}

/// Whether the occupant of a slot is alive. It may be this process.
///
/// If another program holds a lock there, this fails with `ForeignLock`: such a lock would make the
/// dead look alive.
pub(crate) fn is_alive(object: &Object, slot: u32) -> Result<bool> {
    is_held(object, Byte::Slot(slot))
}

/// Proof to every other process that this one is alive.
#[derive(Debug)]
pub(crate) struct Lifeline {
    /// Kept for its effect in the kernel, and never read.
    _mapping: MmapRaw,
}

impl ClaimedSlot {
    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    /// Makes the claim last as long as this process, and checks that it does.
    pub(crate) fn keep(self, object: &Object) -> Result<Lifeline> {
        let Self { slot, locker } = self;
        let mapping = MmapOptions::new()
            .len(page_size())
            .map_raw_read_only(locker.descriptor()?)
            .map_err(|error| map_error("map its lifeline", error))?;
        step!("lifeline: mapped");
        mapping
            .advise(Advice::DontFork)
            .map_err(|error| os_error("keep its lifeline from forked children", error))?;
        step!("lifeline: kept from children");
        locker.close();
        step!("lifeline: kept by its mapping alone");
        // Overlay and network filesystems swap the mapped file, and drop the lock when the
        // descriptor is closed here.
        if !is_alive(object, slot)? {
            return Err(Error::new(
                ErrorKind::UnsupportedFilesystem,
                "lies on a filesystem that drops locks when a descriptor closes: keep segments on \
                 tmpfs",
            ));
        }
        Ok(Lifeline { _mapping: mapping })
    }
}

impl Lifeline {
    /// Forgets a lifeline that a forked child inherited as a value. Its mapping stayed in the
    /// parent.
    pub(crate) fn forget(self) {
        mem::forget(self);
    }
}

/// A word that only this process sees. A forked child sees zero.
#[derive(Debug)]
pub(crate) struct Mark(&'static AtomicU32);

/// Marks that nobody uses now. Their pages live for ever.
static SPARE_MARKS: Mutex<Vec<&'static AtomicU32>> = Mutex::new(Vec::new());

impl Mark {
    /// Returns a word that reads zero.
    pub(crate) fn new(_proof: &Registration) -> Result<Self> {
        let mut spare = SPARE_MARKS.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.is_empty() {
            spare.extend(page_of_marks()?);
        }
        Ok(Self(spare.pop().expect("a page holds many words")))
    }

    /// Gives the word back.
    pub(crate) fn release(&self, _proof: &Registration) {
        self.0.store(0, Relaxed);
        SPARE_MARKS.lock().unwrap_or_else(PoisonError::into_inner).push(self.0);
    }
}

impl std::ops::Deref for Mark {
    type Target = AtomicU32;

    #[inline]
    fn deref(&self) -> &AtomicU32 {
        self.0
    }
}

/// Maps one page that forked children see as zeros.
fn page_of_marks() -> Result<impl Iterator<Item = &'static AtomicU32>> {
    let page = MmapRaw::from(
        MmapOptions::new()
            .len(page_size())
            .map_anon()
            .map_err(|error| map_error("map a page of marks", error))?,
    );
    let base = NonNull::new(page.as_mut_ptr()).expect("a mapping never starts at zero");
    // SAFETY: the range is the private anonymous page mapped above. Nothing points into it yet.
    if unsafe { libc::madvise(base.as_ptr().cast(), page_size(), libc::MADV_WIPEONFORK) } != 0 {
        return Err(os_error(
            "mark a page to be wiped on fork (Linux 4.14 or later is needed)",
            std::io::Error::last_os_error(),
        ));
    }
    mem::forget(page);
    let words = base.cast::<AtomicU32>();
    Ok((0..page_size() / size_of::<AtomicU32>()).map(move |index| {
        // SAFETY: `index` stays within the page.
        let word = unsafe { words.add(index) };
        // SAFETY: the page is never unmapped. It is zeroed and aligned, and only reached as
        // atomics.
        unsafe { word.as_ref() }
    }))
}

/// Guards every change of what this process has registered.
static REGISTRATION: Mutex<()> = Mutex::new(());

/// What is kept locked across a fork.
struct Locked {
    _registration: MutexGuard<'static, ()>,
    unshared: List,
}

thread_local! {
    /// What is locked while this thread is inside `fork`.
    static LOCKED_ACROSS_FORK: RefCell<Option<Locked>> = const { RefCell::new(None) };
}

/// The registration mutex, held.
///
/// No `fork` crosses it. So a child never inherits a descriptor that is about to become a lifeline.
/// Nor does it inherit a mutex that another thread holds, if that mutex is only taken under this
/// one.
#[derive(Debug)]
pub(crate) struct Registration(
    #[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>,
);

/// Takes the registration mutex.
pub(crate) fn registration() -> Registration {
    watch_forks();
    Registration(REGISTRATION.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Watches forks from the moment this code is loaded, before there are threads. Otherwise one
/// thread could be the first to register while another thread is inside a fork, and that fork could
/// not be watched any more.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = watch_forks;

extern "C" fn watch_forks() {
    static WATCHING: AtomicBool = AtomicBool::new(false);
    if !WATCHING.load(Relaxed) && !WATCHING.swap(true, Relaxed) {
        // SAFETY: the functions have the type that pthread_atfork wants and live for ever.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
    }
}

extern "C" fn before_fork() {
    // A thread whose thread-local storage is gone forks without the mutexes. It is not creating a
    // lifeline. Its child may keep the locks that other threads hold at that moment.
    let _ = LOCKED_ACROSS_FORK.try_with(|slot| {
        // In the same order as when registering.
        let lock = || Locked {
            _registration: REGISTRATION.lock().unwrap_or_else(PoisonError::into_inner),
            unshared: unshared::list(),
        };
        slot.borrow_mut().get_or_insert_with(lock);
    });
}

extern "C" fn in_parent() {
    let _ = LOCKED_ACROSS_FORK.try_with(RefCell::take);
}

extern "C" fn in_child() {
    let locked = LOCKED_ACROSS_FORK.try_with(RefCell::take);
    if let Ok(Some(mut locked)) = locked {
        locked.unshared.close_copies();
    }
}
