//! Whether a panic began while a guard was held.

use std::thread::{self, ThreadId};

/// The thread in which a guard was taken, if that thread was already unwinding.
///
/// A destructor that runs while its thread unwinds may take a lock, write, and finish. Nothing went
/// wrong with that. So a guard remembers that it was taken while unwinding, as the guards of
/// `std::sync::Mutex` do. It also remembers in which thread, since some guards change threads.
#[derive(Debug)]
pub(crate) struct Unwinding(Option<ThreadId>);

impl Unwinding {
    /// Looks whether this thread is unwinding.
    #[inline(always)]
    pub(crate) fn now() -> Self {
        Self(if thread::panicking() { here() } else { None })
    }

    /// Whether this thread unwinds because of a panic that began after [`now`](Self::now), as far
    /// as can be told. In a thread other than that one, any panic counts.
    #[inline(always)]
    pub(crate) fn began_since(&self) -> bool {
        thread::panicking() && self.0 != here()
    }
}

#[cold]
fn here() -> Option<ThreadId> {
    Some(thread::current().id())
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use super::*;

    /// Runs a closure in a destructor while the thread unwinds.
    fn while_unwinding<R>(act: impl FnOnce() -> R) -> R {
        struct Last<F: FnMut()>(F);
        impl<F: FnMut()> Drop for Last<F> {
            fn drop(&mut self) {
                (self.0)();
            }
        }
        let (mut act, mut done) = (Some(act), None);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _last = Last(|| done = act.take().map(|act| act()));
            resume_unwind(Box::new(()));
        }));
        assert!(panicked.is_err());
        done.expect("the destructor ran")
    }

    #[test]
    fn a_panic_counts_from_when_a_guard_is_taken_on() {
        let before = Unwinding::now();
        assert!(!before.began_since());
        assert!(while_unwinding(|| before.began_since()));
        assert!(!while_unwinding(|| Unwinding::now().began_since()));
    }

    #[test]
    fn a_panic_of_another_thread_counts_whatever_the_first_one_did() {
        let taken = while_unwinding(Unwinding::now);
        let other =
            thread::spawn(move || (taken.began_since(), while_unwinding(|| taken.began_since())));
        assert_eq!(other.join().unwrap(), (false, true));
    }
}
