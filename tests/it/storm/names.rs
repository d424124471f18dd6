//! Workers that create, open, remove and reap the same few names: a name is absent, or stands for a
//! whole segment.

use std::thread;

use ndshm::{ErrorKind, Event, Lifetime, Options, Result, Value};

use super::{Board, Random, rage};
use crate::support::{FreeName, mount_tmpfs, path_of, skip, unshare_mounts};

/// A value that is no machine word; all its items are one number, and none is zero.
type Large = [u64; 64];

const NAMES: u64 = 3;

#[test]
fn no_storm_of_kills_breaks_a_name() {
    // In a thread of its own, which goes with its mounts.
    let storm = thread::spawn(|| {
        if unshare_mounts() {
            mount_tmpfs("/dev/shm", "size=64m");
        } else {
            skip("may not make a mount namespace: reaps what other tests left, too");
        }
        let name = FreeName::new();
        let board = Board::create(name.as_str());

        let figures = rage("names", &board, name.as_str());

        let names = || (0..NAMES).map(|index| contested(name.as_str(), index));
        // What nobody lives to remove, and is not meant to outlive its creator.
        ndshm::reap().unwrap();
        for name in names().filter(|name| path_of(name).exists()) {
            let info = ndshm::Segment::open(&name).unwrap().info().unwrap();
            assert_eq!(info.lifetime(), Lifetime::Persistent, "{info}");
            ndshm::remove(&name).unwrap();
        }
        drop(board);
        figures.check(&name);
    });
    storm.join().unwrap();
}

fn contested(name: &str, index: u64) -> String {
    format!("{name}-contested-{index}")
}

pub(super) fn work(name: &str) {
    let board = Board::open(name);
    let mut random = Random::new();
    let mut held = Vec::new();
    board.turns(|| {
        let name = contested(name, random.below(NAMES));
        if held.len() > 4 {
            held.clear();
        }
        match board.timed(|| take_turn(&board, &name, &mut random)) {
            Ok(value) => held.extend(value),
            Err(error) if is_expected(error.kind()) => {}
            Err(error) => board.claim(false, &error.to_string()),
        }
    });
}

fn is_expected(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::AlreadyExists)
}

fn take_turn(board: &Board, name: &str, random: &mut Random) -> Result<Option<Value<Large>>> {
    let mine = [random.next() | 1; 64];
    let options: Options<Value<Large>> = Value::options();
    let value = match random.below(8) {
        0 | 1 => options.create(name, mine)?,
        2 => options.lifetime(Lifetime::Creator).open_or_create(name, mine)?,
        3 => options.open_or_create(name, mine)?,
        4 => {
            ndshm::remove(name)?;
            return Ok(None);
        }
        5 => {
            let removed = ndshm::reap()?;
            board.recoveries.fetch_add(removed.len() as u64)?;
            let alive = removed.iter().any(|info| info.lifetime() == Lifetime::Persistent);
            board.claim(!alive, "what is persistent is not reaped");
            return Ok(None);
        }
        6 => {
            let kind = Event::open(name).expect_err("it is a value").kind();
            let right = matches!(kind, ErrorKind::NotFound | ErrorKind::KindMismatch);
            board.claim(right, "what is there is a value");
            return Ok(None);
        }
        _ => options.open(name)?,
    };
    let whole = |value: Large| value[0] != 0 && value.iter().all(|&item| item == value[0]);
    board.claim(whole(value.get()?), "what has a name is whole");
    value.set(mine)?;
    board.claim(whole(value.get()?), "what was set is whole");
    Ok(Some(value))
}
