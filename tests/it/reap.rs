//! What `reap` removes and what it leaves alone, and who takes part in a segment.
//!
//! `reap` looks at all of `/dev/shm`, where other tests kill creators meanwhile: each test of it gets
//! a `/dev/shm` of its own, where that is permitted.

use std::fs;
use std::os::unix::fs::{FileExt, chown, symlink};
use std::time::Duration;

use ndshm::{Array1, ErrorKind::*, Event, Lifetime, Segment, Value};

use crate::bad_input::refused;
use crate::puppet::Puppet;
use crate::support::{
    DEADLINE, Forked, FreeName, alone, become_user, eventually, exists, fork, is_root, mount_tmpfs,
    path_of, set_death_signal, skip, state_of, unshare_mounts,
};

/// Gives this thread and its children an empty `/dev/shm`.
pub(crate) fn own_shm() {
    if unshare_mounts() {
        mount_tmpfs("/dev/shm", "size=64m");
    } else {
        skip("may not make a mount namespace: reaps what others left, too");
    }
}

/// The names it removes, but those of other tests.
fn reaped() -> Vec<String> {
    let removed = ndshm::reap().unwrap();
    let mut names: Vec<_> = removed.iter().map(|info| info.name().to_owned()).collect();
    names.retain(|name| name.starts_with(&format!("it-{}-", std::process::id())));
    names.sort();
    names
}

/// A segment whose creator was killed.
pub(crate) fn orphan() -> FreeName {
    let name = FreeName::new();
    orphan_called(name.as_str());
    name
}

pub(crate) fn orphan_called(name: &str) {
    let mut creator = Puppet::start();
    creator.does(&format!("create {name} 8"));
    creator.kill();
    assert!(exists(name));
}

/// A gate between processes.
fn gate() -> Event {
    Event::create(FreeName::new().as_str()).unwrap()
}

#[test]
fn the_name_that_a_killed_creator_leaves_is_reaped() {
    alone(|| {
        own_shm();
        let name = orphan();
        assert_eq!(reaped(), [name.as_str()]);
        assert!(!exists(name.as_str()));
        assert!(reaped().is_empty());
        refused(Segment::open(name.as_str()), NotFound, "does not exist");
        drop(Array1::<u64>::create(name.as_str(), 8).unwrap());
    });
}

#[test]
fn values_and_events_of_the_dead_are_reaped_too() {
    alone(|| {
        own_shm();
        let [value, large, event] = [(); 3].map(|()| FreeName::new());
        fork(|| {
            std::mem::forget(Value::create(value.as_str(), 1_u64).unwrap());
            std::mem::forget(Value::create(large.as_str(), [1_u64; 64]).unwrap());
            std::mem::forget(Event::create(event.as_str()).unwrap());
        })
        .pass();
        let mut names = [value.as_str(), large.as_str(), event.as_str()];
        names.sort_unstable();
        assert_eq!(reaped(), names);
    });
}

#[test]
fn what_a_live_process_takes_part_in_is_not_reaped() {
    alone(|| {
        own_shm();
        let name = FreeName::new();
        let mut creator = Puppet::start();
        creator.does(&format!("create {} 8", name.as_str()));
        assert!(reaped().is_empty(), "its creator lives");

        let mut other = Puppet::start();
        other.does(&format!("open {}", name.as_str()));
        other.does("read");
        other.does("drop");
        creator.kill();
        assert!(reaped().is_empty(), "another participant lives");
        assert!(exists(name.as_str()));

        other.does("detach");
        assert_eq!(reaped(), [name.as_str()]);
    });
}

#[test]
fn another_link_under_a_name_of_the_librarys_own_replaces_nobody() {
    alone(|| {
        own_shm();
        let name = FreeName::new();
        let value = Value::create(name.as_str(), 1_u64).unwrap();
        let id = value.segment().handle().to_string().rsplit_once('#').unwrap().1.to_owned();
        for digits in ["0".repeat(32), id] {
            let link = path_of(&format!(".ndshm-{digits}"));
            fs::hard_link(name.path(), &link).unwrap();
            assert!(reaped().is_empty());
            assert!(!value.segment().is_replaced());
            let waited = value.wait_changed_timeout(1, Duration::from_millis(1)).unwrap_err();
            assert_eq!(waited.kind(), Timeout, "{waited}");
            let _ = fs::remove_file(&link);
        }
        assert!(exists(name.as_str()));
    });
}

