//! Rings, whose frames come and go while they are looked at.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use ndarray::Array3;
use ndshm::{AnySnapshot, Array1, FrameMeta, NpyFile, Ring, Ring3};

use crate::support::{FreeName, Scratch, ndshm};

/// A ring of colour pictures, and its frames 1 to 3, each of its number's brightness; slots for two.
fn pictures(name: &str) -> Ring3<u8> {
    let ring = Ring::<u8, _>::options().slots(2).create(name, (2, 3, 3)).unwrap();
    let mut publisher = ring.publisher().unwrap();
    for brightness in 1..=3 {
        let frame = Array3::from_elem((2, 3, 3), brightness);
        publisher.publish_from(&frame, FrameMeta::new()).unwrap();
    }
    ring
}

#[test]
fn frames_are_shown_and_summarised_by_number() {
    let name = FreeName::new();
    let _ring = pictures(name.as_str());
    let slice = ["--slice", "0,0", "--frame"];
    for (frame, shown) in [("latest", "[3 3 3]\n"), ("3", "[3 3 3]\n"), ("2", "[2 2 2]\n")] {
        let run = ndshm(["show", name.as_str(), slice[0], slice[1], slice[2], frame]);
        assert_eq!(run.is_fine().stdout, shown);
    }
    ndshm(["show", name.as_str(), "--frame", "1"]).ends_with(1).says("there are 2 to 3");
    ndshm(["show", name.as_str(), "--frame", "newest"]).ends_with(2).says("write latest");
    let run = ndshm(["stats", name.as_str(), "--json"]);
    let stats: serde_json::Value = serde_json::from_str(&run.is_fine().stdout).unwrap();
    assert_eq!((&stats[0]["count"], &stats[0]["max"]), (&18.into(), &3.0.into()));
}

