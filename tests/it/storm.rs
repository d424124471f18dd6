//! The kill storm: workers are killed at random moments and started again, for
//! `NDSHM_STORM_SECONDS`, half of them in PID namespaces of their own, and nobody may ever see a
//! broken promise.
//!
//! A worker counts each turn as *begun* and as *done*, so that the committed work must lie between
//! the two; every lock is taken with a deadline, so that a wait without end is a violation; and after
//! each kill the survivors must get on.

use std::fs::{self, OpenOptions};
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use ndarray::{ArrayRef2, ArrayViewMut2, Axis};
use ndshm::{Array2, Element, ErrorKind, Result, Value};

use crate::support::{DEADLINE, FreeName, Role, exists, fork, skip, unshare_pids};

const WORKERS: usize = 4;

/// Rows and columns of the array: 16 stripes of 2 rows.
const SHAPE: (usize, usize) = (32, 256);

/// What the first column adds up to, whenever nobody writes.
const TOTAL: u64 = 1_000_000;

/// A value that is no machine word.
type Large = [u64; 64];

#[test]
fn no_storm_of_kills_breaks_an_array() {
    let name = FreeName::new();
    let options = Array2::<u64>::options().stripes(16);
    let array = options.create(name.as_str(), SHAPE).unwrap();
    mend(&mut array.write().unwrap().view_mut());
    let board = Board::create(name.as_str());

    let figures = rage("arrays", &board, name.as_str());

    let mut guard = array.request().timeout(DEADLINE).recover().write().unwrap();
    if guard.poison().is_some() {
        mend(&mut guard.view_mut());
        guard.mark_consistent();
    }
    assert!(is_whole(&guard));
    drop(guard);
    drop(array.read().unwrap());
    drop((array, board));
    figures.check(&name);
}

#[test]
fn no_storm_of_kills_breaks_a_value() {
    let name = FreeName::new();
    let board = Board::create(name.as_str());
    let values = Values::create(name.as_str());

    let figures = rage("values", &board, name.as_str());

    let turns = board.done.get().unwrap()..=board.begun.get().unwrap();
    let large = values.large.get().unwrap();
    assert!(turns.contains(&values.word.get().unwrap()), "{turns:?} {:?}", values.word);
    assert!(
        is_whole_number_in(values.float.get().unwrap(), &turns),
        "{turns:?} {:?}",
        values.float
    );
    assert!(turns.contains(&large[0]) && is_uniform(&large), "{turns:?} {large:?}");
    drop((values, board));
    figures.check(&name);
}

fn is_whole_number_in(float: f64, turns: &std::ops::RangeInclusive<u64>) -> bool {
    turns.clone().any(|turn| turn as f64 == float)
}

/// What came of a storm.
struct Figures {
    storm: &'static str,
    seconds: u64,
    kills: u64,
    turns: u64,
    lost_turns: u64,
    recoveries: u64,
    violations: u64,
    longest_wait_us: u64,
}

/// Kills and restarts workers until the time is over, then lets the last ones end in peace.
fn rage(storm: &'static str, board: &Board, name: &str) -> Figures {
    let seconds = std::env::var("NDSHM_STORM_SECONDS").map_or(5, |text| text.parse().unwrap());
    let start = Instant::now();
    let mut random = Random::new();
    let apart = fork(|| assert!(unshare_pids())).wait();
    if !apart {
        skip("may not make a PID namespace, so all workers are in one");
    }
    let worker = |index: usize| {
        let namespace = if apart && index.is_multiple_of(2) { "own" } else { "shared" };
        Role::start(&format!("storm {storm} {name} {namespace}"))
    };
    let mut workers: Vec<Role> = (0..WORKERS).map(worker).collect();
    let mut kills = 0;
    while start.elapsed() < Duration::from_secs(seconds) {
        board.wait_for_turns(1 + random.below(50));
        let victims = if random.below(10) == 0 { 0..WORKERS } else { random.index_range(WORKERS) };
        for index in victims {
            workers[index].kill();
            workers[index] = worker(index);
            kills += 1;
        }
        board.wait_for_turns(1);
    }
    board.stop.set(1).unwrap();
    for worker in &mut workers {
        assert!(worker.wait().success(), "a worker failed");
    }
    let (begun, done) = (board.begun.get().unwrap(), board.done.get().unwrap());
    Figures {
        storm,
        seconds,
        kills,
        turns: done,
        lost_turns: begun - done,
        recoveries: board.recoveries.get().unwrap(),
        violations: board.violations.get().unwrap(),
        longest_wait_us: board.longest_wait_us.get().unwrap(),
    }
}

