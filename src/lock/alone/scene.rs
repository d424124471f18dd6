//! Participants and their kernel on the heap.

use std::collections::VecDeque;
use std::mem;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::atomic::AtomicU32;
use crate::error;
use crate::lock::{Blocker, Entry, Occupant, Owner, Patience, STRIPE_FIELDS, Slot, Slots, Stripe};

pub(super) const PARTICIPANTS: u32 = 3;
pub(super) const STRIPES: u32 = 2;
pub(super) const LEASES: u32 = 2;

/// Two locks. In each slot lives a process, in its first generation.
pub(super) struct Scene {
    stripes: [Stripe; STRIPES as usize],
    slots: [Slot; PARTICIPANTS as usize],
    cells: [[AtomicU32; STRIPES as usize]; PARTICIPANTS as usize],
    leases: [[AtomicU32; LEASES as usize]; PARTICIPANTS as usize],
    high_water: AtomicU32,
    /// Whether a process holds the byte of each slot.
    held: [AtomicBool; PARTICIPANTS as usize],
    /// The acts of others, one for each sleep.
    acts: Mutex<VecDeque<Act>>,
    /// The act of others at the next look at a byte.
    at_a_look: Mutex<Option<Act>>,
    calls: Mutex<Vec<Call>>,
}

type Act = Box<dyn FnOnce(&Scene) + Send>;

/// A call to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// To let this thread sleep on that word of that stripe.
    Sleep(u32, &'static str),
    /// To wake the sleepers on that word of that stripe.
    Wake(u32, &'static str),
    /// Whether the byte of that slot is held.
    Look(u32),
    /// Nothing: leases ended.
    LeasesEnded,
}

/// A byte that is held until this is dropped.
struct Hold<'a>(&'a AtomicBool);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

impl Scene {
    pub(super) fn new() -> Self {
        let scene = Self {
            stripes: [(); STRIPES as usize].map(|()| Stripe::copied([0; 32])),
            slots: [(); PARTICIPANTS as usize].map(|()| Slot::copied([0; 32])),
            cells: Default::default(),
            leases: Default::default(),
            high_water: AtomicU32::new(PARTICIPANTS),
            held: [(); PARTICIPANTS as usize].map(|()| AtomicBool::new(true)),
            acts: Mutex::default(),
            at_a_look: Mutex::default(),
            calls: Mutex::default(),
        };
        for (slot, pid) in scene.slots.iter().zip(100..) {
            slot.move_in(Occupant { pid, ..Occupant::default() });
        }
        scene
    }

    /// The same scene with that record of a slot.
    pub(super) fn with_slot(mut self, slot: u32, record: Slot) -> Self {
        self.slots[slot as usize] = record;
        self
    }

    /// Makes others do that the next time that this thread sleeps, one act for each sleep. Within
    /// such an act, it is the next time that they sleep.
    pub(super) fn meanwhile(&self, act: impl FnOnce(&Self) + Send + 'static) {
        self.acts.lock().unwrap().push_back(Box::new(act));
    }

    /// Makes others do that just before the next look at a byte.
    pub(super) fn at_a_look(&self, act: impl FnOnce(&Self) + Send + 'static) {
        *self.at_a_look.lock().unwrap() = Some(Box::new(act));
    }

    /// The calls to the kernel since this was last called.
    pub(super) fn calls(&self) -> Vec<Call> {
        mem::take(&mut self.calls.lock().unwrap())
    }

    /// How many times this thread slept since this or [`calls`](Self::calls) was last called.
    pub(super) fn sleeps(&self) -> usize {
        self.calls().iter().filter(|call| matches!(call, Call::Sleep(..))).count()
    }

    /// The occupant of that slot, or the last one.
    pub(super) fn owner(&self, slot: u32) -> Owner {
        Owner::new(slot, self.slots[slot as usize].generation())
    }

    pub(super) fn die(&self, slot: u32) {
        self.held[slot as usize].store(false, Relaxed);
    }

    /// Takes the first lock for writing, and begins to write.
    pub(super) fn write(&self, slot: u32, patience: Patience) -> Result<Entry, Blocker> {
        let entry = self.stripes[0].lock_write(&self.peers(0), self.owner(slot), patience);
        entry.unwrap().inspect(|_| self.stripes[0].begin_write())
    }

