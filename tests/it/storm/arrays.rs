//! Workers that move amounts between rows of an array, which must add up whenever nobody writes.

use std::hint::black_box;

use ndarray::{ArrayRef2, ArrayViewMut2, Axis};
use ndshm::{Access, Array2, ErrorKind, Handle, Options, Result, Value};

use super::{Board, LONGEST_WAIT, Random, rage};
use crate::homes::FreeFile;
use crate::support::{DEADLINE, FreeName};

/// Rows and columns of the array: 16 stripes of 2 rows.
const SHAPE: (usize, usize) = (32, 256);

/// What the first column adds up to, whenever nobody writes.
const TOTAL: u64 = 1_000_000;

/// Slots of the array: more than ever live at once, and few, so that they are used again and again.
const PARTICIPANTS: u32 = 8;

#[test]
fn no_storm_of_kills_breaks_an_array() {
    survives("arrays", |name| options().create(name, SHAPE));
}

#[test]
fn no_storm_of_kills_breaks_an_array_that_all_attach_and_detach() {
    survives("attachments", |name| options().create(name, SHAPE));
}

#[test]
fn no_storm_of_kills_breaks_an_array_in_a_file() {
    let file = FreeFile::on_disk().unwrap_or_else(FreeFile::in_memory);
    survives("files", |_| options().create(file.path(), SHAPE));
}

#[test]
fn no_storm_of_kills_breaks_an_array_without_a_name() {
    survives("nameless", |_| options().create_anonymous(SHAPE));
}

fn options() -> Options<Array2<u64>> {
    Array2::options().stripes(16).participants(PARTICIPANTS)
}

fn survives(storm: &'static str, create: impl FnOnce(&str) -> Result<Array2<u64>>) {
    let name = FreeName::new();
    let array = create(name.as_str()).unwrap();
    mend(&mut array.write().unwrap().view_mut());
    let board = Board::create(name.as_str());
    let place = Value::create(&place_of(name.as_str()), text_of(&array)).unwrap();

    let figures = rage(storm, &board, name.as_str());

    let mut guard = array.request().timeout(DEADLINE).recover().write().unwrap();
    if guard.poison().is_some() {
        mend(&mut guard.view_mut());
        guard.mark_consistent();
    }
    assert!(is_whole(&guard));
    drop(guard);
    drop(array.read().unwrap());
    assert!(board.copies.get().unwrap() > 0, "no observer ever saw anything");
    drop((array, board, place));
    figures.check(&name);
}

/// Where workers find the array: its handle's text, and zeros.
type Place = [u8; 512];

fn text_of(array: &Array2<u64>) -> Place {
    let text = array.handle().to_string();
    let mut place = [0; 512];
    place[..text.len()].copy_from_slice(text.as_bytes());
    place
}

fn place_of(name: &str) -> String {
    format!("{name}-place")
}

fn handle_of(name: &str) -> Handle {
    let place: Place = Value::open(&place_of(name)).unwrap().get().unwrap();
    let text = str::from_utf8(&place).unwrap();
    text.trim_end_matches('\0').parse().unwrap()
}

/// When a worker attaches.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Attach {
    Once,
    EachTurn,
}

pub(super) fn work(name: &str, attach: Attach) {
    let handle = handle_of(name);
    let open = || Array2::<u64>::open_handle(&handle).unwrap();
    let (board, mut attached) = (Board::open(name), Some(open()));
    let mut random = Random::new();
    board.turns(|| {
        let array = attached.get_or_insert_with(open);
        match take_turn(&board, array, &handle, &mut random) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::OwnerDied | ErrorKind::Poisoned) => {
                recover(&board, array);
            }
            Err(error) => board.claim(false, &error.to_string()),
        }
        if attach == Attach::EachTurn {
            attached = None;
        }
    });
}

fn take_turn(
    board: &Board,
    array: &Array2<u64>,
    handle: &Handle,
    random: &mut Random,
) -> Result<()> {
    let rows = random.index_range(SHAPE.0);
    let whole = || array.request().timeout(DEADLINE);
    let part = || whole().rows(rows.clone());
    match random.below(9) {
        0 => board.claim(is_whole(&board.timed(|| whole().read())?), "a whole read is whole"),
        1 | 2 => {
            let guard = board.timed(|| part().read())?;
            board.claim(is_untorn(&guard), "rows that are read are not torn");
            if random.below(4) == 0 {
                let again = array.read_rows(guard.rows())?;
                board.claim(again == guard, "nested reads see the same");
            }
        }
        3 => {
            let mut guard = board.timed(|| whole().write())?;
            board.claim(is_whole(&guard), "a whole write finds it whole");
            transfer(board, &mut guard.view_mut(), random);
        }
        4 => {
            if let Some(mut guard) = array.request().rows(rows).try_write()? {
                transfer(board, &mut guard.view_mut(), random);
            }
        }
        5 => observe(board, handle)?,
        _ => transfer(board, &mut board.timed(|| part().write())?.view_mut(), random),
    }
    Ok(())
}

/// Copies all of it without a lock; writers may be in the way for longer than an observer waits.
fn observe(board: &Board, handle: &Handle) -> Result<()> {
    let array = Array2::<u64>::options().access(Access::Observe).open_handle(handle)?;
    match board.timed(|| array.snapshot_timeout(LONGEST_WAIT / 10)) {
        Ok(copy) => {
            board.claim(is_whole(&copy), "a copy that an observer takes is whole");
            board.copies.fetch_add(1)?;
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::Timeout => Ok(()),
        Err(error) => Err(error),
    }
}

/// Moves an amount from a row to another, and sees whether anybody else writes there meanwhile.
fn transfer(board: &Board, rows: &mut ArrayViewMut2<'_, u64>, random: &mut Random) {
    board.claim(is_untorn(rows), "rows that are written are not torn before");
    let amount = random.below(1000);
    for change in [amount, amount.wrapping_neg()] {
        let index = usize::try_from(random.below(rows.nrows() as u64)).unwrap();
        let mut row = rows.row_mut(index);
        let before = row[0];
        let mine = random.next();
        row.fill(mine);
        let unchanged = black_box(&mut row).iter().all(|&item| item == mine);
        board.claim(unchanged, "nobody else writes what is held");
        row.fill(before.wrapping_add(change));
    }
}

fn recover(board: &Board, array: &Array2<u64>) {
    match board.timed(|| array.request().timeout(DEADLINE).recover().write()) {
        Ok(mut guard) if guard.poison().is_some() => {
            mend(&mut guard.view_mut());
            guard.mark_consistent();
            board.recoveries.fetch_add(1).unwrap();
        }
        Ok(_) => {}
        Err(error) => board.claim(false, &error.to_string()),
    }
}

/// Makes the array whole again.
fn mend(rows: &mut ArrayViewMut2<'_, u64>) {
    for mut row in rows.rows_mut() {
        let first = row[0];
        row.fill(first);
    }
    let missing = TOTAL.wrapping_sub(sum(rows));
    rows.row_mut(0).map_inplace(|item| *item = item.wrapping_add(missing));
}

fn is_whole(rows: &ArrayRef2<u64>) -> bool {
    is_untorn(rows) && sum(rows) == TOTAL
}

fn sum(rows: &ArrayRef2<u64>) -> u64 {
    rows.column(0).iter().fold(0, |sum, &item| sum.wrapping_add(item))
}

/// Whether each row is all one number.
fn is_untorn(rows: &ArrayRef2<u64>) -> bool {
    rows.axis_iter(Axis(0)).all(|row| row.iter().all(|&item| item == row[0]))
}
