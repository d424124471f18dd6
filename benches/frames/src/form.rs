//! What a transport is asked for.

use std::str::FromStr;

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
}

impl FromStr for Form {
    type Err = String;

    fn from_str(spelled: &str) -> Result<Self, String> {
        let wrong = || format!("`{spelled}` is no form");
        let words: Vec<_> = spelled.split(',').collect();
        let [frame_len, frames, receivers, waiting] = words[..] else { return Err(wrong()) };
        let number = |word: &str| word.parse::<u32>().map_err(|_| wrong());
        let all = [Waiting::Spin, Waiting::SpinThenSleep, Waiting::Sleep];
        let waiting = all.into_iter().find(|each| format!("{each:?}") == waiting);
        Ok(Self {
            frame_len: number(frame_len)? as usize,
            frames: number(frames)?,
            receivers: number(receivers)?,
            waiting: waiting.ok_or_else(wrong)?,
        })
    }
}