#[test]
fn a_copy_of_a_segments_file_is_not_reaped_while_it_lives_or_after() {
    alone(|| {
        own_shm();
        let (original, copy) = (FreeName::new(), FreeName::new());
        let mut creator = Puppet::start();
        creator.does(&format!("create {} 8", original.as_str()));
        fs::copy(original.path(), copy.path()).unwrap();
        assert!(reaped().is_empty());
        creator.kill();
        assert_eq!(reaped(), [original.as_str()]);
        assert!(reaped().is_empty() && exists(copy.as_str()));
        // Restored, it is a copy still; by name it is removed as any segment.
        fs::copy(copy.path(), original.path()).unwrap();
        assert!(reaped().is_empty());
        for name in [&original, &copy] {
            drop(Array1::<u64>::open(name.as_str()).unwrap().read().unwrap());
            ndshm::remove(name.as_str()).unwrap();
        }
    });
}

#[test]
fn who_attached_and_never_locked_keeps_its_memory_when_the_name_is_reaped() {
    alone(|| {
        own_shm();
        let name = orphan();
        let array = Array1::<u64>::open(name.as_str()).unwrap();
        assert_eq!(reaped(), [name.as_str()]);
        array.write().unwrap().fill(1);
        assert_eq!(array.read().unwrap().sum(), 8);
    });
}

#[test]
fn persistent_segments_are_not_reaped() {
    alone(|| {
        own_shm();
        let [array, event] = [(); 2].map(|()| FreeName::new());
        fork(|| {
            let options = Array1::<u8>::options().lifetime(Lifetime::Persistent);
            drop(options.create(array.as_str(), 8).unwrap());
            let options = Event::options().lifetime(Lifetime::Persistent);
            std::mem::forget(options.open_or_create(event.as_str()).unwrap());
        })
        .pass();
        assert!(reaped().is_empty());
        assert!(exists(array.as_str()) && exists(event.as_str()));
    });
}

#[test]
fn what_is_no_sound_segment_is_not_reaped() {
    alone(|| {
        own_shm();
        let [text, directory, link, flipped, short] = [(); 5].map(|()| FreeName::new());
        fs::write(text.path(), "notes").unwrap();
        fs::create_dir(directory.path()).unwrap();
        symlink("/dev/null", link.path()).unwrap();
        for name in [&flipped, &short] {
            orphan_called(name.as_str());
        }
        let control = Segment::open(flipped.as_str()).unwrap().info().unwrap().control_offset();
        let file = fs::File::options().write(true).open(flipped.path()).unwrap();
        file.write_all_at(&[0xff; 16], control as u64 + 64).unwrap();
        fs::File::options().write(true).open(short.path()).unwrap().set_len(5000).unwrap();

        assert!(reaped().is_empty());
        for name in [&text, &directory, &link, &flipped, &short] {
            assert!(fs::symlink_metadata(name.path()).is_ok(), "{}", name.as_str());
        }
    });
}

#[test]
fn what_other_users_left_is_not_reaped() {
    if !is_root() {
        return skip("only root can give a file away");
    }
    alone(|| {
        own_shm();
        let name = orphan();
        chown(name.path(), Some(65534), None).unwrap();
        assert!(reaped().is_empty());
        assert!(exists(name.as_str()));

        chown(name.path(), Some(0), None).unwrap();
        fork(|| {
            become_user(65534);
            assert!(ndshm::reap().unwrap().is_empty());
        })
        .pass();
        assert_eq!(reaped(), [name.as_str()]);
    });
}

