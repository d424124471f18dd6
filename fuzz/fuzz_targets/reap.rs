//! A `/dev/shm` of whole, damaged and foreign files: listing, opening and reaping them never
//! panics, hangs, or dies by a signal; and `reap` removes what only the dead hold, nothing else.
//!
//! An input is one file after the other: what it is to begin with, where it is cut, whether the
//! head's checksum is made to match again, the number of overwrites, and these, three bytes each.
#![no_main]

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ndshm::{Array1, Event, Lifetime, Log, Segment, Value};
use ndshm_fuzz::{CONTROL, Damage, bytes_of, original_of};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// As many files as an input makes at most.
const FILES: usize = 8;

/// What a file may be to begin with.
enum Seed {
    /// As a creator leaves it that was killed.
    Orphan(Vec<u8>),
    /// Meant to outlast its creator.
    Persistent(Vec<u8>),
    /// None of ours: the overwrites are all there is.
    Foreign,
    /// This process takes part in it.
    Live,
    /// Under a temporary name that is its own, as a replacer leaves it that was killed early.
    Unnamed(Vec<u8>),
    /// Under a temporary name that is another's, as it came out of an exchange.
    Replaced(Vec<u8>),
}

static SEEDS: LazyLock<[Seed; 12]> = LazyLock::new(|| {
    let options = Array1::<f32>::options().lifetime(Lifetime::Persistent);
    let persistent = options.create_unique("fuzz-", 10).unwrap();
    let seeds = [
        Seed::Orphan(original_of(Array1::<u8>::create_unique("fuzz-", 100).unwrap().segment())),
        Seed::Orphan(original_of(Value::create_unique("fuzz-", 7_u64).unwrap().segment())),
        Seed::Orphan(original_of(Value::create_unique("fuzz-", [7_u8; 100]).unwrap().segment())),
        Seed::Orphan(original_of(Event::create_unique("fuzz-").unwrap().segment())),
        Seed::Persistent(original_of(persistent.segment())),
        Seed::Foreign,
        Seed::Foreign,
        Seed::Live,
        Seed::Orphan(original_of(Log::<u8>::create_unique("fuzz-", 100).unwrap().segment())),
        Seed::Unnamed(original_of(Value::create_unique("fuzz-", 7_u64).unwrap().segment())),
        Seed::Replaced(original_of(Array1::<u8>::create_unique("fuzz-", 100).unwrap().segment())),
        Seed::Replaced(original_of(persistent.segment())),
    ];
    ndshm::remove(persistent.name()).unwrap();
    seeds
});

fuzz_target!(init: own_shm(), |input: &[u8]| {
    let mut rest = input;
    let mut files = Vec::new();
    while let [seed, cut, checksum, count, left @ ..] = rest
        && files.len() < FILES
    {
        let (overwrites, left) = left.split_at(left.len().min(usize::from(*count) * 3));
        let damage = Damage { cut: *cut, checksum: *checksum, overwrites };
        let name = format!("fuzz-{}-{}", std::process::id(), files.len());
        files.push(File::new(name, &SEEDS[usize::from(*seed) % SEEDS.len()], &damage));
        rest = left;
    }
    exercise(&files);
    for file in &files {
        let _ = fs::remove_file(file.path());
    }
});

struct File {
    name: String,
    bytes: Vec<u8>,
    /// Whole, and nobody's.
    is_orphan: bool,
    /// What only the library names.
    is_leftover: bool,
    live: Option<Array1<u8>>,
}

impl File {
    fn new(name: String, seed: &Seed, damage: &Damage<'_>) -> Self {
        let mut live = None;
        let bytes = match seed {
            Seed::Orphan(whole)
            | Seed::Persistent(whole)
            | Seed::Unnamed(whole)
            | Seed::Replaced(whole) => damage.copy(whole),
            Seed::Foreign => damage.overwrites.to_vec(),
            Seed::Live => {
                let array = Array1::<u8>::create(&name, 100).unwrap();
                let mut bytes = bytes_of(array.segment());
                damage.overwrite(&mut bytes);
                live = Some(array);
                bytes
            }
        };
        let name = match seed {
            Seed::Unnamed(whole) => {
                let id = whole[CONTROL + 32..CONTROL + 48].try_into().unwrap();
                format!(".ndshm-{:032x}", u128::from_be_bytes(id))
            }
            Seed::Replaced(_) => format!(".ndshm-{name}"),
            _ => name,
        };
        let is_leftover = name.starts_with(".ndshm-");
        let is_orphan = matches!(seed, Seed::Orphan(whole) if *whole == bytes);
        let file = Self { name, bytes, is_orphan, is_leftover, live };
        // In place: who has it mapped keeps it, and its length never changes.
        let mut out = fs::OpenOptions::new();
        let out = out.create(true).truncate(false).write(true).open(file.path());
        std::io::Write::write_all(&mut out.unwrap(), &file.bytes).unwrap();
        file
    }

    fn path(&self) -> String {
        format!("/dev/shm/{}", self.name)
    }
}

fn exercise(files: &[File]) {
    let listed = ndshm::list().unwrap();
    let mortal: BTreeSet<_> = listed
        .iter()
        .filter(|info| info.lifetime() != Lifetime::Persistent)
        .map(|info| info.name())
        .collect();
    for file in files {
        if let Ok(segment) = Segment::open(&file.name) {
            let _ = segment.info().unwrap().to_string();
            let _ = segment.participants();
        }
    }

    let removed = ndshm::reap().unwrap();
    let removed: BTreeSet<_> = removed.iter().map(|info| info.name()).collect();
    for file in files {
        let name = file.name.as_str();
        if file.is_leftover {
            assert!(fs::symlink_metadata(file.path()).is_err(), "{name} was left");
            assert!(!removed.contains(name), "nobody ever had {name}");
            continue;
        }
        match fs::read(file.path()) {
            Ok(bytes) => {
                assert!(!removed.contains(name), "{name} was not removed");
                assert!(!file.is_orphan, "{name} was left");
                assert!(bytes == file.bytes, "{name} was changed");
            }
            Err(_) => {
                assert!(removed.contains(name), "nothing says that {name} was removed");
                assert!(mortal.contains(name), "{name} was to stay");
                assert!(file.live.is_none(), "{name} is in use");
            }
        }
    }
    let again = ndshm::reap().unwrap();
    assert!(!again.iter().any(|info| files.iter().any(|file| file.name == info.name())));
}

/// Gives this thread, which runs every input, a `/dev/shm` of its own.
fn own_shm() {
    // SAFETY: of what threads may share, mounts and the working directory stop being shared, which
    // no code here relies on.
    let unshared = unsafe { unshare_unsafe(UnshareFlags::NEWNS) };
    let mounted = unshared
        .and_then(|()| {
            mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        })
        .and_then(|()| mount("tmpfs", "/dev/shm", "tmpfs", MountFlags::empty(), Some(c"size=64m")));
    if let Err(error) = mounted {
        eprintln!("SKIPPED: no /dev/shm of its own ({error}): reaps what others left, too");
    }
}
