//! Logs: what is committed stays, is whole, and reaches who follows.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::thread;
use std::time::Duration;

use ndshm::{AnySnapshot, Array1, ErrorKind, Kind, Log, Reserve, Value};

use crate::homes::FreeFile;
use crate::support::{DEADLINE, Role, eventually, fork, say, somebody_listens, state_of};

fn log(capacity: usize) -> Log<u64> {
    Log::create_unique("it-log-", capacity).unwrap()
}

/// The role: follows the log of that name and says each row.
pub(crate) fn follow(name: &str) {
    let mut follower = Log::<u64>::open(name).unwrap().follow_from(0);
    say("follows");
    loop {
        match follower.wait_timeout(DEADLINE) {
            Ok(rows) => rows.iter().for_each(|row| say(&row.to_string())),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Full, "{error}");
                return;
            }
        }
    }
}

#[test]
fn rows_of_other_processes_arrive_in_order_at_every_follower() {
    let log = log(100);
    log.extend(&[0, 1, 2]).unwrap();
    let mut followers = [(); 3].map(|()| Role::start(&format!("follow {}", log.name())));
    for follower in &mut followers {
        assert_eq!(follower.hear(), "follows");
    }
    for row in 3..50 {
        log.append(&row).unwrap();
    }
    fork(|| {
        let rows: Vec<u64> = (50..100).collect();
        assert_eq!(log.extend(&rows).unwrap(), 50..100);
    })
    .pass();
    for follower in &mut followers {
        for row in 0..100 {
            assert_eq!(follower.hear(), row.to_string());
        }
        assert!(follower.wait().success(), "a full log that was read has an end");
    }
}

#[test]
fn a_follower_iterates_over_rows_until_the_log_is_full() {
    let log = log(300);
    log.extend(&[0, 1, 2]).unwrap();
    thread::scope(|scope| {
        let (own, all) = (log.follow(), log.follow_from(0));
        let appender = scope.spawn(|| (3..300).try_for_each(|row| log.append(&row).map(drop)));
        let rows = all.collect::<ndshm::Result<Vec<u64>>>().unwrap();
        assert_eq!(rows, (0..300).collect::<Vec<_>>());
        assert_eq!(own.map(Result::unwrap).sum::<u64>(), (3..300).sum::<u64>());
        appender.join().unwrap().unwrap();
    });
    let mut late = log.follow_from(298);
    assert_eq!(late.next().unwrap().unwrap(), 298);
    assert_eq!((late.position(), late.wait().unwrap().as_slice()), (299, &[299][..]));
    assert!(late.next().is_none() && late.next().is_none());
    assert!(log.follow_from(1000).next().is_none());
}

#[test]
fn an_iterating_follower_ends_after_it_told_that_its_log_was_replaced() {
    let name = crate::support::FreeName::new();
    let options = Log::<u64>::options();
    let old = options.create(name.as_str(), 10).unwrap();
    old.append(&7).unwrap();
    let mut follower = old.follow_from(0);
    let _new = Array1::<u64>::create_or_replace(name.as_str(), 10).unwrap();
    assert_eq!(follower.next().unwrap().unwrap(), 7, "what was there comes first");
    assert_eq!(follower.next().unwrap().unwrap_err().kind(), ErrorKind::Replaced);
    assert!(follower.next().is_none() && follower.next().is_none());
}

#[test]
fn a_sleeping_follower_is_woken_by_an_append() {
    let log = log(10);
    thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let mut follower = log.follow_from(0);
            follower.wait_timeout(DEADLINE).unwrap().as_slice().to_vec()
        });
        eventually("it sleeps", || somebody_listens(log.segment()));
        log.append(&7).unwrap();
        assert_eq!(follower.join().unwrap(), [7]);
    });
}

