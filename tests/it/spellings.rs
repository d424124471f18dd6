//! One segment is one thing, however whoever opens it spells where it is: by its name, by the path of
//! its file, through a symbolic link, from its own directory, through another mount.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

#[cfg(feature = "serde")]
use ndshm::Config;
use ndshm::{
    Access, Address, AnyArray, Array1, ErrorKind, Event, FrameMeta, Frozen1, Lifetime, Log, Ring1,
    Segment, Value,
};

use crate::restarts::note_boot;
use crate::support::{
    DEADLINE, FreeName, alone, bind, exists, fork, mount_tmpfs, skip, unmount, unshare_mounts,
};

/// A segment that stays, and a turn that a process takes at it.
struct Kind {
    called: &'static str,
    make: fn(&str),
    /// Takes part, and returns how many turns were taken by then.
    turn: fn(Address<'_>) -> u64,
}

const STAYS: Lifetime = Lifetime::Persistent;

const KINDS: &[Kind] = &[
    Kind {
        called: "array",
        make: |name| drop(Array1::<u64>::options().lifetime(STAYS).create(name, 4).unwrap()),
        turn: |at| {
            let array = Array1::<u64>::open(at).unwrap();
            array.write().unwrap()[0] += 1;
            array.sync().unwrap();
            let seen = Array1::<u64>::options().access(Access::Observe).open(at).unwrap();
            assert_eq!(seen.snapshot().unwrap()[0], array.read().unwrap()[0]);
            array.read().unwrap()[0]
        },
    },
    Kind {
        called: "array of any dtype",
        make: |name| drop(Array1::<u64>::options().lifetime(STAYS).create(name, 4).unwrap()),
        turn: |at| {
            let array = AnyArray::open(at).unwrap();
            let mut guard = array.write().unwrap();
            let mut view = guard.view_mut::<u64>().unwrap();
            view[0] += 1;
            view[0]
        },
    },
    Kind {
        called: "value",
        make: |name| drop(Value::options().lifetime(STAYS).create(name, 0_u64).unwrap()),
        turn: |at| Value::<u64>::open(at).unwrap().fetch_add(1).unwrap() + 1,
    },
    Kind {
        called: "large value",
        make: |name| drop(Value::options().lifetime(STAYS).create(name, [0_u64; 3]).unwrap()),
        turn: |at| {
            let value = Value::<[u64; 3]>::open(at).unwrap();
            value.set([value.get().unwrap()[0] + 1; 3]).unwrap();
            value.get().unwrap()[2]
        },
    },
    Kind {
        called: "log",
        make: |name| drop(Log::<u64>::options().lifetime(STAYS).create(name, 100).unwrap()),
        turn: |at| {
            let log = Log::<u64>::open(at).unwrap();
            log.append(&7).unwrap();
            log.len() as u64
        },
    },
    Kind {
        called: "ring",
        make: |name| drop(Ring1::<u64>::options().lifetime(STAYS).create(name, 4).unwrap()),
        turn: |at| {
            let ring = Ring1::<u64>::open(at).unwrap();
            let newest = |ring: &Ring1<u64>| {
                ring.subscribe().latest().unwrap().map_or(0, |frame| frame.seq())
            };
            // Frames of those who left are there still.
            assert_eq!(newest(&ring), ring.published());
            ring.publisher().unwrap().loan().unwrap().publish(FrameMeta::new());
            newest(&ring)
        },
    },
    Kind {
        called: "frozen array",
        make: |name| {
            let array = Array1::<u64>::options().lifetime(STAYS).create(name, 4).unwrap();
            drop(array.freeze().unwrap());
        },
        turn: |at| Frozen1::<u64>::open(at).unwrap().sum(),
    },
    Kind {
        called: "event",
        make: |name| drop(Event::options().lifetime(STAYS).create(name).unwrap()),
        turn: |at| {
            let event = Event::open(at).unwrap();
            event.set().unwrap();
            event.wait().unwrap();
            event.clear().unwrap();
            0
        },
    },
    #[cfg(feature = "serde")]
    Kind {
        called: "configuration",
        make: |name| std::mem::forget(Config::create(name, vec![1.5, 2.5]).unwrap()),
        turn: |at| {
            assert_eq!(*Config::<Vec<f64>>::open(at).unwrap(), [1.5, 2.5]);
            0
        },
    },
];

/// A directory of one's own, gone when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(FreeName::new().as_str());
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A symbolic link to `/dev/shm`.
    fn link(&self) -> PathBuf {
        let link = self.0.join("link");
        symlink("/dev/shm", &link).unwrap();
        link
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Never what lies below: it may be mounted there.
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let _ = fs::remove_file(entry.path()).or_else(|_| fs::remove_dir(entry.path()));
        }
        let _ = fs::remove_dir(&self.0);
    }
}

