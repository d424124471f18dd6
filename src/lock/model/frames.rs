//! A ring's slots, with publishers and subscribers that die.

use std::rc::Rc;
use std::sync::atomic::{AtomicU64 as Number, Ordering::Relaxed};

use loom::cell::UnsafeCell;
use loom::thread;

use super::world::{Slices, World, owner};
use crate::atomic::model::{Death, Flaw, explore, explore_deaths, step, work_with};
use crate::atomic::{AtomicU32, AtomicU64};
use crate::lock::{Bell, Entry, Frames, Grip, Patience, Sighting, Slots as _};

const SLOTS: usize = 2;

/// A ring of frames of two numbers. Both are the frame's own number.
struct Ring {
    world: Rc<World>,
    newest: AtomicU64,
    dropped: AtomicU64,
    sequences: [AtomicU64; SLOTS],
    news: [AtomicU32; 2],
    frames: [Frame; SLOTS],
}

fn bell([rings, waiting]: &[AtomicU32; 2]) -> Bell<'_> {
    Bell { rings, waiting }
}

#[derive(Default)]
struct Frame {
    /// Loom finds races for the frame.
    race: UnsafeCell<()>,
    /// The true contents, whoever may see them.
    halves: [Number; 2],
}

impl Ring {
    /// A ring in which frame 1 was published.
    fn new() -> Rc<Self> {
        let ring = Self::empty();
        ring.publish(0, 1);
        ring
    }

    /// A ring in which two frames were published, leased by participants 1 and 2.
    fn leased() -> Rc<Self> {
        let ring = Self::new();
        ring.publish(0, 1);
        for slot in [1, 2] {
            ring.world.join(slot);
            let seen = ring.frames().next_after(u64::from(slot) - 1).unwrap();
            assert_eq!(ring.frames().hold(&*ring.world, owner(slot), seen), Grip::Held(0));
        }
        ring
    }

    fn empty() -> Rc<Self> {
        let ring = Rc::new(Self {
            world: World::with_leases(Slices::Finite, 1),
            newest: AtomicU64::default(),
            dropped: AtomicU64::default(),
            sequences: Default::default(),
            news: Default::default(),
            frames: Default::default(),
        });
        ring.world.join(0);
        ring
    }

    fn frames(&self) -> Frames<'_> {
        Frames {
            newest: &self.newest,
            dropped: &self.dropped,
            sequences: &self.sequences,
            news: bell(&self.news),
            returns: bell(&self.world.returns),
        }
    }

    /// Publishes `count` frames, as one publisher.
    fn publish(&self, slot: u32, count: u32) {
        let (world, frames) = (&*self.world, self.frames());
        let peers = world.peers(0);
        let entry = world.stripe.lock_word(&peers, owner(slot), Patience::Endless).unwrap();
        assert_eq!(entry, Ok(Entry::Clean), "publishers leave no poison");
        frames.take_over();
        for _ in 0..count {
            match frames.claim(world).unwrap() {
                None => frames.count_drop(),
                Some(slot) => {
                    self.write(slot, frames.next_number());
                    frames.publish(slot, &peers);
                }
            }
        }
        world.stripe.unlock_word(&peers);
    }

    fn write(&self, slot: usize, number: u64) {
        let Frame { race, halves } = &self.frames[slot];
        race.with_mut(|_| halves[0].store(number, Relaxed));
        step();
        race.with_mut(|_| halves[1].store(number, Relaxed));
    }

    fn read(&self, seen: Sighting) {
        let Frame { race, halves } = &self.frames[seen.slot];
        race.with(|_| assert_eq!(halves[0].load(Relaxed), seen.sequence, "torn"));
        step();
        race.with(|_| assert_eq!(halves[1].load(Relaxed), seen.sequence, "torn"));
    }

    /// Takes the oldest frame after that number, if it is still there, and returns its number.
    fn receive(&self, slot: u32, after: u64) -> Option<u64> {
        let seen = self.frames().next_after(after)?;
        assert!(seen.sequence > after, "a frame comes twice");
        match self.frames().hold(&*self.world, owner(slot), seen) {
            Grip::Held(lease) => {
                self.read(seen);
                self.frames().give_back(&*self.world, owner(slot), lease);
                Some(seen.sequence)
            }
            Grip::Gone => None,
            Grip::TooMany => panic!("all leases were given back"),
        }
    }

    /// Waits for a frame after that number.
    fn await_frame(&self, after: u64) {
        let (news, peers) = (self.frames().news, self.world.peers(0));
        let found = news.wait_for(&peers, Patience::Endless, || self.frames().next_after(after));
        assert!(found.is_some(), "endless patience ran out");
    }

    fn spawn(self: &Rc<Self>, act: impl FnOnce(&Self) + 'static) -> thread::JoinHandle<()> {
        let ring = Rc::clone(self);
        thread::spawn(move || act(&ring))
    }

    fn spawn_mortal(
        self: &Rc<Self>,
        death: &Death,
        slot: u32,
        act: impl FnOnce(&Self) + 'static,
    ) -> thread::JoinHandle<()> {
        let death = death.clone();
        self.spawn(move |ring| {
            ring.world.join(slot);
            if !death.take(|| act(ring)) {
                ring.world.die(slot);
            }
        })
    }
}

