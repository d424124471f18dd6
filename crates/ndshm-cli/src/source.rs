//! Where a command's numbers come from: a segment that is looked at, a frame, or what lies in a file.

use ndshm::{Access, AnyFrame, AnyRing, AnySnapshot, ErrorKind, Kind, NpyFile, Segment};

use crate::args::{Frame, Look};
use crate::data::Numbers;
use crate::failure::{Failure, Result};
use crate::home::Place;

/// Something that has numbers.
pub(crate) enum Source {
    Segment(Segment),
    File(NpyFile),
    Copy(AnySnapshot),
}

impl Place {
    /// Its numbers: whole ones, unless `torn` says that any will do.
    pub(crate) fn numbers(&self, look: &Look) -> Result<Source> {
        if look.torn {
            return Ok(Source::File(NpyFile::open(self.path())?));
        }
        let segment = Segment::options().access(Access::Observe).open(self.address());
        let segment = segment.map_err(advised)?;
        if segment.info()?.kind() == Kind::Ring {
            let frame = look.frame.unwrap_or(Frame::Latest);
            return Ok(Source::Copy(frame_of(&AnyRing::of(&segment)?, frame)?));
        }
        if look.frame.is_some() {
            return Err(Failure::usage(format!(
                "{:?} is no ring and has no frames: leave --frame out",
                segment.name()
            )));
        }
        Ok(Source::Segment(segment))
    }
}

impl Source {
    /// Calls `look` with the numbers, perhaps several times; what it returned the last time counts.
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

    /// Copies what is that long or shorter: a copy is sooner done than what is computed of it, and so
    /// succeeds where writers leave little time.
    pub(crate) fn copied_up_to(self, most: usize) -> Result<Self> {
        let len = match &self {
            Self::Segment(segment) => segment.info()?.data_len(),
            Self::File(file) => file.data_len(),
            Self::Copy(_) => return Ok(self),
        };
        if len > most { Ok(self) } else { Ok(Self::Copy(self.copied()?)) }
    }

    pub(crate) fn copied(self) -> Result<AnySnapshot> {
        match self {
            Self::Segment(segment) => AnySnapshot::of(&segment).map_err(advised),
            Self::File(file) => Ok(AnySnapshot::of_file(&file)?),
            Self::Copy(copy) => Ok(copy),
        }
    }
}

/// Says what is left to try.
fn advised(error: ndshm::Error) -> Failure {
    let kind = error.kind();
    let failure = Failure::from(error);
    match kind {
        ErrorKind::Poisoned | ErrorKind::OwnerDied | ErrorKind::Timeout | ErrorKind::NotTrusted => {
            failure.or("see with --torn what lies there")
        }
        _ => failure,
    }
}

fn frame_of(ring: &AnyRing, frame: Frame) -> Result<AnySnapshot> {
    let name = ring.segment().name();
    let copied = match frame {
        Frame::Latest => ring.latest()?,
        Frame::Number(seq) => ring.frame(seq)?,
    };
    copied.map(AnyFrame::into_snapshot).ok_or_else(|| {
        Failure::problem(match frame {
            Frame::Latest => format!("{name:?} has no frame yet"),
            Frame::Number(seq) => no_such_frame(ring, seq),
        })
    })
}

fn no_such_frame(ring: &AnyRing, seq: u64) -> String {
    let name = ring.segment().name();
    let metas = ring.metas();
    match (metas.first(), metas.last()) {
        (Some(oldest), Some(newest)) => {
            format!("{name:?} has no frame {seq}: there are {} to {}", oldest.seq, newest.seq)
        }
        _ => format!("{name:?} has no frame {seq}, and no other yet"),
    }
}
