//! Observers, who leave nothing, and arrays that are frozen, or not.

use ndshm::{Access, Array1, ErrorKind, Frozen1, Options};

use crate::Run;
use crate::Scenario;
use crate::mortal::{DEADLINE, End, exists, say};

const CELLS: usize = 8;

type Array = Array1<u64>;

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario { name: "observe", act: observe, play: |run| play(run, Before::Plain) },
        Scenario { name: "freeze", act: freeze, play: |run| play(run, Before::Plain) },
        Scenario {
            name: "freeze without a name",
            act: freeze_by_handle,
            play: |run| play_on(run, &options().create_anonymous(CELLS).unwrap(), Before::Plain),
        },
        Scenario { name: "freeze again", act: freeze, play: |run| play(run, Before::Frozen) },
        Scenario {
            name: "write what is frozen",
            act: write,
            play: |run| play(run, Before::Frozen),
        },
        Scenario { name: "read what is frozen", act: read, play: |run| play(run, Before::Frozen) },
    ]
}

/// What the array is before the child acts.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Plain,
    Frozen,
}

// What children do.

fn observe(name: &str) {
    let array = Array::options().access(Access::Observe).open(name).unwrap();
    assert_eq!(array.snapshot_timeout(DEADLINE).unwrap().sum(), CELLS as u64);
}

fn freeze(name: &str) {
    freeze_it(Array::open(name).unwrap());
}

fn freeze_by_handle(handle: &str) {
    freeze_it(Array::open_handle(&handle.parse().unwrap()).unwrap());
}

fn freeze_it(array: Array) {
    say("freezing");
    let frozen = array.freeze().unwrap();
    say("frozen");
    assert_eq!(frozen.sum(), CELLS as u64);
}

fn write(name: &str) {
    let error = Array::open(name).unwrap().write_timeout(DEADLINE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Frozen, "{error}");
}

fn read(name: &str) {
    assert_eq!(Frozen1::<u64>::open(name).unwrap().sum(), CELLS as u64);
}

// What is left.

fn options() -> Options<Array> {
    Array::options().stripes(2).participants(2)
}

fn play(run: &Run, before: Before) -> End {
    let array = options().create_unique("steps-readers-", CELLS).unwrap();
    let end = play_on(run, &array, before);
    let name = array.name().to_owned();
    drop(array);
    assert!(!exists(&name), "{name} is left");
    end
}

fn play_on(run: &Run, array: &Array, before: Before) -> End {
    array.write_timeout(DEADLINE).unwrap().fill(1);
    if before == Before::Frozen {
        array.clone().freeze().unwrap();
    }
    let is_named = !array.name().contains('/');
    let address = if is_named { array.name().to_owned() } else { array.handle().to_string() };
    let end = run.start(&address).end();
    examine(array, &end, before);
    assert!(run.again().start(&address).end().died_at.is_none());
    end
}

fn examine(array: &Array, end: &End, before: Before) {
    let step = end.died_at.as_deref().unwrap_or("the end");
    let is_frozen = array.segment().is_frozen();
    if before == Before::Frozen || end.has_said("frozen") || step == "freeze: marked" {
        assert!(is_frozen, "{step}: thawed");
    } else if !end.has_said("freezing") || step == "freeze: nobody writes" {
        assert!(!is_frozen, "{step}: frozen");
    }
    // Nothing is suspect and nobody is in the way, whichever it is.
    assert_eq!(array.read_timeout(DEADLINE).unwrap().sum(), CELLS as u64, "{step}");
    match array.write_timeout(DEADLINE) {
        Ok(_) => assert!(!is_frozen, "{step}: written though frozen"),
        Err(error) => {
            assert!(is_frozen && error.kind() == ErrorKind::Frozen, "{step}: {error}");
        }
    }
    let seen = Frozen1::<u64>::open_handle(&array.handle());
    assert_eq!(seen.is_ok(), is_frozen, "{step}");
    assert!(array.segment().participants().unwrap().len() <= 2);
}
