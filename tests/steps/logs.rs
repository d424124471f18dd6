//! Logs: what is committed is whole and stays, and nobody waits in vain.

use std::thread;

use ndshm::{Log, LogRows};

use crate::Run;
use crate::Scenario;
use crate::mortal::{DEADLINE, End, exists, listen, say, somebody_waits_for_changes, wait};

/// A row of several words.
type Row = [u64; 4];

const FIRST: Row = [1; 4];
const SECOND: Row = [2; 4];
const LAST: Row = [3; 4];

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario { name: "append while another follows", act: append, play: append_beside },
        Scenario { name: "follow a log", act: follow, play: append_for_a_follower },
    ]
}

fn append(name: &str) {
    let log = Log::<Row>::open(name).unwrap();
    say("ready");
    listen();
    assert_eq!(log.extend(&[FIRST, SECOND]).unwrap().len(), 2);
    say("appended");
}

fn follow(name: &str) {
    let rows = Log::<Row>::open(name).unwrap().follow_from(0).wait_timeout(DEADLINE).unwrap();
    assert_eq!(rows.as_slice(), [FIRST]);
}

/// A log without memory for its rows yet.
fn log() -> Log<Row> {
    Log::options().participants(2).create_unique("steps-log-", 1 << 30).unwrap()
}

fn append_beside(run: &Run) -> End {
    let log = log();
    let mut mortal = run.start(log.name());
    let end = thread::scope(|scope| {
        let mut follower = log.follow();
        let follower = scope.spawn(move || -> LogRows<Row> {
            wait("rows are appended", |patience| follower.wait_timeout(patience))
        });
        mortal.until("another follows", || somebody_waits_for_changes(log.segment()));
        mortal.go_on();
        let end = mortal.end();
        let left = log.rows();
        assert!(left.is_empty() || left.as_slice() == [FIRST, SECOND], "{left:?}");
        assert!(left.len() == 2 || !end.has_said("appended"));
        log.extend_timeout(&[LAST], DEADLINE).unwrap();
        let seen = follower.join().unwrap();
        assert!(log.rows().as_slice().starts_with(seen.as_slice()), "{seen:?}");
        assert_eq!(log.rows().as_slice(), [left.as_slice(), &[LAST]].concat());
        end
    });
    let before = log.rows().as_slice().to_vec();
    let mut again = run.again().start(log.name());
    again.go_on();
    assert!(again.end().died_at.is_none());
    assert_eq!(log.rows().as_slice(), [before, vec![FIRST, SECOND]].concat());
    gone(log);
    end
}

fn append_for_a_follower(run: &Run) -> End {
    let log = log();
    let mut mortal = run.start(log.name());
    mortal.until("it waits", || somebody_waits_for_changes(log.segment()));
    log.append(&FIRST).unwrap();
    let end = mortal.end();
    log.append(&SECOND).unwrap();
    assert_eq!(log.rows().as_slice(), [FIRST, SECOND]);
    gone(log);
    end
}

/// Drops the creator's handle, with which the name goes.
fn gone(log: Log<Row>) {
    let name = log.name().to_owned();
    drop(log);
    assert!(!exists(&name), "{name} is left");
}
