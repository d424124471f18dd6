//! Models of locks with a mistake, which must fail.

use super::world::{Slices, World, haunted, run, three};
use crate::atomic::model::{Flaw, explore, explore_deaths, work_with};
use crate::lock::{Occupant, Slots as _};

#[test]
#[should_panic(expected = "deadlock")]
fn loom_without_slices_a_death_is_a_deadlock() {
    explore_deaths("control: infinite waits", 2, |death| {
        three(death, Slices::Infinite, [World::write; 3]);
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn loom_without_a_wake_on_release_who_sleeps_behind_an_owner_sleeps_on() {
    explore("control: no wake on release", 2, || {
        let world = World::new(Slices::Finite);
        let waiter = world.spawn(0, World::read);
        work_with(Flaw::NoWake);
        world.join(1);
        world.write(1);
        waiter.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn loom_without_a_wake_at_the_gate_a_writer_waits_on_for_readers_that_left() {
    explore("control: no wake at the gate", 2, || {
        let world = World::new(Slices::Finite);
        let writer = world.spawn(0, World::write);
        work_with(Flaw::NoWake);
        world.join(1);
        world.read(1);
        writer.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_with_a_relaxed_exchange_writers_race() {
    explore("control: relaxed exchange", 2, || {
        let world = World::new(Slices::Finite);
        let other = world.spawn(0, World::commit);
        work_with(Flaw::RelaxedExchange);
        world.commit(1);
        other.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_with_an_unannounced_reader_both_are_inside() {
    explore("control: unannounced reader", 2, || {
        let world = World::new(Slices::Finite);
        world.join(1);
        let writer = world.spawn(0, World::write);
        work_with(Flaw::NoSeqCst);
        world.read(1);
        writer.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_with_an_unannounced_writer_both_are_inside() {
    explore("control: unannounced writer", 2, || {
        let world = World::new(Slices::Finite);
        world.join(1);
        let reader = world.spawn(0, World::read);
        work_with(Flaw::NoSeqCst);
        world.write(1);
        reader.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "blamed and innocent")]
fn loom_with_the_generation_raised_before_the_sweep_the_next_occupant_is_blamed() {
    explore("control: generation before sweep", 2, || {
        let world = haunted();
        let claimer = run(&world, |world| {
            let Some(_byte) = world.try_hold(1).unwrap() else { return };
            world.slot(1).move_in(Occupant { pid: 10, ..Occupant::default() });
            world.sweep(1);
        });
        world.join(2);
        world.write(2);
        claimer.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_with_a_sweep_without_the_byte_a_new_reader_is_overlooked() {
    explore("control: sweep without the byte", 3, || {
        let world = World::new(Slices::Finite);
        world.leave(1);
        let claimer = run(&world, |world| {
            world.claim(1, 10).unwrap();
            world.read(1);
        });
        if !world.is_held(1).unwrap() {
            world.sweep(1);
        }
        world.write(0);
        claimer.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_with_a_late_high_water_mark_both_are_inside() {
    explore("control: late high-water mark", 2, || {
        let world = World::new(Slices::Finite);
        let reader = run(&world, |world| {
            world.read(1);
            world.join(1);
        });
        world.write(0);
        reader.join().unwrap();
    });
}
