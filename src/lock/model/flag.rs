//! The flag of an auto-reset event.
//!
//! A thread that goes through touches data that only one may touch at a time, and then sets the
//! flag for the next. So if two go through for one set, they race for the data, which loom sees.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use loom::cell::UnsafeCell;
use loom::thread;

use super::world::{Slices, World};
use crate::atomic::AtomicU32;
use crate::atomic::model::{Death, Flaw, explore, explore_deaths, work_with};
use crate::lock::{Bell, Flag, Passage, Patience, Slots as _};

struct Turnstile {
    world: Rc<World>,
    state: AtomicU32,
    rings: AtomicU32,
    waiting: AtomicU32,
    data: UnsafeCell<()>,
    /// Whether a thread that waits without end went through. This is not part of the model.
    passed: AtomicBool,
}

impl Turnstile {
    fn new(slices: Slices) -> Rc<Self> {
        Rc::new(Self {
            world: World::new(slices),
            state: AtomicU32::new(0),
            rings: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            data: UnsafeCell::new(()),
            passed: AtomicBool::new(false),
        })
    }

    fn flag(&self) -> Flag<'_> {
        self.flag_that(Passage::Closes)
    }

    fn flag_that(&self, passage: Passage) -> Flag<'_> {
        let bell = Bell { rings: &self.rings, waiting: &self.waiting };
        Flag { state: &self.state, bell, passage }
    }

    fn set(&self) {
        self.flag().set(&self.world.peers(0));
    }

    fn wait(&self) {
        let flag = self.flag();
        let through = flag.bell.wait_for(&self.world.peers(0), Patience::Endless, || flag.pass());
        assert!(through.is_some(), "endless patience ran out");
        self.data.with_mut(|_| ());
        self.passed.store(true, Ordering::Relaxed);
    }

    fn wait_and_set(&self) {
        self.wait();
        self.set();
    }

    fn spawn(self: &Rc<Self>, act: impl FnOnce(&Self) + 'static) -> thread::JoinHandle<()> {
        let turnstile = Rc::clone(self);
        thread::spawn(move || act(&turnstile))
    }
}

#[test]
fn loom_each_set_lets_one_waiter_through() {
    explore("flag, two waiters", 3, || {
        let turnstile = Turnstile::new(Slices::Finite);
        let waiters = [(); 2].map(|()| turnstile.spawn(Turnstile::wait_and_set));
        turnstile.set();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert!(turnstile.flag().pass().is_some(), "the last one set it");
        assert!(turnstile.flag().pass().is_none(), "once");
    });
}

#[test]
fn loom_pair_a_setter_and_a_waiter_never_miss_each_other() {
    for passage in [Passage::StaysOpen, Passage::Closes] {
        explore("pair: state and waiting", 3, move || {
            let turnstile = Turnstile::new(Slices::Finite);
            let setter = turnstile.spawn(Turnstile::set);
            let (flag, peers) = (turnstile.flag_that(passage), turnstile.world.peers(0));
            let through = flag.bell.wait_for(&peers, Patience::Endless, || flag.pass());
            assert!(through.is_some(), "endless patience ran out");
            setter.join().unwrap();
        });
    }
}

/// All that is done to flags has one order. If two threads each change a flag and then look at the
/// other's, one sees what the other did.
#[test]
fn loom_pair_what_is_done_to_two_flags_has_one_order() {
    type Act = fn(&Turnstile);
    type Check = fn(&Turnstile) -> bool;
    let (set, clear): (Act, Act) = (Turnstile::set, |turnstile| turnstile.flag().clear());
    let take: Act = |turnstile| assert!(turnstile.flag().pass().is_some());
    let is_set: Check = |turnstile| turnstile.flag().is_set();
    let passes: Check = |turnstile| turnstile.flag().pass().is_some();
    let cases = [(1, clear, is_set), (1, take, is_set), (0, set, is_set), (0, set, passes)];
    for (before, act, look) in cases {
        explore("pair: two flags", 3, move || {
            let flags = Rc::new([(); 2].map(|()| Turnstile::new(Slices::Finite)));
            let both = flags.each_ref().map(|flag| flag.state.unseen());
            both.into_iter().for_each(|state| state.store(before, Ordering::Relaxed));
            let other = thread::spawn({
                let flags = Rc::clone(&flags);
                move || {
                    act(&flags[1]);
                    look(&flags[0])
                }
            });
            act(&flags[0]);
            let seen = [look(&flags[1]), other.join().unwrap()];
            assert_ne!(seen, [before == 1; 2], "neither saw what the other did");
        });
    }
}

#[test]
fn loom_one_set_lets_one_through_of_all_who_try() {
    explore("flag, three try", 3, || {
        let turnstile = Turnstile::new(Slices::Finite);
        turnstile.set();
        let tries = [(); 2].map(|()| {
            let turnstile = Rc::clone(&turnstile);
            thread::spawn(move || turnstile.flag().pass().is_some())
        });
        let mine = turnstile.flag().pass().is_some();
        let through = tries.map(|tried| tried.join().unwrap()).into_iter().chain([mine]);
        assert_eq!(through.filter(|&through| through).count(), 1);
    });
}

#[test]
fn loom_a_waiter_killed_on_its_way_through_costs_one_set_at_most() {
    explore_deaths("flag, a waiter killed", 2, |death| {
        let turnstile = Turnstile::new(Slices::Finite);
        let death = death.clone();
        let mortal = turnstile.spawn(move |turnstile| {
            if !death.take(|| turnstile.wait_and_set()) {
                turnstile.world.die(1);
            }
        });
        let survivor = turnstile.spawn(Turnstile::wait_and_set);
        turnstile.set();
        mortal.join().unwrap();
        // Nobody can know whether the dead thread took the first set. A flag that is set twice is
        // set.
        turnstile.set();
        survivor.join().unwrap();
        assert!(turnstile.flag().is_set(), "the last one set it");
    });
}

#[test]
fn loom_a_setter_killed_before_it_rings_hangs_nobody() {
    explore_deaths("flag, a setter killed", 2, |death| setter_killed(death, Slices::Finite));
}

#[test]
#[should_panic(expected = "deadlock")]
fn loom_without_slices_a_setter_killed_before_it_rings_hangs_the_waiter() {
    explore_deaths("control: infinite waits for a flag", 2, |death| {
        setter_killed(death, Slices::Infinite);
    });
}

/// One thread waits, and one that sets may die. Its work is repeated only if it died before the
/// set.
fn setter_killed(death: &Death, slices: Slices) {
    let turnstile = Turnstile::new(slices);
    let death = death.clone();
    let mortal = turnstile.spawn(move |turnstile| {
        if !death.take(|| turnstile.set()) {
            turnstile.world.die(1);
        }
    });
    let waiter = turnstile.spawn(Turnstile::wait);
    mortal.join().unwrap();
    let was_set = turnstile.flag().is_set() || turnstile.passed.load(Ordering::Relaxed);
    if !was_set {
        turnstile.set();
    }
    waiter.join().unwrap();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_with_a_load_and_a_store_for_the_exchange_two_go_through() {
    explore("control: split exchange", 3, || {
        let turnstile = Turnstile::new(Slices::Finite);
        let waiter = turnstile.spawn(|turnstile| {
            work_with(Flaw::SplitExchange);
            turnstile.wait_and_set();
        });
        turnstile.set();
        turnstile.wait_and_set();
        waiter.join().unwrap();
    });
}
