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

/// The call that takes a `struct flock64`, for the kernel lays that out alike in all C libraries. On
/// 32-bit targets glibc's function `fcntl` wants a `struct flock` with offsets of 32 bits instead.
#[cfg(all(target_pointer_width = "32", not(target_arch = "x86_64")))]
const FCNTL: libc::c_long = libc::SYS_fcntl64;
#[cfg(not(all(target_pointer_width = "32", not(target_arch = "x86_64"))))]
const FCNTL: libc::c_long = libc::SYS_fcntl;

/// A byte with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Byte {
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

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Alone,
    /// Beside another program's read lock and, perhaps, others who hold it so.
    Beside,
}

/// What came of trying to lock.
enum Attempt {
    Locked,
    /// A participant has it, or had it just now.
    BehindOurs,
    BehindForeign(libc::flock64),
}

/// A description of its own, to hold byte locks with; they go when this is dropped.
///
/// A forked child closes its copy. A program that is being started keeps one until it has called `exec`,
/// so the locks are let go by name, and not by closing.
#[derive(Debug)]
pub(super) struct Locker(Option<Unshared>);

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
    pub(super) fn new(object: &Object, place: &Place) -> Result<Self> {
        let list = unshared::list();
        Ok(Self(Some(list.add(object.reopen(place)?, object.identity()))))
    }

    /// Opens a fresh description of the object if it still is at that place.
    pub(super) fn at(object: &Object, place: &Place) -> Result<Option<Self>> {
        let list = unshared::list();
        let opened = object.reopen_at(place)?;
        Ok(opened.map(|opened| Self(Some(list.add(opened, object.identity())))))
    }

    /// Takes the lock if nobody has it; `ForeignLock` when another program has.
    pub(super) fn try_lock(&self, byte: Byte) -> Result<bool> {
        match self.attempt(byte, libc::F_WRLCK)? {
            Attempt::Locked => Ok(true),
            Attempt::BehindOurs => Ok(false),
            Attempt::BehindForeign(lock) => {
                Err(foreign::in_the_way(self.descriptor()?.as_fd(), &lock))
            }
        }
    }

    /// Takes a lock that is only ever held for a moment, waiting up to five seconds; `ForeignLock` at once
    /// when another program has it.
    pub(super) fn lock(&self, byte: Byte) -> Result<()> {
        wait_for(byte, || Ok(self.try_lock(byte)?.then_some(())))
    }

    /// The same for who can do with less: where another program has a read lock, which whoever may read
    /// the file can take, this takes one too. It keeps out all who want the lock, to whom it looks like
    /// another program's, but for those who call this.
    pub(super) fn lock_beside(&self, byte: Byte) -> Result<Hold> {
        wait_for(byte, || match self.attempt(byte, libc::F_WRLCK)? {
            Attempt::Locked => Ok(Some(Hold::Alone)),
            Attempt::BehindOurs => Ok(None),
            Attempt::BehindForeign(lock) => match self.attempt(byte, libc::F_RDLCK)? {
                Attempt::Locked => Ok(Some(Hold::Beside)),
                Attempt::BehindOurs => Ok(None),
                Attempt::BehindForeign(_) => {
                    Err(foreign::in_the_way(self.descriptor()?.as_fd(), &lock))
                }
            },
        })
    }

    fn attempt(&self, byte: Byte, kind: libc::c_int) -> Result<Attempt> {
        let descriptor = self.descriptor()?;
        match control(descriptor, libc::F_OFD_SETLK, &mut of_kind(kind, request(byte))) {
            Ok(()) => Ok(Attempt::Locked),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
                Ok(match obstacle(descriptor, byte)? {
                    Some(Obstacle::Foreign(lock)) => Attempt::BehindForeign(lock),
                    // What is gone since was none that anybody meant to keep.
                    Some(Obstacle::Ours) | None => Attempt::BehindOurs,
                })
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

/// Calls `attempt` until it brings something, for five seconds by the clock.
fn wait_for<R>(byte: Byte, mut attempt: impl FnMut() -> Result<Option<R>>) -> Result<R> {
    let began = Instant::now();
    loop {
        if let Some(found) = attempt()? {
            return Ok(found);
        }
        if began.elapsed() >= LONGEST_MOMENT {
            return Err(Error::new(
                ErrorKind::Timeout,
                format!(
                    "has had its {byte:?} lock held for {} s, by a process that is changing its name, \
                     sharing it, or opening it after a restart: that process is stopped or stuck, end it",
                    LONGEST_MOMENT.as_secs()
                ),
            ));
        }
        wait::pause(PAUSE);
        step!("lock: waited for");
    }
}

/// Whether some other description holds the byte.
///
/// A lock that participants never take there is `ForeignLock`: it would make the dead look alive.
pub(super) fn is_held(object: &Object, byte: Byte) -> Result<bool> {
    object.check_open()?;
    match obstacle(object.borrow(), byte)? {
        Some(Obstacle::Ours) => Ok(true),
        Some(Obstacle::Foreign(lock)) => Err(foreign::in_the_way(object.borrow(), &lock)),
        // A descriptor closed and reused between the check and the probe would say "unlocked" too.
        None => object.check_open().map(|()| false),
    }
}

/// A lock that is in the way of one on a byte.
enum Obstacle {
    /// As participants take them.
    Ours,
    Foreign(libc::flock64),
}

/// The lock of another description than this that is in the way of one on the byte.
fn obstacle(descriptor: impl AsFd, byte: Byte) -> Result<Option<Obstacle>> {
    let mut found = request(byte);
    control(descriptor, libc::F_OFD_GETLK, &mut found)
        .map_err(|error| os_error("probe a lock of it", error))?;
    let is_ours = i32::from(found.l_type) == libc::F_WRLCK
        && found.l_start == byte.offset()
        && found.l_len == 1
        && found.l_pid == -1;
    Ok(match i32::from(found.l_type) {
        libc::F_UNLCK => None,
        _ if is_ours => Some(Obstacle::Ours),
        _ => Some(Obstacle::Foreign(found)),
    })
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
        let request = std::ptr::from_mut(request);
        // SAFETY: F_OFD_SETLK and F_OFD_GETLK read and write one flock64, which `request` is.
        let result = unsafe { libc::syscall(FCNTL, descriptor.as_raw_fd(), command, request) };
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
    fn who_can_do_with_less_locks_beside_read_locks_alone() {
        let (object, place) = object();
        let [reader, one, two, three] = [(); 4].map(|()| Locker::new(&object, &place).unwrap());
        assert_eq!(one.lock_beside(Byte::Init).unwrap(), Hold::Alone);
        assert!(!two.try_lock(Byte::Init).unwrap());
        let read = reader.attempt(Byte::Name, libc::F_RDLCK).unwrap();
        assert!(matches!(read, Attempt::Locked));
        for locker in [&one, &two] {
            assert_eq!(locker.lock_beside(Byte::Name).unwrap(), Hold::Beside);
        }
        drop(reader);
        assert_eq!(three.try_lock(Byte::Name).unwrap_err().kind(), ErrorKind::ForeignLock);
        drop((one, two));
        assert!(three.try_lock(Byte::Name).unwrap());
    }
}
