//! Names change hands: the last user leaves, a segment is replaced, a set is removed.

use std::fs::{self, File};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use ndshm::{AnyArray, Array1, ErrorKind, Event, Lifetime, Log, Segment, SegmentSet, Value};

use crate::homes::FreeFile;
use crate::puppet::Puppet;
use crate::support::{
    DEADLINE, FreeName, Role, alone, become_user, exists, flag_at, fork, is_root, lock_slots,
    mount_tmpfs, path_of, say, skip, trusting, unshare_mounts,
};

/// Gives this thread and its children an empty `/dev/shm`.
fn own_shm() {
    if unshare_mounts() {
        mount_tmpfs("/dev/shm", "size=64m");
    } else {
        skip("may not make a mount namespace: sees what others left, too");
    }
}

fn leftovers() -> Vec<String> {
    let names = fs::read_dir("/dev/shm").unwrap().flatten();
    let names = names.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(".ndshm-")).collect()
}

#[test]
fn the_name_goes_with_its_last_user_and_not_before() {
    let name = FreeName::new();
    let array = Array1::<u64>::open_or_create(name.as_str(), 8).unwrap();
    assert_eq!(array.segment().info().unwrap().lifetime(), Lifetime::LastUser);
    let mut puppet = Puppet::on(&array);
    let again = array.clone();
    drop(array);
    assert!(exists(name.as_str()));
    drop(again);
    assert!(exists(name.as_str()), "the puppet has it open");
    puppet.does("detach");
    assert!(!exists(name.as_str()));
}

#[test]
fn who_left_in_order_is_no_user_though_a_program_it_starts_still_has_its_descriptors() {
    let name = FreeName::new();
    let array = Array1::<u64>::open_or_create(name.as_str(), 8).unwrap();
    let mut puppet = Puppet::on(&array);
    puppet.does("detach");
    let inherited = File::options().read(true).write(true).open(name.path()).unwrap();
    lock_slots(&inherited, libc::F_OFD_SETLK, libc::F_WRLCK, 1);
    drop(array);
    assert!(!exists(name.as_str()));
}

#[test]
fn a_name_that_its_last_user_was_killed_with_is_the_next_users() {
    let name = FreeName::new();
    let mut puppet = Puppet::start();
    assert_eq!(puppet.ask(&format!("open_or_create {} 8", name.as_str())), "Created");
    puppet.does("write");
    puppet.does("put 3 7");
    puppet.does("drop");
    puppet.kill();
    assert!(exists(name.as_str()));
    let array = Array1::<u64>::open_or_create(name.as_str(), 8).unwrap();
    assert_eq!(array.read_timeout(DEADLINE).unwrap()[3], 7);
    drop(array);
    assert!(!exists(name.as_str()));
}

#[test]
fn a_child_that_was_forked_and_locked_nothing_is_no_user() {
    let name = FreeName::new();
    let array = Array1::<u64>::open_or_create(name.as_str(), 8).unwrap();
    fork(|| drop(array.clone())).pass();
    let moved = array.clone();
    fork(move || drop(moved)).pass();
    assert!(exists(name.as_str()));
    drop(array);
    assert!(!exists(name.as_str()));
}

#[test]
fn whoever_comes_while_the_last_user_leaves_has_what_the_name_stands_for() {
    let name = FreeName::new();
    let users: Vec<_> = (0..4)
        .map(|_| {
            fork(|| {
                for _ in 0..200 {
                    let mine = Value::<u64>::open_or_create(name.as_str(), 0).unwrap();
                    mine.fetch_add(1).unwrap();
                    let named = Segment::open(name.as_str()).unwrap();
                    assert_eq!(named.id(), mine.segment().id());
                }
            })
        })
        .collect();
    users.into_iter().for_each(|user| user.pass());
    assert!(!exists(name.as_str()));
}

#[test]
fn a_name_that_is_replaced_stands_for_a_whole_segment_at_every_moment() {
    let name = FreeName::new();
    let first = Array1::<u64>::create_or_replace(name.as_str(), 1).unwrap();
    let mut last = first.clone();
    let done = Value::create_unique("it-naming-", 0_u8).unwrap();
    let replacer = fork(|| {
        let mut kept = None;
        for len in 2..300 {
            kept = Some(Array1::<u64>::create_or_replace(name.as_str(), len).unwrap());
        }
        std::mem::forget(kept);
        done.set(1).unwrap();
    });
    while done.get().unwrap() == 0 {
        let now = Array1::<u64>::open(name.as_str()).unwrap();
        assert!(now.len() >= last.len());
        assert_eq!(now.read().unwrap().sum(), 0);
        last = now;
    }
    replacer.pass();
    assert_eq!(Array1::<u64>::open(name.as_str()).unwrap().len(), 299);
}

