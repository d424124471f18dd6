//! Moving in, leaving, and cleaning up after the dead.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::scene::Call::{LeasesEnded, Look, Sleep, Wake};
use super::scene::{LEASES, PARTICIPANTS, STRIPES, Scene};
use crate::lock::{Cause, Entry, Occupant, Owner, Patience, Peers as _, Slot, Slots};

/// Makes the process in slot 1 hold something and then leave.
fn left_holding(take: impl FnOnce(&Scene)) -> Scene {
    let scene = Scene::new();
    take(&scene);
    let me = scene.owner(1);
    scene.vacate(me);
    scene
}

/// Moves another process into a slot that has no live occupant.
fn move_in(scene: &Scene, slot: u32, pid: u32) -> Owner {
    let byte = scene.try_hold(slot).unwrap().expect("nobody lives there");
    let me = scene.occupy(slot, Occupant { pid, ..Occupant::default() });
    std::mem::forget(byte);
    me
}

#[test]
fn who_holds_nothing_leaves_its_slot_in_order() {
    let scene = left_holding(|scene| {
        // Things that others hold do not count.
        assert_eq!(scene.write(0, Patience::None), Ok(Entry::Clean));
        scene.cell(0, 0).store(1, Relaxed);
        scene.lease(2, 1).store(1, Relaxed);
    });
    assert!(!scene.slot(1).is_in_use());
    assert!(scene.slot(0).is_in_use() && scene.slot(2).is_in_use());
    assert_eq!((scene.slot(1).generation(), scene.slot(1).pid()), (1, 101));
}

#[test]
fn who_leaves_while_something_is_held_leaves_a_slot_to_be_swept() {
    let word = |scene: &Scene, stripe| {
        let taken =
            scene.stripe(stripe).lock_word(&scene.peers(stripe), scene.owner(1), Patience::None);
        assert_eq!(taken.unwrap(), Ok(Entry::Clean));
    };
    for stripe in 0..STRIPES {
        assert!(left_holding(|scene| word(scene, stripe)).slot(1).is_in_use(), "word {stripe}");
        let cell = |scene: &Scene| scene.cell(1, stripe).store(1, Relaxed);
        assert!(left_holding(cell).slot(1).is_in_use(), "cell {stripe}");
    }
    for lease in 0..LEASES {
        let leased = |scene: &Scene| scene.lease(1, lease).store(5, Relaxed);
        assert!(left_holding(leased).slot(1).is_in_use(), "lease {lease}");
    }
}

#[test]
fn what_a_guard_that_was_forgotten_holds_goes_to_nobody_before_it_is_swept() {
    let scene = left_holding(|scene| {
        assert_eq!(scene.write(1, Patience::None), Ok(Entry::Clean));
    });
    scene.die(1);
    let me = move_in(&scene, 1, 7);
    assert_eq!(scene.stripe(0).owner(), None);
    assert_eq!(scene.stripe(0).culprit(), (Cause::DiedUnreported, 101));
    assert_eq!((me.slot(), me.generation()), (1, 2));
}

#[test]
fn who_moves_in_takes_every_lock_from_the_last_occupant_and_wakes_who_waits_for_it() {
    let scene = Scene::new();
    let stripes = [0, 1].map(|stripe| {
        let (lock, peers) = (scene.stripe(stripe), scene.peers(stripe));
        let taken = lock.lock_word(&peers, scene.owner(1), Patience::None);
        assert_eq!(taken.unwrap(), Ok(Entry::Clean));
        lock
    });
    scene.cell(1, 1).store(3, Relaxed);
    scene.lease(1, 1).store(2, Relaxed);
    scene.cell(0, 0).store(1, Relaxed);
    scene.lease(0, 0).store(1, Relaxed);
    scene.die(1);
    move_in(&scene, 1, 7);
    assert!(stripes.iter().all(|stripe| stripe.owner().is_none()));
    assert_eq!((scene.cell(1, 1).load(Relaxed), scene.lease(1, 1).load(Relaxed)), (0, 0));
    assert_eq!((scene.cell(0, 0).load(Relaxed), scene.lease(0, 0).load(Relaxed)), (1, 1));
    let woken = [Wake(0, "word"), Wake(1, "word"), Wake(1, "gate"), LeasesEnded];
    assert_eq!(scene.calls(), woken);
}

#[test]
fn who_moves_in_is_described_and_counted() {
    let scene = Scene::new();
    scene.high_water().store(1, Relaxed);
    scene.die(1);
    let me = move_in(&scene, 1, 7);
    assert_eq!(me, scene.owner(1));
    assert!(scene.slot(1).is_in_use());
    assert_eq!((scene.slot(1).pid(), scene.slot(1).generation()), (7, 2));
    assert_eq!(scene.high_water().load(Relaxed), 2);
    scene.die(0);
    move_in(&scene, 0, 8);
    assert_eq!(scene.high_water().load(Relaxed), 2, "the mark never falls");
}

