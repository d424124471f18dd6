//! Row 12: from the SIGKILL of a lock's owner until who waits for the lock has it.
//!
//! # Safety
//!
//! `raw_sync` is given a page that is mapped as long as its lock is used.
#![allow(unsafe_code)]

mod support;

use std::env;
use std::hint::black_box;
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use ndshm::{Array1, Result};
use raw_sync::Timeout;
use raw_sync::locks::LockInit;
use support::pthread::{Kind, Mutex, Page};
use support::{Helper, Row};

fn main() -> Result<()> {
    if let Some((role, arguments)) = support::role() {
        return die(&role, &arguments);
    }
    let array = Array1::<u64>::create_unique("bench-death-", 512)?;
    let robust = Mutex::new(Kind::Robust);
    let mut sizes = vec![("an idle owner", 0, 100)];
    if env::var_os("NDSHM_BENCH_GIB").is_some() {
        sizes.push(("an owner of 1 GiB", 1 << 30, 20));
    }
    let baseline = "pthread mutex, robust and process-shared";
    for (owner, heap, count) in sizes {
        let heap = heap.to_string();
        let work = format!("SIGKILL of {owner}, until the one that waits has the lock");
        Row { number: 12, work: &work, baseline, target: 10.0 }.compare_events(
            count,
            || kill(Helper::start("robust", &[&robust.path(), &heap]), || robust.recover()).wait,
            || kill(Helper::start("ours", &[array.name(), &heap]), || recover(&array)).wait,
        );
        beside_the_teardown(&array, owner, &heap, count);
    }
    raw_sync_after_a_death();
    Ok(())
}

/// How much later than the kernel's own end of the owner the lock is ours: whatever waits for that
/// end has no lock before.
fn beside_the_teardown(array: &Array1<u64>, owner: &str, heap: &str, count: usize) {
    let start = || Helper::start("ours", &[array.name(), heap]);
    let ends = |ends: Ends| [ends.owner, ends.wait];
    let until_free = || {
        let participants = || array.segment().participants().expect("they can be probed");
        while participants()[1].is_alive() {
            thread::yield_now();
        }
    };
    let baseline = "the same owner's end: waitpid";
    let work = format!("SIGKILL of {owner}, until its lifeline is free");
    Row { number: 12, work: &work, baseline, target: 1.0 }.compare_ends(count, || {
        let ended = kill(start(), until_free);
        recover(array);
        ends(ended)
    });
    let work = format!("SIGKILL of {owner}, until the one that waits has the lock");
    Row { number: 12, work: &work, baseline, target: 10.0 }
        .compare_ends(count, || ends(kill(start(), || recover(array))));
}

/// How long after the SIGKILL something ended.
struct Ends {
    owner: Duration,
    wait: Duration,
}

/// Kills the owner while a thread of this process waits.
fn kill(mut owner: Helper, wait: impl FnOnce() + Send) -> Ends {
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            wait();
            Instant::now()
        });
        thread::sleep(LONG_WAIT + phase());
        let killed = Instant::now();
        owner.kill();
        owner.wait();
        let ended = killed.elapsed();
        Ends { owner: ended, wait: waiter.join().expect("it has the lock") - killed }
    })
}

/// After this, who waits for one of our locks looks at its owner as seldom as it ever will.
const LONG_WAIT: Duration = Duration::from_millis(20);

/// Falls anywhere between two of those looks.
fn phase() -> Duration {
    let now = std::time::UNIX_EPOCH.elapsed().expect("it is later than 1970");
    Duration::from_micros(u64::from(now.subsec_micros() % 8000))
}

fn recover(array: &Array1<u64>) {
    let mut guard = array.write_recover().expect("nothing else is wrong with it");
    assert!(guard.poison().is_some());
    guard.mark_consistent();
}

/// The peer that keeps locks in memory as we do: tells whether two seconds are enough for it.
fn raw_sync_after_a_death() {
    let page = Page::new();
    // SAFETY: the page is zeroed, as long as the lock, and outlives it.
    let made = unsafe { raw_sync::locks::Mutex::new(page.pointer(), ptr::null_mut()) };
    let (mutex, _) = made.expect("raw_sync makes a lock");
    let mut owner = Helper::start("raw_sync", &[&page.path(), "0"]);
    owner.kill();
    drop(owner);
    let start = Instant::now();
    let locked = mutex.try_lock(Timeout::Val(Duration::from_secs(2)));
    let outcome = if locked.is_ok() { "has the lock" } else { "gave up" };
    eprintln!("row 12: raw_sync {outcome} {:.1?} after the death", start.elapsed());
    std::mem::forget(locked);
}

/// The owner: takes a lock, and some memory, and waits for its end.
fn die(role: &str, arguments: &[String]) -> Result<()> {
    let [lock, heap] = arguments else { panic!("two arguments") };
    let heap = vec![1_u8; heap.parse().expect("a number of bytes")];
    black_box(&heap);
    match role {
        "ours" => {
            let array = Array1::<u64>::open(lock)?;
            let mut guard = array.write()?;
            guard[0] += 1;
            support::stay();
        }
        "robust" => {
            let mutex = Mutex::open(lock);
            assert_eq!(mutex.lock(), 0);
            support::stay();
        }
        "raw_sync" => {
            let page = Page::open(lock);
            // SAFETY: the page has a lock of its kind, and outlives this one.
            let opened =
                unsafe { raw_sync::locks::Mutex::from_existing(page.pointer(), ptr::null_mut()) };
            let (mutex, _) = opened.expect("raw_sync opens a lock");
            let _guard = mutex.lock().expect("nobody has it");
            support::stay();
        }
        other => panic!("no role is called {other}"),
    }
    Ok(())
}
