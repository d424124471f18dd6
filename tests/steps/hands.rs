//! Names that change hands: replaced, given up by the last user, removed in sets, and what is left of
//! those who died over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use ndshm::{Array1, ErrorKind, Lifetime, Options, Segment, SegmentSet, Value};

use crate::Run;
use crate::Scenario;
use crate::mortal::{DEADLINE, End, FreeName, Mortal, exists, say, wait};
use crate::names::no_temporary_names;

const CELLS: usize = 4096;

const OLD: [u64; 4] = [7; 4];

type Array = Array1<u64>;

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario { name: "replace", act: replace, play: |run| play_replace(run, None) },
        Scenario { name: "replace a file", act: replace_file, play: play_replace_file },
        Scenario { name: "replace while others do", act: replace, play: play_replace_at_once },
        Scenario {
            name: "reap a replacer that did not get its name",
            act: reap,
            play: |run| play_replace(run, Some("replace: linked beside")),
        },
        Scenario {
            name: "reap what came out of an exchange",
            act: reap,
            play: |run| play_replace(run, Some("replace: exchanged")),
        },
        Scenario { name: "come and go as the only user", act: use_it, play: play_only_user },
        Scenario { name: "come and go beside a user", act: use_it, play: play_beside_a_user },
        Scenario { name: "come while the last user leaves", act: use_it, play: play_succeed },
        Scenario { name: "remove a set", act: remove_set, play: play_remove_set },
        Scenario { name: "open eagerly", act: open_eagerly, play: play_open_eagerly },
    ]
}

fn lasting() -> Options<Array> {
    Array::options().lifetime(Lifetime::Persistent)
}

// What children do.

fn replace(name: &str) {
    let array = lasting().create_or_replace(name, CELLS).unwrap();
    say("replaced");
    array.write_timeout(DEADLINE).unwrap().fill(1);
}

fn replace_file(name: &str) {
    drop(Array::create_or_replace(&path(name), CELLS).unwrap());
    say("replaced");
}

fn reap(_name: &str) {
    ndshm::reap().unwrap();
    say("reaped");
}

fn use_it(name: &str) {
    say("comes");
    let array = Array::open_or_create(name, CELLS).unwrap();
    assert_eq!(Segment::open(name).unwrap().id(), array.segment().id(), "the name went");
    say("uses it");
    drop(array);
    say("left");
}

fn remove_set(name: &str) {
    let set = SegmentSet::new();
    for name in members(name) {
        set.add(lasting().open_or_create(&name, CELLS).unwrap().segment()).unwrap();
    }
    say("removing");
    set.remove().unwrap();
    say("removed");
}

fn open_eagerly(name: &str) {
    drop(Array::options().eager().open(name).unwrap());
}

// What is left.

/// Opens what has the name, which is whole.
fn whole(name: &str) -> Option<[u8; 16]> {
    match Segment::open(name) {
        Ok(segment) => {
            let info = segment.info().unwrap();
            assert!(matches!(info.shape(), [CELLS] | [4]), "{info}");
            Some(segment.id())
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            None
        }
    }
}

/// A value that is going to be replaced, and somebody who waits for it to change.
struct Replaced {
    value: Value<[u64; 4]>,
    waits: thread::JoinHandle<ErrorKind>,
}

impl Replaced {
    fn new(value: Value<[u64; 4]>) -> Self {
        let waiter = value.clone();
        let waits = thread::spawn(move || {
            wait("it is replaced", |patience| match waiter.wait_changed_timeout(OLD, patience) {
                Err(error) if error.kind() == ErrorKind::Timeout => Err(error),
                ended => Ok(ended.unwrap_err().kind()),
            })
        });
        Self { value, waits }
    }

    /// Fails unless it was replaced, and all who have it know.
    fn is_known(self) {
        assert_eq!(self.waits.join().unwrap(), ErrorKind::Replaced);
        assert!(self.value.segment().is_replaced());
        // It works on for those who have it.
        self.value.set([8; 4]).unwrap();
        assert_eq!(self.value.get().unwrap(), [8; 4]);
    }
}

/// The child replaces a segment, or reaps what a replacer left who died at that step.
fn play_replace(run: &Run, before: Option<&str>) -> End {
    let name = FreeName::new();
    let options = Value::options().lifetime(Lifetime::Persistent);
    let old = Replaced::new(options.create(name.as_str(), OLD).unwrap());
    if let Some(step) = before {
        let replacer = Mortal::start("replace", name.as_str(), Some(step)).end();
        assert!(replacer.died_at.is_some());
    }
    let end = run.start(name.as_str()).end();
    let named = whole(name.as_str()).expect("it has its name");
    let is_replaced = named != old.value.segment().id();
    assert!(is_replaced || !end.has_said("replaced"));
    assert_eq!(old.value.segment().is_replaced(), is_replaced);
    if end.has_said("reaped") {
        no_temporary_names();
    }

    ndshm::reap().unwrap();
    no_temporary_names();
    assert_eq!(whole(name.as_str()), Some(named), "a name changed hands that none was to touch");
    if !is_replaced {
        let _new = lasting().create_or_replace(name.as_str(), CELLS).unwrap();
    }
    old.is_known();
    let again = Mortal::start("replace", name.as_str(), None).end();
    assert!(again.has_said("replaced"));
    ndshm::remove(name.as_str()).unwrap();
    no_temporary_names();
    end
}

