//! What destructors do that run while their thread unwinds, and what guards make of a panic.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use ndshm::{AnyArray, Array1, ErrorKind::*, FrameMeta, Log, Result, Ring1, Value};

use crate::bad_input::refused;

/// Does something in a destructor that runs while this thread unwinds. What fails there would abort, so it is
/// returned to be looked at.
fn while_unwinding<R>(act: impl FnOnce() -> Result<R>) -> R {
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
    done.expect("the destructor ran").unwrap()
}

#[test]
fn a_value_changed_in_a_destructor_while_its_thread_unwinds_is_committed() {
    let large = Value::create_unique("it-unwinding-", [0_u64; 3]).unwrap();
    let word = Value::create_unique("it-unwinding-", 0_u64).unwrap();
    let swapped = while_unwinding(|| {
        large.update(|[a, b, c]| [a + 1, b + 2, c + 3])?;
        let swapped = large.swap([2, 4, 6])?;
        large.edit()?[0] += 1;
        if let Some(mut guard) = large.try_edit()? {
            guard[1] += 1;
        }
        *word.edit()? += 5;
        word.update(|word| word + 1)?;
        Ok(swapped)
    });
    assert_eq!(swapped, [1, 2, 3]);
    assert_eq!((large.get().unwrap(), word.get().unwrap()), ([3, 5, 6], 6));
}

#[test]
fn a_value_locked_when_its_thread_panics_stays_as_it_was() {
    let value = Value::create_unique("it-unwinding-", [0_u64; 3]).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = value.edit().unwrap();
        guard[0] = 1;
        resume_unwind(Box::new(()));
    }));
    assert!(panicked.is_err());
    assert_eq!(value.get().unwrap(), [0; 3]);
}

#[test]
fn rows_written_in_a_destructor_while_its_thread_unwinds_are_sound() {
    let array = Array1::<u64>::create_unique("it-unwinding-", 4).unwrap();
    let any = AnyArray::from(array.clone());
    let (log, ring) = (Log::<u64>::create_unique("it-unwinding-", 8).unwrap(), ring());
    while_unwinding(|| {
        array.write()?[0] = 1;
        array.write_owned()?[1] = 2;
        any.write()?.view_mut::<u64>()?[2] = 3;
        log.append(&4)?;
        let mut publisher = ring.publisher()?;
        let mut frame = publisher.loan()?;
        frame[0] = 5;
        frame.publish(FrameMeta::new());
        Ok(())
    });
    assert_eq!(array.read().unwrap().to_vec(), [1, 2, 3, 0]);
    assert_eq!((log.rows()[0], ring.subscribe().recv().unwrap()[0]), (4, 5));
}

fn ring() -> Ring1<u64> {
    Ring1::create_unique("it-unwinding-", 1).unwrap()
}

/// A guard that was taken while one thread unwound, and is held by another that panics.
#[test]
fn rows_whose_guard_changed_threads_are_suspect_when_the_second_thread_panics() {
    let array = Array1::<u64>::create_unique("it-unwinding-", 4).unwrap();
    let any = AnyArray::from(array.clone());
    let guard = while_unwinding(|| array.write_owned());
    let panicked = thread::spawn(move || {
        let _guard = guard;
        resume_unwind(Box::new(()));
    });
    assert!(panicked.join().is_err());
    refused(array.read(), Poisoned, "panicked while writing");
    array.write_recover().unwrap().mark_consistent();

    let guard = while_unwinding(|| any.write());
    let panicked = thread::spawn(move || {
        let _guard = guard;
        resume_unwind(Box::new(()));
    });
    assert!(panicked.join().is_err());
    refused(array.read(), Poisoned, "panicked while writing");
}