#[test]
fn a_child_forked_by_a_dead_creator_keeps_its_memory_and_not_the_name() {
    alone(|| {
        own_shm();
        let name = FreeName::new();
        let (forked, look, looked) = (gate(), gate(), gate());
        let mut creator = fork(|| {
            let array = Array1::<u64>::create(name.as_str(), 8).unwrap();
            array.write().unwrap().fill(1);
            fork(|| {
                set_death_signal(0);
                forked.set().unwrap();
                look.wait().unwrap();
                assert_eq!(array.read().unwrap().sum(), 8);
                looked.set().unwrap();
            })
            .pass();
        });
        forked.wait_timeout(DEADLINE).unwrap();
        assert!(reaped().is_empty(), "its creator lives");
        creator.kill();
        assert_eq!(reaped(), [name.as_str()]);
        look.set().unwrap();
        looked.wait_timeout(DEADLINE).unwrap();
    });
}

#[test]
fn each_name_is_reaped_by_one_of_many_reapers() {
    alone(|| {
        own_shm();
        // So many that no reaper is through before the last one has begun.
        let names = [(); 400].map(|()| FreeName::new());
        fork(|| {
            let create = |name: &FreeName| Value::create(name.as_str(), 0_u8).unwrap();
            names.iter().map(create).for_each(std::mem::forget);
        })
        .pass();
        let (go, count) = (gate(), Value::create(FreeName::new().as_str(), 0_u64).unwrap());
        let reapers = [(); 4].map(|()| {
            fork(|| {
                go.wait().unwrap();
                let removed = ndshm::reap().unwrap();
                let ours = |name: &str| names.iter().any(|other| other.as_str() == name);
                let ours = removed.iter().filter(|info| ours(info.name())).count();
                count.fetch_add(ours as u64).unwrap();
            })
        });
        go.set().unwrap();
        reapers.into_iter().for_each(Forked::pass);
        assert!(names.iter().all(|name| !exists(name.as_str())));
        assert_eq!(count.get().unwrap(), 400);
    });
}

fn array_for(participants: u32) -> Array1<u64> {
    Array1::options().participants(participants).create_unique("it-reap-", 8).unwrap()
}

/// Who takes part, as pids, and whether they live; in the order of their slots.
fn participants(array: &Array1<u64>) -> Vec<(u32, bool)> {
    let list = array.segment().participants().unwrap();
    assert!(list.windows(2).all(|pair| pair[0].slot() < pair[1].slot()));
    list.iter().map(|who| (who.pid(), who.is_alive())).collect()
}

#[test]
fn participants_are_told_alive_from_dead() {
    let array = array_for(8);
    let me = std::process::id();
    assert_eq!(participants(&array), [(me, true)]);

    let mut reader = Puppet::on(&array);
    assert_eq!(participants(&array), [(me, true)], "who never locked does not take part");
    reader.does("read");
    assert_eq!(participants(&array), [(me, true), (reader.pid(), true)]);
    reader.kill();
    assert_eq!(participants(&array), [(me, true), (reader.pid(), false)]);

    let mut successor = Puppet::on(&array);
    successor.does("write");
    assert_eq!(participants(&array), [(me, true), (successor.pid(), true)]);
    successor.does("drop");
    successor.quit();
    assert_eq!(participants(&array), [(me, true)], "who left in order is not there");
}

#[test]
fn a_zombie_is_a_dead_participant() {
    let array = array_for(8);
    let zombie = fork(|| std::mem::forget(array.read().unwrap()));
    eventually("it is a zombie", || state_of(zombie.pid()) == 'Z');
    assert_eq!(participants(&array)[1], (zombie.pid(), false));
}

#[test]
fn who_finds_no_slot_is_told_the_pids_of_all_who_have_one() {
    let array = array_for(3);
    let mut puppets = [(); 3].map(|()| Puppet::on(&array));
    let [one, two, late] = &mut puppets;
    one.does("read");
    two.does("read");
    let answer = late.ask("read");
    let pids = format!("(pids {}, {}, {})", std::process::id(), one.pid(), two.pid());
    assert!(answer.starts_with("OutOfSlots: ") && answer.contains(&pids), "{answer}");
    one.kill();
    late.does("read");
}
