//! What the system, or another program, does not let a process do.
//!
//! What a test may not set up here it skips, and says so.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ndarray::Array1 as Vector;
use ndshm::{Access, Array1, Block, ErrorKind::*, Event, Lifetime, Log, Reserve, Segment, Value};

use crate::bad_input::refused;
use crate::puppet::Puppet;
use crate::support::{
    FreeName, alone, become_user, bind, close_descriptors, exists, for_everybody, fork, is_root,
    limit, lock_future_memory, lock_slots, mount_overlay, mount_tmpfs, remount_read_only,
    reopen_at, skip, try_mount_tmpfs, unshare_mounts,
};

const MIB: usize = 1 << 20;

/// Nobody in particular, and somebody else.
const USERS: [u32; 2] = [65534, 65533];

fn array() -> Array1<u8> {
    Array1::create_unique("it-limits-", 8).unwrap()
}

fn of_mode(name: &FreeName, mode: u32) -> Array1<u8> {
    let options = Array1::options().mode(mode).lifetime(Lifetime::Persistent);
    options.create(name.as_str(), 8).unwrap()
}

fn of_everybody(name: &FreeName) {
    let options = for_everybody(Array1::<u8>::options()).lifetime(Lifetime::Persistent);
    drop(options.create(name.as_str(), 8).unwrap());
}

#[test]
fn who_lacks_permission_is_told_so() {
    if !is_root() {
        return skip("only root can become another user");
    }
    let (private, public) = (FreeName::new(), FreeName::new());
    of_mode(&private, 0o600);
    of_everybody(&public);
    fork(|| {
        become_user(USERS[0]);
        refused(Segment::open(private.as_str()), PermissionDenied, "run as its owner");
        refused(ndshm::remove(private.as_str()), PermissionDenied, "run as its owner");
        let opened = for_everybody(Array1::<u8>::options()).open(public.as_str()).unwrap();
        opened.write().unwrap()[0] = 1;
        refused(ndshm::remove(public.as_str()), PermissionDenied, "run as its owner");
        drop(array().write().unwrap());
    })
    .pass();
    assert!(exists(private.as_str()) && exists(public.as_str()));
}

#[test]
fn what_another_user_made_is_not_trusted() {
    if !is_root() {
        return skip("only root can become another user");
    }
    let name = FreeName::new();
    fork(|| {
        become_user(USERS[0]);
        of_everybody(&name);
    })
    .pass();
    let says = "belongs to user 65534, and this process runs as user";
    refused(Array1::<u8>::open(name.as_str()), NotTrusted, says);
    refused(ndshm::remove(name.as_str()), NotTrusted, says);
    fork(|| {
        become_user(USERS[1]);
        refused(Array1::<u8>::open_or_create(name.as_str(), 8), NotTrusted, says);
    })
    .pass();
    assert!(exists(name.as_str()));
}

/// Runs `body` alone, with a small `/dev/shm` of its own.
fn with_small_shm(size: &str, body: impl FnOnce()) {
    if !unshare_mounts() {
        return skip("may not make a mount namespace");
    }
    mount_tmpfs("/dev/shm", size);
    body();
}

fn in_shm() -> usize {
    fs::read_dir("/dev/shm").unwrap().count()
}

#[test]
fn a_full_dev_shm_is_an_error_and_leaves_nothing() {
    alone(|| {
        with_small_shm("size=1m", || {
            let says = "bytes) but /dev/shm has 1.0 MB (1,048,576 bytes) free";
            refused(Array1::<u8>::create("big", 2 * MIB), StorageFull, says);
            refused(Block::create("big", 2 * MIB), StorageFull, says);
            let contents = Vector::from_elem(2 * MIB, 1_u8);
            refused(Array1::create_from("big", &contents), StorageFull, says);
            refused(Array1::<u8>::open_or_create("big", 2 * MIB), StorageFull, says);
            assert_eq!(in_shm(), 0);

            let mut made = Vec::new();
            let full = loop {
                match Value::create_unique("small-", [1_u8; 5000]) {
                    Ok(value) => made.push(value),
                    Err(error) => break error,
                }
            };
            assert_eq!(full.kind(), StorageFull, "{full}");
            assert_eq!(in_shm(), made.len());
            for value in &made {
                value.set([2; 5000]).unwrap();
            }
            made.pop();
            made.push(Value::create_unique("small-", [1; 5000]).unwrap());
            drop(made);
            assert_eq!(in_shm(), 0);
        });
    });
}

