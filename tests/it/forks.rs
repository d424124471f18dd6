//! What a forked child may do with what it inherits, and what it must leave alone.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use ndshm::{Array1, ErrorKind, Value};

use crate::support::{DEADLINE, Role, Stop, alone, exists, fork, say, set_death_signal};

fn array() -> Array1<u64> {
    Array1::create_unique("it-forks-", 8).unwrap()
}

/// A wait between processes: one side waits until the other has gone on.
struct Gate(Value<u8>);

impl Gate {
    fn new() -> Self {
        Self(Value::create_unique("it-forks-", 0).unwrap())
    }

    fn open(&self) {
        self.0.set(1).unwrap();
    }

    fn wait(&self) {
        self.0.wait_changed_timeout(0, DEADLINE).unwrap();
    }
}

#[test]
fn a_forked_child_locks_as_a_participant_of_its_own() {
    let array = array();
    array.write().unwrap()[0] = 1;
    let (locked, go_on) = (Gate::new(), Gate::new());
    let child = fork(|| {
        let mut guard = array.write().unwrap();
        assert_eq!(guard[0], 1);
        guard[0] = 2;
        locked.open();
        go_on.wait();
    });
    locked.wait();
    let error = array.read_timeout(Duration::from_millis(20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains(&format!("process {}, which is alive", child.pid())));
    go_on.open();
    child.pass();
    assert_eq!(array.read().unwrap()[0], 2);
}

#[test]
fn children_of_children_are_participants_too() {
    let array = array();
    fork(|| {
        array.write().unwrap()[0] = 1;
        fork(|| array.write().unwrap()[1] = 2).pass();
        assert_eq!(array.read().unwrap()[1], 2);
    })
    .pass();
    assert_eq!(array.snapshot().unwrap().sum(), 3);
}

#[test]
fn the_copy_of_a_guard_that_a_child_drops_unlocks_nothing() {
    let array = array();
    let mut writer = Some(array.write().unwrap());
    fork(|| {
        drop(writer.take());
        assert!(array.try_read().unwrap().is_none());
        assert!(array.try_write().unwrap().is_none());
    })
    .pass();
    thread::scope(|scope| {
        scope.spawn(|| assert!(array.try_read().unwrap().is_none()));
    });
    drop(writer);

    let mut reader = Some(array.read().unwrap());
    fork(|| {
        drop(reader.take());
        assert!(array.try_write().unwrap().is_none());
        drop(array.read().unwrap());
        assert!(array.try_write().unwrap().is_none());
    })
    .pass();
    drop(reader);
    drop(array.try_write().unwrap().expect("nobody holds it"));
}

/// Nothing keeps it from that, which is why the page on deaths says so.
#[test]
fn a_childs_copy_of_a_write_guard_still_writes_without_a_lock() {
    let array = array();
    let mut guard = array.write().unwrap();
    fork(|| guard[0] = 99).pass();
    drop(guard);
    assert_eq!(array.read().unwrap()[0], 99);
}

#[test]
fn the_copy_of_a_guard_that_a_panicking_child_drops_poisons_nothing() {
    let array = array();
    let mut writer = Some(array.write().unwrap());
    fork(|| {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _guard = writer.take();
            resume_unwind(Box::new(()));
        }));
        assert!(panicked.is_err());
    })
    .pass();
    assert_eq!(writer.as_ref().unwrap().poison(), None);
    drop(writer);
    drop(array.read().unwrap());
}

#[test]
fn the_copy_of_a_value_guard_that_a_child_drops_commits_nothing() {
    let value = Value::create_unique("it-forks-", [0_u64; 4]).unwrap();
    let mut guard = Some(value.edit().unwrap());
    fork(|| {
        **guard.as_mut().unwrap() = [1; 4];
        drop(guard.take());
        assert!(value.try_edit().unwrap().is_none());
    })
    .pass();
    drop(guard);
    assert_eq!(value.get().unwrap(), [0; 4]);
}

#[test]
fn what_the_parent_holds_is_somebody_elses_to_the_child_and_no_deadlock() {
    let array = array();
    let guard = array.write().unwrap();
    let parent = std::process::id();
    fork(|| {
        let error = array.write_timeout(Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().contains(&format!("process {parent}, which is alive")));
    })
    .pass();
    drop(guard);
}

#[test]
fn the_handle_that_a_child_drops_removes_no_name() {
    let array = array();
    let name = array.name().to_owned();
    let mut array = Some(array);
    fork(|| drop(array.take())).pass();
    assert!(exists(&name));
    fork(|| {
        drop(array.as_ref().unwrap().write().unwrap());
        drop(array.take());
    })
    .pass();
    assert!(exists(&name));
    drop(array);
    assert!(!exists(&name));
}

#[test]
fn a_parents_death_shows_while_its_child_lives() {
    let array = array();
    let (forked, end) = (Gate::new(), Gate::new());
    let mut parent = fork(|| {
        std::mem::forget(array.write().unwrap());
        fork(|| {
            set_death_signal(0);
            forked.open();
            end.wait();
        })
        .pass();
    });
    forked.wait();
    parent.kill();
    assert_eq!(array.read_timeout(DEADLINE).unwrap_err().kind(), ErrorKind::OwnerDied);
    end.open();
}

#[test]
fn children_that_end_give_their_slots_back() {
    let array = Array1::<u64>::options().participants(2).create_unique("it-forks-", 8).unwrap();
    for _ in 0..100 {
        fork(|| array.write().unwrap()[0] += 1).pass();
    }
    assert_eq!(array.read().unwrap()[0], 100);
}

#[test]
fn a_child_forked_while_other_threads_attach_and_register_works() {
    alone(|| {
        let array = array();
        let go_on = AtomicBool::new(true);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while go_on.load(Relaxed) {
                        use_everything(array.name());
                    }
                });
            }
            let _stop = Stop(&go_on);
            for _ in 0..100 {
                fork(|| {
                    array.write().unwrap()[0] += 1;
                    use_everything(array.name());
                })
                .pass();
            }
        });
        assert!(array.read().unwrap()[0] >= 100);
    });
}

/// Creates, opens, registers and locks.
fn use_everything(name: &str) {
    let opened = Array1::<u64>::open(name).unwrap();
    drop(opened.write().unwrap());
    let made = array();
    made.write().unwrap()[0] = 1;
    assert_eq!(Array1::<u64>::open(made.name()).unwrap().read().unwrap()[0], 1);
}

#[test]
fn a_child_forked_during_the_first_use_of_all_works() {
    for _ in 0..50 {
        let mut role = Role::start("first_use");
        assert_eq!(role.hear(), "passed");
        assert!(role.wait().success());
    }
}

/// The role: forks while another thread is the first in this process to use the library.
pub(crate) fn first_use() {
    let begun = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            begun.store(true, Relaxed);
            drop(array().write().unwrap());
        });
        while !begun.load(Relaxed) {
            std::hint::spin_loop();
        }
        let children = [(); 8].map(|()| fork(|| drop(array().write().unwrap())));
        children.into_iter().for_each(|child| child.pass());
    });
    say("passed");
}