#[test]
fn of_two_who_replace_at_once_one_has_the_name_and_the_other_is_told() {
    alone(|| {
        own_shm();
        let name = FreeName::new();
        for _ in 0..100 {
            let made = thread::scope(|scope| {
                let replace = || Array1::<u64>::create_or_replace(name.as_str(), 4).unwrap();
                let threads = [(); 3].map(|()| scope.spawn(replace));
                threads.map(|thread| thread.join().unwrap())
            });
            let named = Segment::open(name.as_str()).unwrap().id();
            let replaced = made.iter().filter(|array| array.segment().is_replaced()).count();
            let kept = made.iter().filter(|array| array.segment().id() == named).count();
            assert_eq!((replaced, kept), (2, 1));
            made.iter().for_each(|array| array.write().unwrap().fill(1));
            drop(made);
            assert!(!exists(name.as_str()));
            assert_eq!(leftovers(), [""; 0]);
        }
    });
}

#[test]
fn what_is_about_to_be_exchanged_is_not_reaped_and_who_has_what_came_out_is_told() {
    alone(|| {
        own_shm();
        let name = FreeName::new();
        let array = Array1::<u64>::create(name.as_str(), 4).unwrap();
        let id = u128::from_be_bytes(array.segment().id());
        let [its_own, anothers] = [id, id ^ 1].map(|id| path_of(&format!(".ndshm-{id:032x}")));
        fs::rename(name.path(), &its_own).unwrap();
        ndshm::reap().unwrap();
        fs::rename(&its_own, name.path()).unwrap();
        assert!(!array.segment().is_replaced());

        fs::rename(name.path(), &anothers).unwrap();
        ndshm::reap().unwrap();
        assert!(array.segment().is_replaced());
        assert_eq!(leftovers(), [""; 0]);
    });
}

#[test]
fn who_replaces_while_others_remove_never_fails() {
    let name = FreeName::new();
    let replacing = AtomicBool::new(true);
    thread::scope(|scope| {
        let remover = scope.spawn(|| {
            while replacing.load(SeqCst) {
                if let Err(error) = ndshm::remove(name.as_str()) {
                    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
                }
            }
        });
        let replace = || {
            for number in 0..500_u64 {
                let options = Value::<u64>::options().lifetime(Lifetime::Persistent);
                drop(options.create_or_replace(name.as_str(), number).unwrap());
            }
        };
        let replacers = [(); 2].map(|()| scope.spawn(replace));
        let replaced = replacers.map(|replacer| replacer.join());
        replacing.store(false, SeqCst);
        remover.join().unwrap();
        replaced.into_iter().for_each(|replaced| replaced.unwrap());
    });
    let _ = ndshm::remove(name.as_str());
}

#[test]
fn who_replaces_in_a_directory_that_is_gone_is_told_so() {
    let directory = FreeName::new();
    fs::create_dir(directory.path()).unwrap();
    let file = directory.path().join("array.npy");
    let dtype = "|u1".parse().unwrap();
    let published = AnyArray::options().create_or_replace_with(&file, &dtype, &[4], |_| {
        fs::remove_dir(directory.path()).unwrap();
        Ok(())
    });
    assert!(published.is_err());
}

#[test]
fn who_has_the_replaced_one_keeps_it_and_can_open_the_new_one() {
    let name = FreeName::new();
    let file = FreeFile::in_memory();
    let old = Array1::<u64>::create(name.as_str(), 4).unwrap();
    let old_file = Array1::<u64>::create(file.path(), 4).unwrap();
    assert!(!old.segment().is_replaced() && !old_file.segment().is_replaced());
    let new = Array1::<u64>::create_or_replace(name.as_str(), 8).unwrap();
    let new_file = Array1::<u64>::create_or_replace(file.path(), 8).unwrap();
    for (old, new) in [(&old, &new), (&old_file, &new_file)] {
        assert!(old.segment().is_replaced() && !new.segment().is_replaced());
        old.write().unwrap().fill(1);
        assert_eq!((old.read().unwrap().sum(), new.read().unwrap().sum()), (4, 0));
        let reopened = old.reopen().unwrap();
        assert_eq!(reopened.segment().id(), new.segment().id());
    }
    // The creator of the old one takes no name with it that is another's by now.
    drop(old);
    assert!(exists(name.as_str()));
    drop(new);
    assert!(!exists(name.as_str()));
}

#[test]
fn who_waits_for_what_is_replaced_is_told_so() {
    let [flag, number] = [(); 2].map(|()| FreeName::new());
    let event = Event::create(flag.as_str()).unwrap();
    let value = Value::create(number.as_str(), 1_u64).unwrap();
    let waiting = AtomicBool::new(false);
    thread::scope(|scope| {
        let event_waits = scope.spawn(|| event.wait_timeout(DEADLINE));
        let value_waits = scope.spawn(|| value.wait_changed_timeout(1, DEADLINE));
        waiting.store(true, SeqCst);
        let _new = Value::create_or_replace(number.as_str(), 1_u64).unwrap();
        let _also = Value::create_or_replace(flag.as_str(), 1_u64).unwrap();
        let error = event_waits.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Replaced, "{error}");
        let error = value_waits.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Replaced, "{error}");
    });
}

