//! The kill storm: workers are killed at random moments and started again, and nobody may ever see a
//! broken promise.
//!
//! A worker counts each turn as *begun* and as *done*, so that the committed work must lie between
//! the two; every wait has a deadline, so that one without end is a violation; and after each kill the
//! survivors must get on. A storm lasts `NDSHM_STORM_SECONDS`, a third of it with each [`Home`] of
//! its workers.
//!
//! A wait of more than a second is a violation, measured in the worker, with the time left out that
//! workers were ready to run and had no processor, all of them together: whom it waits for may be any.
//! What a worker lacked that was killed meanwhile is not known, and counts.

mod arrays;
mod events;
mod logs;
mod names;
mod rings;
mod values;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use ndshm::Value;

use crate::support::{DEADLINE, Forked, FreeName, Role, exists, fork, skip, unshare_pids};

const WORKERS: usize = 4;

/// No wait may take longer.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How workers come into being.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Home {
    /// As programs of their own.
    Spawned,
    /// So, and as the first process of a PID namespace each.
    Apart,
    /// Forked from a process whose other threads use the library.
    Forked,
}

enum Worker {
    Spawned(Role),
    Forked(Forked),
}

impl Worker {
    fn start(storm: &str, name: &str, home: Home) -> Self {
        let role = format!("storm {storm} {name}");
        match home {
            Home::Spawned => Self::Spawned(Role::start(&role)),
            Home::Apart => Self::Spawned(Role::start_apart(&role)),
            Home::Forked => Self::Forked(fork(|| work(&[storm, name]))),
        }
    }

    fn kill(&mut self) {
        match self {
            Self::Spawned(role) => role.kill(),
            Self::Forked(child) => child.kill(),
        }
    }

    fn passes(self) -> bool {
        match self {
            Self::Spawned(mut role) => role.wait().success(),
            Self::Forked(child) => child.wait(),
        }
    }
}

/// The role: told which storm, and its name.
pub(crate) fn work(arguments: &[&str]) {
    let [storm, name] = arguments else { panic!("two arguments") };
    match *storm {
        "arrays" | "files" | "nameless" => arrays::work(name, arrays::Attach::Once),
        "attachments" => arrays::work(name, arrays::Attach::EachTurn),
        "values" => values::work(name),
        "events" => events::work(name),
        "logs" => logs::work(name),
        "names" => names::work(name),
        "rings" => rings::work(name),
        other => panic!("no storm is called {other}"),
    }
}

/// Kills and restarts workers of every home in turn.
fn rage(storm: &'static str, board: &Board, name: &str) -> Figures {
    let seconds = std::env::var("NDSHM_STORM_SECONDS").map_or(5, |text| text.parse().unwrap());
    let mut figures = Figures { storm, rages: Vec::new() };
    for home in [Home::Spawned, Home::Apart, Home::Forked] {
        if home == Home::Apart && !fork(|| assert!(unshare_pids())).wait() {
            skip("may not make a PID namespace: no workers in one of their own");
            continue;
        }
        let before = board.counts();
        let end = Instant::now() + Duration::from_secs(seconds) / 3;
        let kills = rage_until(end, storm, board, name, home);
        figures.rages.push(Rage { home, kills, counts: board.counts().since(&before) });
        board.longest_wait_us.set(0).unwrap();
    }
    figures
}

/// Kills and restarts workers until then, and lets the last ones end in peace; returns the number of
/// kills.
fn rage_until(end: Instant, storm: &str, board: &Board, name: &str, home: Home) -> u64 {
    let (mut kills, mut random) = (0, Random::new());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        if home == Home::Forked {
            scope.spawn(|| use_the_library_until(&over, board));
        }
        let mut workers = [(); WORKERS].map(|()| Worker::start(storm, name, home));
        while Instant::now() < end {
            board.wait_for_turns(1 + random.below(20));
            let all = random.below(10) == 0;
            let victims = if all { 0..WORKERS } else { random.index_range(WORKERS) };
            for worker in &mut workers[victims] {
                worker.kill();
                *worker = Worker::start(storm, name, home);
                kills += 1;
            }
            board.wait_for_turns(1);
        }
        board.stop.set(1).unwrap();
        let passed = workers.map(Worker::passes);
        over.store(true, Relaxed);
        assert_eq!(passed, [true; WORKERS], "a worker failed");
        board.stop.set(0).unwrap();
    });
    kills
}

