//! Waits: who waits for whom, and who is woken.

use std::thread;
use std::time::{Duration, Instant};

use super::scene::Call::{Look, Sleep, Wake};
use super::scene::Scene;
use crate::lock::{Blocker, Cause, Entry, Patience, Slots as _};

const CLEAN: Result<Entry, Blocker> = Ok(Entry::Clean);
const POISONED: Result<Entry, Blocker> = Ok(Entry::Poisoned);

/// Patience with an end that does not come in this test.
fn an_hour() -> Patience {
    Patience::at_most(Duration::from_secs(3600))
}

#[test]
fn who_finds_the_lock_free_asks_the_kernel_nothing() {
    let scene = Scene::new();
    for _ in 0..2 {
        assert_eq!(scene.write(0, Patience::Endless), CLEAN);
        scene.end_write();
        assert_eq!(scene.commit(1, Patience::Endless), CLEAN);
        scene.end_commit();
        assert_eq!(scene.read(2, Patience::Endless), CLEAN);
        scene.end_read(2);
    }
    assert_eq!(scene.calls(), []);
}

#[test]
fn a_writer_is_woken_when_the_writer_before_it_is_done() {
    let scene = Scene::new();
    assert_eq!(scene.write(0, Patience::Endless), CLEAN);
    scene.meanwhile(Scene::end_write);
    assert_eq!(scene.write(1, Patience::Endless), CLEAN);
    assert!(scene.stripe(0).is_held_by(scene.owner(1)));
    assert_eq!(scene.calls(), [Look(0), Sleep(0, "word"), Wake(0, "word")]);
}

#[test]
fn a_reader_is_woken_when_the_writer_is_done_and_wakes_writers_that_let_it_go_first() {
    let scene = Scene::new();
    assert_eq!(scene.commit(0, Patience::Endless), CLEAN);
    scene.meanwhile(Scene::end_commit);
    assert_eq!(scene.read(1, Patience::Endless), CLEAN);
    let calls = scene.calls();
    assert_eq!(calls.last(), Some(&Wake(0, "turn")));
    // The reader's own attempt opens the gate, because it cannot tell whether the owner waits
    // there.
    let rest: Vec<_> = calls.into_iter().filter(|call| *call != Wake(0, "gate")).collect();
    assert_eq!(rest, [Look(0), Sleep(0, "word"), Wake(0, "word"), Wake(0, "turn")]);
}

#[test]
fn all_who_sleep_behind_an_owner_are_woken() {
    let scene = Scene::new();
    assert_eq!(scene.write(0, Patience::Endless), CLEAN);
    // Process 2 goes to sleep behind the same owner.
    scene.meanwhile(|scene| {
        scene.meanwhile(Scene::end_write);
        assert_eq!(scene.read(2, Patience::Endless), CLEAN);
        scene.end_read(2);
    });
    assert_eq!(scene.write(1, Patience::Endless), CLEAN);
    assert_eq!(scene.calls().iter().filter(|call| **call == Wake(0, "word")).count(), 1);
}

#[test]
fn a_writer_is_woken_when_the_last_reader_leaves_and_not_before() {
    let scene = Scene::new();
    assert_eq!(scene.read(1, Patience::Endless), CLEAN);
    assert_eq!(scene.read(1, Patience::Endless), CLEAN);
    assert_eq!(scene.read(2, Patience::Endless), CLEAN);
    scene.meanwhile(|scene| scene.end_read(1));
    scene.meanwhile(|scene| scene.end_read(1));
    scene.meanwhile(|scene| scene.end_read(2));
    assert_eq!(scene.write(0, Patience::Endless), CLEAN);
    let slept = Sleep(0, "gate");
    let woken = Wake(0, "gate");
    assert_eq!(scene.calls(), [slept, Look(1), slept, woken, slept, woken]);
    assert!(scene.stripe(0).is_held_by(scene.owner(0)));
}

