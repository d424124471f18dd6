//! Sleeping on a shared word: futexes, the process-shared kind.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags, Timespec};

use crate::atomic::AtomicU32;

/// How a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The time was over, or a signal came: signals may come faster than any slice ends.
    TimedOut,
    /// The word had another value, or somebody woke us: look again.
    LookAgain,
}

/// Sleeps while `word` is `expected`, at most `slice` long, by the monotonic clock.
pub(crate) fn wait(word: &AtomicU32, expected: u32, slice: Duration) -> Woken {
    let timeout = Timespec {
        tv_sec: i64::try_from(slice.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: slice.subsec_nanos().into(),
    };
    match futex::wait(in_memory(word), Flags::empty(), expected, Some(&timeout)) {
        Err(Errno::TIMEDOUT | Errno::INTR) => Woken::TimedOut,
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
    // Not a `OnceLock`: a child forked while another thread fills one waits for ever.
    static PROCESSORS: AtomicUsize = AtomicUsize::new(0);
    let mut processors = PROCESSORS.load(Relaxed);
    if processors == 0 {
        processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        PROCESSORS.store(processors, Relaxed);
    }
    if processors > 1 { 100 } else { 0 }
}

/// Lets other threads and processes run for a while; for what the kernel offers no wait for.
pub(super) fn pause() {
    let nobody_wakes = AtomicU32::new(0);
    wait(&nobody_wakes, 0, Duration::from_millis(1));
}

/// The word as the kernel sees it; models never get as far as the kernel.
#[cfg(not(loom))]
fn in_memory(word: &AtomicU32) -> &AtomicU32 {
    word
}

/// The word as the kernel sees it; models never get as far as the kernel.
#[cfg(loom)]
fn in_memory(_word: &AtomicU32) -> &std::sync::atomic::AtomicU32 {
    unreachable!("a model asked the kernel")
}
