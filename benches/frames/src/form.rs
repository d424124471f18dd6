//! What a transport is asked for.

/// What a transport is to be good for.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Bytes of a frame.
    pub frame_len: usize,
    /// For how many frames there is room where frames lie in shared memory: one that is written, and
    /// the others not yet read by all.
    pub frames: u32,
    pub receivers: u32,
    pub waiting: Waiting,
}

/// How a receiver waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Looks all the time.
    Spin,
    /// Looks for some microseconds, then sleeps.
    SpinThenSleep,
    /// Sleeps.
    Sleep,
}

impl Form {
    /// Spells it for a command line.
    pub fn spell(self) -> String {
        let Self { frame_len, frames, receivers, waiting } = self;
        format!("{frame_len},{frames},{receivers},{waiting:?}")
    }

    /// The one that is spelled so.
    ///
    /// # Panics
    ///
    /// When none is.
    pub fn of(spelled: &str) -> Self {
        let words: Vec<_> = spelled.split(',').collect();
        let [frame_len, frames, receivers, waiting] = words[..] else { panic!("four words") };
        let all = [Waiting::Spin, Waiting::SpinThenSleep, Waiting::Sleep];
        let waiting = all.into_iter().find(|each| format!("{each:?}") == waiting);
        Self {
            frame_len: frame_len.parse().expect("a number"),
            frames: frames.parse().expect("a number"),
            receivers: receivers.parse().expect("a number"),
            waiting: waiting.expect("one of these"),
        }
    }
}