#[test]
fn readers_that_come_while_a_writer_waits_for_readers_wait_behind_it() {
    let scene = Scene::new();
    assert_eq!(scene.read(1, Patience::Endless), CLEAN);
    scene.meanwhile(|scene| {
        assert_eq!(scene.read(2, Patience::None), Err(Blocker::Writer(scene.owner(0))));
        scene.end_read(1);
    });
    assert_eq!(scene.write(0, Patience::Endless), CLEAN);
}

#[test]
fn who_reads_already_reads_again_while_a_writer_waits() {
    let scene = Scene::new();
    assert_eq!(scene.read(1, Patience::Endless), CLEAN);
    scene.meanwhile(|scene| {
        let again = scene.stripe(0).lock_read_again(scene.cell(1, 0));
        assert_eq!(again.unwrap(), Entry::Clean);
        scene.end_read(1);
    });
    scene.meanwhile(|scene| scene.end_read(1));
    assert_eq!(scene.write(0, Patience::Endless), CLEAN);
    assert_eq!(scene.sleeps(), 2);
}

#[test]
fn an_owner_that_died_earlier_is_found_without_a_sleep() {
    for entry in [CLEAN, POISONED] {
        for read in [false, true] {
            let scene = Scene::new();
            let taken = match entry {
                CLEAN => scene.commit(0, Patience::Endless),
                _ => scene.write(0, Patience::Endless),
            };
            assert_eq!(taken, CLEAN);
            scene.die(0);
            let found = match read {
                true => scene.read(1, Patience::Endless),
                false => scene.write(1, Patience::Endless),
            };
            assert_eq!(found, entry);
            assert_eq!(scene.sleeps(), 0);
        }
    }
}

#[test]
fn an_owner_that_dies_later_is_found_when_a_slice_is_over() {
    let scene = Scene::new();
    assert_eq!(scene.write(0, Patience::Endless), CLEAN);
    scene.meanwhile(|_| ());
    scene.meanwhile(|scene| scene.die(0));
    assert_eq!(scene.write(1, Patience::Endless), POISONED);
    assert_eq!(scene.stripe(0).culprit(), (Cause::DiedUnreported, 100));
    let calls = scene.calls();
    let slept = Sleep(0, "word");
    assert_eq!(calls, [Look(0), slept, Look(0), slept, Look(0), Wake(0, "word")]);
}

#[test]
fn who_is_woken_looks_at_the_word_before_it_asks_who_is_dead() {
    let scene = Scene::new();
    assert_eq!(scene.write(0, Patience::Endless), CLEAN);
    scene.meanwhile(|scene| {
        scene.end_write();
        assert_eq!(scene.write(2, Patience::None), CLEAN);
    });
    scene.meanwhile(Scene::end_write);
    assert_eq!(scene.write(1, Patience::Endless), CLEAN);
    let (slept, woken) = (Sleep(0, "word"), Wake(0, "word"));
    assert_eq!(scene.calls(), [Look(0), slept, woken, slept, woken]);
}

#[test]
fn a_reader_that_dies_inside_costs_a_writer_one_slice() {
    let scene = Scene::new();
    assert_eq!(scene.read(1, Patience::Endless), CLEAN);
    scene.meanwhile(|scene| scene.die(1));
    assert_eq!(scene.write(0, Patience::Endless), CLEAN);
    assert_eq!(scene.sleeps(), 1);
}

#[test]
fn who_does_not_wait_is_told_who_is_in_the_way_without_a_sleep() {
    let scene = Scene::new();
    assert_eq!(scene.write(0, Patience::None), CLEAN);
    let writer = Err(Blocker::Writer(scene.owner(0)));
    assert_eq!(scene.write(1, Patience::None), writer);
    assert_eq!(scene.read(1, Patience::None), writer);
    scene.end_write();
    scene.calls();
    assert_eq!(scene.read(2, Patience::None), CLEAN);
    assert_eq!(scene.write(1, Patience::None), Err(Blocker::Reader(2)));
    assert_eq!(scene.stripe(0).owner(), None, "who gave up holds nothing");
    scene.die(2);
    assert_eq!(scene.write(1, Patience::None), CLEAN);
    assert_eq!(scene.sleeps(), 0);
}

