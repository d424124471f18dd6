//! Locks on an array of two stripes, whose cells always add up unless somebody is writing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use ndshm::{Array1, ErrorKind};

use crate::Run;
use crate::Scenario;
use crate::mortal::{DEADLINE, End, Mortal, exists, has_owner, listen, say, somebody_waits, wait};

const CELLS: usize = 8;
const EACH: u64 = 100;
const TOTAL: u64 = EACH * CELLS as u64;

type Array = Array1<u64>;

/// Lets the child that it is given a start for act beside what else happens.
type Beside = fn(&Array, &dyn Fn() -> Mortal) -> End;

/// What the others may find before the child says that it writes.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Clean,
    /// Another died while writing.
    Suspect,
    /// Another died while writing, if the child came as far as to register.
    SuspectOnceRegistered,
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "write",
            act: write,
            play: |run| play(run, 2, Before::Clean, |_, start| start().end()),
        },
        Scenario {
            name: "read",
            act: read,
            play: |run| play(run, 2, Before::Clean, |_, start| start().end()),
        },
        Scenario {
            name: "write while another waits",
            act: write,
            play: |run| {
                play(run, 2, Before::Clean, |array, start| watched(array, start, "writing"))
            },
        },
        Scenario {
            name: "read while a writer waits",
            act: read,
            play: |run| {
                play(run, 2, Before::Clean, |array, start| watched(array, start, "reading"))
            },
        },
        Scenario {
            name: "wait to write",
            act: write,
            play: |run| play(run, 2, Before::Clean, behind_a_writer),
        },
        Scenario {
            name: "wait to read",
            act: read,
            play: |run| play(run, 2, Before::Clean, behind_a_writer),
        },
        Scenario {
            name: "wait for a reader",
            act: write,
            play: |run| play(run, 2, Before::Clean, behind_a_reader),
        },
        Scenario {
            name: "write after a reader died who asked for its turn",
            act: write,
            play: |run| play(run, 2, Before::Clean, after_a_queued_reader),
        },
        Scenario {
            name: "read after a dead writer",
            act: read,
            play: |run| play(run, 2, Before::Suspect, after_a_dead_writer),
        },
        Scenario {
            name: "mend after a dead writer",
            act: mend,
            play: |run| play(run, 2, Before::Suspect, after_a_dead_writer),
        },
        Scenario {
            name: "write in the slot of a dead reader",
            act: write,
            play: |run| play(run, 2, Before::Clean, after_a_dead_reader),
        },
        Scenario {
            name: "survive a writer",
            act: survive,
            play: |run| {
                play(run, 3, Before::SuspectOnceRegistered, |array, start| {
                    survivor(array, start, "write")
                })
            },
        },
        Scenario {
            name: "survive a reader",
            act: survive,
            play: |run| play(run, 3, Before::Clean, |array, start| survivor(array, start, "read")),
        },
        Scenario {
            name: "panic",
            act: panic_while_writing,
            play: |run| play(run, 2, Before::Clean, |_, start| start().end()),
        },
    ]
}

// What children do.

fn open(name: &str) -> Array {
    Array::open(name).unwrap()
}

/// Says so and waits, if the test wants that.
fn announce(what: &str) {
    say(what);
    if std::env::var("NDSHM_ROLE").unwrap().contains("while") {
        listen();
    }
}

/// Moves something between two cells, passing steps of the library in the middle.
fn transfer(cells: &mut ndarray::ArrayRef<u64, ndarray::Ix1>, name: &str) {
    cells[0] -= 1;
    drop(open(name));
    cells[CELLS - 1] += 1;
}

fn write(name: &str) {
    let array = open(name);
    let mut guard = array.write_timeout(DEADLINE).unwrap();
    announce("writing");
    transfer(&mut guard, name);
    say("unlocking");
    drop(guard);
    say("unlocked");
}

fn read(name: &str) {
    let array = open(name);
    match array.read_timeout(DEADLINE) {
        Ok(guard) => {
            announce("reading");
            let again = array.read_timeout(DEADLINE).unwrap();
            assert_eq!(guard.sum(), TOTAL);
            drop(again);
        }
        Err(error) => assert!(is_suspicion(error.kind()), "{error}"),
    }
}

fn mend(name: &str) {
    let array = open(name);
    recover(&array, name);
}

fn survive(name: &str) {
    let array = open(name);
    drop(array.read_timeout(DEADLINE).unwrap());
    say("registered");
    listen();
    recover(&array, name);
}

fn recover(array: &Array, name: &str) {
    let mut guard = array.request().timeout(DEADLINE).recover().write().unwrap();
    say("writing");
    guard.fill(EACH);
    transfer(&mut guard, name);
    guard.mark_consistent();
    say("unlocking");
    drop(guard);
    say("unlocked");
}

fn panic_while_writing(name: &str) {
    let array = open(name);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = array.write_timeout(DEADLINE).unwrap();
        say("writing");
        guard[0] -= 1;
        panic!("half written");
    }));
    assert!(panicked.is_err());
}

