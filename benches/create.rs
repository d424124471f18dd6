//! Row 2: create a segment and remove it.

mod support;

use std::path::Path;

use memmap2::MmapOptions;
use ndshm::{Array1, Result};
use rustix::fs::{FallocateFlags, Mode, OFlags};
use support::Row;

fn main() -> Result<()> {
    let mut criterion = support::criterion();
    let name = format!("bench-create-{}", std::process::id());
    let path = Path::new("/dev/shm").join(format!("{name}-raw"));
    for (size, len) in [("4 KiB", 4 << 10), ("64 MiB", 64 << 20)] {
        let work = format!("create and remove, {size} reserved");
        let baseline = "O_EXCL, ftruncate, fallocate, mmap, unlink";
        Row { number: 2, work: &work, baseline, target: 1.4 }.compare(
            &mut criterion,
            || raw(&path, len),
            || Array1::<u8>::create(&name, len).expect("the name is free"),
        );
    }
    criterion.final_summary();
    Ok(())
}

fn raw(path: &Path, len: usize) {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).expect("the name is free");
    rustix::fs::ftruncate(&file, len as u64).expect("tmpfs grants any length");
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, len as u64).expect("there is room");
    let mapping = MmapOptions::new().len(len).map_raw(&file).expect("it can be mapped");
    drop(mapping);
    rustix::fs::unlink(path).expect("it exists");
}
