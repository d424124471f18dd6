//! Real segments with some bytes overwritten: opening, describing, locking and removing them may
//! fail, but never panics, hangs, or dies by a signal.
//!
//! An input is a template, a length, whether the head's checksum is made to match again, and then
//! overwrites of three bytes each: two say where, one says what.
#![no_main]

use std::fs;
use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use ndshm::{Access, Array1, Array2, ArrayD, Frozen1, NpyFile, Segment, Value};
use ndshm_fuzz::{Damage, bytes_of};

static TEMPLATES: LazyLock<[Vec<u8>; 4]> = LazyLock::new(|| {
    [
        bytes_of(Array1::<u8>::create_unique("fuzz-", 100).unwrap().segment()),
        bytes_of(
            Array2::<f32>::options().stripes(4).create_unique("fuzz-", (10, 3)).unwrap().segment(),
        ),
        bytes_of(Value::create_unique("fuzz-", 7_u64).unwrap().segment()),
        bytes_of(Value::create_unique("fuzz-", [7_u8; 100]).unwrap().segment()),
    ]
});

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
        let _ = segment.info().unwrap().to_string();
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
        if let Ok(value) = Value::<u64>::options().access(access).open(name) {
            let _ = value.fetch_add(1);
        }
        if let Ok(value) = Value::<[u8; 100]>::options().access(access).open(name) {
            let _ = value.lock_timeout(soon).map(|mut guard| guard[0] = 1);
            let _ = value.get();
        }
    }
    let _ = Frozen1::<u8>::open(name).map(|array| array.sum());
}