#[test]
fn a_lazy_segment_on_a_full_dev_shm_is_an_error_where_its_bookkeeping_does_not_fit() {
    alone(|| {
        with_small_shm("size=64k", || {
            fs::write("/dev/shm/filler", vec![1; 64 << 10]).unwrap();
            let lazy = Array1::<u8>::options().reserve(Reserve::Lazy);
            refused(lazy.create("lazy", 8), StorageFull, "has 0 bytes free");
            assert_eq!(in_shm(), 1);
        });
    });
}

#[test]
fn the_locks_of_a_lazy_segment_have_memory_in_any_case() {
    alone(|| {
        with_small_shm("size=512k", || {
            let lazy = Array1::<u8>::options().reserve(Reserve::Lazy).participants(1024);
            let array = lazy.create("lazy", MIB).unwrap();
            let mut filler = File::create("/dev/shm/filler").unwrap();
            while filler.write_all(&[1; 4096]).is_ok() {}

            assert_eq!(array.segment().participants().unwrap().len(), 1);
            drop(array.write().unwrap());
        });
    });
}

#[test]
fn a_log_on_a_full_dev_shm_is_an_error_that_loses_nothing() {
    alone(|| {
        with_small_shm("size=4m", || {
            fs::write("/dev/shm/filler", vec![1; MIB]).unwrap();
            let log = Log::<[u64; 512]>::create("log", 1 << 18).unwrap();
            let row = |number| [number; 512];
            let mut rows = 0;
            let full = loop {
                match log.append(&row(rows)) {
                    Ok(_) => rows += 1,
                    Err(error) => break error,
                }
            };
            refused(Err::<(), _>(full), StorageFull, "has 0 bytes free");
            assert!(rows > 760, "{rows} pages of 768 less those of the header and the locks");
            let whole = || (0..).zip(&log.rows()).all(|(number, found)| *found == row(number));
            assert!(log.len() as u64 == rows && whole());
            refused(log.extend(&[row(rows)]), StorageFull, "has 0 bytes free");
            fork(|| refused(log.append(&row(rows)), StorageFull, "has 0 bytes free")).pass();

            fs::remove_file("/dev/shm/filler").unwrap();
            assert_eq!(log.append(&row(rows)).unwrap() as u64, rows);
            assert!(whole());
        });
    });
}

#[test]
fn a_dev_shm_filled_to_the_last_page_is_an_error_for_everything_and_leaves_nothing() {
    alone(|| {
        with_small_shm("size=256k", || {
            let value = Value::create("value", 1_u64).unwrap();
            let mut filler = File::create("/dev/shm/filler").unwrap();
            while filler.write_all(&[1; 4096]).is_ok() {}
            let files = in_shm();

            refused(Array1::<u8>::create("one", 1), StorageFull, "has 0 bytes free");
            refused(Value::create("one", 1_u8), StorageFull, "has 0 bytes free");
            refused(Value::open_or_create("one", [1_u8; 100]), StorageFull, "has 0 bytes free");
            refused(Event::create("one"), StorageFull, "has 0 bytes free");
            assert_eq!(in_shm(), files);
            assert_eq!(value.fetch_add(1).unwrap(), 1);
            fork(|| assert_eq!(Value::<u64>::open("value").unwrap().swap(3).unwrap(), 2)).pass();

            fs::remove_file("/dev/shm/filler").unwrap();
            filler.set_len(0).unwrap();
            drop(Event::create("one").unwrap());
            assert_eq!(in_shm(), files - 1);
        });
    });
}

#[test]
fn a_dev_shm_that_is_no_tmpfs_is_refused() {
    alone(|| {
        if !unshare_mounts() {
            return skip("may not make a mount namespace");
        }
        let copy = fs::read(array().segment().path()).unwrap();
        let elsewhere = Elsewhere::new();
        bind(&elsewhere.0, "/dev/shm");
        fs::write("/dev/shm/copy", copy).unwrap();
        refused(Segment::open("copy"), UnsupportedFilesystem, "mount a tmpfs at /dev/shm");
        refused(Array1::<u8>::create("new", 8), UnsupportedFilesystem, "mount a tmpfs at /dev/shm");
        assert_eq!(in_shm(), 1);
    });
}

