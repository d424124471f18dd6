//! Workers that set an event which resets itself, or go through it, and that shut and open a gate, an
//! event that does not.
//!
//! A set is counted before and a pass after, so that nobody may ever have gone through more often
//! than it was set, whoever is killed. Who finds the event set does not set it again, so that few sets
//! go unused and hide an excess of passes.

use std::time::Duration;

use ndshm::{ErrorKind, Event, Result, Value};

use super::{Board, Random, rage};
use crate::support::FreeName;

/// Who waits this long does something about it.
const PATIENCE: Duration = Duration::from_millis(2);

#[test]
fn no_storm_of_kills_breaks_an_event() {
    let name = FreeName::new();
    let board = Board::create(name.as_str());
    let events = Events::create(name.as_str());

    let figures = rage("events", &board, name.as_str());

    let (sets, passes) = (events.sets.get().unwrap(), events.passes.get().unwrap());
    assert!(0 < passes && passes <= sets, "{passes} went through {sets} sets");
    drop((events, board));
    figures.check(&name);
}

struct Events {
    turnstile: Event,
    gate: Event,
    /// Counted before each set.
    sets: Value<u64>,
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
        4 | 5 => {
            if !events.turnstile.is_set() {
                events.sets.fetch_add(1)?;
                events.turnstile.set()?;
            }
        }
        _ => {
            if waited(board, &events.turnstile)? {
                let passes = 1 + events.passes.fetch_add(1)?;
                board.claim(passes <= events.sets.get()?, "a set lets one through");
            }
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
