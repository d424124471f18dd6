//! Workers that hand a token round, through an event that resets itself, and that shut and open a
//! gate, an event that does not.
//!
//! Who goes through the turnstile has the token, and sets the event to give it back. A token is lost
//! with a worker that is killed; who waits too long puts in a spare one. So nobody may go through
//! more often than it was set, and the sets that let nobody through are spares, or of the killed.

use std::time::Duration;

use ndshm::{ErrorKind, Event, Result, Value};

use super::{Board, Random, rage};
use crate::support::FreeName;

/// Who waits this long does something about it.
const PATIENCE: Duration = Duration::from_millis(50);

#[test]
fn no_storm_of_kills_breaks_an_event() {
    let name = FreeName::new();
    let board = Board::create(name.as_str());
    let events = Events::create(name.as_str());
    events.turnstile.set().unwrap();

    let figures = rage("events", &board, name.as_str());

    let count = |value: &Value<u64>| value.get().unwrap();
    let (sets, passes) = (1 + count(&events.sets), count(&events.passes));
    let tokens = 1 + count(&events.spares);
    assert!(passes <= sets, "{passes} went through {sets} sets");
    let unused = sets - passes;
    assert!(unused <= tokens + figures.kills(), "{unused} of {sets} sets let nobody through");
    drop((events, board));
    figures.check(&name);
}

struct Events {
    turnstile: Event,
    gate: Event,
    /// Counted before each set.
    sets: Value<u64>,
    /// Those of the sets that put in another token.
    spares: Value<u64>,
    /// Counted after somebody went through.
    passes: Value<u64>,
}

impl Events {
    fn create(name: &str) -> Self {
        let count = |what: &str| Value::create(&format!("{name}-{what}"), 0).unwrap();
        Self {
            turnstile: Event::options().auto_reset().create(&format!("{name}-turnstile")).unwrap(),
            gate: Event::create(&format!("{name}-gate")).unwrap(),
            sets: count("sets"),
            spares: count("spares"),
            passes: count("passes"),
        }
    }

    fn open(name: &str) -> Self {
        let event = |what: &str| Event::open(&format!("{name}-{what}")).unwrap();
        let count = |what: &str| Value::open(&format!("{name}-{what}")).unwrap();
        Self {
            turnstile: event("turnstile"),
            gate: event("gate"),
            sets: count("sets"),
            spares: count("spares"),
            passes: count("passes"),
        }
    }
}

pub(super) fn work(name: &str) {
    let (board, events) = (Board::open(name), Events::open(name));
    let mut random = Random::new();
    board.turns(|| {
        if let Err(error) = take_turn(&board, &events, &mut random) {
            board.claim(false, &error.to_string());
        }
    });
}

fn take_turn(board: &Board, events: &Events, random: &mut Random) -> Result<()> {
    match random.below(8) {
        0 => {
            events.gate.clear()?;
            events.gate.set()?;
        }
        1..=3 => {
            if !waited(board, &events.gate)? {
                events.gate.set()?;
                board.recoveries.fetch_add(1)?;
            }
        }
        _ => {
            if waited(board, &events.turnstile)? {
                events.passes.fetch_add(1)?;
            } else {
                events.spares.fetch_add(1)?;
                board.recoveries.fetch_add(1)?;
            }
            events.sets.fetch_add(1)?;
            events.turnstile.set()?;
        }
    }
    Ok(())
}

/// Waits for the event, and tells whether it was set in time.
fn waited(board: &Board, event: &Event) -> Result<bool> {
    match board.timed(|| event.wait_timeout(PATIENCE)) {
        Err(error) if error.kind() == ErrorKind::Timeout => Ok(false),
        waited => waited.map(|()| true),
    }
}
