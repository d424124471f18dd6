//! What a process leaves behind that is killed, and what the others learn of it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use ndshm::{Array1, ErrorKind, PoisonCause, Value};

use crate::puppet::Puppet;
use crate::support::{DEADLINE, eventually, fork, skip, somebody_waits, state_of, unshare_pids};

fn array() -> Array1<u64> {
    Array1::create_unique("it-deaths-", 64).unwrap()
}

fn striped() -> Array1<u64> {
    Array1::options().stripes(4).create_unique("it-deaths-", 64).unwrap()
}

/// A puppet that was killed with those locks in hand, and its process id.
fn killed_after(array: &Array1<u64>, commands: &[&str]) -> u32 {
    let mut puppet = Puppet::on(array);
    commands.iter().for_each(|command| puppet.does(command));
    puppet.kill();
    puppet.pid()
}

#[test]
fn a_writer_killed_in_the_act_is_reported_once_and_suspected_until_somebody_vouches() {
    let array = array();
    let pid = killed_after(&array, &["write", "put 3 9"]);

    let first = array.read_timeout(DEADLINE).unwrap_err();
    assert_eq!(first.kind(), ErrorKind::OwnerDied);
    assert!(first.to_string().contains(&format!("process {pid} died")), "{first}");
    for error in
        [array.read_timeout(DEADLINE).unwrap_err(), array.write_timeout(DEADLINE).unwrap_err()]
    {
        assert_eq!(error.kind(), ErrorKind::Poisoned);
        assert!(error.to_string().contains(&format!("process {pid} died")), "{error}");
    }
    let mut other = Puppet::on(&array);
    assert!(other.ask("write").starts_with("Poisoned: "));

    let looked = array.request().timeout(DEADLINE).recover().read().unwrap();
    assert_eq!(looked[3], 9);
    assert_eq!(looked.poison().unwrap().pid(), pid);
    drop(looked);
    let unvouched = array.request().timeout(DEADLINE).recover().write().unwrap();
    let poison = unvouched.poison().unwrap();
    assert_eq!((poison.cause(), poison.pid()), (PoisonCause::Died, pid));
    drop(unvouched);
    assert_eq!(array.read_timeout(DEADLINE).unwrap_err().kind(), ErrorKind::Poisoned);

    let mut mender = array.request().timeout(DEADLINE).recover().write().unwrap();
    mender.fill(1);
    mender.mark_consistent();
    drop(mender);
    assert_eq!(array.read_timeout(DEADLINE).unwrap().sum(), 64);
    other.does("write");
    other.quit();
}

#[test]
fn who_panicked_while_writing_is_named_and_did_not_die() {
    let array = array();
    let panics = fork(|| {
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let _guard = array.write_timeout(DEADLINE).unwrap();
            resume_unwind(Box::new(()));
        }));
    });
    let pid = panics.pid();
    panics.pass();
    for _ in 0..2 {
        let error = array.read_timeout(DEADLINE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Poisoned);
        assert!(error.to_string().contains(&format!("process {pid} panicked")), "{error}");
    }
    let guard = array.request().timeout(DEADLINE).recover().read().unwrap();
    let poison = guard.poison().unwrap();
    assert_eq!((poison.cause(), poison.pid()), (PoisonCause::Panicked, pid));
}

#[test]
fn only_the_rows_of_a_killed_writer_are_suspect() {
    let array = striped();
    killed_after(&array, &["write 16 32"]);
    drop(array.write_rows_timeout(0..16, DEADLINE).unwrap());
    drop(array.write_rows_timeout(32..64, DEADLINE).unwrap());
    assert_eq!(array.read_rows_timeout(20..40, DEADLINE).unwrap_err().kind(), ErrorKind::OwnerDied);
    drop(array.write_rows_timeout(32..64, DEADLINE).unwrap());
    let mut mender = array.request().rows(16..32).timeout(DEADLINE).recover().write().unwrap();
    mender.mark_consistent();
    drop(mender);
    drop(array.write_timeout(DEADLINE).unwrap());
}

