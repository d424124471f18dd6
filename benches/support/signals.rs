//! Rounds of work by helpers that all start at once.

use ndshm::{Result, Value};

/// Starts rounds and waits for their end.
pub(crate) struct Signals {
    /// Number of the round, times [`KINDS`], plus its kind.
    pub(crate) start: Value<u64>,
    /// How many workers are done, in all rounds.
    pub(crate) done: Value<u64>,
}

/// How many kinds of round there may be; a round's kind is in the low bits of its number.
pub(crate) const KINDS: u64 = 8;

/// How many workers there are.
pub(crate) const WORKERS: u64 = 2;

impl Signals {
    const END: u64 = u64::MAX;

    pub(crate) fn new() -> Result<Self> {
        let new = || Value::create_unique("bench-signal-", 0);
        Ok(Self { start: new()?, done: new()? })
    }

    pub(crate) fn open(start: &str, done: &str) -> Result<Self> {
        Ok(Self { start: Value::open(start)?, done: Value::open(done)? })
    }

    /// Runs a round of that kind: all workers, from signal to end.
    pub(crate) fn round(&self, kind: u64) {
        let wanted = self.done.get().expect("a value can be read") + WORKERS;
        self.start
            .update(|last| (last / KINDS + 1) * KINDS + kind)
            .expect("a value can be changed");
        let mut done = wanted - WORKERS;
        while done < wanted {
            done = self.done.wait_changed(done).expect("a value can be waited for");
        }
    }

    /// Waits for the next round; `None` at the end.
    pub(crate) fn next(&self, seen: &mut u64) -> Option<u64> {
        *seen = self.start.wait_changed(*seen).expect("a value can be waited for");
        (*seen != Self::END).then_some(*seen)
    }

    pub(crate) fn end(&self) {
        self.start.set(Self::END).expect("a value can be changed");
    }
}
