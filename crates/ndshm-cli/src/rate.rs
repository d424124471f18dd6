//! How often a ring's frames come.
//!
//! Frames are numbered without gaps and carry the time when they were published. So a look now and then
//! tells the rate, and nobody has to receive every frame.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ndshm::{Access, AnyRing, Clock, ErrorKind, FrameMeta, Look, Participant, RingStatus};

use crate::args::Measure;
use crate::failure::{Failure, Result};
use crate::home::{Home, Target};

/// The time from one look to the next. Only frames that are seen count for intervals.
pub(crate) const PERIOD: Duration = Duration::from_millis(2);

/// A ring that was silent for so long, and for the time of several frames, brings no more frames.
const SILENCE: Duration = Duration::from_secs(1);

/// How often a ring's frames come now, judged by those that are there. It is 0 when they stopped
/// coming, and `None` when that cannot be told.
pub(crate) fn rate_of(ring: &RingStatus) -> Option<f64> {
    let hz = rate_of_frames(ring.frames())?;
    let is_published = ring.publisher().is_some_and(Participant::is_alive);
    Some(if is_published { hz } else { 0.0 })
}

fn rate_of_frames(frames: &[FrameMeta]) -> Option<f64> {
    let mut seen = Frames::default();
    frames.iter().for_each(|meta| seen.add(meta));
    let (span, last) = (seen.span()?, seen.last?);
    Some(if span.is_over(age_of(&last)?) { 0.0 } else { span.hz() })
}

/// How long ago a frame was published, if this process has the clock that tells it.
pub(crate) fn age_of(meta: &FrameMeta) -> Option<Duration> {
    Some(Duration::from_nanos(now(meta.publish_clock)?.saturating_sub(meta.publish_ns)))
}

/// Nanoseconds by that clock; `None` for those that this process does not have.
pub(crate) fn now(clock: Clock) -> Option<u64> {
    match clock {
        // What a frame taken now would say.
        Clock::MONOTONIC => Some(FrameMeta::new().capture_now().capture_ns),
        Clock::REALTIME => {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
            u64::try_from(since.as_nanos()).ok()
        }
        _ => None,
    }
}

/// A ring whose frames are measured, and how it is looked at.
pub(crate) enum Ring {
    /// Mapped for reading, which is cheap to look at.
    Mapped(AnyRing),
    /// A ring of another user, who is not trusted to keep the file as long as it is.
    Outside(Box<Look>),
}

/// What a ring shows at one moment.
pub(crate) struct Moment {
    pub(crate) published: u64,
    pub(crate) dropped: u64,
    /// The descriptions of the frames that are there, oldest first. They are not looked for if
    /// there are none after those known.
    pub(crate) frames: Vec<FrameMeta>,
    pub(crate) replaced: bool,
}