#[test]
fn a_mender_killed_while_mending_leaves_it_suspect() {
    let array = array();
    killed_after(&array, &["write"]);
    let pid = killed_after(&array, &["write_recover", "mark", "put 0 1"]);
    let error = array.read_timeout(DEADLINE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OwnerDied);
    assert!(error.to_string().contains(&format!("process {pid} died")), "{error}");
}

#[test]
fn a_killed_reader_blocks_no_writer_and_taints_nothing() {
    let array = array();
    killed_after(&array, &["read", "read"]);
    array.write_timeout(DEADLINE).unwrap().fill(1);
    killed_after(&array, &["read"]);
    array.try_write().unwrap().expect("nobody alive reads").fill(2);
    assert_eq!(array.read_timeout(DEADLINE).unwrap().sum(), 128);
}

#[test]
fn a_process_killed_with_nothing_in_hand_leaves_nothing() {
    let array = array();
    killed_after(&array, &["write", "put 0 1", "drop", "read", "drop"]);
    assert_eq!(array.read_timeout(DEADLINE).unwrap()[0], 1);
    assert!(array.try_write().unwrap().unwrap().poison().is_none());
}

#[test]
fn a_killed_waiter_costs_nobody_anything() {
    let array = array();
    for command in ["write", "read"] {
        let guard = array.write_timeout(DEADLINE).unwrap();
        let mut waiter = Puppet::on(&array);
        waiter.tell(command);
        eventually("it waits", || somebody_waits(array.segment(), 0));
        waiter.kill();
        drop(guard);
        array.write_timeout(DEADLINE).unwrap().fill(1);
        assert_eq!(array.try_read().unwrap().unwrap().sum(), 64);
    }
}

#[test]
fn a_waiting_writer_learns_of_the_death_of_the_owner() {
    let array = array();
    let mut owner = Puppet::on(&array);
    owner.does("write");
    let mut waiter = Puppet::on(&array);
    waiter.tell("write");
    eventually("it waits", || somebody_waits(array.segment(), 0));
    owner.kill();
    let answer = waiter.hear();
    assert!(answer.starts_with("OwnerDied: "), "{answer}");
}

#[test]
fn a_waiting_writer_gets_in_when_the_last_reader_is_killed() {
    let array = array();
    let mut reader = Puppet::on(&array);
    reader.does("read");
    let mut writer = Puppet::on(&array);
    writer.tell("write");
    // The writer has the word, so that no reader is let in any more.
    eventually("it waits", || array.try_read().unwrap().is_none());
    reader.kill();
    assert_eq!(writer.hear(), "ok");
}

#[test]
fn try_forms_see_through_the_dead_at_once() {
    let array = array();
    killed_after(&array, &["write"]);
    assert_eq!(array.try_read().unwrap_err().kind(), ErrorKind::OwnerDied);
    let mut mender = array.request().recover().try_write().unwrap().expect("the owner is dead");
    mender.mark_consistent();
    drop(mender);
    killed_after(&array, &["write"]);
    assert_eq!(array.try_write().unwrap_err().kind(), ErrorKind::OwnerDied);
}

#[test]
fn a_process_that_executes_another_program_has_died_as_an_owner() {
    let array = array();
    let mut puppet = Puppet::on(&array);
    puppet.does("write");
    puppet.tell("exec");
    let error = array.read_timeout(DEADLINE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OwnerDied);
    assert!(error.to_string().contains(&puppet.pid().to_string()), "{error}");
    assert_ne!(state_of(puppet.pid()), 'Z', "the program it executed still runs");
}

