//! The bell.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use loom::thread;

use super::world::{Slices, World};
use crate::atomic::AtomicU32;
use crate::atomic::model::{Flaw, explore, explore_deaths, work_with};
use crate::lock::{Bell, Patience, Slots as _};

/// The bit that the setter in slot 2 sets.
const AWAITED: u32 = 1 << 2;

/// A value and its bell.
struct Rung {
    world: Rc<World>,
    value: AtomicU32,
    rings: AtomicU32,
    waiting: AtomicU32,
}

impl Rung {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            world: World::new(Slices::Finite),
            value: AtomicU32::new(0),
            rings: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
        })
    }

    fn bell(&self) -> Bell<'_> {
        Bell { rings: &self.rings, waiting: &self.waiting }
    }

    fn set(&self, slot: u32) {
        // SeqCst: as the bell requires.
        self.value.fetch_or(1 << slot, Ordering::SeqCst);
        self.bell().ring(&self.world.peers(0));
    }

    fn wait(&self) {
        let look = || {
            // SeqCst: as the bell requires.
            let value = self.value.load(Ordering::SeqCst);
            (value & AWAITED != 0).then_some(value)
        };
        let found = self.bell().wait_for(&self.world.peers(0), Patience::Endless, look);
        assert!(found.is_some(), "endless patience ran out");
    }

    fn spawn(self: &Rc<Self>, act: impl FnOnce(&Self) + 'static) -> thread::JoinHandle<()> {
        let rung = Rc::clone(self);
        thread::spawn(move || act(&rung))
    }
}

#[test]
fn loom_a_setter_killed_beside_another_costs_waiters_a_slice_at_most() {
    explore_deaths("bell, a setter killed", 2, |death| {
        let rung = Rung::new();
        let death = death.clone();
        let mortal = rung.spawn(move |rung| {
            if !death.take(|| rung.set(1)) {
                rung.world.die(1);
            }
        });
        let setter = rung.spawn(|rung| rung.set(2));
        rung.wait();
        mortal.join().unwrap();
        setter.join().unwrap();
    });
}

#[test]
fn loom_every_waiter_hears_the_bell() {
    explore("bell, two waiters", 3, || {
        let rung = Rung::new();
        let waiter = rung.spawn(Rung::wait);
        let setter = rung.spawn(|rung| rung.set(2));
        rung.wait();
        waiter.join().unwrap();
        setter.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn loom_an_unannounced_change_loses_a_wake() {
    explore("control: unannounced change", 3, || {
        let rung = Rung::new();
        let setter = rung.spawn(|rung| {
            work_with(Flaw::NoSeqCst);
            rung.set(2);
        });
        rung.wait();
        setter.join().unwrap();
    });
}
