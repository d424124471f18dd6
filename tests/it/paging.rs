//! Pages that are there before they are touched, and huge ones.

use std::fs;

use ndshm::{Access, Array1, Array2, ErrorKind::*, Event, Log, Reserve, Value};

use crate::bad_input::refused;
use crate::homes::FreeFile;
use crate::support::{FreeName, alone, mount_tmpfs, skip, unshare_mounts};

const MIB: usize = 1 << 20;

fn in_shm() -> usize {
    fs::read_dir("/dev/shm").unwrap().count()
}

/// How many page faults, none of which read a disk, this thread had in `body`.
fn page_faults(body: impl FnOnce()) -> u64 {
    let count = || {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        fields.split_whitespace().nth(7).unwrap().parse::<u64>().unwrap()
    };
    let before = count();
    body();
    count() - before
}

/// Runs `body`, with a `/dev/shm` of its own.
fn with_shm(options: &str, body: impl FnOnce()) {
    if !unshare_mounts() {
        return skip("may not make a mount namespace");
    }
    mount_tmpfs("/dev/shm", options);
    body();
}

#[test]
fn what_was_prefaulted_is_touched_without_page_faults() {
    // Else the kernel may map neighbours of a page for nothing.
    let options = Array1::<u64>::options().prefault(3);
    let array = options.create_unique("it-paging-", 4 * MIB / 8).unwrap();
    let faults = page_faults(|| array.write().unwrap().fill(1));
    assert!(faults < 512, "{faults} faults of 1024");

    let faults_of = |options: &ndshm::Options<Array1<u64>>| {
        let opened = options.open(array.name()).unwrap();
        page_faults(|| assert_eq!(opened.read().unwrap().sum(), 4 * MIB as u64 / 8))
    };
    for access in [Access::ReadWrite, Access::Read] {
        let options = Array1::<u64>::options().access(access);
        let (with, without) = (faults_of(&options.clone().prefault(0)), faults_of(&options));
        assert!(with < without, "{with} faults, {without} without");
    }
}

#[test]
fn prefaulted_segments_of_all_kinds_and_homes_work() {
    let (name, file) = (FreeName::new(), FreeFile::in_memory());
    let options = Array2::<f32>::options().prefault(2).huge_pages();
    for array in [
        options.create(name.as_str(), (512, 1025)).unwrap(),
        options.create(file.path(), (512, 1025)).unwrap(),
        options.create_anonymous((512, 1025)).unwrap(),
    ] {
        array.write().unwrap().fill(1.0);
        for access in [Access::ReadWrite, Access::Read, Access::Observe] {
            let same = options.clone().access(access).open_handle(&array.handle()).unwrap();
            assert_eq!(same.snapshot().unwrap().sum(), 512.0 * 1025.0, "{access:?}");
        }
        array.sync().unwrap();
    }
    if let Some(file) = FreeFile::on_disk() {
        let array = options.create(file.path(), (512, 1025)).unwrap();
        array.write().unwrap().fill(1.0);
        array.sync().unwrap();
        assert_eq!(options.open(file.path()).unwrap().read().unwrap().sum(), 512.0 * 1025.0);
    }
    let value =
        Value::options().prefault(9).huge_pages().create_unique("it-paging-", 7_u8).unwrap();
    assert_eq!(value.get().unwrap(), 7);
    drop(Event::options().prefault(1).create_unique("it-paging-").unwrap());
}

#[test]
fn to_ask_for_pages_later_and_at_once_is_an_error() {
    let options = Array1::<u8>::options().reserve(Reserve::Lazy).prefault(1);
    refused(options.create_unique("it-paging-", 10), InvalidArgument, "for all pages at once");
    let log = Log::<u8>::options().prefault(1);
    refused(log.create_unique("it-paging-", 10), InvalidArgument, "for all pages at once");
}

#[test]
fn a_dev_shm_too_small_to_prefault_is_an_error_and_leaves_nothing() {
    alone(|| {
        for mount in ["size=8m", "size=8m,huge=advise"] {
            with_shm(mount, || {
                for options in [
                    Array1::<u8>::options().prefault(2),
                    Array1::<u8>::options().huge_pages(),
                    Array1::<u8>::options().prefault(0).huge_pages(),
                ] {
                    refused(options.create("big", 9 * MIB), StorageFull, "bytes) but /dev/shm has");
                    assert_eq!(in_shm(), 0);
                    let fits = options.create("fits", 5 * MIB).unwrap();
                    fits.write().unwrap().fill(1);
                }
            });
        }
    });
}

#[test]
fn to_prefault_a_lazy_segment_that_finds_no_memory_is_an_error() {
    alone(|| {
        with_shm("size=8m", || {
            let lazy = Array1::<u8>::options().reserve(Reserve::Lazy);
            let array = lazy.create("lazy", 9 * MIB).unwrap();
            for access in [Access::ReadWrite, Access::Read, Access::Observe] {
                let options = Array1::<u8>::options().access(access).prefault(2);
                refused(options.open("lazy"), StorageFull, "bytes) but /dev/shm has");
            }
            drop(array);
        });
    });
}

#[test]
fn huge_pages_back_what_asks_for_them_where_dev_shm_has_some() {
    alone(|| {
        with_shm("size=64m,huge=advise", || {
            let options = Array1::<u64>::options().huge_pages();
            let array = options.create("huge", MIB).unwrap();
            array.write().unwrap().fill(1);
            let segment = array.segment();
            if segment.huge_page_bytes().unwrap() == 0 {
                return skip("this kernel has no huge pages to give");
            }
            assert!(segment.huge_page_bytes().unwrap() >= 8 * MIB);
            for access in [Access::ReadWrite, Access::Read] {
                let same = options.clone().access(access).prefault(1).open("huge").unwrap();
                assert!(same.segment().huge_page_bytes().unwrap() >= 6 * MIB, "{access:?}");
                assert_eq!(same.read().unwrap().sum(), MIB as u64);
            }
            let plain = Array1::<u64>::create("plain", MIB).unwrap();
            plain.write().unwrap().fill(1);
            assert_eq!(plain.segment().huge_page_bytes().unwrap(), 0);
        });
    });
}

#[test]
fn pages_are_moved_into_huge_ones_where_dev_shm_gives_small_ones() {
    alone(|| {
        with_shm("size=64m,huge=never", || {
            let array = Array1::<u64>::options().huge_pages().create("moved", MIB).unwrap();
            array.write().unwrap().fill(1);
            if array.segment().huge_page_bytes().unwrap() == 0 {
                return skip("this kernel moves none, or found none free");
            }
            assert_eq!(array.read().unwrap().sum(), MIB as u64);
        });
    });
}