/// Every address that this process can say for a name; relative ones count from `/dev/shm`.
fn spellings(name: &FreeName, directories: &[PathBuf]) -> Vec<PathBuf> {
    let below = |directory: &Path| directory.join(name.as_str());
    let mut paths: Vec<PathBuf> = directories.iter().map(|path| below(path)).collect();
    paths.extend(
        ["/dev/shm", "/dev/shm/../shm", "/proc/self/root/dev/shm", ".", ""]
            .map(|path| below(Path::new(path))),
    );
    paths
}

/// Has a process that begins in `/dev/shm` do that.
fn elsewhere(work: impl FnOnce()) {
    fork(|| {
        std::env::set_current_dir("/dev/shm").unwrap();
        work();
    })
    .pass();
}

/// Takes turns at a segment of each kind by all addresses, and by its name after each, with nobody else
/// there and beside a process that has it open.
fn take_turns(directories: &[PathBuf]) {
    for kind in KINDS {
        let name = FreeName::new();
        elsewhere(|| (kind.make)(name.as_str()));
        let mut turns = 0;
        let mut take = |at: Address<'_>| {
            elsewhere(|| {
                let seen = (kind.turn)(at);
                assert!(seen == 0 || seen == turns + 1, "{} at {at:?}: {seen}", kind.called);
            });
            turns += 1;
        };
        for path in &spellings(&name, directories) {
            take(path.into());
            take(name.as_str().into());
        }
        let there = Segment::options().eager().open(name.as_str()).unwrap();
        for path in &spellings(&name, directories) {
            take(path.into());
            take(name.as_str().into());
        }
        assert!(!there.is_replaced());
    }
}

#[test]
fn every_kind_of_segment_is_the_same_by_its_name_and_by_every_path() {
    let scratch = Scratch::new();
    take_turns(&[scratch.link()]);
}

#[test]
fn every_kind_of_segment_is_the_same_through_another_mount() {
    alone(|| {
        if !unshare_mounts() {
            return skip("may not make a mount namespace");
        }
        let scratch = Scratch::new();
        let bound = scratch.0.join("bound");
        fs::create_dir(&bound).unwrap();
        bind(Path::new("/dev/shm"), bound.to_str().unwrap());
        take_turns(std::slice::from_ref(&bound));

        // A mount of one file alone, as containers have them.
        let (name, file) = (FreeName::new(), scratch.0.join("file"));
        let log = Log::<u64>::create(name.as_str(), 10).unwrap();
        fs::write(&file, "").unwrap();
        bind(&name.path(), file.to_str().unwrap());
        elsewhere(|| assert_eq!(Log::<u64>::open(&file).unwrap().append(&1).unwrap(), 0));
        elsewhere(|| assert_eq!(Log::<u64>::open(name.as_str()).unwrap().append(&2).unwrap(), 1));
        assert_eq!(log.len(), 2);
        unmount(&file);
        unmount(&bound);
    });
}

#[test]
fn a_file_on_a_tmpfs_elsewhere_is_sound_whatever_boot_it_names() {
    alone(|| {
        if !unshare_mounts() {
            return skip("may not make a mount namespace");
        }
        let scratch = Scratch::new();
        let memory = scratch.0.join("memory");
        fs::create_dir(&memory).unwrap();
        mount_tmpfs(memory.to_str().unwrap(), "size=8m");
        let path = memory.join("x");
        elsewhere(|| drop(Array1::<u64>::create(&path, 4).unwrap().write().unwrap()));
        note_boot(&path, [7; 16]);
        elsewhere(|| drop(Array1::<u64>::open(&path).unwrap().read().unwrap()));
        unmount(&memory);
    });
}

