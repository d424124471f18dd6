//! The reader-writer lock.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use loom::thread;

use super::world::{Slices, World, owner, run, three, two};
use crate::atomic::model::{explore, explore_deaths};
use crate::lock::{Blocker, Entry, Patience, Slots as _};

#[test]
fn loom_a_killed_writer_stops_no_writer() {
    explore_deaths("writer killed among writers", 2, |death| {
        three(death, Slices::Finite, [World::write; 3]);
    });
}

#[test]
fn loom_a_killed_writer_stops_no_reader() {
    explore_deaths("writer killed among readers", 2, |death| {
        three(death, Slices::Finite, [World::write, World::read, World::read]);
    });
}

#[test]
fn loom_a_killed_reader_stops_nobody() {
    explore_deaths("reader killed", 2, |death| {
        three(death, Slices::Finite, [World::read, World::read, World::write]);
    });
}

#[test]
fn loom_a_killed_committer_leaves_no_poison() {
    explore_deaths("committer killed", 2, |death| {
        three(death, Slices::Finite, [World::commit; 3]);
    });
}

#[test]
fn loom_a_writer_killed_while_it_mends_leaves_the_data_suspect() {
    explore_deaths("mender killed", 2, |death| {
        let world = World::new(Slices::Finite);
        let panicking = thread::spawn({
            let world = Rc::clone(&world);
            move || {
                let peers = world.peers(0);
                world.stripe.lock_write(&peers, owner(1), Patience::Endless).unwrap().unwrap();
                world.stripe.begin_write();
                world.half_written.store(true, Ordering::Relaxed);
                world.suspects.fetch_or(1 << 1, Ordering::Relaxed);
                world.stripe.poison_by_panic(1);
                world.stripe.unlock_write(&peers);
            }
        });
        let mortal = world.spawn_mortal(death, 0, World::write);
        mortal.join().unwrap();
        panicking.join().unwrap();
        assert!(world.is_free());
    });
}

#[test]
fn loom_an_undertaker_killed_over_a_dead_reader_is_succeeded() {
    explore_deaths("undertaker killed", 2, |death| {
        let world = World::new(Slices::Finite);
        world.join(1);
        // The reader in slot 1 died inside.
        world.cells[1].fetch_add(1, Ordering::Relaxed);
        world.die(1);
        let mortal = world.spawn_mortal(death, 0, World::write);
        world.join(2);
        world.write(2);
        mortal.join().unwrap();
        assert!(world.is_free());
    });
}

/// A reader's cell and the word, in both directions: which side goes in, and which is woken.
#[test]
fn loom_pair_a_reader_and_a_writer_never_miss_each_other() {
    explore("pair: cell and word", 3, || {
        let world = World::new(Slices::Finite);
        world.join(1);
        let reader = run(&world, |world| world.read(1));
        world.write(0);
        reader.join().unwrap();
    });
}

/// The same, with a word that a writer takes the slow way.
#[test]
fn loom_pair_a_reader_and_a_writer_of_suspect_data_never_miss_each_other() {
    explore("pair: cell and poisoned word", 3, || {
        let world = World::new(Slices::Finite);
        world.join(1);
        world.suspects.store(1, Ordering::Relaxed);
        world.stripe.poison_by_restart();
        let reader = run(&world, |world| world.read(1));
        world.write(0);
        reader.join().unwrap();
    });
}

#[test]
fn loom_readers_and_writers_take_turns_and_none_hangs() {
    explore("turns", 3, || {
        let world = World::new(Slices::Finite);
        let reader = world.spawn(0, |world, slot| {
            world.read(slot);
            world.read(slot);
        });
        world.write(1);
        world.write(1);
        reader.join().unwrap();
        assert!(world.is_free());
    });
}

#[test]
fn loom_who_does_not_wait_is_told_who_is_inside() {
    fn try_both(world: &World, slot: u32) {
        for result in
            [world.write_within(slot, Patience::None), world.read_within(slot, Patience::None)]
        {
            match result {
                Ok(()) => {}
                Err(Blocker::Writer(by)) => assert_ne!(by, owner(slot)),
                Err(Blocker::Reader(by)) => assert_ne!(by, slot),
            }
        }
    }
    explore_deaths("tries against a writer", 3, |death| two(death, [World::write, try_both]));
    explore_deaths("tries against a reader", 3, |death| two(death, [World::read, try_both]));
}

#[test]
fn loom_a_writer_that_gives_up_leaves_the_word_free() {
    let impatient: fn(&World, u32) = |world, slot| {
        let _ = world.write_within(slot, Patience::Until(Instant::now()));
    };
    let patient: fn(&World, u32) = |world, slot| {
        world.read(slot);
        world.write(slot);
    };
    explore_deaths("a writer gives up", 3, move |death| two(death, [impatient, patient]));
}

#[test]
fn loom_patience_ends_even_if_every_wait_ends_by_a_wake() {
    explore("patience under wakes", 2, || {
        let world = World::new(Slices::Finite);
        let patience = Patience::Until(Instant::now());
        let peers = world.peers(0);
        world.join(0);
        world.stripe.lock_write(&peers, owner(0), Patience::Endless).unwrap().unwrap();
        world.stripe.begin_write();
        let writer = Err(Blocker::Writer(owner(0)));
        assert_eq!(world.write_within(1, patience), writer);
        assert_eq!(world.read_within(1, patience), writer);
        world.stripe.unlock_write(&peers);
        world.stripe.lock_read(&peers, &world.cells[0], Patience::Endless).unwrap().unwrap();
        assert_eq!(world.write_within(1, patience), Err(Blocker::Reader(0)));
        world.stripe.unlock_read(&peers, &world.cells[0]);
        assert!(world.is_free());
    });
}

#[test]
fn loom_poison_stays_until_somebody_vouches() {
    explore("poison", 2, || {
        let world = World::new(Slices::Finite);
        let (stripe, peers) = (&world.stripe, world.peers(0));
        let lock = |slot| stripe.lock_write(&peers, owner(slot), Patience::Endless).unwrap();
        assert_eq!(lock(0), Ok(Entry::Clean));
        stripe.poison_by_panic(0);
        stripe.unlock_write(&peers);
        for _ in 0..2 {
            assert_eq!(lock(1), Ok(Entry::Poisoned));
            stripe.unlock_write(&peers);
        }
        assert_eq!(lock(2), Ok(Entry::Poisoned));
        stripe.forgive();
        stripe.unlock_write(&peers);
        assert_eq!(lock(0), Ok(Entry::Clean));
    });
}

#[test]
fn loom_who_dies_before_it_writes_leaves_no_poison() {
    explore("death before writing", 2, || {
        let world = World::new(Slices::Finite);
        let peers = world.peers(0);
        world.write(0);
        world.stripe.lock_word(&peers, owner(1), Patience::Endless).unwrap().unwrap();
        world.die(1);
        let entry = world.stripe.lock_write(&peers, owner(2), Patience::Endless).unwrap();
        assert_eq!(entry, Ok(Entry::Clean));
    });
}