#[test]
fn an_overlay_at_dev_shm_is_refused() {
    alone(|| {
        if !unshare_mounts() {
            return skip("may not make a mount namespace");
        }
        let copy = fs::read(array().segment().path()).unwrap();
        let below = Elsewhere::new();
        let layers = below.0.to_str().unwrap();
        mount_tmpfs(layers, "size=1m");
        for layer in ["lower", "upper", "work"] {
            fs::create_dir(below.0.join(layer)).unwrap();
        }
        fs::write(below.0.join("lower/copy"), copy).unwrap();
        if let Err(error) = mount_overlay(layers, "/dev/shm") {
            return skip(&format!("may not mount an overlay: {error}"));
        }
        refused(Segment::open("copy"), UnsupportedFilesystem, "mount a tmpfs at /dev/shm");
        refused(Array1::<u8>::create("new", 8), UnsupportedFilesystem, "mount a tmpfs at /dev/shm");
        assert_eq!(in_shm(), 1);
    });
}

#[test]
fn who_opens_what_a_peer_cut_short_is_told_so_and_can_remove_it() {
    // Nobody has it mapped meanwhile, who would die of SIGBUS.
    let name = FreeName::new();
    let options = Array1::<u64>::options().lifetime(Lifetime::Persistent);
    drop(options.create(name.as_str(), 4096).unwrap());
    let whole = name.path().metadata().unwrap().len();
    for len in [whole - 1, whole / 2, 4096] {
        let mut peer = Puppet::start();
        peer.does(&format!("truncate {} {len}", name.as_str()));
        let answer = peer.ask(&format!("open {}", name.as_str()));
        assert!(answer.starts_with("Truncated: "), "{len} of {whole} bytes: {answer}");
        fork(|| refused(Segment::open(name.as_str()), Truncated, "remove it")).pass();
    }
    ndshm::remove(name.as_str()).unwrap();
    assert!(!exists(name.as_str()));
}

#[test]
fn a_dev_shm_without_inodes_is_told_from_a_full_one() {
    alone(|| {
        with_small_shm("size=1m,nr_inodes=4", || {
            // One is the directory's.
            let made: Vec<_> = ["a", "b", "c"].map(|name| Event::create(name).unwrap()).into();
            assert_eq!(ndshm::capacity().unwrap().files_free(), Some(0));
            assert_eq!(ndshm::capacity().unwrap().available(), 0);
            let says = "/dev/shm has";
            refused(Array1::<u8>::create("d", 8), OutOfInodes, says);
            refused(Block::create("d", 8), OutOfInodes, "none of its 4 inodes");
            drop(made);
            assert!(ndshm::capacity().unwrap().available() > 0);
            drop(Event::create("d").unwrap());
        });
    });
}

#[test]
fn a_read_only_dev_shm_says_so_and_is_observed() {
    alone(|| {
        with_small_shm("size=1m", || {
            let options = Array1::<u8>::options().lifetime(Lifetime::Persistent);
            drop(options.create("there", 8).unwrap());
            remount_read_only("/dev/shm");
            let says = "its filesystem is mounted read-only";
            refused(Array1::<u8>::create("new", 8), ReadOnlyFilesystem, says);
            refused(Block::create("new", 8), ReadOnlyFilesystem, says);
            refused(Array1::<u8>::open("there"), ReadOnlyFilesystem, says);
            refused(ndshm::remove("there"), ReadOnlyFilesystem, says);
            let observer = Array1::<u8>::options().access(Access::Observe).open("there").unwrap();
            assert_eq!(observer.snapshot().unwrap().len(), 8);
            let capacity = ndshm::capacity().unwrap();
            assert!(capacity.is_read_only() && capacity.available() == 0);
        });
    });
}

