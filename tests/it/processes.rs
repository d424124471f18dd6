//! What living processes see of each other's work.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use ndshm::{Array1, Array2, Array3, ErrorKind, Lifetime, Origin, Reserve, Value};

use crate::puppet::Puppet;
use crate::support::{DEADLINE, FreeName, alone, descriptor_count, exists, fork, set_umask};

fn striped() -> Array1<u64> {
    Array1::options().stripes(4).create_unique("it-processes-", 64).unwrap()
}

#[test]
fn unrelated_processes_meet_by_name() {
    let array = striped();
    array.write().unwrap()[5] = 1;
    let mut other = Puppet::on(&array);
    other.does("write");
    assert_eq!(other.ask("get 5"), "1");
    other.does("put 6 2");
    other.does("drop");
    assert_eq!(array.read().unwrap()[6], 2);
    other.quit();
}

#[test]
fn forked_processes_meet_by_name_and_by_handle() {
    let array = striped();
    array.write().unwrap()[5] = 1;
    fork(|| {
        let opened = Array1::<u64>::open(array.name()).unwrap();
        assert_eq!(opened.read().unwrap()[5], 1);
        assert_eq!(opened.origin(), Origin::Opened);
        let by_handle =
            Array1::<u64>::open_handle(&array.handle().to_string().parse().unwrap()).unwrap();
        by_handle.write().unwrap()[6] = 2;
    })
    .pass();
    assert_eq!(array.read().unwrap()[6], 2);
}

#[test]
fn disjoint_rows_are_written_at_the_same_time() {
    let array = striped();
    let (mut one, mut two) = (Puppet::on(&array), Puppet::on(&array));
    one.does("write 0 32");
    two.does("write 32 64");
    assert_eq!(one.ask("try_write 32 64"), "busy");
    assert_eq!(two.ask("try_read 31 64"), "busy");
    one.does("put 0 1");
    two.does("put 31 2");
    one.does("drop");
    two.does("drop");
    let rows = array.read().unwrap();
    assert_eq!((rows[0], rows[63]), (1, 2));
}

#[test]
fn readers_share_and_writers_do_not() {
    let array = striped();
    let (mut one, mut two) = (Puppet::on(&array), Puppet::on(&array));
    one.does("read");
    two.does("read");
    drop(array.read().unwrap());
    assert!(array.try_write().unwrap().is_none());
    one.does("drop");
    assert!(array.try_write().unwrap().is_none());
    two.does("drop");
    drop(array.try_write().unwrap().expect("nobody reads"));
}

#[test]
fn who_waits_in_vain_is_told_for_whom_and_what_for() {
    let array = striped();
    let mut other = Puppet::on(&array);
    let waited = |error: ndshm::Error, purpose: &str, verb: &str, pid: u32| {
        assert_eq!(error.kind(), ErrorKind::Timeout);
        let text = error.to_string();
        let says = format!("could not be locked for {purpose} in time: process {pid}, ");
        assert!(text.contains(&says) && text.contains(&format!(", {verb} it")), "{text}");
    };
    let pid = other.pid();
    other.does("write");
    waited(array.read_timeout(Duration::ZERO).unwrap_err(), "reading", "writes", pid);
    waited(array.write_timeout(Duration::ZERO).unwrap_err(), "writing", "writes", pid);
    other.does("drop");
    other.does("read");
    waited(array.write_timeout(Duration::ZERO).unwrap_err(), "writing", "reads", pid);
}

#[test]
fn a_change_of_a_value_reaches_who_waits_for_it() {
    let value = Value::create_unique("it-processes-", 0_u64).unwrap();
    let mut puppet = Puppet::start();
    puppet.does(&format!("value {}", value.name()));
    for round in 0..50 {
        puppet.tell(&format!("wait {round}"));
        value.set(round + 1).unwrap();
        assert_eq!(puppet.hear(), (round + 1).to_string());
    }
    puppet.does("set 7");
    assert_eq!(value.wait_changed_timeout(50, DEADLINE).unwrap(), 7);
}

