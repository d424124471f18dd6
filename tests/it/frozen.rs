//! Arrays that nobody writes any more.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use ndshm::{Access, Array1, Array2, ErrorKind::*, Frozen1, Frozen2, Value};

use crate::bad_input::refused;
use crate::homes::FreeFile;
use crate::observers::open_for;
use crate::puppet::Puppet;
use crate::support::{
    DEADLINE, Forked, FreeName, Role, alone, become_user, eventually, exists, fork, is_root, say,
    somebody_waits,
};

const NOBODY: u32 = 65534;
const SAYS: &str = "is frozen: nobody writes it any more";

fn striped() -> Array1<u64> {
    Array1::options().stripes(4).create_unique("it-frozen-", 64).unwrap()
}

#[test]
fn many_children_read_a_frozen_array_at_once_and_write_nothing() {
    let name = FreeName::new();
    let options = Array2::<f64>::options().mode(0o644).stripes(16).participants(1);
    let array = options.create(name.as_str(), (64, 100)).unwrap();
    array.write().unwrap().indexed_iter_mut().for_each(|((row, column), item)| {
        *item = (row * 100 + column) as f64;
    });
    let frozen = array.freeze().unwrap();
    let before = fs::read(name.path()).unwrap();

    let mut spawned = [(); 4].map(|()| Role::start(&format!("frozen {}", name.as_str())));
    let forked = [(); 4].map(|()| fork(|| assert_eq!(frozen.sum(), sum(&frozen.clone()))));
    for role in &mut spawned {
        assert_eq!(role.hear(), "read");
        assert!(role.wait().success());
    }
    forked.into_iter().for_each(Forked::pass);
    assert_eq!(fs::read(name.path()).unwrap(), before, "a reader wrote something");
}

