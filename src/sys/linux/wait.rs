//! Sleeping on a shared word: futexes, the process-shared kind.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags, Timespec};

use crate::atomic::{AtomicU32, in_memory};

/// How a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The time was over.
    TimedOut,
    /// The word had another value, somebody woke us, or a signal came: look again.
    LookAgain,
}

/// Sleeps while `word` is `expected`, at most `slice` long, by the monotonic clock.
pub(crate) fn wait(word: &AtomicU32, expected: u32, slice: Duration) -> Woken {
    let timeout = Timespec {
        tv_sec: i64::try_from(slice.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: slice.subsec_nanos().into(),
    };
    match futex::wait(in_memory(word), Flags::empty(), expected, Some(&timeout)) {
        Err(Errno::TIMEDOUT) => Woken::TimedOut,
        _ => Woken::LookAgain,
    }
}

/// Wakes all who sleep on `word`, in every process.
pub(crate) fn wake_all(word: &AtomicU32) {
    // The only failures are bad addresses, which a reference is not.
    let _ = futex::wake(in_memory(word), Flags::empty(), i32::MAX.unsigned_abs());
}

/// How often it pays to look again before sleeping: never, on one processor.
pub(crate) fn spins() -> u32 {
    const UNKNOWN: u32 = u32::MAX;
    // Not a `OnceLock`: a child forked while another thread fills one waits for it for ever.
    static SPINS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(UNKNOWN);
    match SPINS.load(Relaxed) {
        UNKNOWN => {
            let several = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
            let spins = if several { 100 } else { 0 };
            SPINS.store(spins, Relaxed);
            spins
        }
        known => known,
    }
}

/// Lets other threads and processes run for a while; for what the kernel offers no wait for.
pub(crate) fn pause() {
    let nobody_wakes = AtomicU32::new(0);
    wait(&nobody_wakes, 0, Duration::from_millis(1));
}
