//! What a lock says about the data: its version, poison, and the culprit.

use super::scene::Scene;
use crate::lock::{Blocker, Cause, Entry, Owner, Patience, Sight, Slots as _, Stripe};

const CLEAN: Result<Entry, Blocker> = Ok(Entry::Clean);
const POISONED: Result<Entry, Blocker> = Ok(Entry::Poisoned);

const POISON: u32 = 1 << 30;
const WAITERS: u32 = 1 << 31;

/// A lock with that word and version.
fn lock(word: u32, version: u32) -> Stripe {
    let mut words = [0; 8];
    (words[0], words[3]) = (word, version);
    Stripe::copied(bytemuck::cast(words))
}

#[test]
fn a_look_tells_whole_data_from_what_is_written_and_what_is_suspect() {
    let owner = Owner::new(3, 7);
    let owned = owner.bits();
    let (free, waited_for) = (0, WAITERS);
    for word in [free, waited_for, owned, owned | WAITERS] {
        assert_eq!(lock(word, 4).look(), Sight::Whole(4), "{word:#x}");
    }
    for version in [4, 5] {
        for (word, sight) in [
            (POISON, Sight::Suspect),
            (POISON | WAITERS, Sight::Suspect),
            (owned | POISON, Sight::Written(Some(owner))),
        ] {
            assert_eq!(lock(word, version).look(), sight, "{word:#x} {version}");
        }
    }
    assert_eq!(lock(owned, 5).look(), Sight::Written(Some(owner)));
    assert_eq!(lock(free, 5).look(), Sight::Written(None));
    assert!(lock(free, 5).is_written() && !lock(owned, 4).is_written());
    assert!(lock(free, 5).is_still(5) && !lock(free, 5).is_still(4));
}

#[test]
fn a_copy_of_a_lock_has_all_its_words() {
    let pid = 77;
    let owner = Owner::new(3, 7);
    let mut words = [0; 8];
    (words[0], words[3], words[4], words[5]) = (owner.bits() | POISON, 9, 3, pid);
    let copy = Stripe::copied(bytemuck::cast(words));
    assert!(copy.is_held_by(owner) && copy.owner() == Some(owner) && copy.is_still(9));
    assert!(!copy.is_held_by(Owner::new(3, 8)) && !copy.is_held_by(Owner::new(4, 7)));
    assert_eq!((copy.entry(), copy.culprit()), (Entry::Poisoned, (Cause::Panicked, pid)));
}

#[test]
fn each_write_makes_a_new_version_that_is_odd_while_it_lasts() {
    let scene = Scene::new();
    let stripe = scene.stripe(0);
    for writes in 0..3 {
        assert_eq!(stripe.look(), Sight::Whole(2 * writes));
        assert_eq!(scene.write(0, Patience::None), CLEAN);
        assert!(stripe.is_written());
        assert_eq!(stripe.look(), Sight::Written(Some(scene.owner(0))));
        scene.end_write();
    }
}

#[test]
fn what_holds_the_word_alone_changes_no_version() {
    let scene = Scene::new();
    assert_eq!(scene.commit(0, Patience::None), CLEAN);
    assert_eq!(scene.stripe(0).look(), Sight::Whole(0));
    scene.end_commit();
    assert_eq!(scene.stripe(0).look(), Sight::Whole(0));
}

#[test]
fn what_a_dead_writer_left_has_no_version_until_it_is_mended() {
    let scene = Scene::new();
    let stripe = scene.stripe(0);
    assert_eq!(scene.write(0, Patience::None), CLEAN);
    scene.die(0);
    assert_eq!(stripe.look(), Sight::Written(Some(scene.owner(0))), "nobody noticed");
    for _ in 0..2 {
        assert_eq!(scene.write(1, Patience::None), POISONED);
        assert!(stripe.is_written());
        scene.end_write();
        assert_eq!(stripe.look(), Sight::Suspect, "nobody vouched");
        assert_eq!(scene.read(2, Patience::None), POISONED);
        assert_eq!(stripe.lock_read_again(scene.cell(2, 0)).unwrap(), Entry::Poisoned);
        scene.end_read(2);
        scene.end_read(2);
        assert_eq!(scene.commit(2, Patience::None), POISONED);
        scene.end_commit();
    }
    assert_eq!(scene.write(1, Patience::None), POISONED);
    stripe.forgive();
    assert_eq!(stripe.owner(), Some(scene.owner(1)));
    scene.end_write();
    assert_eq!(stripe.look(), Sight::Whole(2));
    assert_eq!(scene.read(2, Patience::None), CLEAN);
}

