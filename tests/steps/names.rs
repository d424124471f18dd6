//! Creating and removing: a name is absent, or it is that of a whole segment.

use std::fs::{self, File};
use std::path::Path;

use ndshm::{Array1, Block, ErrorKind, Lifetime, Value};

use crate::Run;
use crate::Scenario;
use crate::mortal::{DEADLINE, End, FreeName, Mortal, exists, say};
use crate::sandbox::refuse_nameless_files;
use crate::system::lock_name;

const CELLS: usize = 4096;

/// More bytes than are reserved in one go.
const SEVERAL_PARTS: usize = (64 << 20) + 1;

const SET: [u64; 4] = [7; 4];

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario { name: "create an array", act: create_array, play: play_create_array },
        Scenario {
            name: "create without nameless files",
            act: create_without_nameless_files,
            play: play_create_array,
        },
        Scenario {
            name: "create an array in parts",
            act: create_in_parts,
            play: play_create_in_parts,
        },
        Scenario { name: "create a value", act: create_value, play: play_create_value },
        Scenario { name: "create a block", act: create_block, play: play_create_block },
        Scenario { name: "open or create", act: open_or_create, play: play_open_or_create },
        Scenario { name: "remove", act: remove, play: play_remove },
        Scenario {
            name: "remove while another changes the name",
            act: remove,
            play: play_remove_behind_a_lock,
        },
        Scenario { name: "reap", act: reap, play: play_reap },
        Scenario { name: "reap a temporary name", act: reap, play: play_reap_temporary },
    ]
}

// What children do.

fn create_array(name: &str) {
    let array = Array1::<u64>::create(name, CELLS).unwrap();
    array.write_timeout(DEADLINE).unwrap().fill(1);
}

fn create_without_nameless_files(name: &str) {
    refuse_nameless_files();
    create_array(name);
}

fn create_in_parts(name: &str) {
    drop(Array1::<u8>::create(name, SEVERAL_PARTS).unwrap());
}

fn create_value(name: &str) {
    drop(Value::create(name, SET).unwrap());
}

fn create_block(name: &str) {
    drop(Block::create(name, CELLS).unwrap());
}

fn open_or_create(name: &str) {
    let options = Array1::<u64>::options().lifetime(Lifetime::Persistent);
    drop(options.open_or_create(name, CELLS).unwrap());
}

fn remove(name: &str) {
    say(&format!("thread {}", fs::read_link("/proc/thread-self").unwrap().display()));
    ndshm::remove(name).unwrap();
    say("removed");
}

fn reap(_name: &str) {
    ndshm::reap().unwrap();
    say("reaped");
}

// What is left.

/// Nothing is left of a creator once somebody reaps.
fn reaped(name: &str) {
    ndshm::reap().unwrap();
    assert!(!exists(name), "{name} is left");
    no_temporary_names();
}

pub(crate) fn no_temporary_names() {
    let mut names = std::fs::read_dir("/dev/shm").unwrap().flatten().map(|entry| entry.file_name());
    assert!(!names.any(|name| name.to_string_lossy().starts_with(".ndshm-")));
}

/// Whether somebody made it whole, in a look that leaves no trace of participation.
fn is_whole_array(name: &str) -> bool {
    match Array1::<u64>::open(name) {
        Ok(array) => {
            assert_eq!(array.shape(), [CELLS]);
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            assert!(!exists(name));
            false
        }
    }
}

fn play_create_array(run: &Run) -> End {
    let name = FreeName::new();
    let end = run.start(name.as_str()).end();
    let is_there = is_whole_array(name.as_str());
    assert!(!is_there || end.died_at.is_some(), "the creator took it with it");
    reaped(name.as_str());
    assert!(run.again().start(name.as_str()).end().died_at.is_none());
    end
}

fn play_create_in_parts(run: &Run) -> End {
    let name = FreeName::new();
    let end = run.start(name.as_str()).end();
    match Array1::<u8>::open(name.as_str()) {
        Ok(array) => assert_eq!(array.shape(), [SEVERAL_PARTS]),
        Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
    }
    reaped(name.as_str());
    end
}

