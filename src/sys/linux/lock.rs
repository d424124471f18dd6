//! Byte locks of open file descriptions, far beyond the end of any file.
//!
//! The kernel drops such a lock when the last descriptor and the last mapping of its description
//! go, so it outlives nothing and nobody. Processes in different PID namespaces see each other's.
//! Described in `fcntl(2)`, "Open file description locks".
//!
//! Whoever may read a file may lock its bytes for reading, so other programs can stand in the way. What
//! they hold is told from the library's own locks, and is an error at once: nothing waits for it.
//!
//! # Safety
//!
//! The unsafe code here is the call of `fcntl` with a `struct flock` that lives on the stack.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use super::object::Object;
use super::object_error::lost;
use super::unshared::{self, Unshared};
use super::{foreign, os_error, wait};
use crate::error::{Error, ErrorKind, Result};
use crate::steps::step;
use crate::sys::place::Place;

/// First of the bytes that participants lock; no file is that long.
const FIRST_SLOT: i64 = 1 << 60;

/// After this long, who holds a lock that is meant for a moment is called stuck.
const LONGEST_MOMENT: Duration = Duration::from_secs(5);

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(1);

/// A byte with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Byte {
    /// Held for life by the participant in that slot.
    Slot(u32),
    /// Held while the name changes.
    Name,
    /// Held by who settles what a restart of the machine left.
    Init,
}

impl Byte {
    fn offset(self) -> i64 {
        match self {
            Self::Slot(slot) => FIRST_SLOT + i64::from(slot),
            Self::Name => FIRST_SLOT - 1,
            Self::Init => FIRST_SLOT - 2,
        }
    }
}

/// A description of its own, to hold byte locks with; they go when this is dropped.
///
/// A forked child closes its copy. A program that is being started keeps one until it has called `exec`,
/// so the locks are let go by name, and not by closing.
#[derive(Debug)]
pub(crate) struct Locker(Option<Unshared>);

impl Drop for Locker {
    fn drop(&mut self) {
        // In a forked child the locks are the parent's.
        if let Ok(descriptor) = self.descriptor() {
            // Fails only for a description that holds no locks any more.
            let _ = control(descriptor, libc::F_OFD_SETLK, &mut everything());
        }
    }
}

impl Locker {
    /// Opens a fresh description of the object; by its place only where there is no `/proc`.
    pub(crate) fn new(object: &Object, place: &Place) -> Result<Self> {
        let list = unshared::list();
        Ok(Self(Some(list.add(object.reopen(place)?, object.identity()))))
    }

    /// Opens a fresh description of the object if it still is at that place.
    pub(crate) fn at(object: &Object, place: &Place) -> Result<Option<Self>> {
        let list = unshared::list();
        let opened = object.reopen_at(place)?;
        Ok(opened.map(|opened| Self(Some(list.add(opened, object.identity())))))
    }

    /// Takes the lock if nobody has it; `ForeignLock` when another program has.
    pub(crate) fn try_lock(&self, byte: Byte) -> Result<bool> {
        self.try_lock_for(request(byte), byte)
    }

    /// Takes a lock that is only ever held for a moment, waiting up to five seconds; `ForeignLock` at once
    /// when another program has it.
    pub(crate) fn lock(&self, byte: Byte) -> Result<()> {
        let began = Instant::now();
        while !self.try_lock(byte)? {
            if began.elapsed() >= LONGEST_MOMENT {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!(
                        "has had its {byte:?} lock held for {} s, by a process that is changing its \
                         name, sharing it, or opening it after a restart: that process is stopped or \
                         stuck, end it",
                        LONGEST_MOMENT.as_secs()
                    ),
                ));
            }
            wait::pause(PAUSE);
            step!("lock: waited for");
        }
        Ok(())
    }

    /// Keeps everybody from taking the lock with [`lock`](Self::lock), if nobody has it so; other
    /// programs' read locks are not in the way. To those who try meanwhile this is a lock of another
    /// program.
    pub(crate) fn keep_off(&self, byte: Byte) -> Result<bool> {
        self.try_lock_for(of_kind(libc::F_RDLCK, request(byte)), byte)
    }

    fn try_lock_for(&self, mut request: libc::flock64, byte: Byte) -> Result<bool> {
        let descriptor = self.descriptor()?;
        match control(descriptor, libc::F_OFD_SETLK, &mut request) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
                probe(descriptor, byte)?;
                Ok(false)
            }
            Err(error) => Err(os_error("lock a byte of it", error)),
        }
    }

    /// Its descriptor, which a forked child has lost.
    pub(super) fn descriptor(&self) -> Result<&OwnedFd> {
        self.0.as_ref().and_then(Unshared::descriptor).ok_or_else(lost)
    }

    /// Closes its descriptor, and leaves the locks to what else keeps the description.
    pub(super) fn close(mut self) {
        self.0 = None;
    }
}

/// Whether some other description holds the byte.
///
/// A lock that participants never take there is `ForeignLock`: it would make the dead look alive.
pub(crate) fn is_held(object: &Object, byte: Byte) -> Result<bool> {
    object.check_descriptor()?;
    let held = probe(object.borrow(), byte)?;
    if !held {
        // A descriptor closed and reused between the check and the probe would say "unlocked" too.
        object.check_descriptor()?;
    }
    Ok(held)
}

