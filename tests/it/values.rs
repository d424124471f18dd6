//! Values: no change is lost to another, and what they hold is told.

use std::thread;

use ndshm::{Access, Element, ErrorKind::*, Value};

use crate::bad_input::refused;
use crate::support::{DEADLINE, fork};

const ROUNDS: u32 = 2000;

/// Adds one so often by comparing and exchanging.
fn count<T: Element + PartialEq>(value: &Value<T>, next: impl Fn(T) -> T) {
    let mut seen = value.get().unwrap();
    for _ in 0..ROUNDS {
        while let Err(now) = value.compare_exchange(seen, next(seen)).unwrap() {
            seen = now;
        }
        seen = next(seen);
    }
}

/// Has three threads and another process count, and returns what they came to.
fn counted<T: Element + PartialEq>(start: T, next: impl Fn(T) -> T + Sync) -> T {
    let value = Value::create_unique("it-exchange-", start).unwrap();
    let other = fork(|| count(&value, &next));
    thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(|| count(&value, &next)))));
    other.pass();
    value.get().unwrap()
}

#[test]
fn compare_exchange_loses_no_change_of_a_word_or_of_a_larger_value() {
    assert_eq!(counted(0_u64, |n| n + 1), 4 * u64::from(ROUNDS));
    assert_eq!(counted(0_u16, |n| n.wrapping_add(1)), u16::try_from(4 * ROUNDS).unwrap());
    assert_eq!(counted(0.0_f64, |n| n + 1.0), f64::from(4 * ROUNDS));
    let large = counted([0_u64, 7, 0], |[n, seven, m]| [n + 1, seven, m + 2]);
    assert_eq!(large, [4 * u64::from(ROUNDS), 7, 8 * u64::from(ROUNDS)]);
}

#[test]
fn compare_exchange_tells_what_was_there_and_goes_by_bytes() {
    let word = Value::create_unique("it-exchange-", -0.0_f64).unwrap();
    assert_eq!(
        word.compare_exchange(0.0, 1.0).unwrap().unwrap_err().to_bits(),
        (-0.0_f64).to_bits()
    );
    assert_eq!(word.compare_exchange(-0.0, f64::NAN).unwrap(), Ok(-0.0));
    assert!(word.compare_exchange(f64::NAN, 2.0).unwrap().unwrap().is_nan());
    assert_eq!(word.get().unwrap(), 2.0);

    let large = Value::create_unique("it-exchange-", [1_u8; 3]).unwrap();
    assert_eq!(large.compare_exchange([2; 3], [3; 3]).unwrap(), Err([1; 3]));
    assert_eq!(large.compare_exchange([1; 3], [3; 3]).unwrap(), Ok([1; 3]));
    assert_eq!(large.get().unwrap(), [3; 3]);
    let guard = large.edit().unwrap();
    refused(large.compare_exchange([3; 3], [4; 3]), Deadlock, "this thread");
    drop(guard);
    for value in [word.name(), large.name()] {
        let reader = Value::<f64>::options().access(Access::Read);
        let large = Value::<[u8; 3]>::options().access(Access::Read);
        if let Ok(reader) = reader.open(value) {
            refused(reader.compare_exchange(0.0, 1.0), ReadOnly, "for reading only");
        } else {
            let reader = large.open(value).unwrap();
            refused(reader.compare_exchange([0; 3], [1; 3]), ReadOnly, "for reading only");
        }
    }
}

#[test]
fn who_waits_for_a_change_is_woken_by_an_exchange() {
    fn woken<T: Element + PartialEq + std::fmt::Debug>(old: T, new: T) {
        let value = Value::create_unique("it-exchange-", old).unwrap();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| value.wait_changed_timeout(old, DEADLINE).unwrap());
            assert_eq!(value.compare_exchange(old, new).unwrap(), Ok(old));
            assert_eq!(waiter.join().unwrap(), new);
        });
    }
    woken(1_u8, 2);
    woken([1_u64; 9], [2; 9]);
}
