//! What holds on the filesystems of disks when they are full: real ones, in files that are mounted.
//!
//! That takes root, the program that makes the filesystem, and a kernel that knows it. What is not
//! there is skipped, and says so.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use ndshm::{Access, Array1, ErrorKind::*, Log, Reserve};

use crate::bad_input::refused;
use crate::share::{save, share};
use crate::support::{alone, forget_cached, is_root, skip, unshare_mounts};

const MIB: usize = 1 << 20;

/// A filesystem in a file, mounted for this process alone; gone when dropped.
struct Disk {
    image: PathBuf,
    mounted: PathBuf,
}

impl Disk {
    /// `None` where that cannot be, which is said.
    fn new(kind: &str) -> Option<Self> {
        let at = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let name = format!("it-disk-{}-{kind}", std::process::id());
        let disk = Self { image: at.join(format!("{name}.img")), mounted: at.join(name) };
        fs::create_dir(&disk.mounted).unwrap();
        File::create(&disk.image).unwrap().set_len(320 << 20).unwrap();
        let quiet = if kind == "btrfs" || kind == "f2fs" { "-q" } else { "-qF" };
        let quiet = if kind == "xfs" { "-qf" } else { quiet };
        let made = Command::new(format!("mkfs.{kind}")).arg(quiet).arg(&disk.image).output();
        match made {
            Ok(output) if output.status.success() => {}
            Ok(output) => panic!("mkfs.{kind}: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => {
                skip(&format!("{kind}: no mkfs.{kind}: {error}"));
                return None;
            }
        }
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop", "-t", kind]).arg(&disk.image).arg(&disk.mounted);
        let output = mount.output().unwrap();
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            skip(&format!("{kind}: cannot be mounted here: {}", why.trim()));
            return None;
        }
        Some(disk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.mounted.join(name)
    }

    /// Leaves no block free.
    fn fill(&self) {
        let mut ballast = File::create(self.path("ballast")).unwrap();
        let bytes = vec![1; MIB];
        for len in [MIB, 4096, 512] {
            while ballast.write_all(&bytes[..len]).is_ok() {}
            ballast.sync_all().unwrap();
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.mounted).output();
        let _ = fs::remove_dir(&self.mounted);
        let _ = fs::remove_file(&self.image);
    }
}

/// Runs `body` on a new disk with that filesystem.
fn on(kind: &str, body: impl FnOnce(&Disk)) {
    if !is_root() {
        return skip("only root can mount a disk");
    }
    if !unshare_mounts() {
        return skip("may not make a mount namespace");
    }
    if let Some(disk) = Disk::new(kind) {
        body(&disk);
    }
}

/// Those that a file may lie on; of `f2fs` most kernels know nothing.
macro_rules! on_each {
    ($($promise:ident: $body:expr;)*) => { $(
        mod $promise {
            use super::*;

            #[test]
            fn on_ext4() {
                alone(|| on("ext4", $body));
            }

            #[test]
            fn on_ext3() {
                alone(|| on("ext3", $body));
            }

            #[test]
            fn on_xfs() {
                alone(|| on("xfs", $body));
            }

            #[test]
            fn on_btrfs() {
                alone(|| on("btrfs", $body));
            }

            #[test]
            fn on_f2fs() {
                alone(|| on("f2fs", $body));
            }
        }
    )* };
}

on_each! {
    a_log_that_fills_its_disk_is_an_error_that_loses_nothing: fill_with_a_log;
    a_reserved_array_is_written_while_its_disk_is_full: write_on_a_full_disk;
    a_sparse_copy_of_a_log_says_when_its_disk_is_full: append_to_a_sparse_copy;
    the_locks_of_a_lazy_array_work_while_its_disk_is_full: lock_on_a_full_disk;
}

fn fill_with_a_log(disk: &Disk) {
    let log = Log::<[u8; 4096]>::create(&*disk.path("log"), 1 << 18).unwrap();
    let row = |number: usize| [number.to_le_bytes()[0]; 4096];
    let mut rows = 0;
    let full = loop {
        match log.append(&row(rows)) {
            Ok(_) => rows += 1,
            Err(error) => break error,
        }
        if rows % 4096 == 0 {
            log.segment().sync().unwrap();
        }
    };
    let says = format!(" but {} has ", disk.mounted.display());
    refused(Err::<(), _>(full), StorageFull, &says);
    assert!(log.len() == rows && rows > 40_000, "{rows} rows of 4 KiB on a disk of 320 MiB");
    assert!(log.rows().iter().enumerate().all(|(number, found)| *found == row(number)));
    log.segment().sync().unwrap();
    refused(Array1::<u8>::create(&*disk.path("more"), 64 * MIB), StorageFull, &says);
    assert!(!disk.path("more").exists());
}

fn write_on_a_full_disk(disk: &Disk) {
    let array = Array1::<u64>::create(&*disk.path("array"), 1 << 15).unwrap();
    array.write().unwrap().fill(1);
    array.sync().unwrap();
    disk.fill();
    for number in 2..5 {
        array.write().unwrap().fill(number);
        array.sync().unwrap();
    }
    drop(array);
    let array = Array1::<u64>::open(&*disk.path("array")).unwrap();
    assert!(array.read().unwrap().iter().all(|number| *number == 4));
}

