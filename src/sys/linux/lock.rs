//! Byte locks of open file descriptions, far beyond the end of any file.
//!
//! The kernel drops such a lock when the last descriptor and the last mapping of its description
//! are gone. So it outlives nothing and nobody. Processes in different PID namespaces see each
//! other's locks. They are described in `fcntl(2)`, "Open file description locks".
//!
//! A process that may read a file may lock its bytes for reading, so other programs can stand in
//! the way. Their locks are told from the library's own, and are an error at once: nothing waits
//! for them.
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

/// First of the bytes that participants lock. No file is that long.
const FIRST_SLOT: i64 = 1 << 60;

/// If a lock that is meant for a moment is held longer than this, its holder is called stuck.
const LONGEST_MOMENT: Duration = Duration::from_secs(5);

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(1);

/// The call that takes a `struct flock64`, which the kernel lays out alike in all C libraries. On
/// 32-bit targets glibc's function `fcntl` takes a `struct flock` with offsets of 32 bits instead.
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
    /// Held while somebody settles an object after a restart of the machine, or converts a file.
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
    /// Beside another program's read lock, and perhaps beside others that hold it so.
    Beside,
}

/// The result of trying to lock.
enum Attempt {
    Locked,
    /// A participant has it, or had it just now.
    BehindOurs,
    BehindForeign(libc::flock64),
}

/// A description of its own, to hold byte locks with. The locks are released when this is dropped.
///
/// A forked child closes its copy. A program that is being started keeps a copy until it has called
/// `exec`. So the locks are released explicitly, and not by closing.
#[derive(Debug)]
pub(super) struct Locker(Option<Unshared>);

impl Drop for Locker {
    fn drop(&mut self) {
        // In a forked child the locks belong to the parent.
        if let Ok(descriptor) = self.descriptor() {
            // This fails only for a description that holds no locks any more.
            let _ = control(descriptor, libc::F_OFD_SETLK, &mut everything());
        }
    }
}

impl Locker {
    /// Opens a fresh description of the object. Uses its place only if there is no `/proc`.
    pub(super) fn new(object: &Object, place: &Place) -> Result<Self> {
        let list = unshared::list();
        Ok(Self(Some(list.add(object.reopen(place)?, object.identity()))))
    }

    /// Opens a fresh description of the object if it is still at that place.
    pub(super) fn at(object: &Object, place: &Place) -> Result<Option<Self>> {
        let list = unshared::list();
        let opened = object.reopen_at(place)?;
        Ok(opened.map(|opened| Self(Some(list.add(opened, object.identity())))))
    }

    /// Takes the lock if nobody has it. Fails with `ForeignLock` when another program has it.
    pub(super) fn try_lock(&self, byte: Byte) -> Result<bool> {
        match self.attempt(byte, libc::F_WRLCK)? {
            Attempt::Locked => Ok(true),
            Attempt::BehindOurs => Ok(false),
            Attempt::BehindForeign(lock) => {
                Err(foreign::in_the_way(self.descriptor()?.as_fd(), &lock))
            }
        }
    }

    /// Takes a lock that is only ever held for a moment. Waits up to five seconds. Fails with
    /// `ForeignLock` at once when another program has it.
    pub(super) fn lock(&self, byte: Byte) -> Result<()> {
        wait_for(byte, || Ok(self.try_lock(byte)?.then_some(())))
    }

    /// The same for a caller that can do with less. If another program has a read lock, which any
    /// process that may read the file can take, this takes a read lock too. To others that want the
    /// lock it looks like another program's, and keeps them out. Only other callers of this
    /// function get by.
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
                    // If the obstacle is gone by now, nobody meant to keep that lock.
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

    /// Closes its descriptor. The locks then last as long as something else keeps the description.
    pub(super) fn close(mut self) {
        self.0 = None;
    }
}

/// Calls `attempt` until it returns something, for at most five seconds by the clock.
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

/// Whether another description holds the byte.
///
/// If it holds a lock of a kind that participants never take there, this fails with `ForeignLock`:
/// such a lock would make the dead look alive.
pub(super) fn is_held(object: &Object, byte: Byte) -> Result<bool> {
    object.check_open()?;
    match obstacle(object.borrow(), byte)? {
        Some(Obstacle::Ours) => Ok(true),
        Some(Obstacle::Foreign(lock)) => Err(foreign::in_the_way(object.borrow(), &lock)),
        // A descriptor that was closed and reused between the check and the probe would say
        // "unlocked" too.
        None => object.check_open().map(|()| false),
    }
}

/// A lock that is in the way of locking a byte.
enum Obstacle {
    /// A lock as participants take it.
    Ours,
    Foreign(libc::flock64),
}

/// The lock of another description that is in the way of locking the byte.
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

/// The same request for another kind of lock than a write lock.
fn of_kind(kind: libc::c_int, request: libc::flock64) -> libc::flock64 {
    libc::flock64 { l_type: libc::c_short::try_from(kind).expect("kinds are 0 to 2"), ..request }
}

/// A request that releases all bytes with a meaning.
fn everything() -> libc::flock64 {
    // A length of zero reaches to the end of all files.
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

    /// Runs a closure in a forked child. The child reports that it ran, and lives on until this is
    /// dropped.
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
            // SAFETY: it takes numbers. The child was not waited for yet.
            unsafe { libc::kill(self.0, libc::SIGKILL) };
            // SAFETY: it takes numbers, and a null pointer for a status that is not needed.
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
            // SAFETY: it takes numbers. The process is the sleeping one that was forked above.
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