impl Figures {
    /// Prints and reports the figures; fails when a promise was broken.
    fn check(&self, name: &FreeName) {
        let Self { storm, seconds, kills, turns, recoveries, violations, .. } = self;
        let longest_wait_ms = self.longest_wait_us as f64 / 1e3;
        println!(
            "kills={kills} recoveries={recoveries} violations={violations} \
             longest_wait_ms={longest_wait_ms} turns={turns} seconds={seconds} storm={storm}"
        );
        if let Some(path) = std::env::var_os("NDSHM_STORM_REPORT") {
            let line = format!(
                "{{\"storm\":\"{storm}\",\"seconds\":{seconds},\"kills\":{kills},\
                 \"recoveries\":{recoveries},\"violations\":{violations},\
                 \"longest_wait_ms\":{longest_wait_ms},\"turns\":{turns}}}\n"
            );
            let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(*violations, 0);
        assert!(*kills > 0 && *turns > 0, "there was no storm");
        assert!(self.lost_turns <= *kills, "{} turns ended without a kill", self.lost_turns);
        let left: Vec<_> = fs::read_dir("/dev/shm")
            .unwrap()
            .flat_map(|entry| entry.unwrap().file_name().into_string())
            .filter(|left| left.starts_with(name.as_str()))
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

/// The role: told which storm, its name, and in whose PID namespace to work.
pub(crate) fn work(arguments: &[&str]) {
    let [storm, name, namespace] = arguments else { panic!("three arguments") };
    let work = || match *storm {
        "arrays" => work_on_an_array(name),
        "values" => work_on_values(name),
        other => panic!("no storm is called {other}"),
    };
    match *namespace {
        "shared" => work(),
        // The worker dies with this process, which the storm kills.
        "own" => assert!(unshare_pids() && fork(work).wait()),
        other => panic!("no namespace is called {other}"),
    }
}

/// What all workers of a storm count.
struct Board {
    begun: Value<u64>,
    done: Value<u64>,
    recoveries: Value<u64>,
    violations: Value<u64>,
    longest_wait_us: Value<u64>,
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
            stop: Value::open(&format!("{name}-stop")).unwrap(),
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
            self.begun.fetch_add(1).unwrap();
            turn();
            self.done.fetch_add(1).unwrap();
        }
    }

    /// Takes a lock and notes how long that took.
    fn timed<G>(&self, lock: impl FnOnce() -> G) -> G {
        let start = Instant::now();
        let guard = lock();
        let waited = u64::try_from(start.elapsed().as_micros()).unwrap();
        if waited > self.longest_wait_us.get().unwrap() {
            self.longest_wait_us.fetch_max(waited).unwrap();
        }
        guard
    }

    fn claim(&self, holds: bool, promise: &str) {
        if !holds {
            eprintln!("VIOLATION: {promise}");
            self.violations.fetch_add(1).unwrap();
        }
    }
}

fn work_on_an_array(name: &str) {
    let (board, array) = (Board::open(name), Array2::<u64>::open(name).unwrap());
    let mut random = Random::new();
    board.turns(|| match take_array_turn(&board, &array, &mut random) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), ErrorKind::OwnerDied | ErrorKind::Poisoned) => {
            recover(&board, &array);
        }
        Err(error) => board.claim(false, &error.to_string()),
    });
}

fn take_array_turn(board: &Board, array: &Array2<u64>, random: &mut Random) -> Result<()> {
    let rows = random.index_range(SHAPE.0);
    let whole = || array.request().timeout(DEADLINE);
    let part = || whole().rows(rows.clone());
    match random.below(8) {
        0 => board.claim(is_whole(&board.timed(|| whole().read())?), "a whole read is whole"),
        1 | 2 => {
            let guard = board.timed(|| part().read())?;
            board.claim(is_untorn(&guard), "rows that are read are not torn");
            if random.below(4) == 0 {
                let again = array.read_rows(guard.rows())?;
                board.claim(again == guard, "nested reads see the same");
            }
        }
        3 => {
            let mut guard = board.timed(|| whole().write())?;
            board.claim(is_whole(&guard), "a whole write finds it whole");
            transfer(board, &mut guard.view_mut(), random);
        }
        4 => {
            if let Some(mut guard) = array.request().rows(rows).try_write()? {
                transfer(board, &mut guard.view_mut(), random);
            }
        }
        _ => transfer(board, &mut board.timed(|| part().write())?.view_mut(), random),
    }
    Ok(())
}

