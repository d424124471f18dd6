//! Large arrays, and many segments.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Instant;

use ndshm::{AnyArray, Array1, Lifetime, Order, Reserve};

use crate::support::{
    FreeName, Run, Scratch, Stream, Terminal, binary, most_memory_of, ndshm, skip,
};

const GIB: usize = 1 << 30;

/// Whether so many bytes can be had.
fn there_are(bytes: usize) -> bool {
    let capacity = ndshm::capacity().unwrap();
    let memory = [capacity.memory_left(), capacity.cgroup_headroom()].into_iter().flatten().min();
    memory.unwrap_or(u64::MAX).min(capacity.storage_free()) > bytes as u64
}

#[test]
fn a_little_of_a_large_array_costs_little() {
    if !there_are(GIB) {
        return skip("too little memory");
    }
    let name = FreeName::new();
    for order in [Order::C, Order::F] {
        let options = AnyArray::options().order(order).reserve(Reserve::Lazy);
        let array = options.create(name.as_str(), &"|u1".parse().unwrap(), &[2 * GIB, 2]).unwrap();
        let file = fs::File::options().write(true).open(array.segment().path()).unwrap();
        let end = array.segment().info().unwrap().data_offset() + 4 * GIB;
        file.write_all_at(&[7], end as u64 - 1).unwrap();
        let before = file.metadata().unwrap().blocks() * 512;

        // Of all of it, too, no more is copied than is printed.
        for slice in ["-1,-1", "::1000000000", "...", "-2:,::-1"] {
            let most = most_memory_of(["show", name.as_str(), "--slice", slice]);
            assert!(most < 128 << 20, "{most} bytes for {slice} in {order:?} order");
        }
        let after = file.metadata().unwrap().blocks() * 512;
        assert!(after - before < 1 << 20, "{before} bytes were allocated before, {after} after");
        let run = ndshm(["show", name.as_str(), "--slice", "-1"]);
        assert_eq!(run.is_fine().stdout, "[0 7]\n");
    }
}

#[test]
fn a_large_copy_has_a_bar_on_a_terminal_and_nowhere_else() {
    const LEN: usize = 300 << 20;
    if !there_are(4 * LEN) {
        return skip("too little memory");
    }
    let (name, scratch) = (FreeName::new(), Scratch::on_shared_memory());
    let options = Array1::<u8>::options().reserve(Reserve::Lazy);
    let array = options.create(&name.with("-from"), LEN).unwrap();
    array.write_rows(LEN - 1..).unwrap()[0] = 7;
    let (from, to, file) = (name.with("-from"), name.with("-to"), scratch.path("x.npy"));

    let on_terminal = |args: &[&str]| {
        let bar = Terminal::start(binary().args(args), Stream::Error).rest();
        (bar.contains("\r[###"), bar.contains("of 300M"), bar.ends_with("\r\x1b[K"), bar.len())
    };
    let export = ["export", from.as_str(), "-o", file.as_str()];
    let (bar, total, cleared, _) = on_terminal(&export);
    assert!(bar && total && cleared);
    let import = ["import", file.as_str(), to.as_str()];
    let (bar, total, cleared, _) = on_terminal(&import);
    assert!(bar && total && cleared);
    let copy = Array1::<u8>::open(&to).unwrap();
    assert_eq!(copy.read_rows(LEN - 1..).unwrap()[0], 7);
    drop(copy);

    let replace = ["import", file.as_str(), to.as_str(), "--replace", "-q"];
    assert_eq!(on_terminal(&replace).3, 0, "it was told to be quiet");
    let run = Run::of(binary().args(export));
    assert!(run.is_fine().complains_of_nothing());
    let small = name.with("-small");
    ndshm(["create", &small, "--dtype", "u1", "--shape", "9"]).is_fine();
    assert_eq!(on_terminal(&["export", &small, "-o", &scratch.path("y.npy")]).3, 0);
}

#[test]
fn figures_of_a_large_array_need_no_copy_of_it() {
    const LEN: usize = 96 << 20;
    if !there_are(2 * LEN) {
        return skip("too little memory");
    }
    let (name, items) = (FreeName::new(), LEN / 8);
    let array = Array1::<f64>::create(name.as_str(), items).unwrap();
    array.write_rows(items - 2..).unwrap().fill(255.0);
    let stats = ndshm(["stats", name.as_str(), "--hist", "--json"]).json();
    assert_eq!((&stats[0]["count"], &stats[0]["max"]), (&items.into(), &255.0.into()));
    assert_eq!(stats[0]["histogram"]["counts"][19], 2);
    // The array itself is mapped, and counts.
    let most = most_memory_of(["stats", name.as_str()]);
    assert!(most < (LEN + LEN / 2) as u64, "{most}");
}

#[test]
fn what_is_sparse_stays_so_when_it_is_read_as_a_file() {
    let name = FreeName::new();
    let options = Array1::<f64>::options().reserve(Reserve::Lazy);
    let array = options.create(name.as_str(), 8 << 20).unwrap();
    let blocks = || fs::metadata(array.segment().path()).unwrap().blocks();
    let before = blocks();
    let stats = ndshm(["stats", name.as_str(), "--torn", "--json"]).json();
    assert_eq!((&stats[0]["count"], blocks()), (&(8 << 20).into(), before));
}

#[test]
fn ten_thousand_segments_are_listed() {
    let (name, scratch) = (FreeName::new(), Scratch::on_shared_memory());
    let options = Array1::<f32>::options().lifetime(Lifetime::Persistent).participants(4);
    let path = |index: usize| scratch.path(&format!("{}-{index}", name.as_str()));
    for index in 0..10_000 {
        options.create(std::path::Path::new(&path(index)), 16).unwrap();
    }
    let start = Instant::now();
    let run = ndshm(["--dir", scratch.root(), "ls"]);
    let took = start.elapsed();
    assert_eq!(run.is_fine().stdout.lines().count(), 10_001);
    println!("listed 10,000 segments in {took:?}");
}
