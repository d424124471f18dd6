//! Where files cannot be without a name, or `/proc` is missing: everything works all the same.

use std::fs::{self, File};
use std::path::Path;

use ndshm::{AnyArray, Array1, Block, ErrorKind::*, Event, Lifetime, Segment, Value};

use crate::bad_input::refused;
use crate::sandbox::refuse_nameless_files;
use crate::support::{
    DEADLINE, FreeName, alone, exists, fork, lock_slots, mount_tmpfs, path_of, set_death_signal,
    skip, unshare_mounts,
};

/// What a test of this file may be done without.
#[derive(Clone, Copy)]
enum Lacks {
    NamelessFiles,
    Proc,
    Both,
}

/// Runs `body` alone, in a process that lacks that and has a `/dev/shm` of its own.
fn lacking(what: Lacks, body: impl FnOnce()) {
    if !unshare_mounts() {
        return skip("may not make a mount namespace");
    }
    mount_tmpfs("/dev/shm", "size=16m");
    if matches!(what, Lacks::Proc | Lacks::Both) {
        mount_tmpfs("/proc", "size=64k");
        assert!(!Path::new("/proc/self").exists());
    }
    if matches!(what, Lacks::NamelessFiles | Lacks::Both) {
        refuse_nameless_files();
    }
    body();
    assert_eq!(names(), [""; 0], "something is left");
}

fn names() -> Vec<String> {
    let entries = fs::read_dir("/dev/shm").unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn everything_works() {
    let array = Array1::<u64>::create("array", 1000).unwrap();
    assert_eq!(names(), ["array"], "one name, and the one asked for");
    array.write().unwrap().fill(1);
    assert_eq!(Array1::<u64>::open("array").unwrap().read().unwrap().sum(), 1000);
    refused(Array1::<u64>::create("array", 10), AlreadyExists, "exists already");
    refused(Block::create("array", 10), AlreadyExists, "exists already");
    assert_eq!(names(), ["array"], "what could not get its name is gone");
    assert_eq!(array.segment().participants().unwrap().len(), 1);

    a_dead_writer_is_noticed(&array);
    assert_eq!(ndshm::reap().unwrap().len(), 0);

    let value = Value::open_or_create("value", [7_u64; 5]).unwrap();
    assert_eq!(Value::<[u64; 5]>::open("value").unwrap().get().unwrap(), [7; 5]);
    drop(value);
    assert_eq!(names(), ["array"], "the last user is gone");

    let old = Value::create_or_replace("value", 1_u64).unwrap();
    let new = Value::create_or_replace("value", 2_u64).unwrap();
    assert!(old.segment().is_replaced());
    assert_eq!(old.reopen().unwrap().get().unwrap(), 2);
    drop((old, new));
    assert_eq!(names(), ["array"], "both are gone");

    let block = Block::create_unique("block-", 5000).unwrap();
    assert_eq!(fs::read(block.path()).unwrap(), [0; 5000]);

    let path = path_of("file.npy");
    drop(Array1::<u8>::create(&path, 10).unwrap());
    assert_eq!(Array1::<u8>::open(&path).unwrap().read().unwrap().sum(), 0);
    ndshm::remove(&path).unwrap();
}

fn a_dead_writer_is_noticed(array: &Array1<u64>) {
    let dies = fork(|| std::mem::forget(Array1::<u64>::open("array").unwrap().write().unwrap()));
    dies.pass();
    refused(array.write(), OwnerDied, "died");
    array.write_recover().unwrap().mark_consistent();
    drop(array.write().unwrap());
}

#[test]
fn without_nameless_files_everything_works() {
    alone(|| lacking(Lacks::NamelessFiles, everything_works));
}

#[test]
fn without_proc_everything_works() {
    alone(|| lacking(Lacks::Proc, everything_works));
}

#[test]
fn without_either_everything_works() {
    alone(|| lacking(Lacks::Both, everything_works));
}

#[test]
fn without_proc_a_segment_that_lost_its_name_is_not_locked_for_the_first_time() {
    alone(|| {
        lacking(Lacks::Proc, || {
            let array = Array1::<u8>::create("array", 8).unwrap();
            let late = fork(|| {
                let array = Array1::<u8>::open("array").unwrap();
                ndshm::remove("array").unwrap();
                refused(array.write(), DescriptorLost, "/proc is not mounted");
            });
            late.pass();
            drop(array.write().unwrap());
        });
    });
}

#[test]
fn what_a_dead_creator_left_is_reaped_and_what_a_live_one_makes_is_not() {
    alone(|| {
        lacking(Lacks::NamelessFiles, || {
            let (left, made) = (".ndshm-left", ".ndshm-made");
            let whole = Array1::<u8>::options().lifetime(Lifetime::Persistent);
            drop(whole.create("whole", 8).unwrap());
            fs::rename(path_of("whole"), path_of(left)).unwrap();
            let maker = File::create_new(path_of(made)).unwrap();
            // Two bytes before the second slot's: the first slot's, and that of the name.
            lock_slots(&maker, libc::F_OFD_SETLK, libc::F_WRLCK, -2);

            assert_eq!(ndshm::list().unwrap().len(), 0);
            refused(Segment::open(left), InvalidName, "keeps for itself");
            assert_eq!(ndshm::reap().unwrap().len(), 0);
            assert!(!exists(left) && exists(made));
            drop(maker);
            ndshm::reap().unwrap();
            assert!(!exists(made));
        });
    });
}

#[test]
fn a_link_or_directory_of_a_temporary_name_is_left_alone() {
    let name = FreeName(format!(".ndshm-test-{}", std::process::id()));
    fs::create_dir(name.path()).unwrap();
    ndshm::reap().unwrap();
    assert!(exists(name.as_str()));
}

#[test]
fn a_segment_in_the_making_is_left_to_no_child_that_its_dead_creator_forked() {
    alone(|| {
        lacking(Lacks::NamelessFiles, || {
            let [forked, end] = [(); 2].map(|()| Event::create(FreeName::new().as_str()).unwrap());
            let mut creator = fork(|| {
                let fork_meanwhile = |_: &mut [u8]| {
                    fork(|| {
                        set_death_signal(0);
                        forked.set().unwrap();
                        end.wait_timeout(DEADLINE).unwrap();
                    })
                    .pass();
                    Ok(())
                };
                let dtype = "<f8".parse().unwrap();
                drop(AnyArray::options().create_with("array", &dtype, &[8], fork_meanwhile));
            });
            forked.wait_timeout(DEADLINE).unwrap();
            ndshm::reap().unwrap();
            assert_eq!(names().len(), 1, "its creator lives");
            creator.kill();
            ndshm::reap().unwrap();
            assert_eq!(names(), [""; 0]);
            end.set().unwrap();
        });
    });
}
