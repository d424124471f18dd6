//! Spinning before sleeping, which needs a second thread.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::Duration;

use crate::atomic::AtomicU32;
use crate::error::Result;
use crate::lock::{Entry, Owner, Patience, Peers, Stripe};

/// A process that spins for as long as it takes, and never has to sleep.
struct Patient {
    cell: AtomicU32,
    /// Whether it found the lock taken.
    looks: AtomicBool,
}

impl Peers for Patient {
    fn high_water(&self) -> u32 {
        0
    }

    fn cell(&self, _: u32) -> &AtomicU32 {
        &self.cell
    }

    fn is_dead(&self, _: Owner) -> Result<bool> {
        panic!("it asks who is dead, about to sleep");
    }

    fn bury(&self, _: u32) -> Result<()> {
        unreachable!("no readers");
    }

    fn pid(&self, _: u32) -> u32 {
        unreachable!("nobody died");
    }

    fn wait(&self, _: &AtomicU32, _: u32, _: Duration) -> bool {
        panic!("it sleeps");
    }

    fn wake(&self, _: &AtomicU32) {}

    fn spins(&self) -> u32 {
        self.looks.store(true, Release);
        u32::MAX
    }
}

/// Takes a lock that is released meanwhile.
fn take_while_it_is_given_back(take: impl Fn(&Stripe, &Patient) -> Entry) {
    let stripe = Stripe::copied([0; 32]);
    let patient = Patient { cell: AtomicU32::new(0), looks: AtomicBool::new(false) };
    let owner = Owner::new(0, 1);
    assert_eq!(stripe.lock_word(&patient, owner, Patience::None).unwrap(), Ok(Entry::Clean));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !patient.looks.load(Acquire) {
                thread::yield_now();
            }
            // A thread that goes to sleep has done so by now.
            (0..100).for_each(|_| thread::yield_now());
            stripe.unlock_word(&patient);
        });
        assert_eq!(take(&stripe, &patient), Entry::Clean);
    });
}

#[test]
fn a_writer_whose_turn_comes_while_it_looks_does_not_sleep() {
    take_while_it_is_given_back(|stripe, peers| {
        stripe.lock_write(peers, Owner::new(1, 1), Patience::Endless).unwrap().unwrap()
    });
}

#[test]
fn a_reader_whose_turn_comes_while_it_looks_does_not_sleep() {
    take_while_it_is_given_back(|stripe, peers| {
        stripe.lock_read(peers, &peers.cell, Patience::Endless).unwrap().unwrap()
    });
}
