//! Values and events: the old or the new, and nobody waits in vain.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::thread;

use ndshm::{Element, Event, Segment, Value};

use crate::Run;
use crate::Scenario;
use crate::mortal::{
    DEADLINE, End, Mortal, exists, listen, say, somebody_waits, somebody_waits_for_changes, wait,
};

/// A value that takes several words, and more than one of them at a commit.
type Large = [u64; 4];

const OLD: Large = [1; 4];
const NEW: Large = [2; 4];
const LAST: Large = [3; 4];

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario { name: "set a large value", act: set_large, play: set_large_alone },
        Scenario {
            name: "set a large value after a committer died",
            act: set_large,
            play: set_large_after_a_death,
        },
        Scenario {
            name: "set a large value while it is locked",
            act: set_large,
            play: set_large_behind_a_lock,
        },
        Scenario { name: "set while another waits", act: set_when_told, play: set_beside_a_waiter },
        Scenario { name: "add", act: add, play: add_alone },
        Scenario { name: "wait for a change", act: wait_for_change, play: change_for_a_waiter },
        Scenario { name: "set an event", act: set_event, play: set_event_beside_a_waiter },
        Scenario { name: "wait for an event", act: wait_for_event, play: set_event_for_a_waiter },
    ]
}

// What children do.

fn set_large(name: &str) {
    Value::<Large>::open(name).unwrap().set(NEW).unwrap();
    say("set");
}

fn set_when_told(name: &str) {
    let value = Value::<u64>::open(name).unwrap();
    say("ready");
    listen();
    value.set(2).unwrap();
    say("set");
}

fn add(name: &str) {
    Value::<u64>::open(name).unwrap().fetch_add(1).unwrap();
    say("set");
}

fn wait_for_change(name: &str) {
    let value = Value::<Large>::open(name).unwrap();
    assert_eq!(value.wait_changed_timeout(OLD, DEADLINE).unwrap(), NEW);
}

fn set_event(name: &str) {
    let event = Event::open(name).unwrap();
    say("ready");
    listen();
    event.set().unwrap();
    say("set");
}

fn wait_for_event(name: &str) {
    Event::open(name).unwrap().wait_timeout(DEADLINE).unwrap();
}

// What happens beside them, and what is left.

fn value<T: Element>(of: T) -> Value<T> {
    Value::options().participants(2).create_unique("steps-value-", of).unwrap()
}

fn set_large_alone(run: &Run) -> End {
    set_large_beside(run, OLD, |value| run.start(value.name()).end())
}

fn set_large_after_a_death(run: &Run) -> End {
    set_large_beside(run, NEW, |value| {
        let first =
            Mortal::start("set a large value", value.name(), Some("commit: shadow current"));
        assert!(first.end().died_at.is_some());
        run.start(value.name()).end()
    })
}

fn set_large_behind_a_lock(run: &Run) -> End {
    set_large_beside(run, OLD, |value| {
        let guard = value.edit_timeout(DEADLINE).unwrap();
        let mut mortal = run.start(value.name());
        mortal.until("it waits", || somebody_waits(value.segment()));
        drop(guard);
        mortal.end()
    })
}

/// Lets the child set a value that is `before` when it comes to it.
fn set_large_beside(run: &Run, before: Large, beside: impl FnOnce(&Value<Large>) -> End) -> End {
    let value = value(OLD);
    let end = beside(&value);
    let left = value.get().unwrap();
    assert!(left == NEW || left == before && !end.has_said("set"), "{left:?}");
    *value.edit_timeout(DEADLINE).unwrap() = LAST;
    assert_eq!(value.get().unwrap(), LAST);
    assert_eq!(payload(value.segment()), LAST, "where NumPy looks");
    assert!(run.again().start(value.name()).end().died_at.is_none());
    assert_eq!(value.get().unwrap(), NEW);
    gone(value.segment().name().to_owned(), value);
    end
}

/// What a plain memory map shows.
fn payload(segment: &Segment) -> Large {
    let mut bytes = [0; 32];
    File::open(segment.path()).unwrap().read_exact_at(&mut bytes, 4096).unwrap();
    bytemuck::cast(bytes)
}

fn set_beside_a_waiter(run: &Run) -> End {
    let value = value(1_u64);
    let mut mortal = run.start(value.name());
    let end = thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            wait("the value changes", |patience| value.wait_changed_timeout(1, patience))
        });
        let segment = value.segment();
        mortal.until("another waits", || somebody_waits_for_changes(segment));
        mortal.go_on();
        let end = mortal.end();
        let left = value.get().unwrap();
        assert!(left == 2 || left == 1 && !end.has_said("set"), "{left}");
        if left == 1 {
            value.set(2).unwrap();
        }
        assert_eq!(waiter.join().unwrap(), 2);
        end
    });
    gone(value.name().to_owned(), value);
    end
}

fn add_alone(run: &Run) -> End {
    let value = value(1_u64);
    let end = run.start(value.name()).end();
    let left = value.get().unwrap();
    assert!(left == 2 || left == 1 && !end.has_said("set"), "{left}");
    assert!(run.again().start(value.name()).end().died_at.is_none());
    assert_eq!(value.get().unwrap(), left + 1);
    gone(value.name().to_owned(), value);
    end
}

fn change_for_a_waiter(run: &Run) -> End {
    let value = value(OLD);
    let mut mortal = run.start(value.name());
    mortal.until("it waits", || somebody_waits_for_changes(value.segment()));
    value.set(NEW).unwrap();
    let end = mortal.end();
    assert_eq!(value.wait_changed_timeout(OLD, DEADLINE).unwrap(), NEW);
    assert!(run.again().start(value.name()).end().died_at.is_none());
    gone(value.name().to_owned(), value);
    end
}

fn set_event_beside_a_waiter(run: &Run) -> End {
    let event = Event::options().participants(2).create_unique("steps-event-").unwrap();
    let mut mortal = run.start(event.name());
    let end = thread::scope(|scope| {
        let waiter =
            scope.spawn(|| wait("the event is set", |patience| event.wait_timeout(patience)));
        mortal.until("another waits", || somebody_waits_for_changes(event.segment()));
        mortal.go_on();
        let end = mortal.end();
        assert!(event.is_set() || !end.has_said("set"));
        if !event.is_set() {
            event.set().unwrap();
        }
        waiter.join().unwrap();
        end
    });
    gone(event.name().to_owned(), event);
    end
}

fn set_event_for_a_waiter(run: &Run) -> End {
    let options = Event::options().auto_reset().participants(2);
    let event = options.create_unique("steps-event-").unwrap();
    let mut mortal = run.start(event.name());
    mortal.until("it waits", || somebody_waits_for_changes(event.segment()));
    event.set().unwrap();
    let end = mortal.end();
    if end.has_said("done") {
        assert!(!event.is_set(), "it let one through");
    }
    event.set().unwrap();
    assert!(run.again().start(event.name()).end().died_at.is_none());
    assert!(!event.try_wait().unwrap(), "it let the second one through");
    gone(event.name().to_owned(), event);
    end
}

/// Drops the creator's handle, with which the name goes.
fn gone<H>(name: String, handle: H) {
    drop(handle);
    assert!(!exists(&name), "{name} is left");
}
