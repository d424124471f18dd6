//! Real segments with some bytes overwritten: opening, describing, locking and removing them may
//! fail, but never panics, hangs, or dies by a signal.
//!
//! An input is a template, a length, whether the head's checksum is made to match again, and then
//! overwrites of three bytes each: two say where, one says what.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use ndshm::{
    Access, AnyArray, AnySnapshot, Array1, Array2, ArrayD, Frozen1, Kind, Log, NpyFile, Segment,
    Value,
};
use ndshm_fuzz::{CONTROL, Damage, bytes_of};

static TEMPLATES: LazyLock<[Vec<u8>; 8]> = LazyLock::new(|| {
    let log = Log::<u64>::create_unique("fuzz-", 20).unwrap();
    log.extend(&[1, 2, 3]).unwrap();
    let frozen = Array1::<u8>::create_unique("fuzz-", 100).unwrap().freeze().unwrap();
    let shared = shared_npy();
    let mut half_shared = shared.clone();
    half_shared[CONTROL + 7] = 0;
    [
        bytes_of(Array1::<u8>::create_unique("fuzz-", 100).unwrap().segment()),
        bytes_of(
            Array2::<f32>::options().stripes(4).create_unique("fuzz-", (10, 3)).unwrap().segment(),
        ),
        bytes_of(Value::create_unique("fuzz-", 7_u64).unwrap().segment()),
        bytes_of(Value::create_unique("fuzz-", [7_u8; 100]).unwrap().segment()),
        bytes_of(log.segment()),
        bytes_of(frozen.segment()),
        shared,
        half_shared,
    ]
});

/// What NumPy saved, and somebody shares.
fn shared_npy() -> Vec<u8> {
    let path = PathBuf::from(format!("/dev/shm/fuzz-{}-shared.npy", std::process::id()));
    let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (8000,), }";
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{text:117}\n").bytes());
    bytes.resize(128 + 8000, 0);
    fs::write(&path, bytes).unwrap();
    // SAFETY: the file is a moment old, and nobody else knows of it.
    let bytes = bytes_of(unsafe { AnyArray::share_npy(&path) }.unwrap().segment());
    ndshm::remove(&path).unwrap();
    bytes
}

fuzz_target!(|input: &[u8]| {
    let [template, cut, checksum, overwrites @ ..] = input else { return };
    let template = &TEMPLATES[usize::from(*template) % TEMPLATES.len()];
    let bytes = Damage { cut: *cut, checksum: *checksum, overwrites }.copy(template);

    let name = format!("fuzz-{}", std::process::id());
    fs::write(format!("/dev/shm/{name}"), &bytes).unwrap();
    exercise(&name);
    reap(&name);
    if ndshm::remove(&name).is_err() {
        let _ = fs::remove_file(format!("/dev/shm/{name}"));
    }
});

/// The file is nobody's: whatever of the template was overwritten, it is removed or left.
fn reap(name: &str) {
    let removed = ndshm::reap().unwrap();
    if removed.iter().any(|info| info.name() == name) {
        assert!(Segment::open(name).is_err());
    }
}

fn exercise(name: &str) {
    if let Ok(file) = NpyFile::open(format!("/dev/shm/{name}")) {
        assert_eq!(file.to_bytes().unwrap().len(), file.data_len());
    }
    if let Ok(segment) = Segment::open(name) {
        let info = segment.info().unwrap();
        let _ = info.to_string();
        // That of an array waits for whom the damage made its owner: maybe this process.
        if info.kind() != Kind::Array {
            let _ = AnySnapshot::of(&segment).map(|copy| copy.bytes().len());
        }
    }
    let soon = Duration::from_millis(1);
    for access in [Access::Observe, Access::ReadWrite, Access::Read] {
        if let Ok(array) = Array1::<u8>::options().access(access).open(name) {
            let _ = array.try_read().map(|guard| guard.map(|guard| guard.sum()));
            let _ = array.snapshot_timeout(soon);
        }
        if let Ok(array) = ArrayD::<f32>::options().access(access).open(name) {
            let _ = array.try_write().map(|guard| guard.map(|mut guard| guard.fill(1.0)));
            let _ = array.request().timeout(soon).recover().write();
            let _ =
                array.request().rows(..).timeout(soon).recover().read().map(|guard| guard.sum());
        }
        if let Ok(array) = AnyArray::options().access(access).open(name) {
            let _ = array.request().timeout(soon).recover().read().map(|guard| guard.at(&[0]));
        }
        if let Ok(log) = Log::<u64>::options().access(access).open(name) {
            let _ = log.extend_timeout(&[4, 5], soon);
            assert!(log.rows().len() <= log.capacity());
            let _ = log.follow_from(0).wait_timeout(soon).map(|rows| rows.sum());
        }
        if let Ok(value) = Value::<u64>::options().access(access).open(name) {
            let _ = value.fetch_add(1);
        }
        if let Ok(value) = Value::<[u8; 100]>::options().access(access).open(name) {
            let _ = value.edit_timeout(soon).map(|mut guard| guard[0] = 1);
            let _ = value.get();
        }
    }
    let _ = Frozen1::<u8>::open(name).map(|array| array.sum());
    let path = PathBuf::from(format!("/dev/shm/{name}"));
    // SAFETY: nobody else knows of the file.
    if let Ok(array) = unsafe { AnyArray::share_npy(&path) } {
        let _ = array.request().timeout(soon).recover().read().map(|guard| guard.at(&[0]));
    }
}