    pub(super) fn end_write(&self) {
        self.stripes[0].unlock_write(&self.peers(0));
    }

    /// Takes only the word of the first lock.
    pub(super) fn commit(&self, slot: u32, patience: Patience) -> Result<Entry, Blocker> {
        self.stripes[0].lock_word(&self.peers(0), self.owner(slot), patience).unwrap()
    }

    pub(super) fn end_commit(&self) {
        self.stripes[0].unlock_word(&self.peers(0));
    }

    /// Takes the first lock for reading.
    pub(super) fn read(&self, slot: u32, patience: Patience) -> Result<Entry, Blocker> {
        let cell = self.cell(slot, 0);
        self.stripes[0].lock_read(&self.peers(0), cell, patience).unwrap()
    }

    pub(super) fn end_read(&self, slot: u32) {
        self.stripes[0].unlock_read(&self.peers(0), self.cell(slot, 0));
    }

    fn note(&self, call: Call) {
        let mut calls = self.calls.lock().unwrap();
        calls.push(call);
        assert!(calls.len() < 1000, "it never ends: {:?}…", &calls[..8]);
    }

    fn name(&self, word: &AtomicU32) -> (u32, &'static str) {
        if std::ptr::eq(word, &self.high_water) {
            return (0, "high_water");
        }
        for (index, stripe) in (0..).zip(&self.stripes) {
            let start = std::ptr::from_ref(stripe).addr();
            let offset = std::ptr::from_ref(word).addr().wrapping_sub(start);
            if let Some((name, _)) = STRIPE_FIELDS.iter().find(|(_, field)| *field == offset) {
                return (index, name);
            }
        }
        panic!("no lock has such a word");
    }

    fn wakes(&self, wake: Call) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| **call == wake).count()
    }
}

impl Slots for Scene {
    fn participants(&self) -> u32 {
        PARTICIPANTS
    }

    fn stripes(&self) -> u32 {
        STRIPES
    }

    fn slot(&self, slot: u32) -> &Slot {
        &self.slots[slot as usize]
    }

    fn stripe(&self, stripe: u32) -> &Stripe {
        &self.stripes[stripe as usize]
    }

    fn cell(&self, slot: u32, stripe: u32) -> &AtomicU32 {
        &self.cells[slot as usize][stripe as usize]
    }

    fn high_water(&self) -> &AtomicU32 {
        &self.high_water
    }

    fn leases(&self) -> u32 {
        LEASES
    }

    fn lease(&self, slot: u32, lease: u32) -> &AtomicU32 {
        &self.leases[slot as usize][lease as usize]
    }

    fn leases_ended(&self) {
        self.note(Call::LeasesEnded);
    }

    fn is_held(&self, slot: u32) -> error::Result<bool> {
        self.note(Call::Look(slot));
        let act = self.at_a_look.lock().unwrap().take();
        act.into_iter().for_each(|act| act(self));
        Ok(self.held[slot as usize].load(Relaxed))
    }

    fn try_hold(&self, slot: u32) -> error::Result<Option<impl Sized>> {
        let byte = &self.held[slot as usize];
        Ok((!byte.swap(true, Relaxed)).then_some(Hold(byte)))
    }

    fn wait(&self, word: &AtomicU32, expected: u32, slice: Duration) -> bool {
        let (stripe, name) = self.name(word);
        self.note(Call::Sleep(stripe, name));
        if word.load(Relaxed) != expected {
            return false;
        }
        if slice.is_zero() {
            return true;
        }
        let mut later = mem::take(&mut *self.acts.lock().unwrap());
        let act = later.pop_front().expect("nobody does anything any more");
        let wake = Call::Wake(stripe, name);
        let earlier = self.wakes(wake);
        act(self);
        self.acts.lock().unwrap().append(&mut later);
        self.wakes(wake) == earlier
    }

    fn wake(&self, word: &AtomicU32) {
        let (stripe, name) = self.name(word);
        self.note(Call::Wake(stripe, name));
    }

    fn spins(&self) -> u32 {
        2
    }
}
