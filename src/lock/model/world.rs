//! Participants and their kernel on the heap.

use std::cell::Cell;
use std::mem;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32 as Mask, Ordering};
use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::sync::{Condvar, Mutex};
use loom::thread;

use crate::atomic::AtomicU32;
use crate::atomic::model::{Death, Flaw, is_flawed, step};
use crate::error;
use crate::lock::{Bell, Blocker, Entry, Occupant, Owner, Patience, Slot, Slots, Stripe};

const PARTICIPANTS: u32 = 3;

/// One lock and the data that it guards.
///
/// In each slot lives a process of the same number, in its first generation.
pub(crate) struct World {
    pub(super) stripe: Stripe,
    pub(super) cells: [AtomicU32; PARTICIPANTS as usize],
    slots: [Slot; PARTICIPANTS as usize],
    high_water: AtomicU32,
    kernel: Mutex<Kernel>,
    /// Loom finds races for it.
    data: UnsafeCell<()>,
    /// The true state of the data, whoever may see it.
    pub(super) half_written: AtomicBool,
    /// The processes that died or panicked since somebody vouched for the data. Each has a bit.
    pub(super) suspects: Mask,
    /// How many leases each participant may have.
    leases: u32,
    lease: [AtomicU32; PARTICIPANTS as usize],
    pub(super) returns: [AtomicU32; 2],
    /// An act that happens once, before the next look at a slot.
    pub(super) before_a_look_at_a_slot: Cell<Option<fn(&World)>>,
    slices: Slices,
}

/// Whether waits are cut into slices.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slices {
    Finite,
    Infinite,
}

#[derive(Default)]
struct Kernel {
    bytes: [Byte; PARTICIPANTS as usize],
    /// The sleepers, by the address of the word that they sleep on.
    asleep: Vec<(usize, Rc<Condvar>)>,
    slices_end: bool,
}

/// The holder of a slot's byte.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Byte {
    #[default]
    FirstOccupant,
    Thread(thread::ThreadId),
    Nobody,
}

/// A byte that this thread holds, until this is dropped or the thread dies.
struct Hold<'a> {
    world: &'a World,
    slot: u32,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.world.kernel.lock().unwrap().bytes[self.slot as usize] = Byte::Nobody;
        }
    }
}

impl World {
    pub(crate) fn new(slices: Slices) -> Rc<Self> {
        Self::with_leases(slices, 0)
    }

    /// A world with a ring's leases, one for each participant at most.
    pub(super) fn with_leases(slices: Slices, leases: u32) -> Rc<Self> {
        let slots: [Slot; PARTICIPANTS as usize] = Default::default();
        for (pid, slot) in (0..).zip(&slots) {
            slot.move_in(Occupant { pid, ..Occupant::default() });
        }
        Rc::new(Self {
            stripe: Stripe::default(),
            cells: Default::default(),
            slots,
            high_water: AtomicU32::new(0),
            kernel: Mutex::default(),
            data: UnsafeCell::new(()),
            half_written: AtomicBool::new(false),
            suspects: Mask::new(0),
            leases,
            lease: Default::default(),
            returns: Default::default(),
            before_a_look_at_a_slot: Cell::new(None),
            slices,
        })
    }

    /// Acts as the participant in `slot`, in its own thread, until death comes.
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