fn play_create_value(run: &Run) -> End {
    let name = FreeName::new();
    let end = run.start(name.as_str()).end();
    match Value::<[u64; 4]>::open(name.as_str()) {
        Ok(value) => assert_eq!(value.get().unwrap(), SET),
        Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
    }
    reaped(name.as_str());
    assert!(run.again().start(name.as_str()).end().died_at.is_none());
    end
}

fn play_create_block(run: &Run) -> End {
    let name = FreeName::new();
    let end = run.start(name.as_str()).end();
    match Block::open(name.as_str()) {
        Ok(block) => {
            assert!(end.died_at.is_some(), "the creator took it with it");
            assert_eq!(std::fs::read(block.path()).unwrap(), [0; CELLS]);
            Block::remove(name.as_str()).unwrap();
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
    }
    assert!(!exists(name.as_str()));
    no_temporary_names();
    assert!(run.again().start(name.as_str()).end().died_at.is_none());
    end
}

fn play_open_or_create(run: &Run) -> End {
    let name = FreeName::new();
    let end = run.start(name.as_str()).end();
    let is_there = is_whole_array(name.as_str());
    ndshm::reap().unwrap();
    assert_eq!(exists(name.as_str()), is_there, "it was to last");
    assert!(run.again().start(name.as_str()).end().died_at.is_none());
    let array = Array1::<u64>::open(name.as_str()).unwrap();
    array.write_timeout(DEADLINE).unwrap().fill(1);
    ndshm::remove(name.as_str()).unwrap();
    assert_eq!(array.read_timeout(DEADLINE).unwrap().sum(), CELLS as u64);
    assert!(!exists(name.as_str()));
    no_temporary_names();
    end
}

fn play_remove(run: &Run) -> End {
    remove_beside(|name| run.start(name).end())
}

fn play_remove_behind_a_lock(run: &Run) -> End {
    remove_beside(|name| {
        let file = File::options().write(true).open(Path::new("/dev/shm").join(name)).unwrap();
        lock_name(&file);
        let mut mortal = run.start(name);
        if let Some(thread) = mortal.says_after("thread ") {
            let stat = Path::new("/proc").join(thread).join("stat");
            // From here on it has nothing else to sleep for.
            mortal.until("it waits for the lock", || {
                let stat = fs::read_to_string(&stat).unwrap_or_default();
                stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('S'))
            });
            assert!(exists(name), "it did not wait");
        }
        drop(file);
        mortal.end()
    })
}

/// Lets the child remove a segment that is in use.
fn remove_beside(beside: impl FnOnce(&str) -> End) -> End {
    let array = Array1::<u64>::create_unique("steps-remove-", CELLS).unwrap();
    let name = array.name().to_owned();
    let end = beside(&name);
    let is_there = is_whole_array(&name);
    assert!(!is_there || !end.has_said("removed"));
    match ndshm::remove(&name) {
        Ok(()) => assert!(is_there),
        Err(error) => assert!(error.kind() == ErrorKind::NotFound && !is_there, "{error}"),
    }
    assert!(!exists(&name));
    array.write_timeout(DEADLINE).unwrap().fill(1);
    assert_eq!(array.read_timeout(DEADLINE).unwrap().sum(), CELLS as u64, "its memory stays");
    end
}

fn play_reap(run: &Run) -> End {
    let name = FreeName::new();
    let creator = Mortal::start("create an array", name.as_str(), Some("create: published")).end();
    assert!(creator.died_at.is_some());
    let end = run.start(name.as_str()).end();
    assert!(!is_whole_array(name.as_str()) || !end.has_said("reaped"));
    reaped(name.as_str());
    end
}

fn play_reap_temporary(run: &Run) -> End {
    let name = FreeName::new();
    let dies_at = Some("create: temporary name locked");
    let creator = Mortal::start("create without nameless files", name.as_str(), dies_at).end();
    assert!(creator.died_at.is_some() && !exists(name.as_str()));
    let end = run.start(name.as_str()).end();
    if end.has_said("reaped") {
        no_temporary_names();
    }
    reaped(name.as_str());
    end
}