#[test]
fn a_disk_quota_that_is_used_up_says_so() {
    if !is_root() {
        return skip("only root can become another user");
    }
    alone(|| {
        if !unshare_mounts() {
            return skip("may not make a mount namespace");
        }
        let options = "size=16m,mode=1777,usrquota_block_hardlimit=1m";
        if let Err(error) = try_mount_tmpfs("/dev/shm", options) {
            return skip(&format!("this kernel has no quotas for tmpfs: {error}"));
        }
        fork(|| {
            become_user(USERS[0]);
            refused(Array1::<u8>::create("big", 2 * MIB), QuotaExceeded, "the disk quota");
            drop(Array1::<u8>::create("small", 1000).unwrap());
            let log = Log::<[u8; 4096]>::create("log", 1 << 20).unwrap();
            let full = loop {
                if let Err(error) = log.append(&[1; 4096]) {
                    break error;
                }
            };
            refused(Err::<(), _>(full), QuotaExceeded, "the disk quota");
            assert!(log.len() > 200 && log.rows().iter().all(|row| *row == [1; 4096]));
        })
        .pass();
    });
}

#[test]
fn a_lazy_segment_stays_sparse_where_all_memory_is_locked() {
    alone(|| {
        if let Err(error) = lock_future_memory() {
            return skip(&format!("may not lock memory: {error}"));
        }
        let allocated = |segment: &Segment| segment.path().metadata().unwrap().blocks() * 512;
        let log = Log::<[u8; 4096]>::create_unique("it-limits-", 1 << 16).unwrap();
        log.append(&[1; 4096]).unwrap();
        let huge = Array1::<u8>::options().reserve(Reserve::Lazy).huge_pages();
        let lazy = huge.create_unique("it-limits-", 256 * MIB).unwrap();
        lazy.write_rows(0..1).unwrap()[0] = 1;
        for access in [Access::ReadWrite, Access::Read, Access::Observe] {
            let same = Log::<[u8; 4096]>::options().access(access).open(log.name()).unwrap();
            assert_eq!(same.rows()[0], [1; 4096], "{access:?}");
            drop(huge.clone().access(access).open(lazy.name()).unwrap());
        }
        assert!(allocated(log.segment()) < 8 << 20, "{}", allocated(log.segment()));
        assert!(allocated(lazy.segment()) < 8 << 20, "{}", allocated(lazy.segment()));
    });
}

#[test]
fn more_than_may_be_locked_is_told_from_no_address_space() {
    if !is_root() {
        return skip("only root can become another user");
    }
    alone(|| {
        limit(libc::RLIMIT_MEMLOCK, 4 * MIB);
        fork(|| {
            become_user(USERS[0]);
            if let Err(error) = lock_future_memory() {
                return skip(&format!("may not lock memory: {error}"));
            }
            let says = "locks all its memory (mlockall)";
            refused(Array1::<u8>::create_unique("it-limits-", 16 * MIB), LimitExceeded, says);
            let name = FreeName::new();
            refused(Log::<u8>::create(name.as_str(), 16 * MIB), LimitExceeded, says);
            assert!(!exists(name.as_str()));
            drop(array().write().unwrap());
        })
        .pass();
    });
}

/// A directory that is not on a tmpfs; removed when dropped.
struct Elsewhere(PathBuf);

