//! Row 1: attach a segment of another process, read one element, detach.
//!
//! # Safety
//!
//! The baseline reads one byte of a mapping that it just made.
#![allow(unsafe_code)]

mod support;

use std::path::Path;

use memmap2::MmapOptions;
use ndshm::{Array1, Reserve, Result};
use rustix::fs::{Mode, OFlags};
use support::{Helper, Row};

fn main() -> Result<()> {
    if let Some((_, arguments)) = support::role() {
        return keep(&arguments[0], arguments[1].parse().expect("a length"));
    }
    let mut criterion = support::criterion();
    for (size, len) in [("4 KiB", 4 << 10), ("1 GiB", 1 << 30)] {
        let name = format!("bench-attach-{}-{len}", std::process::id());
        let _keeper = Helper::start("keeper", &[&name, &len.to_string()]);
        let path = Path::new("/dev/shm").join(&name);
        let mut row = |work: &str, ours: &dyn Fn() -> u8| {
            let work = format!("{work}, {size}");
            let baseline = "open, fstat, mmap, read, munmap, close";
            Row { number: 1, work: &work, baseline, target: 1.25 }.compare(
                &mut criterion,
                || raw(&path),
                ours,
            );
        };
        row("attach, read without a lock, detach", &|| {
            let array = Array1::<u8>::open(&name).expect("it exists");
            // SAFETY: nobody writes, and the array outlives the view.
            let view = unsafe { array.raw_view().deref_into_view() };
            view[0]
        });
        row("attach, read under the lock, detach", &|| {
            let array = Array1::<u8>::open(&name).expect("it exists");
            array.read().expect("nobody writes")[0]
        });
    }
    criterion.final_summary();
    Ok(())
}

/// What a helper does: it creates the segment, and stays.
fn keep(name: &str, len: usize) -> Result<()> {
    let _array = Array1::<u8>::options().reserve(Reserve::Lazy).create(name, len)?;
    support::stay();
    Ok(())
}

fn raw(path: &Path) -> u8 {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::open(path, flags, Mode::empty()).expect("it exists");
    let len = rustix::fs::fstat(&file).expect("it is open").st_size;
    let len = usize::try_from(len).expect("it fits the address space");
    let mapping = MmapOptions::new().len(len).map_raw(&file).expect("it can be mapped");
    // SAFETY: the payload begins at byte 4096 of the file, which is longer.
    let first = unsafe { mapping.as_ptr().add(4096) };
    // SAFETY: mapped, and nobody writes.
    unsafe { first.read_volatile() }
}