impl Ring {
    pub(crate) fn open(target: &Target) -> Result<Self> {
        match AnyRing::options().access(Access::Observe).open(target.address()) {
            Ok(ring) => Ok(Self::Mapped(ring)),
            Err(error) if error.kind() == ErrorKind::NotTrusted => {
                let look = Look::of(target.address())?;
                look.ring_status()?;
                Ok(Self::Outside(Box::new(look)))
            }
            Err(error) if error.kind() == ErrorKind::KindMismatch => {
                Err(Failure::problem(format!(
                    "{:?} is no ring: only rings have frames to measure; `ndshm ls` tells what is one",
                    target.path()
                )))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Looks for frames after that number.
    pub(crate) fn look(&self, known: u64) -> Result<Moment> {
        Ok(match self {
            Self::Mapped(ring) => {
                let (published, dropped) = (ring.published(), ring.dropped());
                let frames = if published > known { ring.metas() } else { Vec::new() };
                Moment { published, dropped, frames, replaced: ring.segment().is_replaced() }
            }
            Self::Outside(look) => {
                let ring = look.ring_status()?;
                Moment {
                    published: ring.published(),
                    dropped: ring.dropped(),
                    frames: ring.frames().to_vec(),
                    replaced: ring.segment().is_replaced(),
                }
            }
        })
    }

    fn frame_len(&self) -> Result<usize> {
        Ok(match self {
            Self::Mapped(ring) => ring.frame_len(),
            Self::Outside(look) => look.ring_status()?.frame_len(),
        })
    }
}

/// What was seen of a ring's frames.
pub(crate) struct Rate {
    /// How many were published while it was measured.
    pub(crate) frames: u64,
    /// Frames a second, from the first to the last.
    pub(crate) hz: f64,
    pub(crate) bytes_per_second: u64,
    /// The times between frames that follow each other, in seconds; `None` when no two of them were
    /// seen.
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
        let ring = Ring::open(&home.find(&args.name))?;
        let Moment { published: before, dropped, .. } = ring.look(u64::MAX)?;
        let mut seen = Frames::default();
        let start = Instant::now();
        let last = loop {
            let last = ring.look(seen.last.map_or(before, |meta| meta.seq))?;
            last.frames.iter().filter(|meta| meta.seq > before).for_each(|meta| seen.add(meta));
            if last.replaced {
                return Err(Failure::problem(format!(
                    "{:?} was replaced while it was measured: measure again",
                    args.name
                )));
            }
            let Some(left) = args.seconds.checked_sub(start.elapsed()) else { break last };
            thread::sleep(left.min(PERIOD));
        };
        let frames = last.published.saturating_sub(before);
        let drops = last.dropped.saturating_sub(dropped);
        let span = seen.span().ok_or_else(|| {
            Failure::problem(format!(
                "{:?} brought {frames} frames in {}s and dropped {drops}: too few for a rate; see with \
                 `ndshm info` who publishes, or wait longer with --seconds",
                args.name,
                args.seconds.as_secs_f64()
            ))
        })?;
        let Frames { least, greatest, .. } = seen;
        let frame_len = ring.frame_len()?;
        let (hz, bytes_per_second) = (span.hz(), span.bytes_per_second(frame_len));
        Ok(Self { frames, hz, bytes_per_second, least, greatest, drops, frame_len })
    }
}

/// The frames seen so far.
#[derive(Default)]
pub(crate) struct Frames {
    first: Option<FrameMeta>,
    last: Option<FrameMeta>,
    pub(crate) least: Option<f64>,
    pub(crate) greatest: Option<f64>,
}

impl Frames {
    /// Adds a frame, if it is a later one.
    pub(crate) fn add(&mut self, meta: &FrameMeta) {
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

    /// The span from the first to the last; `None` when no two frames were seen, or no time passed
    /// between them.
    pub(crate) fn span(&self) -> Option<Span> {
        let (first, last) = (self.first?, self.last?);
        let frames = last.seq.saturating_sub(first.seq);
        let ns = last.publish_ns.saturating_sub(first.publish_ns);
        (frames > 0 && ns > 0).then_some(Span { frames, ns })
    }
}

/// So many frames in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    frames: u64,
    ns: u64,
}

impl Span {
    /// Whether no more frames come, after that long without one.
    pub(crate) fn is_over(self, silence: Duration) -> bool {
        let usual = Duration::from_nanos(self.ns / self.frames);
        silence > SILENCE.max(usual.saturating_mul(3))
    }

    pub(crate) fn hz(self) -> f64 {
        self.frames as f64 / Duration::from_nanos(self.ns).as_secs_f64()
    }

    pub(crate) fn bytes_per_second(self, frame_len: usize) -> u64 {
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
        let mut seen = Frames::default();
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
    fn a_ring_that_fell_silent_has_no_rate_any_more() {
        let now = now(Clock::MONOTONIC).unwrap();
        let ring = |newest: u64| {
            let at = |back: u64| FrameMeta {
                publish_clock: Clock::MONOTONIC,
                ..frame(10 - back, newest - back * 100_000_000)
            };
            [at(2), at(1), at(0)]
        };
        assert_eq!(rate_of_frames(&ring(now)), Some(10.0));
        assert_eq!(rate_of_frames(&ring(now - 2_000_000_000)), Some(0.0));
        assert_eq!(rate_of_frames(&ring(now)[..1]), None);
        assert_eq!(rate_of_frames(&[frame(1, 1), frame(2, 2)]), None);
    }

    #[test]
    fn times_that_no_clock_tells_make_no_rate() {
        let mut seen = Frames::default();
        for meta in [frame(1, u64::MAX), frame(2, 0), frame(u64::MAX, 0)] {
            seen.add(&meta);
        }
        assert_eq!(seen.span(), None);
    }
}