/// Attaches, registers and detaches in another thread than the one that forks.
fn use_the_library_until(over: &AtomicBool, board: &Board) {
    while !over.load(Relaxed) {
        let value = Value::create(FreeName::new().as_str(), [0_u64; 8]).unwrap();
        value.update(|old| old.map(|item| item + 1)).unwrap();
        let done = board.done.get().unwrap();
        let _ = board.done.wait_changed_timeout(done, Duration::from_millis(10));
    }
}

/// What came of a storm.
struct Figures {
    storm: &'static str,
    rages: Vec<Rage>,
}

/// What came of it with workers of one home.
struct Rage {
    home: Home,
    kills: u64,
    counts: Counts,
}

/// What a board says.
struct Counts {
    begun: u64,
    done: u64,
    recoveries: u64,
    violations: u64,
    longest_wait_us: u64,
}

impl Counts {
    fn since(&self, before: &Self) -> Self {
        Self {
            begun: self.begun - before.begun,
            done: self.done - before.done,
            recoveries: self.recoveries - before.recoveries,
            violations: self.violations - before.violations,
            longest_wait_us: self.longest_wait_us,
        }
    }
}

impl Figures {
    /// Prints and reports the figures; fails when a promise was broken.
    fn check(&self, name: &FreeName) {
        for rage in &self.rages {
            rage.report(self.storm);
        }
        for Rage { home, kills, counts } in &self.rages {
            assert_eq!(counts.violations, 0, "{home:?}");
            assert!(*kills > 0 && counts.done > 0, "there was no storm: {home:?}");
            let lost_turns = counts.begun - counts.done;
            assert!(lost_turns <= *kills, "{lost_turns} turns ended without a kill: {home:?}");
        }
        let left: Vec<_> = fs::read_dir("/dev/shm")
            .unwrap()
            .flat_map(|entry| entry.unwrap().file_name().into_string())
            .filter(|left| {
                left == name.as_str() || left.starts_with(&format!("{}-", name.as_str()))
            })
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

impl Rage {
    /// Prints the figures, and appends them to the file `NDSHM_STORM_REPORT` as a line of JSON.
    fn report(&self, storm: &str) {
        let Self { home, kills, counts } = self;
        let Counts { done, recoveries, violations, .. } = counts;
        let home = format!("{home:?}").to_lowercase();
        let longest_wait_ms = counts.longest_wait_us as f64 / 1e3;
        println!(
            "kills={kills} recoveries={recoveries} violations={violations} \
             longest_wait_ms={longest_wait_ms} turns={done} workers={home} storm={storm}"
        );
        if let Some(path) = std::env::var_os("NDSHM_STORM_REPORT") {
            let line = format!(
                "{{\"storm\":\"{storm}\",\"workers\":\"{home}\",\"kills\":{kills},\
                 \"recoveries\":{recoveries},\"violations\":{violations},\
                 \"longest_wait_ms\":{longest_wait_ms},\"turns\":{done}}}\n"
            );
            let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
    }
}

/// What all workers of a storm count.
struct Board {
    begun: Value<u64>,
    done: Value<u64>,
    recoveries: Value<u64>,
    violations: Value<u64>,
    longest_wait_us: Value<u64>,
    /// Whole copies that observers took.
    copies: Value<u64>,
    /// How long workers were ready to run and had no processor.
    queued_us: Value<u64>,
    stop: Value<u8>,
}

impl Board {
    fn create(name: &str) -> Self {
        let count = |what: &str| Value::create(&format!("{name}-{what}"), 0).unwrap();
        Self {
            begun: count("begun"),
            done: count("done"),
            recoveries: count("recoveries"),
            violations: count("violations"),
            longest_wait_us: count("longest"),
            copies: count("copies"),
            queued_us: count("queued"),
            stop: Value::create(&format!("{name}-stop"), 0).unwrap(),
        }
    }

    fn open(name: &str) -> Self {
        let count = |what: &str| Value::open(&format!("{name}-{what}")).unwrap();
        Self {
            begun: count("begun"),
            done: count("done"),
            recoveries: count("recoveries"),
            violations: count("violations"),
            longest_wait_us: count("longest"),
            copies: count("copies"),
            queued_us: count("queued"),
            stop: Value::open(&format!("{name}-stop")).unwrap(),
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            begun: self.begun.get().unwrap(),
            done: self.done.get().unwrap(),
            recoveries: self.recoveries.get().unwrap(),
            violations: self.violations.get().unwrap(),
            longest_wait_us: self.longest_wait_us.get().unwrap(),
        }
    }

    /// Waits until so many more turns are done.
    fn wait_for_turns(&self, count: u64) {
        let mut done = self.done.get().unwrap();
        let target = done + count;
        while done < target {
            done = self.done.wait_changed_timeout(done, DEADLINE).expect("the survivors get on");
        }
    }

    /// Takes turns until the storm is over, or was given up.
    fn turns(&self, mut turn: impl FnMut()) {
        while self.stop.get().unwrap() == 0 && exists(self.stop.name()) {
            let queued_before = time_queued();
            self.begun.fetch_add(1).unwrap();
            turn();
            self.done.fetch_add(1).unwrap();
            let queued = time_queued().saturating_sub(queued_before);
            self.queued_us.fetch_add(u64::try_from(queued.as_micros()).unwrap()).unwrap();
        }
    }

    /// Waits for something and notes how long that took.
    fn timed<R>(&self, wait: impl FnOnce() -> R) -> R {
        let (start, queued_before) = (Instant::now(), self.time_queued());
        let result = wait();
        let waited = start.elapsed();
        let waited_us = u64::try_from(waited.as_micros()).unwrap();
        if waited_us > self.longest_wait_us.get().unwrap() {
            self.longest_wait_us.fetch_max(waited_us).unwrap();
        }
        if waited > LONGEST_WAIT {
            let queued = self.time_queued().saturating_sub(queued_before);
            let what = format!("no wait takes {waited:?}, {queued:?} without processors");
            self.claim(waited.saturating_sub(queued) <= LONGEST_WAIT, &what);
        }
        result
    }

    fn time_queued(&self) -> Duration {
        Duration::from_micros(self.queued_us.get().unwrap()) + time_queued()
    }

    fn claim(&self, holds: bool, promise: &str) {
        if !holds {
            self.violations.fetch_add(1).unwrap();
            eprintln!("VIOLATION: {promise}");
        }
    }
}

/// How long this thread was ready to run and had no processor, since it began; zero where the kernel
/// does not say.
fn time_queued() -> Duration {
    let mut text = String::new();
    let read = File::open("/proc/thread-self/schedstat")
        .and_then(|mut file| file.read_to_string(&mut text));
    let ns = read.ok().and_then(|_| text.split_whitespace().nth(1)?.parse().ok());
    Duration::from_nanos(ns.unwrap_or(0))
}

/// A xorshift generator.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let time = std::time::UNIX_EPOCH.elapsed().unwrap();
        Self(u64::from(time.subsec_nanos()) << 32 | u64::from(std::process::id()))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 8) % end
    }

    /// Some indices below `len`, at least one.
    fn index_range(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.below(len as u64);
        let end = start + 1 + self.below((len as u64 - start).min(6));
        usize::try_from(start).unwrap()..usize::try_from(end).unwrap()
    }
}
