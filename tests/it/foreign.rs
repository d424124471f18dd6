//! Locks of other programs on a segment: whoever may read its file can take some.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use ndshm::{Array1, Block, ErrorKind, Event, Lifetime, Segment, SegmentSet, Value};

use crate::bad_input::refused;
use crate::homes::FreeFile;
use crate::puppet::Puppet;
use crate::support::{
    DEADLINE, Forked, FreeName, INIT_BYTE, NAME_BYTE, alone, become_user, exists, fork, is_root,
    let_interrupt, lock_bytes, mount_tmpfs, ring_alarm_every, skip, unshare_mounts,
};

/// A range of bytes that is locked, and how.
type Range = (i32, i64, i64);

/// What a mere reader of the file can lock while somebody has the first slot.
const READERS_LOCKS: [Range; 2] =
    [(libc::F_RDLCK, NAME_BYTE, 1), (libc::F_RDLCK, 0, NAME_BYTE + 1)];

/// Another program, which holds a lock on a segment's file until this is dropped.
struct Intruder(Forked);

impl Intruder {
    fn at(path: &Path, (kind, start, len): Range) -> Self {
        let locked = Event::create_anonymous().unwrap();
        let child = fork(|| {
            let file = File::options().read(true).write(kind == libc::F_WRLCK).open(path).unwrap();
            lock_bytes(&file, libc::F_OFD_SETLK, kind, start, len);
            locked.set().unwrap();
            Event::create_anonymous().unwrap().wait().unwrap();
        });
        locked.wait_timeout(DEADLINE).unwrap();
        Self(child)
    }

    /// What an error says of it.
    fn named(&self) -> String {
        format!("is held by process {} (", self.0.pid())
    }
}

fn persistent(name: &FreeName) -> Array1<u64> {
    let options = Array1::<u64>::options().lifetime(Lifetime::Persistent);
    options.create(name.as_str(), 8).unwrap()
}

#[test]
fn who_changes_a_name_is_told_at_once_who_has_locked_it() {
    for range in READERS_LOCKS.into_iter().chain([(libc::F_WRLCK, INIT_BYTE, 2)]) {
        let name = FreeName::new();
        let array = persistent(&name);
        let intruder = Intruder::at(&name.path(), range);
        refused(ndshm::remove(name.as_str()), ErrorKind::ForeignLock, &intruder.named());
        let replaced = Array1::<u64>::create_or_replace(name.as_str(), 8);
        refused(replaced, ErrorKind::ForeignLock, &intruder.named());
        let set = SegmentSet::new();
        set.add(array.segment()).unwrap();
        refused(set.remove(), ErrorKind::ForeignLock, &intruder.named());
        assert!(exists(name.as_str()));
        drop(intruder);
        ndshm::remove(name.as_str()).unwrap();
    }
}

#[test]
fn who_opens_or_locks_is_told_at_once_who_has_locked_its_bytes() {
    let name = FreeName::new();
    let array = Array1::<u64>::open_or_create(name.as_str(), 8).unwrap();
    let on_name = Intruder::at(&name.path(), (libc::F_RDLCK, NAME_BYTE, 1));
    let opened = Array1::<u64>::open(name.as_str());
    refused(opened, ErrorKind::ForeignLock, &on_name.named());
    drop(on_name);
    let on_free_slots = Intruder::at(&name.path(), (libc::F_RDLCK, NAME_BYTE + 2, 0));
    drop(Array1::<u64>::open(name.as_str()).unwrap());
    fork(|| refused(array.read(), ErrorKind::ForeignLock, &on_free_slots.named())).pass();
    drop(on_free_slots);
    fork(|| drop(array.read().unwrap())).pass();
}

#[test]
fn who_settles_a_restart_is_told_at_once_who_has_locked_the_file() {
    // One in memory survives no restart.
    let Some(file) = FreeFile::on_disk() else { return };
    fork(|| drop(Array1::<u64>::create(file.path(), 8).unwrap())).pass();
    crate::restarts::restart(file.path());
    let locked = Intruder::at(file.path(), (libc::F_RDLCK, INIT_BYTE, 1));
    let opened = fork(|| {
        let opened = Array1::<u64>::open(file.path());
        refused(opened, ErrorKind::ForeignLock, &locked.named());
    });
    opened.pass();
    drop(locked);
    drop(Array1::<u64>::open(file.path()).unwrap());
}

