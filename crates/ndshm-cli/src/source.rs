//! Where a command's numbers come from: a segment that is looked at, a frame, or what lies in a file.
//!
//! Nothing is mapped, so nobody needs to be trusted: permission to read is enough.

use ndshm::{AnySnapshot, ErrorKind, Kind, Look, NpyFile, RingStatus};

use crate::args::{self, Frame};
use crate::data::Numbers;
use crate::failure::{Failure, Result};
use crate::home::Target;

/// Something that has numbers.
pub(crate) enum Source {
    Segment(Box<Look>),
    File(NpyFile),
    Copy(AnySnapshot),
}

impl Target {
    /// Its numbers. They are whole, unless `torn` says that any will do.
    pub(crate) fn numbers(&self, look: &args::Look) -> Result<Source> {
        if look.torn {
            return Ok(Source::File(NpyFile::open(self.path())?));
        }
        let opened = Look::of(self.address())?;
        let info = opened.info();
        if info.kind() == Kind::Ring {
            return Ok(Source::Copy(frame(&opened, look.frame.unwrap_or(Frame::Latest))?));
        }
        if look.frame.is_some() {
            return Err(Failure::usage(format!(
                "{:?} is no ring and has no frames: leave --frame out",
                info.name()
            )));
        }
        Ok(Source::Segment(Box::new(opened)))
    }
}

/// A frame of a ring.
fn frame(ring: &Look, frame: Frame) -> Result<AnySnapshot> {
    let copied = ring.peek_frame(|numbers| match frame {
        Frame::Latest => numbers.last().copied(),
        Frame::Number(seq) => Some(seq),
    });
    if let Some(copied) = copied.map_err(advised)? {
        return Ok(copied.into_snapshot());
    }
    Err(Failure::problem(match frame {
        Frame::Latest => format!("{:?} has no frame yet", ring.info().name()),
        Frame::Number(seq) => no_such_frame(&ring.ring_status()?, seq),
    }))
}

impl Source {
    /// Calls `look` with the numbers, perhaps several times. What it returned the last time counts.
    pub(crate) fn read<R>(
        &self,
        mut look: impl FnMut(&Numbers<'_>) -> ndshm::Result<R>,
    ) -> Result<R> {
        let seen = match self {
            Self::Segment(segment) => segment.peek(|data| look(&Numbers::Seen(data))),
            Self::File(file) => look(&Numbers::File(file)),
            Self::Copy(copy) => look(&Numbers::Copy(copy)),
        };
        seen.map_err(advised)
    }

    /// Copies what is that long or shorter. A copy is done sooner than what is computed of it, and
    /// so succeeds where writers leave little time.
    pub(crate) fn copied_up_to(self, most: usize) -> Result<Self> {
        let len = match &self {
            Self::Segment(segment) => segment.info().data_len(),
            Self::File(file) => file.data_len(),
            Self::Copy(_) => return Ok(self),
        };
        if len > most { Ok(self) } else { Ok(Self::Copy(self.copied()?)) }
    }

    pub(crate) fn copied(self) -> Result<AnySnapshot> {
        match self {
            Self::Segment(segment) => segment.peek(|data| data.to_snapshot()).map_err(advised),
            Self::File(file) => Ok(AnySnapshot::of_file(&file)?),
            Self::Copy(copy) => Ok(copy),
        }
    }
}

/// Adds what is left to try.
fn advised(error: ndshm::Error) -> Failure {
    let kind = error.kind();
    let failure = Failure::from(error);
    match kind {
        ErrorKind::Poisoned | ErrorKind::OwnerDied | ErrorKind::Timeout => {
            failure.or("see with --torn what lies there")
        }
        _ => failure,
    }
}

fn no_such_frame(ring: &RingStatus, seq: u64) -> String {
    let name = ring.segment().info().name();
    match (ring.frames().first(), ring.frames().last()) {
        (Some(oldest), Some(newest)) => {
            format!("{name:?} has no frame {seq}: there are {} to {}", oldest.seq, newest.seq)
        }
        _ => format!("{name:?} has no frame {seq}, and no other yet"),
    }
}
