//! The end of a log, with appenders that die and a follower.

use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32 as Half, Ordering::Relaxed};

use loom::cell::UnsafeCell;
use loom::thread;

use super::world::{Slices, World, owner};
use crate::atomic::model::{Death, explore, explore_deaths, step};
use crate::atomic::{AtomicU32, AtomicU64};
use crate::lock::{Bell, Entry, Patience, Slots as _, Tail};

/// A log of rows of two numbers. Both are the slot of the appender, plus one.
struct Log {
    world: Rc<World>,
    committed: AtomicU64,
    rings: AtomicU32,
    waiting: AtomicU32,
    rows: [Row; 2],
}

#[derive(Default)]
struct Row {
    /// Loom finds races for the row.
    race: UnsafeCell<()>,
    /// The true contents, whoever may see them.
    halves: [Half; 2],
}

/// What an appender does first.
#[derive(Clone, Copy, PartialEq)]
enum First {
    Write,
    Commit,
}

impl Log {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            world: World::new(Slices::Finite),
            committed: AtomicU64::default(),
            rings: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            rows: Default::default(),
        })
    }

    fn tail(&self) -> Tail<'_> {
        let bell = Bell { rings: &self.rings, waiting: &self.waiting };
        Tail { committed: &self.committed, bell }
    }

    fn append(&self, slot: u32, first: First) {
        let (stripe, peers) = (&self.world.stripe, self.world.peers(0));
        let entry = stripe.lock_word(&peers, owner(slot), Patience::Endless).unwrap().unwrap();
        assert_eq!(entry, Entry::Clean, "nothing was written in place");
        let end = self.tail().end();
        if first == First::Commit {
            self.tail().commit(end + 1);
        }
        let Row { race, halves } = &self.rows[index(end)];
        race.with_mut(|_| halves[0].store(slot + 1, Relaxed));
        step();
        race.with_mut(|_| halves[1].store(slot + 1, Relaxed));
        if first == First::Write {
            self.tail().commit(end + 1);
        }
        stripe.unlock_word(&peers);
        self.tail().announce(&peers);
    }

    /// Reads committed rows, each of which must be whole.
    fn read(&self, rows: Range<u64>) -> Vec<u32> {
        let read = |row: u64| {
            let Row { race, halves } = &self.rows[index(row)];
            let [one, two] = race.with(|_| [halves[0].load(Relaxed), halves[1].load(Relaxed)]);
            assert!(one == two && one != 0, "torn: {one} {two}");
            one
        };
        rows.map(read).collect()
    }

    /// Follows until a row of the appender in `slot` was seen.
    fn follow(&self, slot: u32) {
        let mut seen = Vec::new();
        while !seen.contains(&(slot + 1)) {
            let next = seen.len() as u64;
            let tail = self.tail();
            let more = || Some(tail.len()).filter(|&len| len > next);
            let end = tail.bell.wait_for(&self.world.peers(0), Patience::Endless, more);
            seen.extend(self.read(next..end.expect("endless patience ran out")));
            assert_eq!(self.read(0..seen.len() as u64), seen, "a committed row changed");
        }
    }

    fn spawn(self: &Rc<Self>, act: impl FnOnce(&Self) + 'static) -> thread::JoinHandle<()> {
        let log = Rc::clone(self);
        thread::spawn(move || act(&log))
    }

    fn spawn_mortal(self: &Rc<Self>, death: &Death) -> thread::JoinHandle<()> {
        let death = death.clone();
        self.spawn(move |log| {
            log.world.join(0);
            if !death.take(|| log.append(0, First::Write)) {
                log.world.die(0);
            }
        })
    }
}

fn index(row: u64) -> usize {
    usize::try_from(row).unwrap()
}

#[test]
fn loom_a_killed_appender_costs_nothing_committed_and_stops_nobody() {
    explore_deaths("log, an appender killed beside another", 2, |death| {
        let log = Log::new();
        let mortal = log.spawn_mortal(death);
        let other = log.spawn(|log| {
            log.world.join(1);
            log.append(1, First::Write);
        });
        log.follow(1);
        mortal.join().unwrap();
        other.join().unwrap();
        let end = log.tail().len();
        assert!(log.read(0..end).contains(&2) && end <= 2);
    });
}

#[test]
fn loom_every_follower_sees_every_row() {
    explore("log, two followers", 3, || {
        let log = Log::new();
        let follower = log.spawn(|log| log.follow(1));
        let appender = log.spawn(|log| {
            log.world.join(1);
            log.append(1, First::Write);
        });
        log.follow(1);
        follower.join().unwrap();
        appender.join().unwrap();
    });
}

#[test]
fn loom_pair_an_appender_and_a_follower_never_miss_each_other() {
    explore("pair: end and waiting", 3, || {
        let log = Log::new();
        log.world.join(1);
        let appender = log.spawn(|log| log.append(1, First::Write));
        log.follow(1);
        appender.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_with_rows_committed_before_they_are_written_a_follower_races() {
    explore("control: committed before written", 3, || {
        let log = Log::new();
        let appender = log.spawn(|log| {
            log.world.join(1);
            log.append(1, First::Commit);
        });
        log.follow(1);
        appender.join().unwrap();
    });
}
