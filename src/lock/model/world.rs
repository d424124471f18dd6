//! Participants and their kernel on the heap.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::sync::{Condvar, Mutex};
use loom::thread;

use crate::atomic::AtomicU32;
use crate::atomic::model::{Death, step};
use crate::error;
use crate::lock::{Blocker, Entry, Owner, Patience, Peers, Stripe};

const PARTICIPANTS: usize = 3;

/// One lock and what it guards.
pub(super) struct World {
    pub(super) stripe: Stripe,
    pub(super) cells: [AtomicU32; PARTICIPANTS],
    high_water: AtomicU32,
    kernel: Mutex<Kernel>,
    /// Races for it are found by loom.
    data: UnsafeCell<()>,
    /// What is true of the data, whoever can see it.
    pub(super) half_written: AtomicBool,
    pub(super) somebody_died: AtomicBool,
    slices: Slices,
}

/// Whether waits are cut into slices.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Slices {
    Finite,
    Infinite,
}

#[derive(Default)]
struct Kernel {
    lifelines: [Lifeline; PARTICIPANTS],
    /// Those asleep, by the address of the word they sleep on.
    asleep: Vec<(usize, Rc<Condvar>)>,
    slices_end: bool,
}

/// Who holds the byte of a slot.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Lifeline {
    #[default]
    Occupant,
    Undertaker(thread::ThreadId),
    Nobody,
}

impl World {
    pub(super) fn new(slices: Slices) -> Rc<Self> {
        Rc::new(Self {
            stripe: Stripe::default(),
            cells: Default::default(),
            high_water: AtomicU32::new(0),
            kernel: Mutex::default(),
            data: UnsafeCell::new(()),
            half_written: AtomicBool::new(false),
            somebody_died: AtomicBool::new(false),
            slices,
        })
    }

    /// Acts as the participant in `slot`, in a thread of its own, until death comes.
    pub(super) fn spawn_mortal(
        self: &Rc<Self>,
        death: &Death,
        slot: u32,
        act: fn(&World, u32),
    ) -> thread::JoinHandle<()> {
        let (world, death) = (Rc::clone(self), death.clone());
        thread::spawn(move || {
            world.join(slot);
            if !death.take(|| act(&world, slot)) {
                world.die(slot);
            }
        })
    }

    /// Acts as the participant in `slot`, in a thread of its own.
    pub(super) fn spawn(
        self: &Rc<Self>,
        slot: u32,
        act: fn(&World, u32),
    ) -> thread::JoinHandle<()> {
        let world = Rc::clone(self);
        thread::spawn(move || {
            world.join(slot);
            act(&world, slot);
        })
    }

    pub(super) fn join(&self, slot: u32) {
        // SeqCst: as registration does it.
        self.high_water.fetch_max(slot + 1, Ordering::SeqCst);
    }

    pub(super) fn die(&self, slot: u32) {
        self.somebody_died.store(true, Ordering::Relaxed);
        let mut kernel = self.kernel.lock().unwrap();
        kernel.lifelines[slot as usize] = Lifeline::Nobody;
        for byte in &mut kernel.lifelines {
            if *byte == Lifeline::Undertaker(thread::current().id()) {
                *byte = Lifeline::Nobody;
            }
        }
        if self.slices == Slices::Finite {
            kernel.slices_end = true;
            kernel.asleep.iter().for_each(|(_, sleepers)| sleepers.notify_all());
        }
    }

    pub(super) fn write(&self, slot: u32) {
        assert_eq!(self.write_within(slot, Patience::Endless), Ok(()));
    }

    pub(super) fn write_within(&self, slot: u32, patience: Patience) -> Result<(), Blocker> {
        let entry = self.stripe.lock_write(self, owner(slot), patience).unwrap()?;
        self.stripe.begin_write();
        self.change(entry);
        self.stripe.unlock_write(self);
        Ok(())
    }

    /// Writes data that is held, and vouches for it.
    fn change(&self, entry: Entry) {
        self.check(entry);
        self.data.with_mut(|_| self.half_written.store(true, Ordering::Relaxed));
        step();
        self.data.with_mut(|_| self.half_written.store(false, Ordering::Relaxed));
        if entry == Entry::Poisoned {
            self.stripe.forgive();
        }
    }

    pub(super) fn read(&self, slot: u32) {
        assert_eq!(self.read_within(slot, Patience::Endless), Ok(()));
    }

    pub(super) fn read_within(&self, slot: u32, patience: Patience) -> Result<(), Blocker> {
        let cell = &self.cells[slot as usize];
        let entry = self.stripe.lock_read(self, cell, patience).unwrap()?;
        self.look(entry);
        self.stripe.unlock_read(self, cell);
        Ok(())
    }

