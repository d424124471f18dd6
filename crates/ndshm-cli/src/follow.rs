//! A ring's frames, followed while a person looks on.
//!
//! Frames are looked at every few milliseconds and never leased, so nobody waits for the watcher.
//! The figures are about the last few seconds.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use ndshm::FrameMeta;

use crate::failure::Result;
use crate::home::Target;
use crate::rate::{self, Frames, PERIOD, Ring};

/// How far back figures go.
const WINDOW: Duration = Duration::from_secs(5);

/// A ring that is followed.
pub(crate) struct Follower {
    ring: Ring,
    /// The frames of the last seconds that were seen.
    samples: VecDeque<Sample>,
    /// Number of the last frame that was seen or missed.
    position: u64,
    dropped_before: u64,
    dropped: u64,
    seen: u64,
    missed: u64,
}

struct Sample {
    at: Instant,
    meta: FrameMeta,
    /// From its capture until it was published, if one clock tells both.
    to_publish: Option<Duration>,
    /// From then until it was seen here.
    to_here: Option<Duration>,
    /// From its capture until it was seen here, if this process has that clock.
    whole: Option<Duration>,
}

/// The figures of the last seconds.
pub(crate) struct Figures {
    pub(crate) hz: Option<f64>,
    pub(crate) bytes_per_second: Option<u64>,
    /// The times between frames that follow each other, in seconds.
    pub(crate) least: Option<f64>,
    pub(crate) greatest: Option<f64>,
    /// Each with its start and its end.
    pub(crate) latencies: Vec<(&'static str, Spread)>,
    /// Frames since the ring is followed: seen, written over before they were seen, and dropped by
    /// the publisher.
    pub(crate) seen: u64,
    pub(crate) missed: u64,
    pub(crate) dropped: u64,
}

/// How long things took. Half of them took at most `p50`, and all but one in a hundred at most
/// `p99`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Follower {
    /// Begins with the next frame.
    pub(crate) fn new(target: &Target) -> Result<Self> {
        let ring = Ring::open(target)?;
        let first = ring.look(u64::MAX)?;
        Ok(Self {
            ring,
            samples: VecDeque::new(),
            position: first.published,
            dropped_before: first.dropped,
            dropped: first.dropped,
            seen: 0,
            missed: 0,
        })
    }

    /// Looks at frames for that long.
    pub(crate) fn follow(&mut self, time: Duration) -> Result {
        let start = Instant::now();
        loop {
            let now = self.ring.look(self.position)?;
            self.dropped = now.dropped;
            self.add(&now.frames);
            let Some(left) = time.checked_sub(start.elapsed()) else { return Ok(()) };
            thread::sleep(left.min(PERIOD));
        }
    }

    fn add(&mut self, frames: &[FrameMeta]) {
        let at = Instant::now();
        for meta in frames {
            if meta.seq <= self.position {
                continue;
            }
            self.missed = self.missed.saturating_add(meta.seq - self.position - 1);
            self.seen += 1;
            self.position = meta.seq;
            let between = |from: u64, to: u64| {
                to.checked_sub(from).filter(|_| from > 0).map(Duration::from_nanos)
            };
            let one_clock = meta.capture_clock == meta.publish_clock;
            let to_publish = between(meta.capture_ns, meta.publish_ns).filter(|_| one_clock);
            let to_here = rate::age_of(meta);
            let whole = rate::now(meta.capture_clock).and_then(|now| between(meta.capture_ns, now));
            self.samples.push_back(Sample { at, meta: *meta, to_publish, to_here, whole });
        }
        while self.samples.front().is_some_and(|oldest| oldest.at.elapsed() > WINDOW) {
            self.samples.pop_front();
        }
    }

    pub(crate) fn figures(&self, frame_len: usize) -> Figures {
        let mut seen = Frames::default();
        self.samples.iter().for_each(|sample| seen.add(&sample.meta));
        let silence = self.samples.back().map(|last| last.at.elapsed()).unwrap_or_default();
        let span = seen.span().filter(|span| !span.is_over(silence));
        let spread = |name, time: fn(&Sample) -> Option<Duration>| {
            Some((name, Spread::of(self.samples.iter().filter_map(time).collect())?))
        };
        let parts = [
            spread("capture to publish", |sample| sample.to_publish),
            spread("publish to here", |sample| sample.to_here),
            spread("capture to here", |sample| sample.whole),
        ];
        Figures {
            hz: span.map(rate::Span::hz),
            bytes_per_second: span.map(|span| span.bytes_per_second(frame_len)),
            least: seen.least,
            greatest: seen.greatest,
            latencies: parts.into_iter().flatten().collect(),
            seen: self.seen,
            missed: self.missed,
            dropped: self.dropped.saturating_sub(self.dropped_before),
        }
    }
}

impl Spread {
    /// `None` if there are no times.
    fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let rank = |percent: usize| {
            let index = (times.len() * percent).div_ceil(100).checked_sub(1)?;
            times.get(index).map(Duration::as_secs_f64)
        };
        Some(Self { p50: rank(50)?, p99: rank(99)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let of = |count: u64| Spread::of((1..=count).rev().map(Duration::from_secs).collect());
        assert_eq!(of(0), None);
        assert_eq!(of(1), Some(Spread { p50: 1.0, p99: 1.0 }));
        assert_eq!(of(100), Some(Spread { p50: 50.0, p99: 99.0 }));
        assert_eq!(of(1000), Some(Spread { p50: 500.0, p99: 990.0 }));
    }
}