/// The role: reads the frozen array, as somebody who may do no more.
pub(crate) fn read(name: &str) {
    if is_root() {
        become_user(NOBODY);
    }
    let frozen = Frozen2::<f64>::open(name).unwrap();
    let threads = [frozen.clone(), frozen.clone()].map(|frozen| {
        std::thread::spawn(move || {
            assert_eq!(sum(&frozen), f64::from((0..6400).sum::<u32>()));
            assert_eq!(frozen[[63, 99]], 6399.0);
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(frozen.segment().access(), Access::Observe);
    say("read");
}

fn sum(frozen: &Frozen2<f64>) -> f64 {
    frozen.view().rows().into_iter().map(|row| row.sum()).sum()
}

#[test]
fn nobody_locks_a_frozen_array_for_writing() {
    let array = striped();
    array.write().unwrap().fill(7);
    let mut other = Puppet::on(&array);
    other.does("write 0 16");
    other.does("drop");
    let frozen = array.clone().freeze().unwrap();
    assert!(array.segment().is_frozen());

    refused(array.write(), Frozen, SAYS);
    refused(array.try_write(), Frozen, SAYS);
    refused(array.write_timeout(DEADLINE), Frozen, SAYS);
    refused(array.write_recover(), Frozen, SAYS);
    refused(array.write_owned(), Frozen, SAYS);
    refused(array.write_rows(3..40), Frozen, SAYS);
    refused(array.write_rows(3..3), Frozen, SAYS);
    refused(array.write_stripe(3), Frozen, SAYS);
    refused(array.raw_view_mut(), Frozen, SAYS);
    for command in ["write", "try_write 0 16", "write_recover"] {
        let answer = other.ask(command);
        assert!(answer.starts_with("Frozen: ") && answer.contains(SAYS), "{answer}");
    }
    let mut later = Puppet::on(&array);
    assert!(later.ask("write 0 16").contains(SAYS));

    later.does("read");
    assert_eq!(array.read().unwrap(), frozen);
    assert_eq!(array.read_rows(16..32).unwrap().sum(), 7 * 16);
    assert_eq!(array.snapshot().unwrap(), *frozen);
    let options = Array1::<u64>::options();
    let seen = options.clone().access(Access::Observe).open(array.name()).unwrap();
    assert_eq!(seen.snapshot().unwrap(), *frozen);
    refused(seen.freeze(), ReadOnly, "takes no locks and writes nothing");
    let read = options.access(Access::Read).open(array.name()).unwrap();
    assert_eq!(read.read().unwrap(), frozen);
    refused(read.freeze(), ReadOnly, "for reading only");
    assert_eq!(array.freeze().expect("frozen already is as well"), frozen);
}

#[test]
fn what_is_not_frozen_does_not_open_as_frozen() {
    let array = striped();
    refused(Frozen1::<u64>::open(array.name()), NotFrozen, "open it as an `Array`");
    refused(Frozen1::<u64>::open_handle(&array.handle()), NotFrozen, "call `freeze`");
    let frozen = array.freeze().unwrap();
    refused(Frozen1::<i64>::open(frozen.name()), DtypeMismatch, "<u8");
    refused(Frozen2::<u64>::open(frozen.name()), RankMismatch, "1 axis");
    let value = Value::<u64>::create_unique("it-frozen-", 1).unwrap();
    refused(Frozen1::<u64>::open(value.name()), KindMismatch, "holds a Value");
}

#[test]
fn what_is_suspect_is_not_frozen() {
    let array = striped();
    let mut writer = Puppet::on(&array);
    writer.does("write 16 32");
    writer.kill();
    refused(array.clone().freeze(), OwnerDied, "may be half written");
    refused(array.clone().freeze(), Poisoned, "may be half written");
    assert!(!array.segment().is_frozen());
    array.write_recover().unwrap().mark_consistent();
    assert_eq!(array.freeze().unwrap().sum(), 0);
}

#[test]
fn who_freezes_waits_for_writers_and_not_for_readers() {
    let array = striped();
    let (mut reader, mut writer) = (Puppet::on(&array), Puppet::on(&array));
    reader.does("read 0 16");
    writer.does("write 48 64");
    let frozen = std::thread::scope(|scope| {
        let freezer = scope.spawn(|| array.clone().freeze().unwrap());
        eventually("it waits for the writer", || somebody_waits(array.segment(), 3));
        writer.does("put 0 1");
        assert!(!array.segment().is_frozen());
        writer.does("drop");
        freezer.join().unwrap()
    });
    assert_eq!(frozen[48], 1);
    let held = array.read().unwrap();
    refused(array.clone().freeze(), Deadlock, "holds");
    drop(held);
}

#[test]
fn writers_that_race_with_a_freeze_write_before_it_or_not_at_all() {
    for _ in 0..20 {
        let options = Array1::<u64>::options().stripes(4);
        let array = options.create_unique("it-frozen-", 4096).unwrap();
        let begun = Value::<u32>::create_unique("it-frozen-", 0).unwrap();
        let writers = [(); 3].map(|()| {
            fork(|| {
                for number in 1.. {
                    match array.write_stripe(0) {
                        Ok(mut guard) => guard.fill(number),
                        Err(error) => return assert_eq!(error.kind(), Frozen, "{error}"),
                    }
                    begun.fetch_add(1).unwrap();
                }
            })
        });
        begun.wait_changed_timeout(0, DEADLINE).unwrap();
        let frozen = Array1::<u64>::open(array.name()).unwrap().freeze().unwrap();
        let first = frozen.view().to_owned();
        assert!(first.iter().take(1024).all(|&item| item == first[0]), "half written: {first}");
        writers.into_iter().for_each(Forked::pass);
        assert_eq!(first, *frozen, "somebody wrote later");
    }
}

#[test]
fn a_frozen_array_keeps_the_name_of_the_array_it_was() {
    let name = FreeName::new();
    let frozen = Array1::<u8>::create(name.as_str(), 8).unwrap().freeze().unwrap();
    let by_another = Frozen1::<u8>::open(name.as_str()).unwrap();
    drop(by_another);
    let again = frozen.clone();
    drop(frozen);
    assert!(exists(name.as_str()));
    fork(|| drop(again.clone())).pass();
    assert!(exists(name.as_str()));
    drop(again);
    assert!(!exists(name.as_str()), "its creator is gone");
}

#[test]
fn nobody_sees_what_is_created_frozen_before_it_is() {
    let name = FreeName::new();
    let expected = ndarray::Array1::from_elem(1000, 3_u16);
    let (over, frozen) = (Value::<u8>::create_unique("it-frozen-", 0).unwrap(), &name);
    let opener = fork(|| {
        let mut opened = 0;
        while over.get().unwrap() == 0 || opened == 0 {
            match Frozen1::<u16>::open(frozen.as_str()) {
                Ok(found) => {
                    assert_eq!(*found, expected);
                    opened += 1;
                }
                Err(error) => assert_eq!(error.kind(), NotFound, "{error}"),
            }
        }
    });
    for _ in 0..100 {
        let made = Frozen1::create_from(name.as_str(), &expected).unwrap();
        refused(Frozen1::create_from(name.as_str(), &expected), AlreadyExists, "exists already");
        drop(made);
    }
    let _last = Frozen1::create_from(name.as_str(), &expected).unwrap();
    over.set(1).unwrap();
    opener.pass();
}

fn anonymous() -> Array1<u64> {
    let array = Array1::create_anonymous(64).unwrap();
    array.write().unwrap().fill(7);
    array
}

// Alone: what other tests fork has all memory of this process mapped.

#[test]
fn an_array_without_a_name_is_sealed_when_it_is_frozen() {
    alone(|| {
        let array = anonymous();
        let before = array.handle();
        let frozen = array.freeze().unwrap();
        assert!(frozen.is_sealed());
        frozen.seal().expect("sealed already is as well");
        assert_eq!(frozen.sum(), 7 * 64);
        assert_eq!(open_for(frozen.segment()), [libc::O_RDONLY]);
        assert_eq!(Frozen1::<u64>::open_handle(&before).unwrap(), frozen);

        let file = File::options().read(true).write(true).open(frozen.segment().path()).unwrap();
        assert_eq!(file.write_at(&[1], 4096).unwrap_err().raw_os_error(), Some(libc::EPERM));
        assert_eq!(file.set_len(0).unwrap_err().raw_os_error(), Some(libc::EPERM));

        let handle = frozen.handle();
        fork(|| {
            let opened = Frozen1::<u64>::open_handle(&handle).unwrap();
            assert!(opened.is_sealed());
            assert_eq!(opened, frozen);
            let is_sealed = "is sealed: nobody writes it any more";
            refused(Array1::<u64>::open_handle(&handle), Frozen, is_sealed);
            let options = Array1::<u64>::options();
            refused(options.clone().access(Access::Read).open_handle(&handle), Frozen, is_sealed);
            let seen = options.access(Access::Observe).open_handle(&handle).unwrap();
            assert_eq!(seen.snapshot().unwrap(), *frozen);
        })
        .pass();
    });
}

#[test]
fn who_maps_it_for_writing_keeps_an_array_from_being_sealed() {
    alone(|| {
        let array = anonymous();
        let mut child = {
            let ready = Value::<u8>::create_unique("it-frozen-", 0).unwrap();
            let child = fork(|| {
                let own = Array1::<u64>::open_handle(&array.handle()).unwrap();
                drop(own.read().unwrap());
                ready.set(1).unwrap();
                ready.wait_changed(1).unwrap();
            });
            ready.wait_changed_timeout(0, DEADLINE).unwrap();
            child
        };
        let clone = array.clone();
        let frozen = array.freeze().unwrap();
        let busy = "is still mapped for writing by somebody";
        refused(frozen.seal(), Busy, busy);
        refused(clone.write(), Frozen, SAYS);
        drop(clone);
        refused(frozen.seal(), Busy, busy);
        assert!(!frozen.is_sealed() && frozen.segment().is_frozen());
        child.kill();
        frozen.seal().unwrap();
        assert!(frozen.is_sealed());
        assert_eq!(frozen.sum(), 7 * 64);
    });
}

#[test]
fn what_has_a_name_is_frozen_and_not_sealed() {
    let frozen = striped().freeze().unwrap();
    assert!(!frozen.is_sealed());
    refused(frozen.seal(), Unsupported, "created without a name");
    let file = FreeFile::in_memory();
    let frozen = Frozen1::create_from(file.path(), &*frozen).unwrap();
    assert!(!frozen.is_sealed());
    refused(frozen.seal(), Unsupported, "created without a name");
}

#[test]
fn a_handle_taken_before_an_anonymous_freeze_still_means_the_array() {
    alone(|| {
        let array = Array1::<u8>::create_anonymous(3).unwrap();
        array.write().unwrap().fill(7);
        let early = array.handle();
        let frozen = array.freeze().unwrap();
        assert_ne!(frozen.handle(), early);
        // Whatever has the old number by now.
        let others: Vec<_> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
        let opened = || {
            assert_eq!(Frozen1::<u8>::open_handle(&early).unwrap().to_vec(), [7; 3]);
            refused(Array1::<u8>::open_handle(&early), Frozen, "open it as `Frozen`");
        };
        opened();
        fork(opened).pass();
        drop((frozen, others));
        let says = "its last handle there was dropped";
        refused(Frozen1::<u8>::open_handle(&early), NotFound, says);
    });
}