#[test]
fn ls_counts_frames() {
    let name = FreeName::new();
    let _ring = pictures(name.as_str());
    let run = ndshm(["ls", name.as_str(), "-o", "kind,dtype,shape,state"]);
    assert_eq!(
        run.is_fine().stdout,
        "KIND  DTYPE  SHAPE           STATE\nring  |u1    2×(2, 3, 3) #3  live\n"
    );
    let run = ndshm(["ls", name.as_str(), "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&run.is_fine().stdout).unwrap();
    assert_eq!(listed[0]["published"], 3);
}

#[test]
fn ls_tells_how_often_frames_come_until_nobody_publishes() {
    let name = FreeName::new();
    let ring = pictures(name.as_str());
    let hz = || ndshm(["ls", name.as_str(), "--json"]).json()[0]["ring"]["hz"].clone();
    assert_eq!(hz(), 0.0, "its publisher left");
    let is_over = AtomicBool::new(false);
    let measured = thread::scope(|scope| {
        scope.spawn(|| {
            let mut publisher = ring.publisher().unwrap();
            while !is_over.load(Relaxed) {
                publisher.loan().unwrap().publish(FrameMeta::new());
                thread::yield_now();
            }
        });
        // It may look before the first of them.
        let measured = (0..1000).find_map(|_| hz().as_f64().filter(|&hz| hz > 0.0));
        is_over.store(true, Relaxed);
        measured
    });
    assert!(measured.is_some());
    let listed = ndshm(["ls", name.as_str()]);
    assert!(listed.is_fine().stdout.lines().next().unwrap().contains(" HZ  AGE"));
    let array = Array1::<u8>::create(&name.with("-array"), 3).unwrap();
    let listed = ndshm(["ls", array.name()]);
    assert!(!listed.is_fine().stdout.contains("HZ"), "there is no ring");
}

#[test]
fn info_says_who_publishes_and_who_leases() {
    let name = FreeName::new();
    let ring = pictures(name.as_str());
    let _publisher = ring.publisher().unwrap();
    let _held = ring.subscribe().recv().unwrap();
    let run = ndshm(["info", name.as_str()]);
    let me = format!("process {} (", std::process::id());
    for words in [
        "frames    |u1 (2, 3, 3), 18 each, in 2 slots\n",
        "published #3, 0 dropped; #2 to #3 are there, the newest ",
        &format!("\npublisher {me}"),
        &format!("\nleases    {me}"),
        ", alive: #3\n",
    ] {
        assert!(run.is_fine().stdout.contains(words), "{words}\n{}", run.stdout);
    }
    assert!(!run.stdout.contains("'frame'"), "the dtype of a slot is for NumPy");
}

#[test]
fn a_frame_becomes_a_file() {
    let (name, scratch) = (FreeName::new(), Scratch::new());
    let _ring = pictures(name.as_str());
    for ending in ["npy", "png", "raw"] {
        let path = scratch.path(&format!("frame.{ending}"));
        ndshm(["export", name.as_str(), "-o", &path, "--frame", "2"]).is_fine();
    }
    let copy = AnySnapshot::of_file(&NpyFile::open(scratch.path("frame.npy")).unwrap()).unwrap();
    assert_eq!((copy.shape(), copy.bytes()), (&[2, 3, 3][..], &[2; 18][..]));
    assert_eq!(fs::read(scratch.path("frame.raw")).unwrap(), [2; 18]);
    assert!(fs::read(scratch.path("frame.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn only_rings_have_frames_and_only_after_the_first() {
    let name = FreeName::new();
    let _array = Array1::<u8>::create(&name.with("-array"), 3).unwrap();
    let _ring = Ring3::<u8>::create(&name.with("-ring"), (2, 3, 3)).unwrap();
    ndshm(["show", &name.with("-array"), "--frame", "1"]).ends_with(2).says("is no ring");
    ndshm(["hz", &name.with("-array"), "-s", "0.01"]).ends_with(1).says("is no ring");
    ndshm(["show", &name.with("-ring")]).ends_with(1).says("has no frame yet");
    ndshm(["hz", &name.with("-ring"), "-s", "0.01"]).ends_with(1).says("brought 0 frames");
    ndshm(["bw", &name.with("-none")]).ends_with(3);
}

#[test]
fn rate_and_bytes_are_measured_while_frames_come() {
    let name = FreeName::new();
    let ring = Ring3::<u8>::create(name.as_str(), (2, 3, 3)).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut publisher = ring.publisher().unwrap();
            while !is_over.load(Relaxed) {
                publisher.loan().unwrap().publish(FrameMeta::new());
                thread::yield_now();
            }
        });
        let hz = ndshm(["hz", name.as_str(), "--seconds", "0.3", "--json"]);
        let bw = ndshm(["bw", name.as_str(), "--seconds", "0.3", "--json"]);
        let table = ndshm(["hz", name.as_str(), "--seconds", "0.3"]);
        is_over.store(true, Relaxed);
        let hz: serde_json::Value = serde_json::from_str(&hz.is_fine().stdout).unwrap();
        assert!(hz["frames"].as_u64().unwrap() > 1, "{hz}");
        let mean = hz["mean_s"].as_f64().unwrap();
        assert!((hz["hz"].as_f64().unwrap() * mean - 1.0).abs() < 1e-9, "{hz}");
        assert!(hz["min_s"].as_f64().is_none_or(|least| least <= hz["max_s"].as_f64().unwrap()));
        assert_eq!(hz["dropped"], 0);
        let bw: serde_json::Value = serde_json::from_str(&bw.is_fine().stdout).unwrap();
        assert_eq!(bw["frame_bytes"], 18);
        let expected = bw["hz"].as_f64().unwrap() * 18.0;
        let measured = bw["bytes_per_second"].as_f64().unwrap();
        assert!((expected - measured).abs() <= 1.0, "{bw}");
        assert!(table.is_fine().stdout.starts_with("   "), "{}", table.stdout);
        assert!(table.stdout.contains("DROPPED"), "{}", table.stdout);
    });
}
