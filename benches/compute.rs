//! Row 3: the same `ndarray` operations through guards and on private arrays.
//!
//! Runs on 64 MiB, and with `NDSHM_BENCH_GIB` set on 1 GiB too (which takes 4 GiB of memory).

mod support;

use criterion::Criterion;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, ArrayViewMut1, s};
use ndshm::Result;
use support::Row;

/// Columns of the tall matrix, and both sides of the small one.
const COLUMNS: usize = 64;

const PAGE: usize = 4096 / size_of::<f64>();

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
    let shared_x = ndshm::Array1::<f64>::create_unique("bench-x-", len)?;
    let shared_y = ndshm::Array1::<f64>::create_unique("bench-y-", len)?;
    shared_x.write()?.fill(1.0);
    shared_y.write()?.fill(1.0);
    let (mut private_x, mut private_y) = (private(len), private(len));
    let x = at_a_page(&mut private_x);
    let mut y = at_a_page(&mut private_y);
    let row = |work: &str| format!("{work}, {size}");

    let work = row("sum");
    let aligned = "private array at a page";
    Row { number: 3, work: &work, baseline: aligned, target: 1.03 }.compare_few(
        criterion,
        || x.sum(),
        || shared_x.read().expect("nobody writes").sum(),
    );
    let work = row("axpy");
    Row { number: 3, work: &work, baseline: aligned, target: 1.03 }.compare_few(
        criterion,
        || y.scaled_add(1e-9, &x),
        || {
            let mut y = shared_y.write().expect("nobody else has it");
            y.scaled_add(1e-9, &*shared_x.read().expect("nobody writes"));
        },
    );
    let work = row("fill");
    Row { number: 3, work: &work, baseline: aligned, target: 1.03 }.compare_few(
        criterion,
        || y.fill(1.0),
        || shared_y.write().expect("nobody else has it").fill(1.0),
    );
    product(criterion, &row("matrix product"), &x.view(), &mut y, [&shared_x, &shared_y]);

    // What alignment does by itself: the allocator puts large arrays 16 bytes after a page's start.
    let as_allocated = Array1::<f64>::ones(len);
    let work = row("sum (ours: a private array at a page)");
    Row { number: 3, work: &work, baseline: "private array as allocated", target: 1.03 }
        .compare_few(criterion, || as_allocated.sum(), || x.sum());
    Ok(())
}

/// Multiplies a tall matrix by a small one.
fn product(
    criterion: &mut Criterion,
    work: &str,
    x: &ndarray::ArrayView1<'_, f64>,
    y: &mut ArrayViewMut1<'_, f64>,
    [shared_x, shared_y]: [&ndshm::Array1<f64>; 2],
) {
    let shape = (x.len() / COLUMNS, COLUMNS);
    let small = ndarray::Array2::<f64>::eye(COLUMNS);
    let tall = x.to_shape(shape).expect("contiguous");
    let mut out = y.view_mut().into_shape_with_order(shape).expect("contiguous");
    Row { number: 3, work, baseline: "private array at a page", target: 1.03 }.compare_few(
        criterion,
        || general_mat_mul(1.0, &tall, &small, 0.0, &mut out),
        || {
            let x = shared_x.read().expect("nobody writes");
            let mut y = shared_y.write().expect("nobody else has it");
            let tall = x.view().into_shape_with_order(shape).expect("contiguous");
            let mut out = y.view_mut().into_shape_with_order(shape).expect("contiguous");
            general_mat_mul(1.0, &tall, &small, 0.0, &mut out);
        },
    );
}

/// A private array with room to begin at a page, its pages touched.
fn private(len: usize) -> Array1<f64> {
    Array1::ones(len + PAGE)
}

/// The part that begins at a page, as a shared array does.
fn at_a_page(array: &mut Array1<f64>) -> ArrayViewMut1<'_, f64> {
    let start = array.as_ptr().addr().next_multiple_of(4096) - array.as_ptr().addr();
    let (start, len) = (start / size_of::<f64>(), array.len() - PAGE);
    array.slice_mut(s![start..start + len])
}