    /// Writes after all others are gone, which nothing they left behind may prevent.
    pub(super) fn is_free(&self) -> bool {
        self.write_within(2, Patience::None).is_ok()
    }

    fn look(&self, entry: Entry) {
        self.data.with(|_| self.check(entry));
        step();
        self.data.with(|_| ());
    }

    /// Holds the lock as those do who write nothing in place.
    pub(super) fn commit(&self, slot: u32) {
        let entry = self.stripe.lock_word(self, owner(slot), Patience::Endless).unwrap().unwrap();
        assert_eq!(entry, Entry::Clean, "nothing was written in place");
        self.data.with_mut(|_| step());
        self.stripe.unlock_word(self);
    }

    fn check(&self, entry: Entry) {
        match entry {
            Entry::Clean => {
                assert!(!self.half_written.load(Ordering::Relaxed), "half-written data is clean");
            }
            Entry::Poisoned => {
                assert!(self.somebody_died.load(Ordering::Relaxed), "poisoned by nobody");
            }
        }
    }
}

impl Peers for World {
    fn high_water(&self) -> u32 {
        // SeqCst: as the real one.
        self.high_water.load(Ordering::SeqCst)
    }

    fn cell(&self, slot: u32) -> &AtomicU32 {
        &self.cells[slot as usize]
    }

    fn is_dead(&self, owner: Owner) -> error::Result<bool> {
        Ok(self.kernel.lock().unwrap().lifelines[owner.slot() as usize] == Lifeline::Nobody)
    }

    /// What `Membership::bury` does, with the byte as a flag.
    fn bury(&self, slot: u32) -> error::Result<()> {
        step();
        let me = thread::current().id();
        let byte = |from, to| {
            let byte = &mut self.kernel.lock().unwrap().lifelines[slot as usize];
            let is_there = *byte == from;
            if is_there {
                *byte = to;
            }
            is_there
        };
        if !byte(Lifeline::Nobody, Lifeline::Undertaker(me)) {
            return Ok(());
        }
        self.stripe.disown(self, owner(slot));
        if self.cells[slot as usize].swap(0, Ordering::AcqRel) != 0 {
            self.stripe.open_gate(self);
        }
        byte(Lifeline::Undertaker(me), Lifeline::Nobody);
        Ok(())
    }

    fn pid(&self, slot: u32) -> u32 {
        slot
    }

    fn wait(&self, word: &AtomicU32, expected: u32, slice: Duration) -> bool {
        step();
        let mut kernel = self.kernel.lock().unwrap();
        if word.unseen().load(Ordering::Relaxed) != expected {
            return false;
        }
        if slice.is_zero() {
            // The worst there is: a wake in the last moment, so nobody learns that time is over.
            return false;
        }
        if kernel.slices_end {
            drop(kernel);
            thread::yield_now();
            return true;
        }
        kernel.asleep_on(word).wait(kernel).unwrap().slices_end
    }

    fn wake(&self, word: &AtomicU32) {
        step();
        let mut kernel = self.kernel.lock().unwrap();
        kernel.asleep_on(word).notify_all();
    }

    fn spins(&self) -> u32 {
        0
    }
}

impl Kernel {
    fn asleep_on(&mut self, word: &AtomicU32) -> Rc<Condvar> {
        let address = std::ptr::from_ref(word).addr();
        if let Some((_, sleepers)) = self.asleep.iter().find(|(known, _)| *known == address) {
            return Rc::clone(sleepers);
        }
        let sleepers = Rc::new(Condvar::new());
        self.asleep.push((address, Rc::clone(&sleepers)));
        sleepers
    }
}

pub(super) fn owner(slot: u32) -> Owner {
    Owner::new(slot, 1)
}

/// Runs a mortal, and in this thread another, who finds the lock free in the end.
pub(super) fn two(death: &Death, acts: [fn(&World, u32); 2]) {
    let world = World::new(Slices::Finite);
    let mortal = world.spawn_mortal(death, 0, acts[0]);
    world.join(2);
    acts[1](&world, 2);
    mortal.join().unwrap();
    assert!(world.is_free());
}

/// Runs a mortal, another, and in this thread a third, who finds the lock free in the end.
pub(super) fn three(death: &Death, slices: Slices, acts: [fn(&World, u32); 3]) {
    let world = World::new(slices);
    let mortal = world.spawn_mortal(death, 0, acts[0]);
    let other = world.spawn(1, acts[1]);
    world.join(2);
    acts[2](&world, 2);
    mortal.join().unwrap();
    other.join().unwrap();
    assert!(world.is_free());
}
