//! Copies without a lock: whole, or known not to be whole.

use std::rc::Rc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use loom::thread;

use super::world::{Slices, World, owner};
use crate::atomic::model::{explore, explore_deaths};
use crate::atomic::{AtomicU32, fence};
use crate::lock::{Patience, Sight, Slots as _};

/// The data that the lock guards, as an observer copies it. Both words are the same whenever nobody
/// writes.
type Words = Rc<[AtomicU32; 2]>;

fn write(world: &World, slot: u32, words: &Words) {
    let peers = world.peers(0);
    let entry = world.stripe.lock_write(&peers, owner(slot), Patience::Endless).unwrap();
    entry.expect("patience has no end");
    world.stripe.begin_write();
    let next = words[0].load(Relaxed) + 1;
    words.iter().for_each(|word| word.store(next, Relaxed));
    world.stripe.unlock_write(&peers);
}

/// Copies the words, if nobody writes them meanwhile.
fn copy(world: &World, words: &Words) -> Option<[u32; 2]> {
    let Sight::Whole(version) = world.stripe.look() else { return None };
    let copy = [words[0].load(Relaxed), words[1].load(Relaxed)];
    fence(Acquire);
    world.stripe.is_still(version).then_some(copy)
}

fn observe(world: &World, words: &Words) {
    let mut last = 0;
    for copy in [copy(world, words), copy(world, words)].into_iter().flatten() {
        assert_eq!(copy[0], copy[1], "torn");
        assert!(copy[0] >= last, "went back");
        last = copy[0];
    }
}

#[test]
fn loom_no_copy_without_a_lock_is_torn_whoever_dies() {
    explore_deaths("an observer and a writer", 3, |death| {
        let (world, words) = (World::new(Slices::Finite), Words::default());
        let writer = thread::spawn({
            let (world, words, death) = (Rc::clone(&world), Rc::clone(&words), death.clone());
            move || {
                world.join(0);
                if !death.take(|| write(&world, 0, &words)) {
                    world.die(0);
                }
            }
        });
        observe(&world, &words);
        writer.join().unwrap();
        // A process that died while writing is named, and known to be dead.
        match world.stripe.look() {
            Sight::Whole(_) => assert!(copy(&world, &words).is_some()),
            Sight::Written(writer) => {
                let writer = writer.expect("nobody took the word away");
                assert!(world.stripe.is_abandoned_by(&world.peers(0), writer).unwrap());
            }
            Sight::Suspect => panic!("nobody looked after the dead"),
        }
    });
}

#[test]
fn loom_no_copy_without_a_lock_is_torn_between_two_writes() {
    explore("an observer and two writes", 2, || {
        let (world, words) = (World::new(Slices::Finite), Words::default());
        let writer = thread::spawn({
            let (world, words) = (Rc::clone(&world), Rc::clone(&words));
            move || {
                world.join(0);
                write(&world, 0, &words);
                write(&world, 0, &words);
            }
        });
        observe(&world, &words);
        if let Sight::Written(Some(writer)) = world.stripe.look() {
            let abandoned = world.stripe.is_abandoned_by(&world.peers(0), writer);
            assert!(!abandoned.unwrap(), "all live");
        }
        writer.join().unwrap();
        assert_eq!(copy(&world, &words), Some([2, 2]));
    });
}