#[test]
fn an_owner_that_closes_all_descriptors_still_owns() {
    let array = array();
    let mut puppet = Puppet::on(&array);
    puppet.does("write");
    puppet.does("close_descriptors");
    assert!(array.try_read().unwrap().is_none());
    let error = array.write_timeout(Duration::from_millis(20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("which is alive"), "{error}");

    puppet.does("put 0 5");
    puppet.does("drop");
    puppet.does("write");
    puppet.does("drop");
    assert_eq!(array.read_timeout(DEADLINE).unwrap()[0], 5);
    puppet.quit();
}

#[test]
fn a_process_that_closes_all_descriptors_can_still_register_and_tell_the_dead() {
    let array = array();
    let mut puppet = Puppet::on(&array);
    puppet.does("close_descriptors");
    killed_after(&array, &["write"]);
    let answer = puppet.ask("write");
    assert!(answer.starts_with("OwnerDied: "), "{answer}");
}

#[test]
fn a_stopped_owner_is_alive_and_not_robbed() {
    let array = array();
    let mut puppet = Puppet::on(&array);
    puppet.does("write");
    puppet.signal(libc::SIGSTOP);
    eventually("it stops", || state_of(puppet.pid()) == 'T');

    assert!(array.try_write().unwrap().is_none());
    let error = array.read_timeout(Duration::from_millis(20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let owner = format!("process {}, which is alive, writes it", puppet.pid());
    assert!(error.to_string().contains(&owner), "{error}");

    puppet.signal(libc::SIGCONT);
    puppet.does("put 0 7");
    puppet.does("drop");
    assert_eq!(array.read_timeout(DEADLINE).unwrap()[0], 7);
}

#[test]
fn an_owner_of_another_pid_namespace_with_our_pid_is_not_called_this_process() {
    if !std::thread::spawn(unshare_pids).join().unwrap() {
        return skip("may not make a PID namespace");
    }
    let array = array();
    let [mut owner, mut other] = [(); 2].map(|()| Puppet::apart_on(&array));
    owner.does("write");
    let answer = other.ask("write_timeout 20");
    assert!(answer.contains("process 1, which is alive, writes it"), "{answer}");
    assert!(!answer.contains("this process"), "{answer}");
    let answer = owner.ask("write_timeout 20");
    assert!(answer.contains("this process (1), writes it"), "{answer}");
}

#[test]
fn a_stopped_reader_that_waits_for_its_turn_holds_up_no_writer() {
    let array = array();
    let guard = array.write_timeout(DEADLINE).unwrap();
    let mut reader = Puppet::on(&array);
    reader.tell("read");
    eventually("it waits", || somebody_waits(array.segment(), 0));
    reader.signal(libc::SIGSTOP);
    eventually("it stops", || state_of(reader.pid()) == 'T');
    drop(guard);
    array.write_timeout(DEADLINE).unwrap().fill(1);
    reader.signal(libc::SIGCONT);
    assert_eq!(reader.hear(), "ok");
}

#[test]
fn a_zombie_is_dead() {
    let array = array();
    let writer = fork(|| {
        std::mem::forget(array.write_timeout(DEADLINE).unwrap());
    });
    eventually("it is a zombie", || state_of(writer.pid()) == 'Z');
    assert_eq!(array.read_timeout(DEADLINE).unwrap_err().kind(), ErrorKind::OwnerDied);
}

#[test]
fn slots_of_the_dead_are_used_again() {
    let array = Array1::<u64>::options().participants(2).create_unique("it-deaths-", 8).unwrap();
    drop(array.read_timeout(DEADLINE).unwrap());
    for _ in 0..10 {
        killed_after(&array, &["read"]);
    }
    for _ in 0..10 {
        killed_after(&array, &["write_recover"]);
    }
    let mut puppet = Puppet::on(&array);
    assert!(puppet.ask("write").starts_with("OwnerDied: "));
    puppet.does("write_recover");
    puppet.does("mark");
    puppet.does("drop");
    puppet.quit();
    assert_eq!(array.read_timeout(DEADLINE).unwrap().sum(), 0);
}

#[test]
fn a_value_whose_setter_is_killed_under_the_lock_keeps_what_was_committed() {
    let value = Value::<[u64; 8]>::create_unique("it-deaths-", [1; 8]).unwrap();
    for _ in 0..3 {
        let mut setter = fork(|| {
            let mut guard = value.edit_timeout(DEADLINE).unwrap();
            *guard = [3; 8];
            std::mem::forget(guard);
        });
        eventually("it is a zombie", || state_of(setter.pid()) == 'Z');
        setter.kill();
        assert_eq!(value.get().unwrap(), [1; 8]);
    }
    *value.edit_timeout(DEADLINE).unwrap() = [2; 8];
    assert_eq!(value.get().unwrap(), [2; 8]);
}
