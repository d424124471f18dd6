//! How each command ends, and what users may see of each other's segments.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use ndshm::{Array1, Array2, FrameMeta, Ring1};

use crate::support::{
    FreeName, NOBODY, Run, Scratch, binary, is_root, ndshm, ndshm_as_nobody, skip,
};

/// Commands about one segment, with what follows its name.
fn about_one(scratch: &Scratch) -> Vec<(&'static str, Vec<String>)> {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    vec![
        ("info", vec![]),
        ("show", vec![]),
        ("stats", vec![]),
        ("watch", words(&["--count", "1"])),
        ("hz", words(&["-s", "0.01"])),
        ("bw", words(&["-s", "0.01"])),
        ("export", words(&["-o", &scratch.path("out.npy")])),
    ]
}

/// A segment whose control block was written over.
fn damaged(name: &FreeName) -> String {
    let (whole, damaged) = (name.with("-whole"), name.with("-damaged"));
    let array = Array1::<u8>::create(&whole, 4).unwrap();
    let mut bytes = fs::read(array.segment().path()).unwrap();
    let control = array.segment().info().unwrap().control_offset();
    bytes[control + 100] ^= 1;
    fs::write(Path::new("/dev/shm").join(&damaged), &bytes).unwrap();
    damaged
}

#[test]
fn what_is_not_there_and_what_is_damaged_have_codes_of_their_own() {
    let (name, scratch) = (FreeName::new(), Scratch::new());
    let damaged = damaged(&name);
    for (command, more) in about_one(&scratch) {
        let on = |name: &str| Run::of(binary().arg(command).arg(name).args(&more));
        on(name.as_str()).ends_with(3).says("does not exist");
        on(&damaged).ends_with(5);
    }
    ndshm(["rm", name.as_str()]).ends_with(3);
    ndshm(["import", &scratch.path("none.npy"), name.as_str()]).ends_with(3);
    ndshm(["ls", &damaged, "-o", "state"]).is_fine().prints(&name, "STATE\ncorrupt\n");
    ndshm(["rm", &damaged]).is_fine();
    assert_eq!(fs::read_dir(scratch.root()).unwrap().count(), 0, "half a file is left");
}

#[test]
fn what_may_not_be_read_has_a_code_of_its_own() {
    if !is_root() {
        return skip("only root can become another user");
    }
    let (name, scratch) = (FreeName::new(), Scratch::new());
    let _array = Array1::<u8>::create(name.as_str(), 4).unwrap();
    fs::set_permissions(scratch.root(), Permissions::from_mode(0o777)).unwrap();
    for (command, more) in about_one(&scratch) {
        let mut args = vec![command.to_owned(), name.as_str().to_owned()];
        args.extend(more);
        ndshm_as_nobody(args).ends_with(4).says("run as its owner");
    }
    ndshm_as_nobody(["rm", name.as_str()]).ends_with(4);
    let listed = ndshm_as_nobody(["ls", name.as_str(), "-o", "name,kind,state"]);
    listed.is_fine().prints(&name, "NAME  KIND  STATE\nNAME  -     unknown\n");
    ndshm_as_nobody(["create", "/root/x.npy", "--dtype", "u1"]).ends_with(4);
}

#[test]
fn permission_to_read_is_enough_to_look() {
    if !is_root() {
        return skip("only root can become another user");
    }
    let name = FreeName::new();
    let options = Array2::<u8>::options().mode(0o644);
    let array = options.create(&name.with("-array"), (2, 2)).unwrap();
    array.write().unwrap().fill(3);
    let ring = ndshm::Ring::<u8, ndarray::Ix1>::options().mode(0o644);
    let ring: Ring1<u8> = ring.create(&name.with("-ring"), 4).unwrap();
    let mut publisher = ring.publisher().unwrap();
    publisher.loan().unwrap().publish(FrameMeta::new());
    for path in [array.segment().path(), ring.segment().path()] {
        fs::set_permissions(path, Permissions::from_mode(0o444)).unwrap();
    }
    let (array, ring) = (name.with("-array"), name.with("-ring"));
    ndshm_as_nobody(["show", &array]).is_fine().prints(&name, "[[3 3]\n [3 3]]\n");
    ndshm_as_nobody(["stats", &array]).is_fine();
    ndshm_as_nobody(["show", &ring]).is_fine().prints(&name, "[0 0 0 0]\n");
    for segment in [&array, &ring] {
        ndshm_as_nobody(["info", segment]).is_fine();
        ndshm_as_nobody(["watch", segment, "--count", "1", "-i", "0.05"]).is_fine();
    }
    let listed = ndshm_as_nobody(["ls", name.as_str(), "-o", "name,kind,procs,state"]);
    listed.is_fine().prints(
        &name,
        "NAME        KIND   PROCS  STATE\n\
         NAME-array  array      1  live\n\
         NAME-ring   ring       1  live\n",
    );
}

