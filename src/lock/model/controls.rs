//! Models of locks with a mistake, which must fail.

use super::world::{Slices, World, three};
use crate::atomic::model::{Flaw, explore, explore_deaths, work_with};

#[test]
#[should_panic(expected = "deadlock")]
fn loom_without_slices_a_death_is_a_deadlock() {
    explore_deaths("control: infinite waits", 2, |death| {
        three(death, Slices::Infinite, [World::write; 3]);
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
        work_with(Flaw::NoAnnouncement);
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
        work_with(Flaw::NoAnnouncement);
        world.write(1);
        reader.join().unwrap();
    });
}