/// The file that a scenario is about, alone in its directory.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).join("file.npy")
}

/// Files of a directory of the test's own.
struct Directory(PathBuf);

impl Directory {
    fn of(file: &Path) -> Self {
        let directory = file.parent().unwrap().to_owned();
        fs::create_dir(&directory).unwrap();
        Self(directory)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn play_replace_file(run: &Run) -> End {
    let name = FreeName::new();
    let path = path(name.as_str());
    let directory = Directory::of(&path);
    let old = Replaced::new(Value::create(&path, OLD).unwrap());
    let end = run.start(name.as_str()).end();
    let is_replaced = Segment::open(&path).unwrap().id() != old.value.segment().id();
    assert!(is_replaced || !end.has_said("replaced"));
    let _new = Array::create_or_replace(&path, CELLS).unwrap();
    old.is_known();
    assert_eq!(directory.names(), ["file.npy"]);
    ndshm::remove(&path).unwrap();
    end
}

fn play_replace_at_once(run: &Run) -> End {
    let name = FreeName::new();
    let mut child = run.start(name.as_str());
    let mut made = Vec::new();
    child.until("it replaced", || {
        made.push(lasting().create_or_replace(name.as_str(), CELLS).unwrap());
        made.len() > 20
    });
    let end = child.end();
    ndshm::reap().unwrap();
    no_temporary_names();
    let named = whole(name.as_str()).expect("it has its name");
    for array in &made {
        assert_eq!(array.segment().is_replaced(), array.segment().id() != named);
        array.write_timeout(DEADLINE).unwrap().fill(1);
    }
    ndshm::remove(name.as_str()).unwrap();
    end
}

fn play_only_user(run: &Run) -> End {
    let name = FreeName::new();
    let end = run.start(name.as_str()).end();
    let is_there = exists(name.as_str());
    assert!(!is_there || end.died_at.is_some(), "the last user took it with him");
    // Whoever comes next has what is there, and takes it with him.
    let next = Array::open_or_create(name.as_str(), CELLS).unwrap();
    next.write_timeout(DEADLINE).unwrap().fill(1);
    drop(next);
    assert!(!exists(name.as_str()));
    no_temporary_names();
    assert!(run.again().start(name.as_str()).end().died_at.is_none());
    assert!(!exists(name.as_str()));
    end
}

fn play_beside_a_user(run: &Run) -> End {
    let name = FreeName::new();
    let array = Array::open_or_create(name.as_str(), CELLS).unwrap();
    let end = run.start(name.as_str()).end();
    ndshm::reap().unwrap();
    assert_eq!(whole(name.as_str()), Some(array.segment().id()), "it is in use");
    assert!(run.again().start(name.as_str()).end().died_at.is_none());
    drop(array);
    assert!(!exists(name.as_str()), "nobody uses it");
    end
}

fn play_succeed(run: &Run) -> End {
    let name = FreeName::new();
    let array = Array::open_or_create(name.as_str(), CELLS).unwrap();
    let mut child = run.start(name.as_str());
    child.says("comes");
    drop(array);
    let end = child.end();
    if exists(name.as_str()) {
        assert!(end.died_at.is_some(), "the last user took it with him");
        whole(name.as_str());
    }
    ndshm::reap().unwrap();
    assert!(!exists(name.as_str()), "nobody uses it");
    end
}

fn members(name: &str) -> [String; 3] {
    [0, 1, 2].map(|member| format!("{name}-{member}"))
}

fn play_remove_set(run: &Run) -> End {
    let name = FreeName::new();
    let names = members(name.as_str());
    let arrays = names.each_ref().map(|name| Array::create(name, CELLS).unwrap());
    let end = run.start(name.as_str()).end();
    for (array, name) in arrays.iter().zip(&names) {
        let is_there = whole(name) == Some(array.segment().id());
        assert!(is_there || end.has_said("removing"));
        assert!(!is_there || !end.has_said("removed"));
        array.write_timeout(DEADLINE).unwrap().fill(1);
    }
    // The rest goes with the next set.
    assert!(run.again().start(name.as_str()).end().has_said("removed"));
    assert!(names.iter().all(|name| !exists(name)));
    no_temporary_names();
    end
}

fn play_open_eagerly(run: &Run) -> End {
    let name = FreeName::new();
    let array = Array::options().participants(2).create(name.as_str(), CELLS).unwrap();
    let end = run.start(name.as_str()).end();
    array.write_timeout(DEADLINE).unwrap().fill(1);
    for _ in 0..3 {
        // There is one slot for all of them.
        assert!(run.again().start(name.as_str()).end().died_at.is_none());
    }
    assert_eq!(array.segment().participants().unwrap().len(), 1);
    end
}