impl Elsewhere {
    fn new() -> Self {
        let exe = std::env::current_exe().unwrap();
        let path = exe.with_file_name(format!("it-limits-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_missing_dev_shm_is_told_from_a_missing_segment() {
    alone(|| {
        if !unshare_mounts() {
            return skip("may not make a mount namespace");
        }
        mount_tmpfs("/dev", "size=64k");
        let says = "/dev/shm is missing, mount a tmpfs there";
        refused(Segment::open("none"), Unsupported, says);
        refused(Array1::<u8>::create("none", 8), Unsupported, says);
    });
}

/// A memory control group with this process in it; left and removed when dropped.
struct Group {
    path: PathBuf,
    parent: PathBuf,
}

impl Group {
    fn new(limit: usize) -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let (root, file, group) =
            groups.lines().find_map(|line| match line.splitn(3, ':').collect::<Vec<_>>()[1..] {
                ["memory", group] => {
                    Some(("/sys/fs/cgroup/memory", "memory.limit_in_bytes", group.to_owned()))
                }
                ["", group] if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() => {
                    Some(("/sys/fs/cgroup", "memory.max", group.to_owned()))
                }
                _ => None,
            })?;
        let parent = Path::new(root).join(group.trim_start_matches('/'));
        let path = parent.join(format!("ndshm-it-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        let group = Self { path, parent };
        fs::write(group.path.join(file), limit.to_string()).ok()?;
        group.take_in(&group.path)?;
        Some(group)
    }

    fn take_in(&self, group: &Path) -> Option<()> {
        fs::write(group.join("cgroup.procs"), std::process::id().to_string()).ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.take_in(&self.parent);
        let _ = fs::remove_dir(&self.path);
    }
}

#[test]
fn more_than_the_memory_cgroup_allows_is_an_error_and_no_kill() {
    alone(|| {
        let Some(_group) = Group::new(32 * MIB) else {
            return skip("may not make a memory cgroup");
        };
        let name = FreeName::new();
        let says = "the memory cgroup leaves";
        refused(Array1::<u8>::create(name.as_str(), 64 * MIB), MemoryLimit, says);
        assert!(!exists(name.as_str()));
        let fits = Array1::<u8>::create(name.as_str(), 2 * MIB).unwrap();
        fits.write().unwrap().fill(1);
    });
}

#[test]
fn a_log_that_the_memory_cgroup_does_not_let_grow_says_so_and_loses_nothing() {
    alone(|| {
        let Some(_group) = Group::new(64 * MIB) else {
            return skip("may not make a memory cgroup");
        };
        let log = Log::<[u8; 4096]>::create_unique("it-limits-", 1 << 18).unwrap();
        let rows = vec![[1; 4096]; 300];
        let error = loop {
            if let Err(error) = log.extend(&rows) {
                break error;
            }
        };
        refused(Err::<(), _>(error), MemoryLimit, "the memory cgroup leaves");
        assert!(log.len() >= 3000 && log.len().is_multiple_of(300), "{}", log.len());
        assert!(log.rows().iter().all(|row| *row == [1; 4096]));
    });
}

#[test]
fn a_limit_on_file_sizes_is_an_error_and_no_signal() {
    alone(|| {
        limit(libc::RLIMIT_FSIZE, MIB);
        let name = FreeName::new();
        let says = "may not make files over 1.0 MB (1,048,576 bytes): raise `ulimit -f`";
        refused(Array1::<u8>::create(name.as_str(), 2 * MIB), LimitExceeded, says);
        let lazy = Array1::<u8>::options().reserve(Reserve::Lazy);
        refused(lazy.create(name.as_str(), 2 * MIB), LimitExceeded, says);
        assert!(!exists(name.as_str()));
        drop(Array1::<u8>::create(name.as_str(), MIB / 2).unwrap());
    });
}

#[test]
fn who_is_out_of_descriptors_is_told_so_and_can_go_on_later() {
    alone(|| {
        let (made, name) = (array(), FreeName::new());
        let unregistered = of_mode(&name, 0o600);
        drop(unregistered);
        let opened = Array1::<u8>::open(name.as_str()).unwrap();
        let leaving = array();
        let mut files = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            files.push(file);
            if files.len() == 64 {
                limit(libc::RLIMIT_NOFILE, 100);
            }
        }
        let says = "no free file descriptors";
        refused(Array1::<u8>::create_unique("it-limits-", 8), OutOfDescriptors, says);
        refused(Array1::<u8>::open(made.name()), OutOfDescriptors, says);
        refused(ndshm::remove(made.name()), OutOfDescriptors, says);
        refused(opened.read(), OutOfDescriptors, says);
        drop(made.write().unwrap());
        let left = leaving.name().to_owned();
        drop(leaving);
        assert!(!exists(&left), "its creator could not open it, and left its name");

        // One, then two, then three more: whatever an operation had opened is closed again.
        for _ in 0..3 {
            files.pop();
            if let Ok(array) = Array1::<u8>::create_unique("it-limits-", 8) {
                let _ = array.write().map(drop);
                let name = array.name().to_owned();
                drop(array);
                assert!(!exists(&name), "left with {} files open", files.len());
            }
            let _ = opened.read().map(drop);
        }
        files.clear();
        drop(opened.read().unwrap());
        drop(array().write().unwrap());
    });
}

#[test]
fn who_is_out_of_address_space_is_told_so() {
    alone(|| {
        let name = FreeName::new();
        let options = Array1::<u8>::options().reserve(Reserve::Lazy).lifetime(Lifetime::Persistent);
        drop(options.create(name.as_str(), 1 << 30).unwrap());
        limit(libc::RLIMIT_AS, 600 * MIB);
        let says = "no address space is left";
        refused(Array1::<u8>::open(name.as_str()), OutOfAddressSpace, says);
        let other = FreeName::new();
        refused(options.create(other.as_str(), 1 << 30), OutOfAddressSpace, says);
        assert!(!exists(other.as_str()));
        drop(array().write().unwrap());
    });
}

#[test]
fn who_finds_all_slots_taken_is_told_by_whom() {
    let array = Array1::<u64>::options().participants(1).create_unique("it-limits-", 8).unwrap();
    let mut puppet = Puppet::on(&array);
    let answer = puppet.ask("read");
    let says = format!("has 1 participants already, all alive (pids {})", std::process::id());
    assert!(answer.starts_with("OutOfSlots: ") && answer.contains(&says), "{answer}");
    drop(array.write().unwrap());
}

#[test]
fn a_lock_of_another_program_is_told_from_a_participant() {
    let array = array();
    drop(array.read().unwrap());
    let file = File::options().read(true).write(true).open(array.segment().path()).unwrap();
    for (command, kind, len) in [
        (libc::F_OFD_SETLK, libc::F_RDLCK, 0),
        (libc::F_OFD_SETLK, libc::F_RDLCK, 1),
        (libc::F_OFD_SETLK, libc::F_WRLCK, 8),
        (libc::F_SETLK, libc::F_WRLCK, 1),
    ] {
        lock_slots(&file, command, kind, len);
        // In another process, for which a lock of kind F_SETLK is another's.
        fork(|| refused(array.read(), ForeignLock, "is locked by another program")).pass();
        lock_slots(&file, command, libc::F_UNLCK, len);
        fork(|| drop(array.read().unwrap())).pass();
    }
}

#[test]
fn a_descriptor_that_the_program_closed_is_had_again_by_name() {
    alone(|| {
        let array = array();
        close_descriptors();
        drop(array.write().unwrap());
        assert_eq!(array.segment().info().unwrap().shape(), [8]);
        close_descriptors();
        fork(|| drop(array.write().unwrap())).pass();
        ndshm::remove(array.name()).unwrap();
        close_descriptors();
        let says = "the program closed it";
        refused(array.segment().info(), DescriptorLost, says);
        fork(|| refused(array.read(), DescriptorLost, says)).pass();
        drop(array.write().unwrap());
    });
}

#[test]
fn an_owner_whom_nobody_can_probe_is_not_called_dead() {
    alone(|| {
        let array = Array1::<u64>::create_unique("it-limits-", 8).unwrap();
        let mut owner = Puppet::on(&array);
        owner.does("write");
        ndshm::remove(array.name()).unwrap();
        fork(|| {
            // Registers first, and has nothing to register with afterwards.
            refused(array.read_timeout(Duration::ZERO), Timeout, "which is alive");
            close_descriptors();
            refused(array.try_read(), DescriptorLost, "the program closed it");
            refused(array.write(), DescriptorLost, "the program closed it");
        })
        .pass();
        owner.does("drop");
        drop(array.read().unwrap());
    });
}

#[test]
fn a_foreign_file_under_the_number_of_a_closed_descriptor_is_left_alone() {
    alone(|| {
        let array = array();
        let inode = array.segment().path().metadata().unwrap().ino();
        let number = fs::read_dir("/proc/self/fd")
            .unwrap()
            .map(Result::unwrap)
            .find(|entry| fs::metadata(entry.path()).is_ok_and(|file| file.ino() == inode))
            .map(|entry| entry.file_name().into_string().unwrap().parse().unwrap())
            .unwrap();
        let foreign = reopen_at(number, "/dev/null");
        drop(array.write().unwrap());
        fork(|| drop(array.write().unwrap())).pass();
        drop(array);
        assert_eq!(
            fs::read_link(format!("/proc/self/fd/{number}")).unwrap(),
            Path::new("/dev/null")
        );
        drop(foreign);
    });
}
