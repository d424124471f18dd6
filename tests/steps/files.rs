//! Files across a restart of the machine: what is marked clean is whole, and all else is suspect.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ndshm::{Array1, ErrorKind};

use crate::Run;
use crate::Scenario;
use crate::mortal::{DEADLINE, End, FreeName, say, state_of, word};

const CELLS: usize = 1024;

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario { name: "sync a file", act: sync, play: play_sync },
        Scenario { name: "write what was synced", act: write, play: play_write },
        Scenario { name: "open after a restart", act: open_again, play: play_open_again },
    ]
}

fn path(name: &str) -> PathBuf {
    Path::new("/dev/shm").join(name)
}

fn open(name: &str) -> Array1<u64> {
    Array1::open(&path(name)).unwrap()
}

fn create(name: &str) {
    drop(Array1::<u64>::options().stripes(2).create(&path(name), CELLS).unwrap());
}

// What children do.

fn sync(name: &str) {
    let array = open(name);
    array.write_timeout(DEADLINE).unwrap().fill(2);
    say("wrote");
    array.sync().unwrap();
    say("synced");
}

fn write(name: &str) {
    let array = open(name);
    say("writes");
    array.write_timeout(DEADLINE).unwrap().fill(2);
}

fn open_again(name: &str) {
    drop(open(name));
    say("opened");
}

// What is left.

/// Has the file last used in another boot.
fn restart(name: &str) {
    let array = open(name);
    let state = array.segment().info().unwrap().control_offset() as u64 + state_of(array.segment());
    drop(array);
    let file = File::options().write(true).open(path(name)).unwrap();
    file.write_all_at(&[7; 16], state + 24).unwrap();
}

fn is_clean(name: &str) -> bool {
    let array = open(name);
    word(array.segment(), state_of(array.segment()) + 20) == 1
}

/// Opens it after a restart, and mends it if it is suspect; whether it was sound.
fn is_sound(name: &str) -> bool {
    let array = open(name);
    match array.read_timeout(DEADLINE) {
        Ok(guard) => {
            assert!(guard.iter().all(|&cell| cell == guard[0]), "sound, but torn");
            return true;
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}"),
    }
    let mut mender = array.request().timeout(DEADLINE).recover().write().unwrap();
    mender.fill(0);
    mender.mark_consistent();
    false
}

fn play_sync(run: &Run) -> End {
    let name = FreeName::new();
    create(name.as_str());
    let end = run.start(name.as_str()).end();
    let clean = is_clean(name.as_str());
    assert!(clean || !end.has_said("synced"));
    restart(name.as_str());
    assert_eq!(is_sound(name.as_str()), clean);
    assert!(run.again().start(name.as_str()).end().died_at.is_none());
    end
}

fn play_write(run: &Run) -> End {
    let name = FreeName::new();
    create(name.as_str());
    open(name.as_str()).sync().unwrap();
    let end = run.start(name.as_str()).end();
    let clean = is_clean(name.as_str());
    assert!(!clean || end.died_at.is_some(), "the writer left the mark");
    restart(name.as_str());
    // Where the mark is left, nothing was written.
    assert_eq!(is_sound(name.as_str()), clean);
    assert!(run.again().start(name.as_str()).end().died_at.is_none());
    end
}

fn play_open_again(run: &Run) -> End {
    let name = FreeName::new();
    create(name.as_str());
    restart(name.as_str());
    let end = run.start(name.as_str()).end();
    assert!(!is_sound(name.as_str()), "a restart went unnoticed");
    assert!(is_sound(name.as_str()), "suspect although it was mended");
    end
}
