//! Row 6: operations on a single value.
//!
//! # Safety
//!
//! The baseline is an atomic at the start of a mapping that lives as long as it.
#![allow(unsafe_code)]

mod support;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use memmap2::MmapOptions;
use ndshm::{Result, Value};
use rustix::fs::MemfdFlags;
use support::Row;

fn main() -> Result<()> {
    let mut criterion = support::criterion();
    let file = rustix::fs::memfd_create("atomic", MemfdFlags::CLOEXEC).expect("a memfd");
    rustix::fs::ftruncate(&file, 4096).expect("a page");
    let memory = MmapOptions::new().len(4096).map_raw(&file).expect("a page");
    // SAFETY: a page of zeros, aligned, mapped until the end of this function, for atomic use only.
    let raw = unsafe { AtomicU64::from_ptr(memory.as_mut_ptr().cast()) };
    let value = Value::<u64>::create_unique("bench-value-", 0)?;

    let row = |work, baseline| Row { number: 6, work, baseline, target: 1.1 };
    row("Value get", "atomic load").compare(&mut criterion, || raw.load(SeqCst), || value.get());
    row("Value set", "atomic swap").compare(
        &mut criterion,
        || raw.swap(7, SeqCst),
        || value.set(7),
    );
    row("Value fetch_add", "atomic fetch_add").compare(
        &mut criterion,
        || raw.fetch_add(1, SeqCst),
        || value.fetch_add(1),
    );
    criterion.final_summary();
    Ok(())
}