#[test]
fn vouching_for_sound_data_changes_nothing() {
    let scene = Scene::new();
    assert_eq!(scene.write(0, Patience::None), CLEAN);
    scene.stripe(0).forgive();
    assert_eq!(scene.stripe(0).owner(), Some(scene.owner(0)));
    assert_eq!(scene.stripe(0).entry(), Entry::Clean);
}

#[test]
fn the_first_to_find_a_death_reports_it() {
    let scene = Scene::new();
    let stripe = scene.stripe(0);
    assert_eq!(scene.write(1, Patience::None), CLEAN);
    scene.die(1);
    assert_eq!(scene.read(0, Patience::None), POISONED);
    assert_eq!(stripe.culprit(), (Cause::DiedUnreported, 101));
    assert!(stripe.report_death());
    assert!(!stripe.report_death());
    assert_eq!(stripe.culprit(), (Cause::Died, 101));
}

#[test]
fn a_panic_and_a_restart_are_blamed_for_what_they_left() {
    let scene = Scene::new();
    let stripe = scene.stripe(0);
    assert_eq!(scene.write(0, Patience::None), CLEAN);
    stripe.poison_by_panic(9);
    assert_eq!(stripe.owner(), Some(scene.owner(0)), "it still holds it");
    scene.end_write();
    assert_eq!(stripe.culprit(), (Cause::Panicked, 9));
    assert!(!stripe.report_death(), "nobody died");

    let stripe = scene.stripe(1);
    stripe.poison_by_restart();
    assert_eq!((stripe.entry(), stripe.owner()), (Entry::Poisoned, None));
    assert_eq!(stripe.culprit(), (Cause::Restarted, 0));
}

#[test]
fn who_dies_while_mending_leaves_the_blame_where_it_was() {
    let scene = Scene::new();
    let stripe = scene.stripe(0);
    assert_eq!(scene.write(0, Patience::None), CLEAN);
    stripe.poison_by_panic(9);
    scene.end_write();
    assert_eq!(scene.write(1, Patience::None), POISONED);
    scene.die(1);
    assert_eq!(scene.write(2, Patience::None), POISONED);
    assert_eq!(stripe.culprit(), (Cause::Panicked, 9));
}

#[test]
fn who_is_judged_dead_too_late_loses_nothing_of_the_next_owner() {
    let scene = Scene::new();
    assert_eq!(scene.write(0, Patience::None), CLEAN);
    let dead = scene.owner(1);
    scene.stripe(0).disown(&scene.peers(0), dead);
    assert_eq!(scene.stripe(0).owner(), Some(scene.owner(0)));
    assert_eq!((scene.stripe(0).entry(), scene.calls()), (Entry::Clean, vec![]));
}

#[test]
fn abandoned_is_what_its_owner_died_over_while_writing_or_mending() {
    let abandoned = |scene: &Scene, slot| {
        scene.stripe(0).is_abandoned_by(&scene.peers(0), scene.owner(slot)).unwrap()
    };
    let writing = || {
        let scene = Scene::new();
        assert_eq!(scene.write(0, Patience::None), CLEAN);
        scene
    };
    let scene = writing();
    assert!(!abandoned(&scene, 0), "it lives");
    scene.die(0);
    scene.die(1);
    assert!(abandoned(&scene, 0));
    assert!(!abandoned(&scene, 1), "the lock names another");

    let committing = Scene::new();
    assert_eq!(committing.commit(0, Patience::None), CLEAN);
    committing.die(0);
    assert!(!abandoned(&committing, 0), "it wrote nothing");

    let mending = Scene::new();
    mending.stripe(0).poison_by_restart();
    assert_eq!(mending.commit(0, Patience::None), POISONED);
    mending.die(0);
    assert!(abandoned(&mending, 0));
}

#[test]
fn what_is_taken_from_the_dead_during_the_look_is_not_abandoned() {
    let scene = Scene::new();
    assert_eq!(scene.write(0, Patience::None), CLEAN);
    scene.die(0);
    scene.at_a_look(|scene| {
        let dead = scene.owner(0);
        scene.stripe(0).disown(&scene.peers(0), dead);
    });
    let dead = scene.owner(0);
    assert!(!scene.stripe(0).is_abandoned_by(&scene.peers(0), dead).unwrap());

    // The owner ended that write and died later, in another one.
    let scene = Scene::new();
    assert_eq!(scene.write(0, Patience::None), CLEAN);
    scene.at_a_look(|scene| {
        scene.end_write();
        assert_eq!(scene.commit(0, Patience::None), CLEAN);
        scene.die(0);
    });
    let dead = scene.owner(0);
    assert!(!scene.stripe(0).is_abandoned_by(&scene.peers(0), dead).unwrap());
}