#[test]
fn loom_a_frame_that_is_leased_is_never_written() {
    explore("ring, a subscriber beside the publisher", 3, || {
        let ring = Ring::new();
        let subscriber = ring.spawn(|ring| {
            ring.world.join(1);
            let first = ring.receive(1, 0).unwrap_or(0);
            ring.receive(1, first);
        });
        ring.publish(0, 2);
        subscriber.join().unwrap();
        assert_eq!(ring.newest.load(Relaxed) + ring.dropped.load(Relaxed), 3);
        assert_eq!(ring.dropped.load(Relaxed), 0, "one lease and two slots: there is always one");
    });
}

#[test]
fn loom_a_subscriber_killed_anywhere_costs_no_slot_for_good() {
    explore_deaths("ring, a subscriber killed", 2, |death| {
        let ring = Ring::new();
        let mortal = ring.spawn_mortal(death, 1, |ring| _ = ring.receive(1, 0));
        ring.publish(0, 1);
        mortal.join().unwrap();
        // With the newest frame leased too, the slot that the dead participant may have leased is
        // the only one left.
        ring.world.join(2);
        let newest = ring.frames().last().unwrap();
        let held = ring.frames().hold(&*ring.world, owner(2), newest);
        assert_eq!(held, Grip::Held(0));
        ring.publish(0, 1);
        assert_eq!((ring.newest.load(Relaxed), ring.dropped.load(Relaxed)), (3, 0));
        ring.read(newest);
    });
}

#[test]
fn loom_a_publisher_killed_anywhere_is_succeeded_and_no_number_comes_twice() {
    explore_deaths("ring, a publisher killed", 2, |death| {
        let ring = Ring::new();
        let mortal = ring.spawn_mortal(death, 1, |ring| ring.publish(1, 1));
        ring.world.join(2);
        let first = ring.receive(2, 0).unwrap_or(0);
        ring.publish(2, 1);
        let second = ring.receive(2, first);
        assert!(second.is_some() || first > 1, "the successor's frame is there");
        mortal.join().unwrap();
        let newest = ring.frames().newest();
        assert!((2..=3).contains(&newest), "{newest}");
        let numbers = ring.sequences.each_ref().map(|number| number.load(Relaxed));
        assert!(numbers[0] != numbers[1], "a number comes twice: {numbers:?}");
        let last = ring.frames().last().unwrap();
        ring.read(last);
    });
}

#[test]
fn loom_pair_who_waits_for_a_frame_is_woken() {
    explore("pair: newest frame and waiting", 3, || {
        let ring = Ring::new();
        let publisher = ring.spawn(|ring| ring.publish(0, 1));
        ring.await_frame(1);
        publisher.join().unwrap();
    });
}

#[test]
fn loom_pair_a_publisher_that_waits_for_a_slot_is_woken_by_a_lease_that_ends() {
    explore("pair: lease given back and waiting", 3, || {
        let ring = Ring::leased();
        let subscriber = ring.spawn(move |ring| {
            ring.read(ring.frames().next_after(0).unwrap());
            ring.frames().give_back(&*ring.world, owner(1), 0);
        });
        let claimed = ring.frames().claim_within(&*ring.world, Patience::Endless).unwrap();
        ring.write(claimed.expect("endless patience ran out"), 3);
        subscriber.join().unwrap();
    });
}

