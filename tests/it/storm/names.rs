//! Workers that create, replace, open, remove and reap the same few names: a name is absent, or stands
//! for a whole segment, and who uses one that goes with its last user finds it there.

use std::thread;

use ndshm::{ErrorKind, Event, Lifetime, Options, Result, Segment, SegmentSet, Value};

use super::{Board, Random, rage};
use crate::support::{FreeName, mount_tmpfs, path_of, skip, unshare_mounts};

/// A value that is no machine word; all its items are one number, and none is zero.
type Large = [u64; 64];

const NAMES: u64 = 3;

#[test]
fn no_storm_of_kills_breaks_a_name() {
    // In a thread of its own, which goes with its mounts.
    let storm = thread::spawn(|| {
        let is_alone = unshare_mounts();
        if is_alone {
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
        if is_alone {
            let entries = std::fs::read_dir("/dev/shm").unwrap().flatten();
            let left: Vec<_> =
                entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
            assert!(!left.iter().any(|name| name.starts_with(".ndshm-")), "left behind: {left:?}");
        }
        assert!(!path_of(&users_only(name.as_str())).exists(), "it has no user");
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

/// A name that goes with its last user, and that nobody removes or replaces.
fn users_only(name: &str) -> String {
    format!("{name}-users")
}

pub(super) fn work(name: &str) {
    let board = Board::open(name);
    let mut random = Random::new();
    let (mut held, mut used) = (Vec::new(), None);
    board.turns(|| {
        if random.below(4) == 0 {
            let user = board.timed(|| take_part(&board, &users_only(name), &mut random));
            match user {
                // Let go of once the next one came, or at once.
                Ok(value) => used = Some(value).filter(|_| random.below(2) == 0),
                Err(error) => board.claim(false, &error.to_string()),
            }
            return;
        }
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

/// Uses what goes with its last user.
fn take_part(board: &Board, name: &str, random: &mut Random) -> Result<Value<Large>> {
    let value = Value::open_or_create(name, [random.next() | 1; 64])?;
    for _ in 0..3 {
        let named = Segment::open(name).map(|named| named.id());
        let still = named.as_ref().is_ok_and(|id| *id == value.segment().id());
        board.claim(still, "a name stays while it has a user");
        board.claim(!value.segment().is_replaced(), "nobody replaced it");
        value.set([random.next() | 1; 64])?;
    }
    Ok(value)
}

fn is_expected(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::AlreadyExists)
}

fn take_turn(board: &Board, name: &str, random: &mut Random) -> Result<Option<Value<Large>>> {
    let mine = [random.next() | 1; 64];
    let options: Options<Value<Large>> = Value::options();
    let value = match random.below(13) {
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
        7 => options.lifetime(Lifetime::Persistent).open_or_create(name, mine)?,
        8 | 9 => options.create_or_replace(name, mine)?,
        10 => options.lifetime(Lifetime::LastUser).create_or_replace(name, mine)?,
        11 => {
            let set = SegmentSet::new();
            let value = options.open_or_create(name, mine)?;
            set.add(value.segment())?;
            set.remove()?;
            let named = Segment::open(name).is_ok_and(|named| named.id() == value.segment().id());
            board.claim(!named, "what was in a set that is removed has no name");
            value
        }
        _ => options.open(name)?,
    };
    let whole = |value: Large| value[0] != 0 && value.iter().all(|&item| item == value[0]);
    board.claim(whole(value.get()?), "what has a name is whole");
    value.set(mine)?;
    board.claim(whole(value.get()?), "what was set is whole");
    Ok(Some(value))
}