#[test]
fn a_slot_that_nobody_ever_lived_in_is_swept_like_any_other() {
    let scene = Scene::new();
    // A damaged control block may say that the slot is in use without a generation.
    let mut words = [0; 8];
    words[0] = 1 << 20;
    let damaged = Slot::copied(bytemuck::cast(words));
    assert!(damaged.is_in_use() && damaged.generation() == 0);
    let scene = scene.with_slot(1, damaged);
    scene.die(1);
    assert_eq!(move_in(&scene, 1, 7).generation(), 1);
    assert_eq!(scene.calls(), []);
}

#[test]
fn the_dead_are_buried_and_the_living_are_not() {
    let scene = Scene::new();
    assert_eq!(scene.read(1, Patience::None), Ok(Entry::Clean));
    scene.bury(1).unwrap();
    assert_eq!(scene.cell(1, 0).load(Relaxed), 1);
    assert!(scene.slot(1).is_in_use());
    scene.die(1);
    scene.bury(1).unwrap();
    assert_eq!(scene.cell(1, 0).load(Relaxed), 0);
    assert!(!scene.slot(1).is_in_use());
    assert!(scene.try_hold(1).unwrap().is_some(), "the undertaker let the slot go");
    assert!(scene.slot(0).is_in_use() && scene.slot(2).is_in_use());
}

#[test]
fn a_slot_that_somebody_moves_into_during_the_look_is_not_buried() {
    let scene = Scene::new();
    scene.die(1);
    scene.at_a_look(|scene| {
        move_in(scene, 1, 7);
        scene.cell(1, 0).store(1, Relaxed);
    });
    scene.bury(1).unwrap();
    assert_eq!(scene.cell(1, 0).load(Relaxed), 1);
    assert!(scene.slot(1).is_in_use());
}

#[test]
fn dead_is_whose_byte_is_free_or_whose_generation_is_over() {
    let scene = Scene::new();
    let first = scene.owner(1);
    let is_dead = |owner| scene.peers(0).is_dead(owner).unwrap();
    assert!(!is_dead(first));
    scene.die(1);
    assert!(is_dead(first));
    let second = move_in(&scene, 1, 7);
    assert!(is_dead(first) && !is_dead(second));
    // Between the two looks at the slot, the occupant dies and another one moves in.
    scene.at_a_look(|scene| {
        scene.die(1);
        move_in(scene, 1, 8);
    });
    assert!(is_dead(second));
}

#[test]
fn a_lock_word_that_names_no_slot_is_damage() {
    let scene = Scene::new();
    let name = |slot| scene.peers(0).is_dead(Owner::new(slot, 1));
    let error = name(PARTICIPANTS).unwrap_err();
    assert!(error.to_string().contains("slot 3 of 3"), "{error}");
    assert!(!name(PARTICIPANTS - 1).unwrap());
}

#[test]
fn a_lock_sees_the_cells_of_its_stripe_and_no_more_slots_than_there_are() {
    let scene = Scene::new();
    scene.cell(2, 1).store(4, Relaxed);
    assert_eq!(scene.peers(1).cell(2).load(Relaxed), 4);
    assert_eq!(scene.peers(0).cell(2).load(Relaxed), 0);
    for (mark, seen) in [(0, 0), (2, 2), (PARTICIPANTS, PARTICIPANTS), (9, PARTICIPANTS)] {
        scene.high_water().store(mark, Relaxed);
        assert_eq!(scene.peers(1).high_water(), seen);
    }
    assert_eq!(scene.peers(0).pid(2), 102);
}

#[test]
fn a_lock_sleeps_wakes_and_spins_as_its_segment_does() {
    let scene = Scene::new();
    let peers = scene.peers(0);
    let word = scene.high_water();
    let slice = Duration::from_millis(1);
    scene.meanwhile(|_| ());
    assert!(peers.wait(word, PARTICIPANTS, slice), "the slice is over");
    scene.meanwhile(|scene| scene.peers(0).wake(scene.high_water()));
    assert!(!peers.wait(word, PARTICIPANTS, slice), "it was woken");
    let (slept, woken) = (Sleep(0, "high_water"), Wake(0, "high_water"));
    assert_eq!(scene.calls(), [slept, slept, woken]);
    assert_eq!(peers.spins(), scene.spins());
}

#[test]
fn looks_at_the_living_ask_for_their_byte_once() {
    let scene = Scene::new();
    assert!(!scene.peers(0).is_dead(scene.owner(2)).unwrap());
    assert_eq!(scene.calls(), [Look(2)]);
}