/// Moves an amount from a row to another, and sees whether anybody else writes there meanwhile.
fn transfer(board: &Board, rows: &mut ArrayViewMut2<'_, u64>, random: &mut Random) {
    board.claim(is_untorn(rows), "rows that are written are not torn before");
    let amount = random.below(1000);
    for change in [amount, amount.wrapping_neg()] {
        let index = usize::try_from(random.below(rows.nrows() as u64)).unwrap();
        let mut row = rows.row_mut(index);
        let before = row[0];
        let mine = random.next();
        row.fill(mine);
        let unchanged = black_box(&mut row).iter().all(|&item| item == mine);
        board.claim(unchanged, "nobody else writes what is held");
        row.fill(before.wrapping_add(change));
    }
}

fn recover(board: &Board, array: &Array2<u64>) {
    match board.timed(|| array.request().timeout(DEADLINE).recover().write()) {
        Ok(mut guard) if guard.poison().is_some() => {
            mend(&mut guard.view_mut());
            guard.mark_consistent();
            board.recoveries.fetch_add(1).unwrap();
        }
        Ok(_) => {}
        Err(error) => board.claim(false, &error.to_string()),
    }
}

/// Makes the array whole again.
fn mend(rows: &mut ArrayViewMut2<'_, u64>) {
    for mut row in rows.rows_mut() {
        let first = row[0];
        row.fill(first);
    }
    let missing = TOTAL.wrapping_sub(sum(rows));
    rows.row_mut(0).map_inplace(|item| *item = item.wrapping_add(missing));
}

fn is_whole(rows: &ArrayRef2<u64>) -> bool {
    is_untorn(rows) && sum(rows) == TOTAL
}

fn sum(rows: &ArrayRef2<u64>) -> u64 {
    rows.column(0).iter().fold(0, |sum, &item| sum.wrapping_add(item))
}

/// Whether each row is all one number.
fn is_untorn(rows: &ArrayRef2<u64>) -> bool {
    rows.axis_iter(Axis(0)).all(|row| row.iter().all(|&item| item == row[0]))
}

fn is_uniform(large: &Large) -> bool {
    large.iter().all(|&item| item == large[0])
}

/// The values of the other storm.
struct Values {
    word: Value<u64>,
    float: Value<f64>,
    large: Value<Large>,
}

impl Values {
    fn create(name: &str) -> Self {
        Self {
            word: Value::create(&format!("{name}-word"), 0).unwrap(),
            float: Value::create(&format!("{name}-float"), 0.0).unwrap(),
            large: Value::create(&format!("{name}-large"), [0; 64]).unwrap(),
        }
    }

    fn open(name: &str) -> Self {
        fn open<T: Element>(name: &str, what: &str) -> Value<T> {
            Value::open(&format!("{name}-{what}")).unwrap()
        }
        Self { word: open(name, "word"), float: open(name, "float"), large: open(name, "large") }
    }
}

fn work_on_values(name: &str) {
    let (board, values) = (Board::open(name), Values::open(name));
    let mut random = Random::new();
    let mut last = 0;
    board.turns(|| {
        if let Err(error) = take_value_turn(&board, &values, &mut random, &mut last) {
            board.claim(false, &error.to_string());
        }
    });
}

fn take_value_turn(
    board: &Board,
    values: &Values,
    random: &mut Random,
    last: &mut u64,
) -> Result<()> {
    values.word.fetch_add(1)?;
    values.float.fetch_add(1.0)?;
    let seen = values.large.get()?;
    board.claim(is_uniform(&seen), "a value is never torn");
    board.claim(seen[0] >= *last, "a committed value never goes back");
    let mut guard = board.timed(|| values.large.lock_timeout(DEADLINE))?;
    board.claim(is_uniform(&guard) && guard[0] >= seen[0], "a locked value is current");
    guard.iter_mut().for_each(|item| *item += 1);
    *last = guard[0];
    drop(guard);
    if random.below(4) == 0 {
        let changed = values.large.wait_changed_timeout([*last; 64], Duration::from_millis(2));
        match changed {
            Ok(seen) => board.claim(is_uniform(&seen) && seen[0] > *last, "a change is newer"),
            Err(error) => board.claim(error.kind() == ErrorKind::Timeout, &error.to_string()),
        }
    }
    Ok(())
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