#[test]
fn a_traditional_lock_is_named_by_its_process_too() {
    let name = FreeName::new();
    let array = persistent(&name);
    let file = File::open(name.path()).unwrap();
    lock_bytes(&file, libc::F_SETLK, libc::F_RDLCK, NAME_BYTE, 1);
    let named = format!("is held by process {} (", std::process::id());
    fork(|| refused(ndshm::remove(array.name()), ErrorKind::ForeignLock, &named)).pass();
}

#[test]
fn a_creators_drop_takes_its_name_away_beside_a_readers_lock() {
    for range in READERS_LOCKS {
        let [array, block, value, in_set] = [(); 4].map(|()| FreeName::new());
        let kept = Array1::<u64>::create(array.as_str(), 8).unwrap();
        let bytes = Block::create(block.as_str(), 8).unwrap();
        let shared = Value::open_or_create(value.as_str(), 1_u64).unwrap();
        let set = SegmentSet::new();
        set.add(persistent(&in_set).segment()).unwrap();
        let names = [array, block, value, in_set];
        let _intruders = names.each_ref().map(|name| Intruder::at(&name.path(), range));
        drop((kept, bytes, shared, set));
        assert_eq!(names.each_ref().map(|name| exists(name.as_str())), [false; 4], "{range:?}");
    }
}

#[test]
fn beside_a_readers_lock_the_name_goes_with_its_last_user_and_not_before() {
    let name = FreeName::new();
    let array = Array1::<u64>::open_or_create(name.as_str(), 8).unwrap();
    let mut puppet = Puppet::on(&array);
    let _intruder = Intruder::at(&name.path(), (libc::F_RDLCK, NAME_BYTE, 1));
    drop(array);
    assert!(exists(name.as_str()), "the puppet has it open");
    puppet.does("detach");
    assert!(!exists(name.as_str()));
}

#[test]
fn a_creators_drop_leaves_a_name_that_another_program_keeps_by_a_write_lock() {
    alone(|| {
        if !unshare_mounts() {
            return skip("may not make a mount namespace: would reap what others left");
        }
        mount_tmpfs("/dev/shm", "size=16m");
        let name = FreeName::new();
        let array = Array1::<u64>::create(name.as_str(), 8).unwrap();
        let intruder = Intruder::at(&name.path(), (libc::F_WRLCK, INIT_BYTE, 2));
        drop(array);
        let is_reaped = || ndshm::reap().unwrap().iter().any(|info| info.name() == name.as_str());
        assert!(exists(name.as_str()) && !is_reaped());
        drop(intruder);
        assert!(is_reaped() && !exists(name.as_str()));
    });
}

#[test]
fn another_users_read_lock_keeps_no_creator_from_removing_its_segment() {
    if !is_root() {
        return skip("only root can be two users");
    }
    let name = FreeName::new();
    let options = Array1::<u64>::options().mode(0o644);
    let array = options.create(name.as_str(), 8).unwrap();
    let locked = Event::create_anonymous().unwrap();
    let _reader = fork(|| {
        let file = File::open(name.path()).unwrap();
        let forever = Event::create_anonymous().unwrap();
        become_user(65534);
        lock_bytes(&file, libc::F_OFD_SETLK, libc::F_RDLCK, 0, NAME_BYTE + 1);
        locked.set().unwrap();
        forever.wait().unwrap();
    });
    locked.wait_timeout(DEADLINE).unwrap();
    drop(array);
    assert!(!exists(name.as_str()));
}

#[test]
fn a_name_lock_is_waited_for_by_the_clock_whatever_signals_come() {
    let name = FreeName::new();
    let array = persistent(&name);
    let file = File::options().write(true).open(name.path()).unwrap();
    lock_bytes(&file, libc::F_OFD_SETLK, libc::F_WRLCK, NAME_BYTE, 1);
    fork(|| {
        let_interrupt(libc::SIGALRM);
        ring_alarm_every(100);
        let began = Instant::now();
        let error = ndshm::remove(array.name()).unwrap_err();
        let waited = began.elapsed();
        ring_alarm_every(0);
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.to_string().contains("held for 5 s"), "{error}");
        assert!(waited >= Duration::from_secs(5), "{waited:?}");
    })
    .pass();
    drop(file);
    assert!(Segment::open(name.as_str()).is_ok());
}
