//! Workers that count in values, of a machine word and larger.

use std::ops::RangeInclusive;
use std::time::Duration;

use ndshm::{Access, Element, ErrorKind, Result, Value};

use super::{Board, Random, rage};
use crate::support::{DEADLINE, FreeName};

/// A value that is no machine word.
type Large = [u64; 64];

#[test]
fn no_storm_of_kills_breaks_a_value() {
    let name = FreeName::new();
    let board = Board::create(name.as_str());
    let values = Values::create(name.as_str());

    let figures = rage("values", &board, name.as_str());

    let turns = board.done.get().unwrap()..=board.begun.get().unwrap();
    let large = values.large.get().unwrap();
    assert!(turns.contains(&values.word.get().unwrap()), "{turns:?} {:?}", values.word);
    assert!(
        is_whole_number_in(values.float.get().unwrap(), &turns),
        "{turns:?} {:?}",
        values.float
    );
    assert!(turns.contains(&large[0]) && is_uniform(&large), "{turns:?} {large:?}");
    drop((values, board));
    figures.check(&name);
}

fn is_whole_number_in(float: f64, turns: &RangeInclusive<u64>) -> bool {
    turns.clone().any(|turn| turn as f64 == float)
}

struct Values {
    word: Value<u64>,
    float: Value<f64>,
    large: Value<Large>,
    /// The same, of an observer.
    seen: Value<Large>,
}

impl Values {
    fn create(name: &str) -> Self {
        Self {
            word: Value::create(&format!("{name}-word"), 0).unwrap(),
            float: Value::create(&format!("{name}-float"), 0.0).unwrap(),
            large: Value::create(&format!("{name}-large"), [0; 64]).unwrap(),
            seen: observed(name),
        }
    }

    fn open(name: &str) -> Self {
        fn open<T: Element>(name: &str, what: &str) -> Value<T> {
            Value::open(&format!("{name}-{what}")).unwrap()
        }
        Self {
            word: open(name, "word"),
            float: open(name, "float"),
            large: open(name, "large"),
            seen: observed(name),
        }
    }
}

fn observed(name: &str) -> Value<Large> {
    Value::options().access(Access::Observe).open(&format!("{name}-large")).unwrap()
}

pub(super) fn work(name: &str) {
    let (board, values) = (Board::open(name), Values::open(name));
    let mut random = Random::new();
    let mut last = 0;
    board.turns(|| {
        if let Err(error) = take_turn(&board, &values, &mut random, &mut last) {
            board.claim(false, &error.to_string());
        }
    });
}

fn take_turn(board: &Board, values: &Values, random: &mut Random, last: &mut u64) -> Result<()> {
    values.word.fetch_add(1)?;
    values.float.fetch_add(1.0)?;
    let seen = values.large.get()?;
    board.claim(is_uniform(&seen), "a value is never torn");
    board.claim(seen[0] >= *last, "a committed value never goes back");
    let observed = values.seen.get()?;
    board.claim(is_uniform(&observed), "what an observer sees is never torn");
    board.claim(observed[0] >= seen[0], "what an observer sees never goes back");
    let mut guard = board.timed(|| values.large.edit_timeout(DEADLINE))?;
    board.claim(is_uniform(&guard) && guard[0] >= seen[0], "a locked value is current");
    guard.iter_mut().for_each(|item| *item += 1);
    *last = guard[0];
    drop(guard);
    if random.below(4) == 0 {
        let waiting = if random.below(2) == 0 { &values.large } else { &values.seen };
        let changed = waiting.wait_changed_timeout([*last; 64], Duration::from_millis(2));
        match changed {
            Ok(seen) => board.claim(is_uniform(&seen) && seen[0] > *last, "a change is newer"),
            Err(error) => board.claim(error.kind() == ErrorKind::Timeout, &error.to_string()),
        }
    }
    Ok(())
}

fn is_uniform(large: &Large) -> bool {
    large.iter().all(|&item| item == large[0])
}
