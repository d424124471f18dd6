//! What is copied from outside: whole, of whoever's segment, without trusting anybody.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use ndshm::{
    AnyFrame, AnySnapshot, Array1, Array2, Condition, ErrorKind::*, Event, FrameMeta, Log, Look,
    Order, Result, Ring1, Value, peek,
};

use crate::bad_input::refused;
use crate::homes::FreeFile;
use crate::puppet::Puppet;
use crate::restarts::note_boot;
use crate::support::{FreeName, Stop, fork, is_root};

fn copy(path: &Path) -> Result<AnySnapshot> {
    peek(path, |data| data.to_snapshot())
}

/// Gives a segment away, and lets everybody write it.
fn give_away(path: &Path) {
    if is_root() {
        chown(path, Some(65533), None).unwrap();
    }
    fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap();
}

fn newest(path: &Path) -> Result<Option<AnyFrame>> {
    AnyFrame::peek(path, |numbers| numbers.last().copied())
}

#[test]
fn every_kind_of_segment_is_copied_whoever_may_write_it() {
    let name = FreeName::new();
    let of = |kind: &str| FreeName(format!("{}-{kind}", name.as_str()));
    let [array, word, large, event, log, ring] =
        ["array", "word", "large", "event", "log", "ring"].map(of);

    let made = Array2::<u16>::options().order(Order::F).stripes(3);
    let made = made.create(array.as_str(), (5, 4)).unwrap();
    made.write().unwrap().iter_mut().zip(0..).for_each(|(item, number)| *item = number);
    let made_word = Value::create(word.as_str(), 7_u64).unwrap();
    let made_large = Value::create(large.as_str(), [1_u32; 5]).unwrap();
    made_large.set([2; 5]).unwrap();
    let made_event = Event::create(event.as_str()).unwrap();
    made_event.set().unwrap();
    let made_log = Log::<u16>::create(log.as_str(), 100).unwrap();
    made_log.extend(&[1, 2, 3]).unwrap();
    let made_ring = Ring1::<u8>::options().slots(3).create(ring.as_str(), 2).unwrap();
    let mut publisher = made_ring.publisher().unwrap();
    for number in 1..=5 {
        publisher.publish_from(&ndarray::arr1(&[number; 2]), FrameMeta::new()).unwrap();
    }
    for given in [&array, &word, &large, &event, &log, &ring] {
        give_away(&given.path());
        refused(ndshm::Segment::open(given.as_str()), NotTrusted, "whoever may write a segment");
    }

    let seen = copy(&array.path()).unwrap();
    assert_eq!(seen.view::<u16>().unwrap(), made.read().unwrap().view().into_dyn());
    let row = peek(array.as_str(), |data| {
        assert_eq!((data.shape(), data.order(), data.byte_len()), (&[5, 4][..], Order::F, 40));
        let mut item = [0; 2];
        data.read_at(&mut item, 2 * (5 + 2))?;
        Ok(u16::from_le_bytes(item))
    });
    assert_eq!(row.unwrap(), made.read().unwrap()[[2, 1]]);
    assert_eq!(copy(&word.path()).unwrap().view::<u64>().unwrap().sum(), made_word.get().unwrap());
    assert_eq!(copy(&large.path()).unwrap().view::<u32>().unwrap().sum(), 10);
    assert_eq!(copy(&event.path()).unwrap().view::<u32>().unwrap().sum(), 1);
    let rows = copy(&log.path()).unwrap();
    assert_eq!((rows.shape(), rows.view::<u16>().unwrap().sum()), (&[3][..], 6));

    refused(copy(&ring.path()), KindMismatch, "`AnyFrame::peek`");
    refused(newest(&array.path()), KindMismatch, "asked for a Ring");
    let frame = newest(&ring.path()).unwrap().unwrap();
    assert_eq!((frame.meta().seq, frame.snapshot().bytes()), (5, &[5, 5][..]));
    let third = AnyFrame::peek(ring.as_str(), |numbers| {
        assert_eq!(numbers, [3, 4, 5]);
        Some(3)
    });
    assert_eq!(third.unwrap().unwrap().snapshot().bytes(), [3, 3]);
    assert!(AnyFrame::peek(ring.as_str(), |_| Some(2)).unwrap().is_none());
}