fn append_to_a_sparse_copy(disk: &Disk) {
    let (made, copied) = (disk.path("made"), disk.path("copied"));
    let log = Log::<[u8; 4096]>::create(&*made, 1 << 16).unwrap();
    log.append(&[7; 4096]).unwrap();
    log.segment().sync().unwrap();
    drop(log);
    // As sparse as a copy can be, and on btrfs one that is overwritten in place.
    let made_so = |command: &mut Command| assert!(command.status().unwrap().success());
    File::create(&copied).unwrap();
    let _ = Command::new("chattr").arg("+C").arg(&copied).output();
    let options = ["--sparse=always", "--reflink=never"];
    made_so(Command::new("cp").args(options).arg(&made).arg(&copied));
    disk.fill();
    refused(Log::<[u8; 4096]>::open(&*copied), StorageFull, "needs");

    fs::remove_file(disk.path("ballast")).unwrap();
    let log = Log::<[u8; 4096]>::open(&*copied).unwrap();
    disk.fill();
    let full = loop {
        if let Err(error) = log.append(&[7; 4096]) {
            break error;
        }
    };
    refused(Err::<(), _>(full), StorageFull, "needs");
    assert!(log.len() > 200 && log.rows().iter().all(|row| *row == [7; 4096]));
}

fn lock_on_a_full_disk(disk: &Disk) {
    let lazy = Array1::<u64>::options().reserve(Reserve::Lazy);
    drop(lazy.create(&*disk.path("lazy"), (8 << 20) + 512).unwrap());
    disk.fill();
    // Long runs of pages come into the page cache, with holes among them.
    let mut file = File::open(disk.path("lazy")).unwrap();
    forget_cached(&file);
    file.read_to_end(&mut Vec::new()).unwrap();
    let array = Array1::<u64>::open(&*disk.path("lazy")).unwrap();
    for _ in 0..3 {
        drop(array.write().unwrap());
        drop(array.read().unwrap());
        array.sync().unwrap();
    }
}

#[test]
fn a_disk_quota_that_is_used_up_says_so_and_kills_nobody() {
    alone(|| {
        on("btrfs", |disk| {
            let btrfs = |args: &[&str]| {
                let output = Command::new("btrfs").args(args).arg(&disk.mounted).output().unwrap();
                output.status.success()
            };
            let array = Array1::<u64>::create(&*disk.path("array"), 1 << 15).unwrap();
            if !btrfs(&["quota", "enable"]) || !btrfs(&["qgroup", "limit", "16m"]) {
                return skip("this btrfs has no quotas");
            }
            let says = "the disk quota";
            refused(Array1::<u8>::create(&*disk.path("big"), 32 * MIB), QuotaExceeded, says);
            let log = Log::<[u8; 4096]>::create(&*disk.path("log"), 1 << 16).unwrap();
            let full = loop {
                if let Err(error) = log.append(&[1; 4096]) {
                    break error;
                }
            };
            refused(Err::<(), _>(full), QuotaExceeded, says);
            assert!(log.len() > 1000 && log.rows().iter().all(|row| *row == [1; 4096]));
            for number in 2..5 {
                array.write().unwrap().fill(number);
                array.sync().unwrap();
            }
        });
    });
}

#[test]
fn what_btrfs_copies_on_write_is_observed_and_removed_but_not_locked() {
    alone(|| {
        on("btrfs", |disk| {
            let (made, copied) = (disk.path("made"), disk.path("copied"));
            Array1::<u64>::create(&*made, 100).unwrap().write().unwrap().fill(7);
            fs::write(&copied, fs::read(&made).unwrap()).unwrap();
            let says = "`chattr +C` it";
            refused(Array1::<u64>::open(&*copied), UnsupportedFilesystem, says);
            let read = Array1::<u64>::options().access(Access::Read);
            refused(read.open(&*copied), UnsupportedFilesystem, says);
            let observe = Array1::<u64>::options().access(Access::Observe);
            assert_eq!(observe.open(&*copied).unwrap().snapshot().unwrap().sum(), 700);
            ndshm::remove(&*copied).unwrap();

            save(&copied, 100);
            let bytes = fs::read(&copied).unwrap();
            refused(share(&Array1::<u64>::options(), &copied), UnsupportedFilesystem, says);
            assert_eq!(fs::read(&copied).unwrap(), bytes);
        });
    });
}

#[test]
fn a_shared_file_whose_blocks_were_another_files_too_is_written_while_its_disk_is_full() {
    alone(|| {
        on("xfs", |disk| {
            let (saved, copied) = (disk.path("saved.npy"), disk.path("copied.npy"));
            save(&saved, 1 << 17);
            File::open(&saved).unwrap().sync_all().unwrap();
            let mut copy = Command::new("cp");
            let copied_so = copy.arg("--reflink=always").arg(&saved).arg(&copied).status().unwrap();
            assert!(copied_so.success());
            let array = share(&Array1::<u64>::options(), &copied).unwrap();
            disk.fill();
            array.write().unwrap().fill(7);
            array.sync().unwrap();
        });
    });
}