#[test]
fn what_is_no_segment_is_never_replaced_and_what_is_damaged_is() {
    let [plain, damaged] = [(); 2].map(|()| FreeName::new());
    fs::write(plain.path(), "notes").unwrap();
    let error = Array1::<u8>::create_or_replace(plain.as_str(), 8).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotASegment, "{error}");
    assert_eq!(fs::read(plain.path()).unwrap(), b"notes");

    let array = Array1::<u8>::create(damaged.as_str(), 8).unwrap();
    let info = array.segment().info().unwrap();
    let mut bytes = fs::read(damaged.path()).unwrap();
    bytes[info.control_offset() + 100] ^= 1;
    fs::write(damaged.path(), bytes).unwrap();
    assert_eq!(Array1::<u8>::open(damaged.as_str()).unwrap_err().kind(), ErrorKind::Corrupt);
    let _new = Array1::<u8>::create_or_replace(damaged.as_str(), 9).unwrap();
    assert_eq!(Array1::<u8>::open(damaged.as_str()).unwrap().len(), 9);
}

#[test]
fn a_set_is_removed_together_and_in_no_forked_child() {
    let names = [(); 3].map(|()| FreeName::new());
    let set = SegmentSet::new();
    for name in &names {
        let options = Array1::<u8>::options().lifetime(Lifetime::Persistent);
        set.add(options.create(name.as_str(), 4).unwrap().segment()).unwrap();
    }
    fork(|| set.remove().unwrap()).pass();
    let moved = set.clone();
    fork(move || drop(moved)).pass();
    assert!(names.iter().all(|name| exists(name.as_str())));
    drop(set);
    assert!(names.iter().all(|name| !exists(name.as_str())));
}

#[test]
fn a_set_that_a_handler_removes_leaves_nothing_at_an_interrupt() {
    let mut child = Role::start("interrupted");
    let names = child.hear();
    let names: Vec<&str> = names.split_whitespace().collect();
    assert!(names.iter().all(|name| path_of(name).exists()));
    child.signal(libc::SIGINT);
    assert_eq!(child.wait().code(), Some(130));
    assert!(names.iter().all(|name| !path_of(name).exists()));
}

/// The role: has a set, and removes it at SIGINT.
pub(crate) fn interrupted() {
    let flag = flag_at(libc::SIGINT);
    let set = SegmentSet::new();
    let at_interrupt = set.clone();
    thread::spawn(move || {
        while !flag.load(SeqCst) {
            thread::yield_now();
        }
        at_interrupt.remove().unwrap();
        std::process::exit(130);
    });
    let values = [(); 2].map(|()| Value::create_unique("it-naming-", 1_u8).unwrap());
    values.iter().for_each(|value| set.add(value.segment()).unwrap());
    say(&set.names().join(" "));
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn who_registered_before_giving_up_privileges_goes_on() {
    if !is_root() {
        return skip("only root has privileges to give up");
    }
    let name = FreeName::new();
    let array = Array1::<u64>::create(name.as_str(), 8).unwrap();
    fork(|| {
        let lazy = Array1::<u64>::open(name.as_str()).unwrap();
        become_user(65534);
        let error = lazy.write().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(error.to_string().contains("`eager`"), "{error}");
    })
    .pass();
    fork(|| {
        let eager = Array1::<u64>::options().eager().open(name.as_str()).unwrap();
        become_user(65534);
        eager.write().unwrap().fill(1);
    })
    .pass();
    assert_eq!(array.read().unwrap().sum(), 8);
}

#[test]
fn logs_and_arrays_of_any_dtype_are_opened_as_eagerly_as_typed_arrays() {
    if !is_root() {
        return skip("only root has privileges to give up");
    }
    let log = Log::<u64>::create_unique("it-naming-", 8).unwrap();
    let array = Array1::<u64>::create_unique("it-naming-", 8).unwrap();
    fork(|| {
        let log = Log::<u64>::options().eager().open(log.name()).unwrap();
        let array = AnyArray::options().eager().open(array.name()).unwrap();
        become_user(65534);
        log.append(&1).unwrap();
        drop(array.write().unwrap());
    })
    .pass();
    assert_eq!(log.len(), 1);
}

#[test]
fn other_users_segments_open_for_who_vouches_for_them() {
    if !is_root() {
        return skip("only root can be two users");
    }
    let name = FreeName::new();
    fork(|| {
        become_user(65534);
        let options = Array1::<u64>::options().mode(0o644).lifetime(Lifetime::Persistent);
        drop(options.create(name.as_str(), 8).unwrap());
    })
    .pass();
    let error = Array1::<u64>::open(name.as_str()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotTrusted);
    assert!(error.to_string().contains("`trust_owner`"), "{error}");
    let array = trusting().open(name.as_str()).unwrap();
    array.write().unwrap().fill(1);
}