#[test]
fn what_is_copied_beside_writers_is_of_one_moment() {
    let array = Array1::<u64>::options().stripes(4).create_unique("it-outside-", 4096).unwrap();
    let value = Value::create_unique("it-outside-", [0_u64; 64]).unwrap();
    let ring = Ring1::<u64>::create_unique("it-outside-", 512).unwrap();
    let mut publisher = ring.publisher().unwrap();
    let going = AtomicBool::new(true);
    let is_one = |copy: &AnySnapshot| {
        let view = copy.view::<u64>().unwrap().to_owned();
        view.iter().all(|number| *number == view[0])
    };
    thread::scope(|scope| {
        let _stop = Stop(&going);
        scope.spawn(|| {
            for number in (0..).take_while(|_| going.load(Relaxed)) {
                array.write().unwrap().fill(number);
                value.set([number; 64]).unwrap();
                let frame = ndarray::Array1::from_elem(512, number);
                publisher.publish_from(&frame, FrameMeta::new()).unwrap();
                // Whoever looks on gets no turn.
                thread::yield_now();
            }
        });
        let mut whole = 0;
        for _ in 0..300 {
            // A look that was in vain all the time says so.
            match copy(&array.segment().path()) {
                Ok(copied) => {
                    assert!(is_one(&copied));
                    whole += 1;
                }
                Err(error) => assert_eq!(error.kind(), Timeout, "{error}"),
            }
            assert!(is_one(&copy(&value.segment().path()).unwrap()));
            if let Some(frame) = newest(&ring.segment().path()).unwrap() {
                assert!(is_one(frame.snapshot()));
            }
        }
        assert!(whole > 0);
    });
}

#[test]
fn a_look_from_outside_tells_of_the_dead_and_of_whom_it_waits_for() {
    let array = Array1::<u64>::options().stripes(4).create_unique("it-outside-", 64).unwrap();
    let path = array.segment().path();
    let mut writer = Puppet::on(&array);
    writer.does("write 16 32");
    writer.does("put 0 1");
    writer.signal(libc::SIGSTOP);
    let pid = writer.pid();
    refused(copy(&path), Timeout, &format!("process {pid}, which is alive, writes it"));
    // Other stripes are none of its.
    let first = peek(array.name(), |data| data.read_at(&mut [0; 8 * 16], 0));
    first.unwrap();
    writer.kill();
    refused(copy(&path), OwnerDied, &format!("process {pid} died while writing"));
    refused(array.write(), OwnerDied, "died while writing");
    refused(copy(&path), Poisoned, &format!("process {pid} died while writing"));
    array.write_recover().unwrap().mark_consistent();
    assert_eq!(copy(&path).unwrap().view::<u64>().unwrap().sum(), 1);
}

#[test]
fn a_file_that_is_cut_short_under_a_look_is_an_error() {
    let name = FreeName::new();
    // In a child, which touches nothing of it when it ends, its lock words neither.
    fork(|| std::mem::forget(Array1::<u64>::create(name.as_str(), 1 << 16).unwrap())).pass();
    let cut = peek(name.as_str(), |data| {
        File::options().write(true).open(name.path()).unwrap().set_len(8192).unwrap();
        data.to_snapshot()
    });
    refused(cut, Truncated, "was cut short");
}

#[test]
fn a_file_that_nobody_settled_after_a_restart_is_not_copied_as_if_it_were_sound() {
    let Some(file) = FreeFile::on_disk() else { return };
    fork(|| drop(Array1::<u64>::create(file.path(), 64).unwrap().write().unwrap())).pass();
    note_boot(file.path(), [7; 16]);
    refused(copy(file.path()), Poisoned, "the machine stopped before");
}

#[test]
fn all_that_is_asked_of_a_look_is_about_the_segment_that_was_opened() {
    let name = FreeName::new();
    let first = Array1::<u64>::create(name.as_str(), 4).unwrap();
    first.write().unwrap().fill(1);
    let look = Look::of(name.as_str()).unwrap();
    assert_eq!(look.status().unwrap().condition(), Condition::Live);
    let second = Array1::<u64>::create_or_replace(name.as_str(), 8).unwrap();
    let sum = || look.peek(|data| data.to_snapshot()).unwrap().view::<u64>().unwrap().sum();
    assert_eq!((look.status().unwrap().condition(), sum()), (Condition::Replaced, 4));
    drop((first, second));
    assert_eq!((look.info().shape(), sum()), (&[4][..], 4));
}