/// Whether another description than this holds the byte; `ForeignLock` when what it holds is no lock of
/// this library's.
fn probe(descriptor: impl AsFd, byte: Byte) -> Result<bool> {
    let mut found = request(byte);
    control(&descriptor, libc::F_OFD_GETLK, &mut found)
        .map_err(|error| os_error("probe a lock of it", error))?;
    let is_ours = i32::from(found.l_type) == libc::F_WRLCK
        && found.l_start == byte.offset()
        && found.l_len == 1
        && found.l_pid == -1;
    match i32::from(found.l_type) {
        libc::F_UNLCK => Ok(false),
        _ if is_ours => Ok(true),
        _ => Err(foreign::in_the_way(descriptor.as_fd(), &found)),
    }
}

fn request(byte: Byte) -> libc::flock64 {
    // SAFETY: flock64 is a C struct of integers, for which all zeros is a value.
    let mut request: libc::flock64 = unsafe { std::mem::zeroed() };
    request.l_type = libc::c_short::try_from(libc::F_WRLCK).expect("F_WRLCK is 1");
    request.l_whence = libc::c_short::try_from(libc::SEEK_SET).expect("SEEK_SET is 0");
    request.l_start = byte.offset();
    request.l_len = 1;
    request
}

/// The same for another kind of lock than one for writing.
fn of_kind(kind: libc::c_int, request: libc::flock64) -> libc::flock64 {
    libc::flock64 { l_type: libc::c_short::try_from(kind).expect("kinds are 0 to 2"), ..request }
}

/// Lets go of all bytes that have a meaning.
fn everything() -> libc::flock64 {
    // To the end of all files.
    libc::flock64 { l_len: 0, ..of_kind(libc::F_UNLCK, request(Byte::Init)) }
}

fn control(
    descriptor: impl std::os::fd::AsFd,
    command: libc::c_int,
    request: &mut libc::flock64,
) -> io::Result<()> {
    let descriptor: BorrowedFd<'_> = descriptor.as_fd();
    loop {
        // SAFETY: F_OFD_SETLK and F_OFD_GETLK read and write one flock64, which `request` is.
        let result =
            unsafe { libc::fcntl(descriptor.as_raw_fd(), command, std::ptr::from_mut(request)) };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::io::{Read, Write, pipe};

    use super::*;

    /// Runs that in a forked child, which says that it did and goes on living until this is dropped.
    struct Child(libc::pid_t);

    impl Child {
        fn doing(what: impl FnOnce()) -> Self {
            let (mut said, mut say) = pipe().unwrap();
            // SAFETY: the child runs the closure on its copy of this thread, and never returns.
            let pid = unsafe { libc::fork() };
            assert_ne!(pid, -1, "fork: {}", io::Error::last_os_error());
            if pid == 0 {
                // SAFETY: takes numbers.
                unsafe { libc::alarm(60) };
                what();
                say.write_all(&[1]).unwrap();
                loop {
                    // SAFETY: takes nothing.
                    unsafe { libc::pause() };
                }
            }
            drop(say);
            said.read_exact(&mut [0]).unwrap();
            Self(pid)
        }
    }

    impl Drop for Child {
        fn drop(&mut self) {
            // SAFETY: takes numbers; the child was not waited for yet.
            unsafe { libc::kill(self.0, libc::SIGKILL) };
            // SAFETY: takes numbers, and a null pointer for what it need not tell.
            unsafe { libc::waitpid(self.0, std::ptr::null_mut(), 0) };
        }
    }

    fn object() -> (Object, Place) {
        let place = Place::Named("unit-lock".into());
        let object = Object::create_unnamed(&place, 1, 0o600).unwrap();
        (object, Place::Anonymous)
    }

    #[test]
    fn a_forked_child_keeps_no_lock_that_its_dead_parent_held() {
        let (object, place) = object();
        for byte in [Byte::Name, Byte::Init, Byte::Slot(3)] {
            let (mut grandchilds, mut tell) = pipe().unwrap();
            let parent = Child::doing(|| {
                let locker = Locker::new(&object, &place).unwrap();
                assert!(locker.try_lock(byte).unwrap());
                let child = Child::doing(|| {});
                tell.write_all(&child.0.to_ne_bytes()).unwrap();
                std::mem::forget((locker, child));
            });
            let mut pid = [0; 4];
            grandchilds.read_exact(&mut pid).unwrap();
            assert!(is_held(&object, byte).unwrap(), "{byte:?}");
            drop(parent);
            let still_held = is_held(&object, byte).unwrap();
            // SAFETY: takes numbers; the process is the one that was forked above, asleep.
            unsafe { libc::kill(i32::from_ne_bytes(pid), libc::SIGKILL) };
            assert!(!still_held, "{byte:?}");
        }
    }

    #[test]
    fn a_forked_child_that_drops_its_copy_lets_go_of_nothing() {
        let (object, place) = object();
        let locker = Locker::new(&object, &place).unwrap();
        assert!(locker.try_lock(Byte::Name).unwrap());
        let mut locker = Some(locker);
        let child = Child::doing(|| {
            let copy = locker.take().unwrap();
            assert!(copy.try_lock(Byte::Init).is_err());
            drop(copy);
        });
        assert!(is_held(&object, Byte::Name).unwrap());
        drop(child);
        drop(locker);
        assert!(!is_held(&object, Byte::Name).unwrap());
    }

    #[test]
    fn who_keeps_others_off_gets_by_read_locks_alone() {
        let (object, place) = object();
        let lockers = [(); 3].map(|()| Locker::new(&object, &place).unwrap());
        let [one, two, three] = &lockers;
        assert!(one.keep_off(Byte::Name).unwrap() && two.keep_off(Byte::Name).unwrap());
        assert_eq!(three.try_lock(Byte::Name).unwrap_err().kind(), ErrorKind::ForeignLock);
        assert!(three.try_lock(Byte::Init).unwrap());
        assert!(!one.keep_off(Byte::Init).unwrap());
    }
}