#[test]
fn patience_ends_even_if_every_sleep_ends_by_a_wake() {
    /// Sleeps past a deadline. Then somebody wakes.
    fn wait(scene: &Scene, wake: fn(&Scene)) -> Result<Entry, Blocker> {
        let deadline = Instant::now() + Duration::from_millis(1);
        scene.meanwhile(move |scene| {
            while Instant::now() < deadline {
                thread::yield_now();
            }
            wake(scene);
        });
        scene.write(1, Patience::Until(deadline))
    }

    let scene = Scene::new();
    assert_eq!(scene.read(2, Patience::Endless), CLEAN);
    let blocked = wait(&scene, |scene| scene.stripe(0).open_gate(&scene.peers(0)));
    assert_eq!(blocked, Err(Blocker::Reader(2)));
    assert_eq!(scene.stripe(0).owner(), None);

    let scene = Scene::new();
    assert_eq!(scene.write(0, Patience::Endless), CLEAN);
    let blocked = wait(&scene, |scene| {
        scene.end_write();
        assert_eq!(scene.write(0, Patience::None), CLEAN);
    });
    assert_eq!(blocked, Err(Blocker::Writer(scene.owner(0))));
}

#[test]
fn a_writer_lets_readers_that_wait_go_first_once_and_for_a_slice_at_most() {
    let scene = Scene::new();
    assert_eq!(scene.write(0, Patience::Endless), CLEAN);
    // The reader asks for its turn, and does not come back.
    assert_eq!(scene.read(1, Patience::None), Err(Blocker::Writer(scene.owner(0))));
    scene.end_write();
    scene.calls();
    for turns in [1, 0] {
        (0..turns).for_each(|_| scene.meanwhile(|_| ()));
        assert_eq!(scene.write(2, an_hour()), CLEAN);
        scene.end_write();
        assert_eq!(scene.sleeps(), turns, "turns");
    }
}

#[test]
fn who_does_not_wait_lets_nobody_go_first() {
    let scene = Scene::new();
    assert_eq!(scene.write(0, Patience::Endless), CLEAN);
    assert_eq!(scene.read(1, Patience::None), Err(Blocker::Writer(scene.owner(0))));
    scene.end_write();
    scene.calls();
    assert_eq!(scene.write(2, Patience::None), CLEAN);
    assert_eq!(scene.sleeps(), 0);
}

#[test]
fn a_lock_that_was_waited_for_is_clean_and_free_afterwards() {
    let scene = Scene::new();
    assert_eq!(scene.write(0, Patience::Endless), CLEAN);
    scene.meanwhile(Scene::end_write);
    assert_eq!(scene.write(1, Patience::Endless), CLEAN);
    assert_eq!(scene.stripe(0).entry(), Entry::Clean);
    scene.end_write();
    assert_eq!(scene.stripe(0).owner(), None);
    scene.calls();
    assert_eq!(scene.write(2, Patience::None), CLEAN);
    assert_eq!(scene.calls(), []);
}

#[test]
fn who_takes_over_from_the_dead_wakes_those_whom_the_last_undertaker_did_not() {
    let scene = Scene::new();
    assert_eq!(scene.commit(0, Patience::Endless), CLEAN);
    scene.die(0);
    scene.stripe(0).disown(&scene.peers(0), scene.owner(0));
    assert_eq!(scene.calls(), [Wake(0, "word")]);
    // If it had been killed before that wake, it would have left sleepers behind.
    assert_eq!(scene.commit(1, Patience::Endless), CLEAN);
    scene.end_commit();
    assert_eq!(scene.calls(), [Wake(0, "word")]);
}