// What happens beside them.

/// Has another wait for the lock that the child holds.
fn watched(array: &Array, start: &dyn Fn() -> Mortal, holds: &str) -> End {
    let mut mortal = start();
    if !mortal.says(holds) {
        return mortal.end();
    }
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            drop(wait("the lock is free", |patience| {
                array.request().timeout(patience).recover().write()
            }));
        });
        mortal.until("another waits", || match holds {
            "writing" => somebody_waits(array.segment()),
            _ => has_owner(array.segment()),
        });
        mortal.go_on();
        let end = mortal.end();
        waiter.join().unwrap();
        end
    })
}

fn behind_a_writer(array: &Array, start: &dyn Fn() -> Mortal) -> End {
    let guard = array.write_timeout(DEADLINE).unwrap();
    let mut mortal = start();
    mortal.until("it waits", || somebody_waits(array.segment()));
    drop(guard);
    mortal.end()
}

fn behind_a_reader(array: &Array, start: &dyn Fn() -> Mortal) -> End {
    let guard = array.read_timeout(DEADLINE).unwrap();
    let mut mortal = start();
    mortal.until("it waits", || has_owner(array.segment()));
    drop(guard);
    mortal.end()
}

fn after_a_queued_reader(array: &Array, start: &dyn Fn() -> Mortal) -> End {
    let guard = array.write_timeout(DEADLINE).unwrap();
    let reader = Mortal::start("read", array.name(), Some("read: turn asked for")).end();
    assert!(reader.died_at.is_some());
    drop(guard);
    start().end()
}

/// Has another process die with the lock in hand.
fn victim(array: &Array, role: &str, holds: &str) {
    let mut victim = Mortal::start(role, array.name(), None);
    assert!(victim.says(holds));
    victim.kill();
}

fn after_a_dead_writer(array: &Array, start: &dyn Fn() -> Mortal) -> End {
    victim(array, "write while another waits", "writing");
    start().end()
}

fn after_a_dead_reader(array: &Array, start: &dyn Fn() -> Mortal) -> End {
    victim(array, "read while a writer waits", "reading");
    start().end()
}

/// Has a child that registered before the victim did find out by itself.
fn survivor(array: &Array, start: &dyn Fn() -> Mortal, victim_does: &str) -> End {
    let mut mortal = start();
    if mortal.says("registered") {
        match victim_does {
            "write" => victim(array, "write while another waits", "writing"),
            _ => victim(array, "read while a writer waits", "reading"),
        }
        mortal.go_on();
    }
    mortal.end()
}

// What is left.

fn play(run: &Run, participants: u32, before: Before, beside: Beside) -> End {
    let array = Array::options()
        .stripes(2)
        .participants(participants)
        .create_unique("steps-array-", CELLS)
        .unwrap();
    array.write_timeout(DEADLINE).unwrap().fill(EACH);
    let end = beside(&array, &|| run.start(array.name()));
    examine(&array, &end, before);

    // Who comes later finds a slot and a working lock.
    let later = beside(&array, &|| run.again().start(array.name()));
    assert!(later.died_at.is_none());
    assert!(array.segment().participants().unwrap().len() <= participants as usize);

    let name = array.name().to_owned();
    drop(array);
    assert!(!exists(&name), "{name} is left");
    end
}

fn examine(array: &Array, end: &End, before: Before) {
    let step = end.died_at.as_deref().unwrap_or("the end");
    let is_suspect = match array.read_timeout(DEADLINE).map(|guard| guard.sum()) {
        Ok(sum) => {
            assert_eq!(sum, TOTAL, "{step}: half written, and nobody is told");
            false
        }
        Err(error) if is_suspicion(error.kind()) => true,
        Err(error) => panic!("{step}: {error}"),
    };
    if let Some(must) = must_be_suspect(end, before) {
        assert_eq!(is_suspect, must, "{step}: whether the data is suspect");
    }
    let mut mender = array.request().timeout(DEADLINE).recover().write().unwrap();
    assert_eq!(mender.poison().is_some(), is_suspect, "{step}");
    mender.fill(EACH);
    mender.mark_consistent();
    drop(mender);
    assert_eq!(array.try_read().unwrap().expect("nobody writes").sum(), TOTAL, "{step}");
    assert!(array.try_write().unwrap().is_some(), "{step}: somebody is in the way");
}

/// Whether the data must be suspect, or must not; none where the child alone could know.
fn must_be_suspect(end: &End, before: Before) -> Option<bool> {
    let was_suspect = match before {
        Before::Clean => false,
        Before::Suspect => true,
        Before::SuspectOnceRegistered => end.has_said("registered"),
    };
    if end.has_said("unlocked") {
        Some(false)
    } else if end.has_said("unlocking") {
        None
    } else if end.has_said("writing") || was_suspect {
        Some(true)
    } else if end.died_at.as_deref() == Some("write: begun") {
        None
    } else {
        Some(false)
    }
}

fn is_suspicion(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::OwnerDied | ErrorKind::Poisoned)
}