#[test]
fn of_many_who_create_the_same_name_exactly_one_wins() {
    let mut puppets: Vec<Puppet> = (0..6).map(|_| Puppet::start()).collect();
    for _ in 0..20 {
        let name = FreeName::new();
        let command = format!("create {} 8", name.as_str());
        puppets.iter_mut().for_each(|puppet| puppet.tell(&command));
        let mut answers: Vec<String> = puppets.iter_mut().map(|puppet| puppet.hear()).collect();
        assert_eq!(answers.iter().filter(|answer| *answer == "ok").count(), 1, "{answers:?}");
        answers.retain(|answer| answer != "ok");
        assert!(answers.iter().all(|answer| answer.starts_with("AlreadyExists: ")), "{answers:?}");
        puppets.iter_mut().for_each(|puppet| puppet.does("detach"));
        assert!(!exists(name.as_str()));
    }
}

#[test]
fn of_many_who_open_or_create_exactly_one_creates_and_all_share() {
    let mut puppets: Vec<Puppet> = (0..6).map(|_| Puppet::start()).collect();
    for _ in 0..20 {
        let name = FreeName::new();
        let command = format!("open_or_create {} 8", name.as_str());
        puppets.iter_mut().for_each(|puppet| puppet.tell(&command));
        let answers: Vec<String> = puppets.iter_mut().map(|puppet| puppet.hear()).collect();
        assert_eq!(answers.iter().filter(|answer| *answer == "Created").count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| *answer == "Opened").count(), 5, "{answers:?}");
        for puppet in &mut puppets {
            puppet.does("write");
            puppet.does("add 0 1");
            puppet.does("drop");
        }
        assert_eq!(Array1::<u64>::open(name.as_str()).unwrap().read().unwrap()[0], 6);
        puppets.iter_mut().for_each(|puppet| puppet.does("detach"));
        assert!(!exists(name.as_str()));
    }
}

#[test]
fn who_opens_while_the_name_changes_hands_finds_a_whole_segment_or_none() {
    let name = FreeName::new();
    let done = Value::create_unique("it-processes-", 0_u8).unwrap();
    let contents = ndarray::Array1::from_elem(1000, 7_u64);
    let maker = fork(|| {
        for _ in 0..300 {
            let made = Array1::create_from(name.as_str(), &contents).unwrap();
            drop(made.read().unwrap());
        }
        done.set(1).unwrap();
    });
    let mut seen = 0;
    while done.get().unwrap() == 0 || seen == 0 {
        match Array1::<u64>::open(name.as_str()) {
            Ok(array) => {
                assert_eq!(array.read().unwrap().sum(), 7000);
                seen += 1;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
        }
        if done.get().unwrap() == 1 {
            break;
        }
    }
    maker.pass();
    assert!(!exists(name.as_str()));
}

#[test]
fn two_who_remove_and_create_the_same_name_never_remove_each_others() {
    let name = FreeName::new();
    let loops = || {
        for _ in 0..200 {
            match Array1::<u64>::create(name.as_str(), 8) {
                // Nobody else may remove it while this handle lives.
                Ok(_made) => assert!(exists(name.as_str())),
                Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}"),
            }
        }
    };
    let other = fork(loops);
    loops();
    other.pass();
    assert!(!exists(name.as_str()));
}

#[test]
fn a_creators_drop_leaves_a_namesake_alone() {
    let name = FreeName::new();
    let first = Array1::<u64>::create(name.as_str(), 8).unwrap();
    first.write().unwrap()[0] = 1;
    ndshm::remove(name.as_str()).unwrap();
    let second = Array1::<u64>::create(name.as_str(), 8).unwrap();
    let replaced = Array1::<u64>::open_handle(&first.handle()).unwrap_err();
    assert_eq!(replaced.kind(), ErrorKind::Replaced);
    assert_eq!(first.read().unwrap()[0], 1, "those attached keep their memory");
    drop(first);
    assert_eq!(Array1::<u64>::open(name.as_str()).unwrap().handle(), second.handle());
}

