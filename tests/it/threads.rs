//! What threads that share a handle promise each other, under locks of every kind.
//!
//! Clones of a handle share one mapping, so ThreadSanitizer sees that what one thread writes is
//! what the next one reads. Of two mappings of one segment it would know nothing.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use ndshm::{Access, AnyRing, Array1, Array2, ErrorKind, Event, FrameMeta, Ring1, Value};

use crate::support::DEADLINE;

const ROUNDS: usize = 200;
const WRITERS: usize = 2;
const SHAPE: (usize, usize) = (8, 16);

fn striped() -> Array2<u64> {
    Array2::options().stripes(4).create_unique("it-threads-", SHAPE).unwrap()
}

/// Does `theirs` in several threads until this thread has done all of `mine`.
fn beside(theirs: impl Fn() + Sync, mine: impl FnOnce()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    theirs();
                }
            });
        }
        mine();
        done.store(true, Relaxed);
    });
}

#[test]
fn threads_that_add_under_the_lock_lose_no_update_and_readers_see_none_torn() {
    let array = striped();
    let read = || {
        let guard = array.read().unwrap();
        let first = guard[[0, 0]];
        assert!(guard.iter().all(|&item| item == first), "torn: {guard:?}");
    };
    beside(read, || {
        thread::scope(|scope| {
            for _ in 0..WRITERS {
                let array = array.clone();
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        *array.write().unwrap() += 1;
                    }
                });
            }
        });
    });
    assert_eq!(array.read().unwrap()[[7, 15]], (WRITERS * ROUNDS) as u64);
}

#[test]
fn writers_of_overlapping_rows_take_turns_row_by_row() {
    let array = striped();
    let read = || {
        let guard = array.read_rows(2..6).unwrap();
        for row in guard.view().rows() {
            assert!(row.iter().all(|&item| item == row[0]), "torn: {row:?}");
        }
    };
    beside(read, || {
        thread::scope(|scope| {
            for rows in [0..4, 2..6, 4..8] {
                let array = &array;
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        array.write_rows(rows.clone()).unwrap().mapv_inplace(|item| item + 1);
                    }
                });
            }
        });
    });
    let rounds = ROUNDS as u64;
    assert_eq!(
        array.read().unwrap().column(0).to_vec(),
        [1, 1, 2, 2, 2, 2, 1, 1].map(|writers| writers * rounds)
    );
}

#[test]
fn locks_taken_without_waiting_exclude_as_well() {
    let array = striped();
    let count = || {
        let mut taken = 0;
        for round in 0..ROUNDS {
            let guard = match round % 3 {
                0 => array.try_write().unwrap(),
                1 => array.write_timeout(Duration::ZERO).ok(),
                _ => Some(array.write_timeout(DEADLINE).unwrap()),
            };
            if let Some(mut guard) = guard {
                guard[[0, 0]] += 1;
                taken += 1;
            }
            if let Some(guard) = array.try_read().unwrap() {
                assert!(guard[[0, 0]] >= taken);
            }
        }
        taken
    };
    let taken: u64 = thread::scope(|scope| {
        [(); 3].map(|()| scope.spawn(count)).map(|thread| thread.join().unwrap()).iter().sum()
    });
    assert_eq!(array.read().unwrap()[[0, 0]], taken);
}

#[test]
fn a_guard_that_moves_between_threads_takes_what_was_written_along() {
    let array = striped();
    let (sender, guards) = channel();
    let take = || {
        for _ in 0..ROUNDS {
            let mut guard = array.write_owned().unwrap();
            guard[[0, 0]] += 1;
            sender.send(guard).unwrap();
        }
    };
    thread::scope(|scope| {
        scope.spawn(take);
        scope.spawn(take);
        scope.spawn(move || {
            for mut guard in guards.iter().take(2 * ROUNDS) {
                guard[[0, 0]] += 1;
            }
        });
    });
    assert_eq!(array.read().unwrap()[[0, 0]], 4 * ROUNDS as u64);
}

#[test]
fn a_large_value_is_never_torn_while_threads_set_update_and_lock_it() {
    let value = Value::create_unique("it-threads-", [0_u64; 24]).unwrap();
    let is_uniform = |value: &[u64]| value.iter().all(|&item| item == value[0]);
    beside(
        || assert!(is_uniform(&value.get().unwrap())),
        || {
            thread::scope(|scope| {
                let value = &value;
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        value.update(|old| old.map(|item| item + 1)).unwrap();
                    }
                });
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        value.edit().unwrap().iter_mut().for_each(|item| *item += 1);
                    }
                });
            });
        },
    );
    assert_eq!(value.get().unwrap(), [2 * ROUNDS as u64; 24]);
}

