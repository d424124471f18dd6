//! Sleeping on a shared word: futexes, the process-shared kind.

use std::fs;
use std::sync::atomic::{AtomicU32 as Private, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags, Timespec};

use crate::atomic::AtomicU32;

/// How a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The time was over.
    TimedOut,
    /// The word had another value, or somebody woke us. The caller looks again.
    LookAgain,
}

/// Sleeps while `word` is `expected`, for at most `slice` by the monotonic clock.
///
/// A signal does not end the slice. Signals may come faster than any slice ends, and callers count
/// the end of a slice as time that has passed.
pub(crate) fn wait(word: &AtomicU32, expected: u32, slice: Duration) -> Woken {
    let began = Instant::now();
    let mut left = slice;
    loop {
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match futex::wait(in_memory(word), Flags::empty(), expected, Some(&timeout)) {
            Err(Errno::TIMEDOUT) => return Woken::TimedOut,
            Err(Errno::INTR) => left = slice.saturating_sub(began.elapsed()),
            _ => return Woken::LookAgain,
        }
        if left.is_zero() {
            return Woken::TimedOut;
        }
    }
}

/// Wakes all threads that sleep on `word`, in every process.
pub(crate) fn wake_all(word: &AtomicU32) {
    // The only possible errors are bad addresses, and a reference is none.
    let _ = futex::wake(in_memory(word), Flags::empty(), i32::MAX.unsigned_abs());
}

/// How often it pays to look again before sleeping. Never, on one processor. A process that is
/// bound to one processor still waits for others.
pub(crate) fn spins() -> u32 {
    // This is not a `OnceLock`: a child that is forked while another thread fills one waits for
    // ever.
    static SPINS: Private = Private::new(UNKNOWN);
    const UNKNOWN: u32 = u32::MAX;
    let mut spins = SPINS.load(Relaxed);
    if spins == UNKNOWN {
        spins = if has_one_processor() { 0 } else { 100 };
        SPINS.store(spins, Relaxed);
    }
    spins
}

fn has_one_processor() -> bool {
    match fs::read_to_string("/sys/devices/system/cpu/online") {
        // The file holds a list of numbers and ranges.
        Ok(online) => !online.contains(['-', ',']),
        Err(_) => thread::available_parallelism().is_ok_and(|processors| processors.get() == 1),
    }
}

/// Lets other threads and processes run for that long. This is for things that the kernel offers no
/// wait for.
pub(crate) fn pause(slice: Duration) {
    let nobody_wakes = AtomicU32::new(0);
    wait(&nobody_wakes, 0, slice);
}

/// The word as the kernel sees it. Models never get as far as the kernel.
#[cfg(not(loom))]
fn in_memory(word: &AtomicU32) -> &AtomicU32 {
    word
}

/// The word as the kernel sees it. Models never get as far as the kernel.
#[cfg(loom)]
fn in_memory(_word: &AtomicU32) -> &std::sync::atomic::AtomicU32 {
    unreachable!("a model asked the kernel")
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_as_long_as_it_says() {
        let slice = Duration::from_millis(3);
        let began = Instant::now();
        pause(slice);
        assert!(began.elapsed() >= slice);
    }
}