#[test]
fn a_name_lasts_as_long_as_its_lifetime_says() {
    let name = FreeName::new();
    let array = Array1::<u64>::create(name.as_str(), 8).unwrap();
    let clone = array.clone();
    let opened = Array1::<u64>::open(name.as_str()).unwrap();
    drop(array);
    drop(opened);
    assert!(exists(name.as_str()));
    drop(clone);
    assert!(!exists(name.as_str()));

    let options = Array1::<u64>::options().lifetime(Lifetime::Persistent);
    drop(options.create(name.as_str(), 8).unwrap());
    assert!(exists(name.as_str()));
    ndshm::remove(name.as_str()).unwrap();
}

#[test]
fn the_umask_plays_no_part_in_the_mode() {
    alone(|| {
        set_umask(0o777);
        let mode = |array: &Array1<u64>| {
            array.segment().path().metadata().unwrap().permissions().mode() & 0o7777
        };
        assert_eq!(mode(&Array1::create_unique("it-processes-", 8).unwrap()), 0o600);
        set_umask(0);
        assert_eq!(mode(&Array1::create_unique("it-processes-", 8).unwrap()), 0o600);
        set_umask(0o077);
        let options = Array1::options().mode(0o644);
        assert_eq!(mode(&options.create_unique("it-processes-", 8).unwrap()), 0o644);
    });
}

#[test]
fn a_segment_takes_one_descriptor() {
    alone(|| {
        let before = descriptor_count();
        let made: Vec<_> = (0..200).map(|_| striped()).collect();
        let opened: Vec<_> =
            made.iter().map(|array| Array1::<u64>::open(array.name()).unwrap()).collect();
        opened.iter().for_each(|array| array.write().unwrap().fill(1));
        assert_eq!(descriptor_count(), before + 200);
        fork(|| {
            opened.iter().for_each(|array| array.write().unwrap().fill(1));
            assert_eq!(descriptor_count(), before + 200);
        })
        .pass();
        drop((made, opened));
        assert_eq!(descriptor_count(), before);
    });
}

#[cfg(target_pointer_width = "64")]
#[test]
fn arrays_may_be_longer_than_four_gibibytes() {
    let rows = (5 << 30) / 8;
    let lazy = Array1::<u64>::options().reserve(Reserve::Lazy);
    let array = lazy.create_unique("it-processes-", rows).unwrap();
    array.write_rows(rows - 1..).unwrap()[0] = 9;
    array.write_rows(..1).unwrap()[0] = 8;
    let mut other = Puppet::on(&array);
    other.does("write");
    assert_eq!(other.ask(&format!("get {}", rows - 1)), "9");
    assert_eq!(other.ask("get 0"), "8");
    assert_eq!(other.ask(&format!("get {}", rows / 2)), "0");
}

#[test]
fn owned_guards_move_to_other_threads_and_outlive_their_handles() {
    let array = striped();
    let opened = Array1::<u64>::open(array.name()).unwrap();
    let mut guard = opened.write_rows_owned(0..16).unwrap();
    drop(opened);
    thread::spawn(move || {
        guard[0] = 5;
        drop(guard);
    })
    .join()
    .unwrap();
    let reader = array.read_owned().unwrap();
    assert_eq!(thread::spawn(move || reader[0]).join().unwrap(), 5);
    drop(array.try_write().unwrap().expect("nobody holds it"));
}

#[test]
fn reads_nest_even_while_a_writer_waits() {
    let array = striped();
    let outer = array.read().unwrap();
    let mut writer = Puppet::on(&array);
    writer.tell("write");
    // The writer has the first stripe's word, so that new readers are kept out.
    let kept_out =
        || thread::scope(|scope| scope.spawn(|| array.try_read().unwrap().is_none()).join());
    crate::support::eventually("the writer waits", || kept_out().unwrap());
    let inner = array.read_rows_timeout(3..40, DEADLINE).unwrap();
    assert_eq!(inner.sum(), 0);
    drop((outer, inner));
    assert_eq!(writer.hear(), "ok");
}