#[test]
fn another_users_segment_is_looked_at_and_its_numbers_too() {
    if !is_root() {
        return skip("only root can give a file away");
    }
    let name = FreeName::new();
    let array = Array1::<u8>::create(&name.with("-array"), 4).unwrap();
    let ring = Ring1::<u8>::create(&name.with("-ring"), 4).unwrap();
    let mut publisher = ring.publisher().unwrap();
    publisher.loan().unwrap().publish(FrameMeta::new());
    for path in [array.segment().path(), ring.segment().path()] {
        chown(path, Some(NOBODY), None).unwrap();
    }
    let (array, ring) = (name.with("-array"), name.with("-ring"));
    ndshm(["show", &array]).is_fine().prints(&name, "[0 0 0 0]\n");
    ndshm(["stats", &array]).is_fine();
    ndshm(["show", &ring]).is_fine().prints(&name, "[0 0 0 0]\n");
    ndshm(["show", &array, "--torn"]).is_fine().prints(&name, "[0 0 0 0]\n");
    ndshm(["stats", &array, "--torn"]).is_fine();
    ndshm(["info", &array]).is_fine();
    assert_eq!(ndshm(["info", &ring, "--json"]).json()["ring"]["published"], 1);
    // Measured from outside, without a map.
    ndshm(["hz", &ring, "-s", "0.05"]).ends_with(1).says("brought 0 frames");
    let is_over = AtomicBool::new(false);
    let (hz, watch) = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                publisher.loan().unwrap().publish(FrameMeta::new().capture_now());
                thread::yield_now();
            }
        });
        let hz = ndshm(["hz", &ring, "-s", "0.3", "--json"]);
        let watch = ndshm(["watch", &ring, "--count", "1", "-i", "0.3", "--json"]);
        is_over.store(true, Relaxed);
        (hz, watch)
    });
    assert!(hz.is_fine().json()["frames"].as_u64() > Some(1), "{}", hz.stdout);
    let watched = &watch.is_fine().json()["watched"];
    assert!(watched["latency"]["capture_to_publish"]["p99_s"].is_number(), "{watched}");
}

#[test]
fn wrong_usage_is_told_from_what_is_not_there() {
    let nothing: [&str; 0] = [];
    ndshm(nothing).ends_with(2);
    ndshm(["ls", "-o", "nonsense"]).ends_with(2);
    ndshm(["info"]).ends_with(2);
    ndshm(["rm"]).ends_with(2);
    ndshm(["create", "x", "--dtype", "f5"]).ends_with(2);
    ndshm(["create", ".ndshm-x", "--dtype", "f4"]).ends_with(2);
    ndshm(["create", "x", "--dtype", "f4", "--mode", "0888"]).ends_with(2);
    ndshm(["watch", "-i", "never"]).ends_with(2);
    ndshm(["doctor", "--need", "much"]).ends_with(2);
    ndshm(["export", "x", "-o", "x.jpg"]).ends_with(2).says("--format");
}

#[test]
fn names_that_are_no_text_do_no_harm() {
    let scratch = Scratch::on_shared_memory();
    let array = Array1::<u8>::create(Path::new(&scratch.path("x.npy")), 4).unwrap();
    let odd = OsStr::from_bytes(b"odd\xff.npy");
    let path = Path::new(scratch.root()).join(odd);
    fs::copy(array.segment().path(), &path).unwrap();
    // The library calls no segment so, since handles are text.
    let dir = ["--dir", scratch.root()];
    let run = ndshm([dir[0], dir[1], "ls", "--all", "-o", "name,state"]);
    let expected = "NAME      STATE\nodd\u{fffd}.npy  foreign\nx.npy     live\n";
    assert_eq!(run.is_fine().stdout, expected);
    Run::of(binary().args(dir).args(["ls", "--all", "--json"])).json();
    for command in ["info", "show", "rm"] {
        Run::of(binary().args(dir).arg(command).arg(odd)).ends_with(2).says("is not UTF-8");
    }
    Run::of(binary().arg("info").arg(&path)).ends_with(2);
    assert!(path.exists());
    let name = FreeName::new();
    let long = "n".repeat(300);
    for odd in ["", ".", "..", "a/../b", "\n", &long] {
        assert_ne!(ndshm(["info", odd]).code(), Some(101), "{odd:?}");
    }
    let _array = Array1::<u8>::create(&name.with(" \u{202e}日本"), 4).unwrap();
    let run = ndshm(["ls", name.as_str(), "-o", "name,kind"]);
    run.is_fine().prints(&name, "NAME  KIND\nNAME \\u{202e}日本  array\n");
}
