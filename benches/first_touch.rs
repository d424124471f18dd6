//! Row 4: create an array, fill it for the first time, and let it go.
//!
//! Runs on 64 MiB, and with `NDSHM_BENCH_GIB` set on 1 GiB too. Whether huge pages are to be had depends
//! on how `/dev/shm` is mounted: each row says how many bytes of ours were in some.

mod support;

use std::hint::black_box;

use criterion::Criterion;
use memmap2::{Advice, MmapOptions};
use ndshm::{Options, Result};
use support::Row;

fn main() -> Result<()> {
    let mut criterion = support::criterion();
    all(&mut criterion, "64 MiB", 64 << 20)?;
    if std::env::var_os("NDSHM_BENCH_GIB").is_some() {
        all(&mut criterion, "1 GiB", 1 << 30)?;
    }
    criterion.final_summary();
    Ok(())
}

fn all(criterion: &mut Criterion, size: &str, bytes: usize) -> Result<()> {
    let len = bytes / size_of::<f64>();
    let plain = ndshm::Array1::<f64>::options();
    let private = "private array";
    for (how, options) in [
        ("as by default", plain.clone()),
        ("prefault(0)", plain.clone().prefault(0)),
        ("huge_pages()", plain.clone().huge_pages()),
        ("huge_pages(), prefault(0)", plain.clone().huge_pages().prefault(0)),
    ] {
        let huge = huge_part(&options, len)?;
        let work = format!("create and fill, {size}, {how}; {huge} % in huge pages");
        Row { number: 4, work: &work, baseline: private, target: 1.0 }.compare_few(
            criterion,
            || ndarray::Array1::<f64>::from_elem(len, black_box(1.0)),
            || fill_shared(&options, len),
        );
    }
    let work = format!("create and fill, {size}, huge_pages()");
    let baseline = "private memory that asks for huge pages";
    let options = plain.huge_pages();
    Row { number: 4, work: &work, baseline, target: 1.0 }.compare_few(
        criterion,
        || fill_private_huge(bytes),
        || fill_shared(&options, len),
    );
    Ok(())
}

fn fill_shared(options: &Options<ndshm::Array1<f64>>, len: usize) {
    let array = options.create_unique("bench-touch-", len).expect("there is room");
    array.write().expect("nobody else has it").fill(black_box(1.0));
}

fn fill_private_huge(bytes: usize) {
    let mut memory = MmapOptions::new().len(bytes).map_anon().expect("there is room");
    memory.advise(Advice::HugePage).expect("this kernel has huge pages");
    bytemuck::cast_slice_mut::<u8, f64>(&mut memory).fill(black_box(1.0));
}

/// How much of such an array is in huge pages, in percent.
fn huge_part(options: &Options<ndshm::Array1<f64>>, len: usize) -> Result<usize> {
    let array = options.create_unique("bench-touch-", len)?;
    array.write()?.fill(1.0);
    Ok(array.segment().huge_page_bytes()? * 100 / (len * size_of::<f64>()))
}