    /// Acts as the participant in `slot`, in its own thread.
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
        // SeqCst: as in registration.
        self.high_water.fetch_max(slot + 1, Ordering::SeqCst);
    }

    /// Moves into that slot as another process, unless it is occupied.
    pub(super) fn claim(&self, slot: u32, pid: u32) -> Option<Owner> {
        let byte = self.try_hold(slot).unwrap()?;
        let me = self.occupy(slot, Occupant { pid, ..Occupant::default() });
        mem::forget(byte);
        Some(me)
    }

    /// Leaves that slot in order.
    pub(super) fn leave(&self, slot: u32) {
        self.vacate(owner(slot));
        self.kernel.lock().unwrap().bytes[slot as usize] = Byte::Nobody;
    }

    /// Ends a process: the first one in the slot of that number, or this thread's.
    pub(super) fn die(&self, pid: u32) {
        self.suspects.fetch_or(1 << pid, Ordering::Relaxed);
        let mut kernel = self.kernel.lock().unwrap();
        for (slot, byte) in (0..).zip(&mut kernel.bytes) {
            let its_own = *byte == Byte::FirstOccupant && slot == pid;
            if its_own || *byte == Byte::Thread(thread::current().id()) {
                *byte = Byte::Nobody;
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
        self.write_as(owner(slot), patience)
    }

    pub(super) fn write_as(&self, me: Owner, patience: Patience) -> Result<(), Blocker> {
        let entry = self.stripe.lock_write(&self.peers(0), me, patience).unwrap()?;
        self.stripe.begin_write();
        self.change(entry);
        self.stripe.unlock_write(&self.peers(0));
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
            self.suspects.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self, slot: u32) {
        assert_eq!(self.read_within(slot, Patience::Endless), Ok(()));
    }

    pub(super) fn read_within(&self, slot: u32, patience: Patience) -> Result<(), Blocker> {
        let cell = &self.cells[slot as usize];
        let entry = self.stripe.lock_read(&self.peers(0), cell, patience).unwrap()?;
        self.look(entry);
        self.stripe.unlock_read(&self.peers(0), cell);
        Ok(())
    }

    /// Writes after all others are gone. Nothing that they left behind may prevent this.
    pub(super) fn is_free(&self) -> bool {
        self.write_within(2, Patience::None).is_ok()
    }

    fn look(&self, entry: Entry) {
        self.data.with(|_| self.check(entry));
        step();
        self.data.with(|_| ());
    }

    /// Holds the lock as committers do, which write nothing in place.
    pub(super) fn commit(&self, slot: u32) {
        let me = owner(slot);
        let entry = self.stripe.lock_word(&self.peers(0), me, Patience::Endless).unwrap().unwrap();
        assert_eq!(entry, Entry::Clean, "nothing was written in place");
        self.data.with_mut(|_| step());
        self.stripe.unlock_word(&self.peers(0));
    }

    fn check(&self, entry: Entry) {
        match entry {
            Entry::Clean => {
                assert!(!self.half_written.load(Ordering::Relaxed), "half-written data is clean");
            }
            Entry::Poisoned => {
                let (_, pid) = self.stripe.culprit();
                let suspects = self.suspects.load(Ordering::Relaxed);
                assert!(suspects & 1 << pid != 0, "process {pid} is blamed and innocent");
            }
        }
    }
}

impl Slots for World {
    fn participants(&self) -> u32 {
        PARTICIPANTS
    }

    fn stripes(&self) -> u32 {
        1
    }

    fn slot(&self, slot: u32) -> &Slot {
        if let Some(act) = self.before_a_look_at_a_slot.take() {
            act(self);
        }
        &self.slots[slot as usize]
    }

    fn stripe(&self, _: u32) -> &Stripe {
        &self.stripe
    }

    fn cell(&self, slot: u32, _: u32) -> &AtomicU32 {
        &self.cells[slot as usize]
    }

    fn high_water(&self) -> &AtomicU32 {
        &self.high_water
    }

    fn leases(&self) -> u32 {
        self.leases
    }

    fn lease(&self, slot: u32, _: u32) -> &AtomicU32 {
        &self.lease[slot as usize]
    }

    fn leases_ended(&self) {
        let [rings, waiting] = &self.returns;
        Bell { rings, waiting }.ring(&self.peers(0));
    }

    fn is_held(&self, slot: u32) -> error::Result<bool> {
        step();
        Ok(self.kernel.lock().unwrap().bytes[slot as usize] != Byte::Nobody)
    }

    fn try_hold(&self, slot: u32) -> error::Result<Option<impl Sized>> {
        step();
        let byte = &mut self.kernel.lock().unwrap().bytes[slot as usize];
        if *byte != Byte::Nobody {
            return Ok(None);
        }
        *byte = Byte::Thread(thread::current().id());
        Ok(Some(Hold { world: self, slot }))
    }

    fn wait(&self, word: &AtomicU32, expected: u32, slice: Duration) -> bool {
        step();
        let mut kernel = self.kernel.lock().unwrap();
        if word.unseen().load(Ordering::Relaxed) != expected {
            return false;
        }
        if slice.is_zero() {
            // The worst case: a wake at the last moment, so nobody learns that the slice is over.
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
        if is_flawed(Flaw::NoWake) {
            return;
        }
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

/// A world whose process 1 died while one of its threads wrote and another had raised the cell to
/// read.
pub(super) fn haunted() -> Rc<World> {
    let world = World::new(Slices::Finite);
    world.join(1);
    world.stripe.lock_write(&world.peers(0), owner(1), Patience::Endless).unwrap().unwrap();
    world.stripe.begin_write();
    world.half_written.store(true, Ordering::Relaxed);
    world.cells[1].fetch_add(1, Ordering::Relaxed);
    world.die(1);
    world
}

/// Acts in its own thread.
pub(super) fn run<R: 'static>(
    world: &Rc<World>,
    act: impl FnOnce(&World) -> R + 'static,
) -> thread::JoinHandle<R> {
    let world = Rc::clone(world);
    thread::spawn(move || act(&world))
}

/// Runs a mortal, and in this thread another participant, which finds the lock free in the end.
pub(super) fn two(death: &Death, acts: [fn(&World, u32); 2]) {
    let world = World::new(Slices::Finite);
    let mortal = world.spawn_mortal(death, 0, acts[0]);
    world.join(2);
    acts[1](&world, 2);
    mortal.join().unwrap();
    assert!(world.is_free());
}

/// Runs a mortal, another participant, and in this thread a third, which finds the lock free in the
/// end.
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
