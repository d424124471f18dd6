//! How often a ring's frames come.
//!
//! Frames are numbered without gaps and carry the time when they were published. So a look now and then
//! tells the rate, and nobody has to receive every frame.

use std::thread;
use std::time::{Duration, Instant};

use ndshm::{AnyRing, FrameMeta};

use crate::args::Measure;
use crate::failure::{Failure, Result};
use crate::home::Home;

/// From one look to the next. Only those frames count for intervals that are seen.
const PERIOD: Duration = Duration::from_millis(2);

/// What was seen of a ring's frames.
pub(crate) struct Rate {
    /// How many were published while it was measured.
    pub(crate) frames: u64,
    /// Frames a second, from the first to the last.
    pub(crate) hz: f64,
    pub(crate) bytes_per_second: u64,
    /// Between frames that follow each other, in seconds; `None` when no two of them were seen.
    pub(crate) least: Option<f64>,
    pub(crate) greatest: Option<f64>,
    /// How many frames publishers dropped meanwhile.
    pub(crate) drops: u64,
    /// The bytes of a frame.
    pub(crate) frame_len: usize,
}

impl Rate {
    /// Watches a ring for as long as was asked.
    pub(crate) fn measure(args: &Measure, home: &Home) -> Result<Self> {
        let ring = AnyRing::open(home.find(&args.name).address())?;
        let (before, dropped) = (ring.published(), ring.dropped());
        let mut seen = Seen::default();
        let start = Instant::now();
        loop {
            if ring.published() > seen.last.map_or(before, |meta| meta.seq) {
                ring.metas()
                    .iter()
                    .filter(|meta| meta.seq > before)
                    .for_each(|meta| seen.add(meta));
            }
            if ring.segment().is_replaced() {
                return Err(Failure::problem(format!(
                    "{:?} was replaced while it was measured: measure again",
                    args.name
                )));
            }
            let Some(left) = args.seconds.checked_sub(start.elapsed()) else { break };
            thread::sleep(left.min(PERIOD));
        }
        let frames = ring.published().saturating_sub(before);
        let drops = ring.dropped().saturating_sub(dropped);
        let span = seen.span().ok_or_else(|| {
            Failure::problem(format!(
                "{:?} brought {frames} frames in {}s and dropped {drops}: too few for a rate; see with \
                 `ndshm info` who publishes, or wait longer with --seconds",
                args.name,
                args.seconds.as_secs_f64()
            ))
        })?;
        let Seen { least, greatest, .. } = seen;
        let frame_len = ring.frame_len();
        let (hz, bytes_per_second) = (span.hz(), span.bytes_per_second(frame_len));
        Ok(Self { frames, hz, bytes_per_second, least, greatest, drops, frame_len })
    }
}

/// The frames seen so far.
#[derive(Default)]
struct Seen {
    first: Option<FrameMeta>,
    last: Option<FrameMeta>,
    least: Option<f64>,
    greatest: Option<f64>,
}

impl Seen {
    /// Adds a frame, if it is a later one.
    fn add(&mut self, meta: &FrameMeta) {
        self.first.get_or_insert(*meta);
        let before = self.last.filter(|last| last.seq.checked_add(1) == Some(meta.seq));
        if let Some(before) = before {
            let interval = seconds_between(&before, meta);
            self.least = Some(self.least.map_or(interval, |least| least.min(interval)));
            self.greatest = Some(self.greatest.map_or(interval, |greatest| greatest.max(interval)));
        }
        if self.last.is_none_or(|last| last.seq < meta.seq) {
            self.last = Some(*meta);
        }
    }

    /// From the first to the last; `None` when no two frames were seen, or no time passed between them.
    fn span(&self) -> Option<Span> {
        let (first, last) = (self.first?, self.last?);
        let frames = last.seq.saturating_sub(first.seq);
        let ns = last.publish_ns.saturating_sub(first.publish_ns);
        (frames > 0 && ns > 0).then_some(Span { frames, ns })
    }
}

/// So many frames in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    frames: u64,
    ns: u64,
}

impl Span {
    fn hz(self) -> f64 {
        self.frames as f64 / Duration::from_nanos(self.ns).as_secs_f64()
    }

    fn bytes_per_second(self, frame_len: usize) -> u64 {
        let bytes = u128::from(self.frames).saturating_mul(frame_len as u128);
        let per_second = bytes.saturating_mul(1_000_000_000) / u128::from(self.ns);
        u64::try_from(per_second).unwrap_or(u64::MAX)
    }
}

fn seconds_between(one: &FrameMeta, other: &FrameMeta) -> f64 {
    Duration::from_nanos(other.publish_ns.saturating_sub(one.publish_ns)).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(seq: u64, publish_ns: u64) -> FrameMeta {
        FrameMeta { seq, publish_ns, ..FrameMeta::new() }
    }

    #[test]
    fn frames_that_were_not_seen_count_for_the_rate_but_not_for_intervals() {
        let mut seen = Seen::default();
        assert_eq!(seen.span(), None);
        for meta in
            [frame(1, 0), frame(2, 100_000_000), frame(2, 100_000_000), frame(5, 400_000_000)]
        {
            seen.add(&meta);
        }
        let span = seen.span().unwrap();
        assert_eq!((span.hz(), span.bytes_per_second(1000)), (10.0, 10_000));
        assert_eq!((seen.least, seen.greatest), (Some(0.1), Some(0.1)));
    }

    #[test]
    fn times_that_no_clock_tells_make_no_rate() {
        let mut seen = Seen::default();
        for meta in [frame(1, u64::MAX), frame(2, 0), frame(u64::MAX, 0)] {
            seen.add(&meta);
        }
        assert_eq!(seen.span(), None);
    }
}
