//! Workers that append to a log and follow it.

use std::collections::HashMap;
use std::time::Duration;

use ndshm::{ErrorKind, Follower, Log, LogRows, Result};

use super::{Board, Random, rage};
use crate::support::{DEADLINE, FreeName};

/// Who appended it, which of its rows it is, and the same twice, inverted.
type Row = [u64; 4];

/// How many rows are appended at once.
const BATCH: usize = 3;

/// As many rows as no storm fills, within the address space.
const CAPACITY: usize = if usize::BITS == 64 { 1 << 26 } else { 1 << 24 };

#[test]
fn no_storm_of_kills_breaks_a_log() {
    let name = FreeName::new();
    let board = Board::create(name.as_str());
    let log = Log::<Row>::create(&format!("{}-log", name.as_str()), CAPACITY).unwrap();

    let figures = rage("logs", &board, name.as_str());

    let turns = board.done.get().unwrap()..=board.begun.get().unwrap();
    let batches = (log.len() / BATCH) as u64;
    assert_eq!(log.len() % BATCH, 0, "batches are appended whole");
    assert!(turns.contains(&batches), "{turns:?} {batches}");
    assert_eq!(Seen::default().fault_in(&log.rows()), None);
    drop((log, board));
    figures.check(&name);
}

/// The next row of each appender that was seen.
#[derive(Default)]
struct Seen(HashMap<u64, u64>);

impl Seen {
    /// Looks at rows that follow those seen before, and says which promise they break.
    fn fault_in(&mut self, rows: &LogRows<Row>) -> Option<&'static str> {
        for batch in rows.as_slice().chunks(BATCH) {
            for (row, number) in batch.iter().zip(batch[0][1]..) {
                let [who, which, who_not, which_not] = *row;
                if who_not != !who || which_not != !which {
                    return Some("a row is whole");
                }
                if who != batch[0][0] || which != number {
                    return Some("rows appended at once stay together");
                }
                let next = self.0.insert(who, which + 1).unwrap_or(which);
                if next != which {
                    return Some("no committed row is lost, twice there, or out of order");
                }
            }
        }
        None
    }
}

pub(super) fn work(name: &str) {
    let board = Board::open(name);
    let log = Log::<Row>::open(&format!("{name}-log")).unwrap();
    let mut random = Random::new();
    let (mut follower, mut seen) = (log.follow(), Seen::default());
    let (me, mut next) = (random.next(), 0);
    board.turns(|| {
        let turn = take_turn(&board, &log, (me, next), &mut random)
            .and_then(|()| follow(&board, &mut follower, &mut seen, &mut random));
        if let Err(error) = turn {
            board.claim(false, &error.to_string());
        }
        next += BATCH as u64;
    });
}

fn take_turn(
    board: &Board,
    log: &Log<Row>,
    (me, next): (u64, u64),
    random: &mut Random,
) -> Result<()> {
    let rows = [0, 1, 2].map(|index| [me, next + index, !me, !(next + index)]);
    let appended = if random.below(4) == 0 {
        match log.try_extend(&rows)? {
            Some(appended) => appended,
            None => board.timed(|| log.extend_timeout(&rows, DEADLINE))?,
        }
    } else {
        board.timed(|| log.extend_timeout(&rows, DEADLINE))?
    };
    let found = log.rows_from(appended.start);
    board.claim(found.as_slice().starts_with(&rows), "what was appended is there");
    Ok(())
}

fn follow(
    board: &Board,
    follower: &mut Follower<Row>,
    seen: &mut Seen,
    random: &mut Random,
) -> Result<()> {
    let rows = if random.below(2) == 0 {
        follower.try_next()
    } else {
        // The rows just appended are among those handed out, so this waits for others.
        if let Some(rows) = follower.try_next() {
            claim(board, seen, &rows);
        }
        match follower.wait_timeout(Duration::from_millis(2)) {
            Ok(rows) => Some(rows),
            Err(error) if error.kind() == ErrorKind::Timeout => None,
            Err(error) => return Err(error),
        }
    };
    if let Some(rows) = rows {
        claim(board, seen, &rows);
    }
    Ok(())
}

fn claim(board: &Board, seen: &mut Seen, rows: &LogRows<Row>) {
    if let Some(promise) = seen.fault_in(rows) {
        board.claim(false, promise);
    }
}