#[test]
fn a_full_log_says_so_and_loses_nothing() {
    let log = log(3);
    log.extend(&[1, 2]).unwrap();
    let error = log.extend(&[3, 4]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.to_string().contains("has 2 of 3 rows, so 2 more do not fit"), "{error}");
    assert_eq!(log.append(&3).unwrap(), 2);
    assert_eq!(log.append(&4).unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(log.extend(&[]).unwrap(), 3..3);
    assert_eq!(log.rows().as_slice(), [1, 2, 3]);

    let mut follower = log.follow_from(1);
    assert_eq!(follower.wait().unwrap().range(), 1..3);
    assert_eq!(follower.wait().unwrap_err().kind(), ErrorKind::Full);
    assert!(follower.try_next().is_none());
}

#[test]
fn rows_outlive_the_handle_and_the_name() {
    let rows = {
        let log = log(10);
        log.extend(&[1, 2, 3]).unwrap();
        log.rows_from(1)
    };
    let sum = thread::spawn(move || rows.sum()).join().unwrap();
    assert_eq!(sum, 5);
}

#[test]
fn positions_beyond_the_end_are_empty_and_not_a_panic() {
    let log = log(5);
    log.extend(&[1, 2]).unwrap();
    assert_eq!(log.rows_from(9).range(), 2..2);
    let mut ahead = log.follow_from(3);
    log.extend(&[3]).unwrap();
    assert!(ahead.try_next().is_none());
    log.extend(&[4]).unwrap();
    assert_eq!(ahead.try_next().unwrap().as_slice(), [4]);
    let never = log.follow_from(usize::MAX).wait().unwrap_err();
    assert_eq!(never.kind(), ErrorKind::Full);
}

#[test]
fn a_log_of_no_rows_is_full() {
    let log = log(0);
    assert!(log.is_full() && log.is_empty() && log.rows().is_empty());
    assert_eq!(log.append(&1).unwrap_err().kind(), ErrorKind::Full);
}

#[test]
fn a_log_is_told_from_everything_else() {
    let rows = Log::<[f32; 3]>::create_unique("it-log-", 10).unwrap();
    assert_eq!(rows.segment().info().unwrap().kind(), Kind::Log);
    assert_eq!(rows.segment().info().unwrap().shape(), [10, 3]);
    let kind = |error: ndshm::Error| error.kind();
    let name = rows.name();
    assert_eq!(kind(Log::<f32>::open(name).unwrap_err()), ErrorKind::DtypeMismatch);
    assert_eq!(kind(Log::<[f64; 3]>::open(name).unwrap_err()), ErrorKind::DtypeMismatch);
    assert_eq!(kind(Array1::<[f32; 3]>::open(name).unwrap_err()), ErrorKind::KindMismatch);
    assert_eq!(kind(Value::<f32>::open(name).unwrap_err()), ErrorKind::KindMismatch);
    let array = Array1::<f32>::create_unique("it-log-", 10).unwrap();
    assert_eq!(kind(Log::<f32>::open(array.name()).unwrap_err()), ErrorKind::KindMismatch);
    let value = Value::create_unique("it-log-", 1.0_f32).unwrap();
    assert_eq!(kind(Log::<f32>::open(value.name()).unwrap_err()), ErrorKind::KindMismatch);
}

#[test]
fn a_committed_length_that_cannot_be_true_is_not_believed() {
    let log = log(10);
    log.extend(&[1, 2, 3]).unwrap();
    let control = log.segment().info().unwrap().control_offset() as u64;
    let file = File::options().read(true).write(true).open(log.segment().path()).unwrap();
    let mut head_len = [0; 4];
    file.read_exact_at(&mut head_len, control + 16).unwrap();
    let committed = control + u64::from(u32::from_le_bytes(head_len)) + 40;
    for lie in [11, 1 << 40, u64::MAX] {
        file.write_all_at(&lie.to_le_bytes(), committed).unwrap();
        assert_eq!((log.len(), log.rows().len(), log.rows_from(4).len()), (10, 10, 6));
        assert_eq!(log.append(&4).unwrap_err().kind(), ErrorKind::Full);
        assert_eq!(log.follow_from(4).wait().unwrap().range(), 4..10);
        assert_eq!(AnySnapshot::of(log.segment()).unwrap().shape(), [10]);
    }
}

#[test]
fn a_log_far_larger_than_memory_takes_what_is_put_into_it() {
    let log = Log::<[u64; 16]>::create_unique("it-log-", 1 << 33).unwrap();
    assert_eq!(log.segment().info().unwrap().data_len(), 1 << 40);
    let rows = vec![[1; 16]; 20_000];
    for _ in 0..3 {
        log.extend(&rows).unwrap();
    }
    assert_eq!(log.len(), 60_000);
    assert!(log.rows().iter().all(|row| *row == [1; 16]));
    let blocks = fs::metadata(log.segment().path()).unwrap().blocks();
    assert!(blocks * 512 < 10 << 20, "{blocks} blocks for 7.4 MiB of rows");
}

#[test]
fn a_log_may_be_a_file_or_have_no_name() {
    let file = FreeFile::in_memory();
    let filed = Log::<u64>::create(file.path(), 1 << 40).unwrap();
    let nameless = Log::<u64>::create_anonymous(1 << 40).unwrap();
    for log in [filed, nameless] {
        let text = log.handle().to_string();
        fork(|| {
            let same = Log::<u64>::open_handle(&text.parse().unwrap()).unwrap();
            same.extend(&[1, 2, 3]).unwrap();
        })
        .pass();
        log.append(&4).unwrap();
        assert_eq!(log.rows().as_slice(), [1, 2, 3, 4]);
    }
}

#[test]
fn a_log_with_all_its_memory_asks_for_none() {
    let log = Log::<u64>::options().reserve(Reserve::Full).create_unique("it-log-", 1000).unwrap();
    log.extend(&[1; 1000]).unwrap();
    assert_eq!(log.rows().sum(), 1000);
}

/// How many rows the role appends at once.
const BATCH: u64 = 20_000;

/// The role: appends batches to the log of that name until it is full.
pub(crate) fn append(name: &str) {
    let log = Log::<u64>::open(name).unwrap();
    say("appends");
    for batch in 0.. {
        let first = batch * BATCH;
        log.extend(&(first..first + BATCH).collect::<Vec<_>>()).unwrap();
    }
}

#[test]
fn an_appender_stopped_in_the_middle_is_named_and_killed_there_costs_its_last_rows_alone() {
    let log = log(100 << 20);
    let mut appender = Role::start(&format!("append {}", log.name()));
    assert_eq!(appender.hear(), "appends");
    eventually("it is stopped in the middle", || {
        appender.signal(libc::SIGSTOP);
        eventually("it is stopped", || state_of(appender.pid()) == 'T');
        let inside = log.try_extend(&[]).unwrap().is_none();
        if !inside {
            appender.signal(libc::SIGCONT);
        }
        inside
    });
    let before = log.rows().len() as u64;
    let error = log.extend_timeout(&[1], Duration::from_millis(20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let who = format!("process {}, which is alive", appender.pid());
    assert!(error.to_string().contains(&who), "{error}");
    assert_eq!(log.rows().len() as u64, before, "readers are not kept waiting");

    appender.kill();
    let appended = log.extend_timeout(&[u64::MAX], DEADLINE).unwrap();
    let lost_or_not = [before, before + BATCH];
    assert!(lost_or_not.contains(&(appended.start as u64)), "{appended:?} {before}");
    let rows = log.rows();
    let (last, committed) = rows.as_slice().split_last().unwrap();
    assert_eq!(*last, u64::MAX);
    assert_eq!(committed.len() as u64 % BATCH, 0, "a batch is all there or not at all");
    assert!(committed.iter().copied().eq(0..committed.len() as u64));
}
