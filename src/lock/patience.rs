//! How long to wait, and in which slices.

use std::time::{Duration, Instant};

/// How long a caller is willing to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    /// Not at all.
    None,
    /// Until that moment of the monotonic clock.
    Until(Instant),
    /// As long as the owner lives.
    Endless,
}

impl Patience {
    /// Waits for at most `timeout`. A timeout too long for the clock is endless.
    pub(crate) fn at_most(timeout: Duration) -> Self {
        Instant::now().checked_add(timeout).map_or(Self::Endless, Self::Until)
    }

    /// The time left, or `None` if there is no end.
    fn left(self) -> Option<Duration> {
        match self {
            Self::None => Some(Duration::ZERO),
            Self::Until(deadline) => Some(deadline.saturating_duration_since(Instant::now())),
            Self::Endless => None,
        }
    }

    /// Whether no time is left.
    pub(crate) fn is_over(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }
}

/// The slices that a wait is cut into. A lost wake or a dead owner then costs one slice, and does
/// not block forever.
#[derive(Debug)]
pub(crate) struct Slices {
    next: Duration,
    longest: Duration,
}

impl Slices {
    const FIRST: Duration = Duration::from_millis(1);

    /// For waits behind an owner, which may have died: up to 4 ms.
    pub(crate) fn behind_an_owner() -> Self {
        Self { next: Self::FIRST, longest: Duration::from_millis(4) }
    }

    /// For waits that end with a wake, of which few are lost: 16 to 100 ms. The kernel's next tick
    /// is 1 to 10 ms away. A timer that is due before it is programmed anew at every wait, which
    /// may take longer than the wake itself.
    pub(crate) fn until_woken() -> Self {
        Self { next: Duration::from_millis(16), longest: Duration::from_millis(100) }
    }

    /// For waits that nobody ends, between two looks: up to 100 ms.
    pub(crate) fn between_looks() -> Self {
        Self { next: Self::FIRST, longest: Duration::from_millis(100) }
    }

    /// Length of the next slice: twice the last one, but at most the time left.
    pub(crate) fn next(&mut self, patience: Patience) -> Duration {
        let slice = self.next;
        self.next = (slice * 2).min(self.longest);
        patience.left().map_or(slice, |left| slice.min(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_to_four_milliseconds_and_never_pass_the_deadline() {
        let mut slices = Slices::behind_an_owner();
        let mut grown = |count| -> Vec<_> {
            (0..count).map(|_| slices.next(Patience::Endless).as_millis()).collect()
        };
        assert_eq!(grown(4), [1, 2, 4, 4]);
        assert_eq!(slices.next(Patience::None), Duration::ZERO);
    }

    #[test]
    fn a_timeout_beyond_the_clock_is_endless() {
        assert!(matches!(Patience::at_most(Duration::MAX), Patience::Endless));
        assert!(Patience::at_most(Duration::ZERO).is_over());
    }
}
