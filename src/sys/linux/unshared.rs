//! Descriptors that no forked child keeps.
//!
//! A byte lock lasts as long as its open file description, and a forked child has a copy of every
//! descriptor. If the parent dies while it holds a lock, the child would go on holding it. So each
//! descriptor that may hold a byte lock is listed here, and a child closes its copies before `fork`
//! returns in it.
//!
//! # Safety
//!
//! The unsafe code here closes, in a forked child that no other thread runs in, copies of descriptors
//! whose owners are not used there any more.
#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::object::{Identity, identity_of_descriptor};

/// A descriptor of which a forked child closes its copy.
#[derive(Debug)]
pub(super) struct Unshared {
    /// Not dropped in a forked child, because the number may be another file's by now.
    descriptor: ManuallyDrop<OwnedFd>,
    /// Names its entry in the list.
    serial: u64,
}

/// The list of such descriptors, locked. No fork begins while it is locked.
pub(super) struct List(MutexGuard<'static, Entries>);

struct Entries {
    entries: Vec<Entry>,
    next_serial: u64,
}

struct Entry {
    serial: u64,
    number: RawFd,
    /// The identity of the file. A program that closes all descriptors may have reused the number.
    identity: Identity,
}

static LIST: Mutex<Entries> = Mutex::new(Entries { entries: Vec::new(), next_serial: 0 });

/// Locks the list. The caller may hold the registration mutex, but must not take it afterwards.
pub(super) fn list() -> List {
    List(LIST.lock().unwrap_or_else(PoisonError::into_inner))
}

impl List {
    /// Adds a descriptor that was opened since the list was locked.
    pub(super) fn add(mut self, descriptor: OwnedFd, identity: Identity) -> Unshared {
        let serial = self.0.next_serial;
        self.0.next_serial += 1;
        self.0.entries.push(Entry { serial, number: descriptor.as_raw_fd(), identity });
        Unshared { descriptor: ManuallyDrop::new(descriptor), serial }
    }

    /// In a forked child: closes the copies of all descriptors, and removes them from the list.
    pub(super) fn close_copies(&mut self) {
        for Entry { number, identity, .. } in self.0.entries.drain(..) {
            // SAFETY: the number is not -1, and it is only used for stat.
            let copy = unsafe { BorrowedFd::borrow_raw(number) };
            if identity_of_descriptor(copy) == Some(identity) {
                // SAFETY: the copy is open. Its owner is no longer in the list, and never touches
                // it.
                drop(unsafe { OwnedFd::from_raw_fd(number) });
            }
        }
    }

    /// Removes its entry. Returns false in a forked child, where the entry was removed before.
    fn strike(&mut self, serial: u64) -> bool {
        let place = self.0.entries.iter().position(|entry| entry.serial == serial);
        place.map(|place| self.0.entries.swap_remove(place)).is_some()
    }
}

impl Unshared {
    /// The descriptor. Returns `None` in a forked child, which has closed it.
    pub(super) fn descriptor(&self) -> Option<&OwnedFd> {
        let is_ours = list().0.entries.iter().any(|entry| entry.serial == self.serial);
        is_ours.then_some(&*self.descriptor)
    }
}

impl Drop for Unshared {
    fn drop(&mut self) {
        let mut list = list();
        if list.strike(self.serial) {
            // SAFETY: it is dropped once, here. The list stays locked, so no child has a copy that
            // is not on it.
            unsafe { ManuallyDrop::drop(&mut self.descriptor) };
        }
    }
}