#[test]
fn threads_that_wait_for_changes_of_a_value_and_for_events_are_woken() {
    let (ping, pong) =
        (Value::create_unique("it-threads-", 0_u64).unwrap(), Event::options().auto_reset());
    let pong = pong.create_unique("it-threads-").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut seen = 0;
            for round in 1..=ROUNDS as u64 {
                while seen < round {
                    seen = ping.wait_changed_timeout(seen, DEADLINE).unwrap();
                }
                pong.set().unwrap();
            }
        });
        for _ in 0..ROUNDS {
            ping.fetch_add(1).unwrap();
            pong.wait_timeout(DEADLINE).unwrap();
        }
    });
}

#[test]
fn a_thread_that_panics_while_writing_leaves_the_mending_to_another() {
    let array = striped();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..ROUNDS / 10 {
                    let panicked = catch_unwind(AssertUnwindSafe(|| {
                        let mut guard = array.write_recover().unwrap();
                        guard[[0, 0]] += 1;
                        resume_unwind(Box::new(()));
                    }));
                    assert!(panicked.is_err());
                    if let Err(error) = array.read() {
                        assert_eq!(error.kind(), ErrorKind::Poisoned);
                    }
                    let mut mender = array.write_recover().unwrap();
                    mender[[0, 0]] += 1;
                    mender.mark_consistent();
                }
            });
        }
    });
    let mut left = array.write_recover().unwrap();
    left.mark_consistent();
    assert_eq!(left[[0, 0]], 3 * 2 * (ROUNDS / 10) as u64);
}

#[test]
fn threads_may_create_open_register_and_remove_at_once() {
    let shared = Array1::<u64>::create_unique("it-threads-", 8).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..ROUNDS / 10 {
                    let opened = Array1::<u64>::open(shared.name()).unwrap();
                    opened.write().unwrap()[0] += 1;
                    drop(opened);
                    let made = Array1::<u64>::create_unique("it-threads-", 8).unwrap();
                    made.write().unwrap()[0] = 1;
                    assert_eq!(Array1::<u64>::open(made.name()).unwrap().read().unwrap()[0], 1);
                }
            });
        }
    });
    assert_eq!(shared.read().unwrap()[0], 4 * (ROUNDS / 10) as u64);
}

#[test]
fn frames_are_copied_whole_without_a_lease_beside_their_publisher() {
    let ring = Ring1::<u64>::options().slots(3).create_unique("it-threads-", 512).unwrap();
    let observed = Ring1::<u64>::options().access(Access::Observe).open(ring.name()).unwrap();
    let mut publisher = ring.publisher().unwrap();
    publisher.publish_from(&ndarray::Array1::zeros(512), FrameMeta::new()).unwrap();
    let through_any = [ring.segment(), observed.segment()].map(|seen| AnyRing::of(seen).unwrap());
    let look = || {
        for ring in &through_any {
            // A publisher that never rests may be too fast for a copy.
            if let Some(frame) = unless_too_fast(ring.latest()).flatten() {
                let words = bytemuck::cast_slice::<u8, u64>(frame.snapshot().bytes());
                assert!(
                    words.iter().all(|&word| word == frame.meta().source_seq),
                    "torn: {words:?}"
                );
            }
        }
        if let Some(frame) = observed.subscribe().latest().unwrap() {
            assert!(frame.iter().all(|&word| word == frame.meta().source_seq), "torn: {frame:?}");
        }
    };
    beside(look, || {
        for number in 1..=50 * ROUNDS as u64 {
            let mut frame = publisher.loan().unwrap();
            frame.fill(number);
            frame.publish(FrameMeta::new().source_seq(number));
        }
    });
}

#[test]
fn an_array_is_copied_whole_without_a_lock_beside_its_writers() {
    let array = striped();
    let observed = Array2::<u64>::options().access(Access::Observe).open(array.name()).unwrap();
    let look = || {
        if let Some(copy) = unless_too_fast(observed.snapshot()) {
            assert!(copy.iter().all(|&item| item == copy[[0, 0]]), "torn: {copy:?}");
        }
        for segment in [array.segment(), observed.segment()] {
            let mut bytes = [0; SHAPE.0 * SHAPE.1 * 8];
            let peeked = segment.peek(|data| {
                data.read_at(&mut bytes[..20], 0)?;
                data.read_at(&mut bytes[20..], 20)
            });
            if unless_too_fast(peeked).is_some() {
                let items: &[[u8; 8]] = bytes.as_chunks().0;
                assert!(items.iter().all(|&item| item == items[0]), "torn: {items:?}");
            }
        }
    };
    beside(look, || {
        for _ in 0..10 * ROUNDS {
            *array.write().unwrap() += 1;
        }
    });
}

fn unless_too_fast<R>(copied: ndshm::Result<R>) -> Option<R> {
    match copied {
        Err(error) if error.kind() == ErrorKind::Timeout => None,
        copied => Some(copied.unwrap()),
    }
}
