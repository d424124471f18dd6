//! Moving in after the dead.

use super::world::{Slices, World, haunted, owner, run};
use crate::atomic::model::{explore, explore_deaths};
use crate::lock::{Patience, Slots as _};

/// Claims slot 1 and, if that succeeds, writes. Returns whether it did.
fn claim_and_write(world: &World, pid: u32) -> bool {
    let Some(me) = world.claim(1, pid) else { return false };
    assert_ne!(me, owner(1), "the generation moved on");
    assert!(!world.stripe.is_held_by(owner(1)), "the last occupant holds the lock");
    assert_eq!(world.write_as(me, Patience::Endless), Ok(()));
    true
}

#[test]
fn loom_of_two_claimers_of_a_dead_slot_one_moves_in() {
    explore("two claimers", 3, || {
        let world = haunted();
        let other = run(&world, |world| claim_and_write(world, 11));
        let mine = claim_and_write(&world, 10);
        assert!(mine != other.join().unwrap(), "one of the two");
        assert!(world.is_free());
    });
}

#[test]
fn loom_a_claimer_killed_on_the_way_in_is_succeeded() {
    explore_deaths("claimer killed", 2, |death| {
        let world = haunted();
        let death = death.clone();
        let mortal = run(&world, move |world| {
            let mut moved_in = false;
            if !death.take(|| moved_in = claim_and_write(world, 10)) {
                world.die(10);
            }
            moved_in
        });
        let mine = claim_and_write(&world, 11);
        let mortals = mortal.join().unwrap();
        assert!(mine || mortals || claim_and_write(&world, 12), "the slot is lost");
        assert!(world.is_free());
    });
}

#[test]
fn loom_who_judges_the_dead_never_robs_the_next_occupant() {
    explore_deaths("waiter beside a claimer", 2, |death| {
        let world = haunted();
        let death = death.clone();
        let mortal = run(&world, move |world| {
            if !death.take(|| _ = claim_and_write(world, 10)) {
                world.die(10);
            }
        });
        world.join(2);
        world.write(2);
        mortal.join().unwrap();
        assert!(world.is_free());
    });
}

#[test]
fn loom_an_undertaker_never_sweeps_the_next_occupant() {
    explore("undertaker beside a claimer", 3, || {
        let world = haunted();
        let claimer = run(&world, |world| {
            if world.claim(1, 10).is_some() {
                world.read(1);
            }
        });
        world.bury(1).unwrap();
        world.join(2);
        world.write(2);
        claimer.join().unwrap();
        assert!(world.is_free());
    });
}

#[test]
fn loom_pair_a_writer_that_misses_a_new_participant_is_seen_by_it() {
    explore("pair: high-water mark and word", 3, || {
        let world = World::new(Slices::Finite);
        world.leave(1);
        let claimer = run(&world, |world| {
            world.claim(1, 10).unwrap();
            world.read(1);
        });
        world.write(0);
        claimer.join().unwrap();
    });
}

#[test]
fn loom_a_late_disowner_blames_nobody_innocent() {
    explore("late disowner", 2, || {
        let world = haunted();
        // Somebody else moves in between the look at the word and the look at the pid.
        world.before_a_look_at_a_slot.set(Some(|world| _ = world.claim(1, 10)));
        world.stripe.disown(&world.peers(0), owner(1));
        world.join(2);
        world.write(2);
    });
}
