//! Files across a restart of the machine: what is marked clean is whole, and all else is suspect.
//!
//! # Safety
//!
//! The unsafe code here shares a file that the test wrote, and that nobody else has.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ndarray::Ix1;
use ndshm::{Array1, ErrorKind, Npy};

use crate::Run;
use crate::Scenario;
use crate::mortal::{DEADLINE, End, FreeName, Mortal, say, state_of, word};

const CELLS: usize = 1024;

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario { name: "sync a file", act: sync, play: play_sync },
        Scenario { name: "write what was synced", act: write, play: play_write },
        Scenario { name: "open after a restart", act: open_again, play: play_open_again },
        Scenario { name: "share a plain file", act: share, play: |run| play_share(run, None) },
        Scenario {
            name: "share what a killed one began to",
            act: share,
            play: |run| play_share(run, Some("share: head written")),
        },
    ]
}

/// Of a file on a disk: one in memory survives no restart.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
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

fn share_file(path: &Path) -> Array1<u64> {
    // SAFETY: nobody else has the file.
    unsafe { Array1::share_npy(path) }.unwrap()
}

fn share(name: &str) {
    let array = share_file(&path(name));
    say("shared");
    assert!(array.read_timeout(DEADLINE).unwrap().iter().copied().eq(0..CELLS as u64));
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

/// What `np.save` writes for so many numbers, from 0 on.
fn saved() -> Vec<u8> {
    let text = format!("{{'descr': '<u8', 'fortran_order': False, 'shape': ({CELLS},), }}");
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{text:117}\n").bytes());
    bytes.extend((0..CELLS as u64).flat_map(u64::to_le_bytes));
    bytes
}

/// The child shares a file, also one over which another died at that step.
fn play_share(run: &Run, before: Option<&str>) -> End {
    let name = FreeName::new();
    let path = path(name.as_str());
    std::fs::write(&path, saved()).unwrap();
    if let Some(step) = before {
        let sharer = Mortal::start("share a plain file", name.as_str(), Some(step)).end();
        assert!(sharer.died_at.is_some());
    }
    let end = run.start(name.as_str()).end();
    let plain = || Npy::<u64, Ix1>::open(&path).unwrap().to_array().unwrap();
    assert!(plain().into_iter().eq(0..CELLS as u64), "its numbers are not what they were");
    match Array1::<u64>::open(&path) {
        Ok(array) => drop(array.read_timeout(DEADLINE).unwrap()),
        Err(error) => {
            assert!(error.kind() == ErrorKind::NotASegment && !end.has_said("shared"), "{error}");
            assert_eq!(ndshm::remove(&path).unwrap_err().kind(), ErrorKind::NotASegment);
        }
    }
    let array = share_file(&path);
    assert!(array.read_timeout(DEADLINE).unwrap().iter().copied().eq(0..CELLS as u64));
    array.write_timeout(DEADLINE).unwrap().fill(3);
    assert!(plain().into_iter().all(|number| number == 3));
    assert!(std::fs::read(&path).unwrap().starts_with(&saved()[..128]), "another header");
    end
}