#[test]
fn loom_pair_a_publisher_that_waits_for_a_slot_is_woken_by_who_moves_in_after_the_dead() {
    explore("pair: lease swept and waiting", 3, || {
        let ring = Ring::leased();
        // Its byte is free, as if it were dead, but slices go on without end.
        ring.world.leave(1);
        let newcomer = ring.spawn(|ring| _ = ring.world.claim(1, 10));
        let claimed = ring.frames().claim_within(&*ring.world, Patience::Endless).unwrap();
        ring.write(claimed.expect("endless patience ran out"), 3);
        newcomer.join().unwrap();
    });
}

#[test]
fn loom_pair_a_subscriber_and_a_publisher_never_miss_each_other() {
    explore("pair: lease and number", 3, || {
        let ring = Ring::new();
        ring.publish(0, 1);
        ring.world.join(1);
        let oldest = ring.frames().next_after(0).unwrap();
        let subscriber = ring.spawn(move |ring| {
            let held = ring.frames().hold(&*ring.world, owner(1), oldest);
            if held == Grip::Held(0) {
                ring.read(oldest);
            }
        });
        if let Some(claimed) = ring.frames().claim(&*ring.world).unwrap() {
            ring.write(claimed, 3);
        }
        subscriber.join().unwrap();
    });
}

#[test]
fn loom_pair_who_waits_hears_of_a_number_put_back() {
    explore("pair: number put back and waiting", 3, || {
        let ring = Ring::new();
        ring.world.join(1);
        ring.world.join(2);
        let frame = ring.frames().next_after(0).unwrap();
        // The other slot, which is empty, stays leased.
        ring.world.lease(2, 0).store(u32::try_from(2 - frame.slot).unwrap(), Relaxed);
        let subscriber =
            ring.spawn(move |ring| match ring.frames().hold(&*ring.world, owner(1), frame) {
                Grip::Held(lease) => ring.frames().give_back(&*ring.world, owner(1), lease),
                _ => ring.await_frame(0),
            });
        if let Some(claimed) = ring.frames().claim(&*ring.world).unwrap() {
            ring.frames().publish(claimed, &ring.world.peers(0));
        }
        subscriber.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_with_an_unannounced_lease_a_frame_is_written_under_its_reader() {
    explore("control: unannounced lease", 3, || {
        let ring = Ring::new();
        ring.world.join(1);
        let publisher = ring.spawn(|ring| ring.publish(0, 2));
        work_with(Flaw::NoSeqCst);
        ring.receive(1, 0);
        publisher.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_with_an_unannounced_claim_a_frame_is_written_under_its_reader() {
    explore("control: unannounced claim", 3, || {
        let ring = Ring::new();
        ring.world.join(1);
        let subscriber = ring.spawn(|ring| _ = ring.receive(1, 0));
        work_with(Flaw::NoSeqCst);
        ring.publish(0, 2);
        subscriber.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_with_a_lease_that_is_not_checked_a_frame_is_written_under_its_reader() {
    explore("control: unchecked lease", 3, || {
        let ring = Ring::new();
        ring.world.join(1);
        let publisher = ring.spawn(|ring| ring.publish(0, 2));
        let seen = ring.frames().next_after(0);
        if let Some(seen) = seen {
            ring.world.lease(1, 0).store(u32::try_from(seen.slot).unwrap() + 1, Relaxed);
            ring.read(seen);
        }
        publisher.join().unwrap();
    });
}

#[test]
fn loom_the_newest_frame_is_found_while_the_next_ones_are_written() {
    explore("ring, a look for the newest frame", 3, || {
        let ring = Ring::new();
        let subscriber = ring.spawn(|ring| {
            let shown = ring.frames().newest();
            let last = ring.frames().last().expect("one of both slots always has a frame");
            assert!(last.sequence >= shown, "older than a frame that was shown before");
        });
        ring.publish(0, 3);
        subscriber.join().unwrap();
    });
}

#[test]
fn loom_who_comes_with_the_first_frame_gets_it() {
    explore("ring, a subscriber that comes", 3, || {
        let ring = Ring::empty();
        let subscriber = ring.spawn(|ring| {
            ring.world.join(1);
            let position = ring.frames().before_newest();
            assert_eq!(position, 0, "the first frame is passed by");
        });
        ring.publish(0, 1);
        subscriber.join().unwrap();
    });
}