#[test]
fn what_lies_in_memory_is_sound_whatever_boot_it_names() {
    // Containers that share a tmpfs may each be told another boot id.
    for boot in [[7; 16], [0; 16]] {
        let name = FreeName::new();
        elsewhere(|| {
            let array = Array1::<u64>::options().lifetime(STAYS).create(name.as_str(), 4).unwrap();
            array.write().unwrap().fill(1);
        });
        note_boot(&name.path(), boot);
        for at in [Address::File(&name.path()), Address::Name(name.as_str())] {
            elsewhere(|| {
                let seen = Array1::<u64>::options().access(Access::Observe).open(at).unwrap();
                assert_eq!(seen.snapshot().unwrap().sum(), 4, "{at:?}");
                assert_eq!(Array1::<u64>::open(at).unwrap().read().unwrap().sum(), 4, "{at:?}");
            });
        }
    }
}

#[test]
fn a_segment_is_removed_by_every_spelling() {
    let scratch = Scratch::new();
    let link = scratch.link();
    let count = spellings(&FreeName::new(), std::slice::from_ref(&link)).len();
    for index in 0..count {
        let name = FreeName::new();
        let made = Value::<u8>::create(name.as_str(), 1).unwrap();
        let path = &spellings(&name, std::slice::from_ref(&link))[index];
        elsewhere(|| ndshm::remove(path).unwrap());
        assert!(!exists(name.as_str()), "{path:?}");
        assert_eq!(made.get().unwrap(), 1);
    }
}

#[test]
fn a_segment_is_replaced_by_every_spelling_and_those_who_have_it_are_told() {
    let scratch = Scratch::new();
    let link = scratch.link();
    let name = FreeName::new();
    let mut old = Array1::<u64>::create(name.as_str(), 1).unwrap();
    for (path, len) in spellings(&name, std::slice::from_ref(&link)).iter().zip(2..) {
        let observer = Array1::<u64>::options().access(Access::Observe).open(path);
        elsewhere(|| {
            let options = Array1::<u64>::options().lifetime(STAYS);
            drop(options.create_or_replace(path, len).unwrap());
        });
        assert!(old.segment().is_replaced(), "{path:?}");
        if path.is_absolute() {
            assert!(observer.unwrap().segment().is_replaced(), "{path:?}");
        }
        let new = old.reopen().unwrap();
        assert_eq!((new.shape(), new.segment().is_replaced()), (&[len][..], false), "{path:?}");
        elsewhere(|| {
            let error = Array1::<u64>::create(path, 1).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{path:?}");
        });
        old = new;
    }
}

#[test]
fn the_last_user_takes_the_name_away_whatever_it_opened_it_by() {
    let scratch = Scratch::new();
    for directory in [scratch.link(), "/dev/shm".into(), "/proc/self/root/dev/shm".into()] {
        let name = FreeName::new();
        let path = directory.join(name.as_str());
        let [made, opened, left, leave] = [(); 4].map(|()| Event::create_anonymous().unwrap());
        let first = fork(|| {
            let first = Value::<u64>::open_or_create(name.as_str(), 5).unwrap();
            made.set().unwrap();
            opened.wait_timeout(DEADLINE).unwrap();
            drop(first);
            assert!(exists(name.as_str()), "the other one has it open by {path:?}");
            left.set().unwrap();
        });
        made.wait_timeout(DEADLINE).unwrap();
        let last = fork(|| {
            let last = Value::<u64>::open(&path).unwrap();
            opened.set().unwrap();
            leave.wait_timeout(DEADLINE).unwrap();
            assert_eq!(last.get().unwrap(), 5);
            drop(last);
            assert!(!exists(name.as_str()), "{path:?}");
        });
        left.wait_timeout(DEADLINE).unwrap();
        first.pass();
        leave.set().unwrap();
        last.pass();
    }
}