#[test]
fn waiting_for_oneself_is_an_error() {
    let array = striped();
    let clone = Array1::<u64>::open(array.name()).unwrap();
    let kind = |result: ndshm::Result<()>| result.unwrap_err().kind();
    let guard = array.write_rows(16..32).unwrap();
    assert_eq!(kind(clone.write().map(drop)), ErrorKind::Deadlock);
    assert_eq!(kind(clone.read_rows(20..21).map(drop)), ErrorKind::Deadlock);
    assert_eq!(kind(clone.try_write_rows(0..16).map(drop)), ErrorKind::Deadlock);
    drop(clone.write_rows(32..64).unwrap());
    drop(guard);
    let guard = array.read_rows(16..32).unwrap();
    assert_eq!(kind(clone.write_rows(16..17).map(drop)), ErrorKind::Deadlock);
    drop(clone.read_rows(16..64).unwrap());
    assert_eq!(kind(clone.read().map(drop)), ErrorKind::Deadlock);
    drop(guard);
}

#[test]
fn what_a_thread_forgot_to_give_back_is_not_held_in_the_next_segment() {
    let array = || Array1::<u64>::create_unique("it-processes-", 8).unwrap();
    // The next membership is likely to have the last one's address, slot and generation.
    for _ in 0..50 {
        let last = array();
        std::mem::forget(last.write().unwrap());
        drop(last);
        drop(array().try_write().unwrap().expect("nobody holds it"));
    }
}

#[test]
fn writers_in_a_loop_do_not_starve_a_reader() {
    let array = Array1::<u64>::create_unique("it-processes-", 20_000).unwrap();
    let theirs = || array.write().unwrap().fill(1);
    while_others_loop(theirs, || drop(array.read_timeout(DEADLINE).unwrap()));
}

#[test]
fn readers_in_a_loop_do_not_starve_a_writer() {
    let array = Array1::<u64>::create_unique("it-processes-", 20_000).unwrap();
    let theirs = || assert_eq!(array.read().unwrap().sum(), 0);
    while_others_loop(theirs, || drop(array.write_timeout(DEADLINE).unwrap()));
}

/// Gets a few of `mine` done while two forked children do `theirs` with hardly a break between.
fn while_others_loop(theirs: impl Fn(), mine: impl Fn()) {
    let (begun, done) = (
        Value::create_unique("it-processes-", 0_u8).unwrap(),
        Value::create_unique("it-processes-", 0_u8).unwrap(),
    );
    let children = [(); 2].map(|()| {
        fork(|| {
            while done.get().unwrap() == 0 {
                theirs();
                if begun.get().unwrap() == 0 {
                    begun.set(1).unwrap();
                }
            }
        })
    });
    begun.wait_changed_timeout(0, DEADLINE).unwrap();
    (0..20).for_each(|_| mine());
    done.set(1).unwrap();
    children.into_iter().for_each(|child| child.pass());
}

#[test]
fn threads_and_processes_together_lose_no_update() {
    let array = Array2::<u64>::create_unique("it-processes-", (1, 64)).unwrap();
    let cube = Array3::<f32>::create_unique("it-processes-", (2, 2, 2)).unwrap();
    let count = || {
        for _ in 0..500 {
            array.write().unwrap()[[0, 0]] += 1;
            cube.write().unwrap()[[1, 1, 1]] += 1.0;
        }
    };
    let children = [fork(count), fork(count)];
    thread::scope(|scope| {
        scope.spawn(count);
        scope.spawn(count);
    });
    children.into_iter().for_each(|child| child.pass());
    assert_eq!(array.read().unwrap()[[0, 0]], 2000);
    assert_eq!(cube.read().unwrap()[[1, 1, 1]], 2000.0);
}

#[test]
fn a_whole_lock_waits_for_every_row_lock() {
    let array = striped();
    let held = AtomicBool::new(true);
    let mut other = Puppet::on(&array);
    other.does("write 48 64");
    thread::scope(|scope| {
        scope.spawn(|| {
            drop(array.write().unwrap());
            assert!(!held.load(Relaxed));
        });
        crate::support::eventually("it waits", || {
            crate::support::somebody_waits(array.segment(), 3)
        });
        held.store(false, Relaxed);
        other.does("drop");
    });
}
