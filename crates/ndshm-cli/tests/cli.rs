//! The real binary, on real segments.
//!
//! What it prints is compared whole, with what differs from run to run masked. A child is this binary
//! again, told by an environment variable to hold a segment until it is killed.

mod codes;
mod hostile;
mod large;
mod matrix;
mod programs;
mod rings;
mod support;
mod terminal;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use ndshm::{AnyArray, Array1, Array2, Event, Lifetime, Log, Value};

use crate::support::{
    FreeName, Holder, Run, Scratch, hold_until_killed, is_root, ndshm, numpy, skip,
};

#[test]
fn child_role() {
    hold_until_killed();
}

#[test]
fn ls_tells_what_each_segment_is() {
    let name = FreeName::new();
    let array = Array2::<f32>::create(&name.with("-array"), (480, 640)).unwrap();
    let _value = Value::<u64>::create(&name.with("-value"), 7).unwrap();
    let _event = Event::create(&name.with("-event")).unwrap();
    let log = Log::<[f64; 2]>::create(&name.with("-log"), 100).unwrap();
    log.append(&[1.0, 2.0]).unwrap();
    let _guard = array.write().unwrap();

    let run = ndshm(["ls", name.as_str(), "-o", "name,kind,dtype,shape,size,procs,state"]);
    run.is_fine().prints(
        &name,
        "NAME        KIND   DTYPE  SHAPE       SIZE  PROCS  STATE\n\
         NAME-array  array  <f4    (480, 640)  1.2M      1  live\n\
         NAME-event  event  <u4    ()           15K      1  live\n\
         NAME-log    log    <f8    (1/100, 2)   15K      1  live\n\
         NAME-value  value  <u8    ()           15K      1  live\n",
    );
    let run = ndshm(["ls", &name.with("-array"), "-o", "writer,stripes"]);
    let me = fs::read_to_string("/proc/self/comm").unwrap();
    let expected = format!("{} {}", std::process::id(), me.trim_end());
    assert!(run.is_fine().stdout.contains(&expected), "{}", run.stdout);

    let run = ndshm(["ls", &name.with("-log"), "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&run.is_fine().stdout).unwrap();
    assert_eq!(listed[0]["committed_rows"], 1);
    assert_eq!(listed[0]["shape"], serde_json::json!([100, 2]));
    assert_eq!(listed[0]["state"], "live");
}

#[test]
fn what_is_no_segment_is_not_replaced() {
    let (name, scratch) = (FreeName::new(), Scratch::new());
    let _array = Array1::<u8>::create(&name.with("-a"), 4).unwrap();
    let file = scratch.path("x.npy");
    ndshm(["export", &name.with("-a"), "-o", &file]).is_fine();
    fs::write(name.path(), "not ours").unwrap();
    ndshm(["import", &file, name.as_str(), "--replace"]).ends_with(1).says("is not NPY");
    assert_eq!(fs::read_to_string(name.path()).unwrap(), "not ours");
}

#[test]
fn foreign_files_are_listed_on_request_and_never_touched() {
    let name = FreeName::new();
    fs::write(name.path(), "not ours").unwrap();
    ndshm(["ls", name.as_str()]).is_fine().prints(&name, "no segments in /dev/shm\n");
    ndshm(["ls", name.as_str(), "--all", "-o", "name,size,state"])
        .is_fine()
        .prints(&name, "NAME  SIZE  STATE\nNAME     8  foreign\n");
    ndshm(["rm", name.as_str()]).ends_with(1).says("is not NPY");
    ndshm(["rm", "--prefix", name.as_str()]).is_fine();
    assert_eq!(fs::read_to_string(name.path()).unwrap(), "not ours");
}

#[test]
fn info_says_who_holds_which_lock() {
    let name = FreeName::new();
    let options = Array1::<u16>::options().stripes(2);
    let array = options.create(name.as_str(), 10).unwrap();
    let _guard = array.write_rows(5..).unwrap();
    ndshm(["info", name.as_str()]).is_fine().prints(
        &name,
        "name      NAME\n\
         id        ID\n\
         state     live\n\
         kind      array\n\
         dtype     <u2 (2 bytes)\n\
         shape     (10,), C order\n\
         data      20 at offset 4096\n\
         control   6.7K at offset 8192\n\
         file      15K, owned by user UID\n\
         lifetime  until its creator drops it\n\
         created   MOMENT UTC, AGE ago, by process PID, user UID\n\
         processes 1 of at most 64\n          \
                   slot 0: process PID (COMMAND), alive\n\
         locks     2 stripes\n          \
                   stripe 1 (rows 5..10): held for writing by process PID (COMMAND), alive\n",
    );
}

#[test]
fn who_lives_in_another_pid_namespace_is_told_apart() {
    let name = FreeName::new();
    let array = Array1::<u8>::create(name.as_str(), 4).unwrap();
    let _guard = array.write().unwrap();
    let apart = |args: &[&str]| {
        let unshare = ["-p", "-f", "--mount-proc", env!("CARGO_BIN_EXE_ndshm")];
        Run::of(Command::new("unshare").args(unshare).args(args))
    };
    let info = apart(&["info", name.as_str()]);
    if !info.stdout.contains("name ") {
        return skip("may not make a PID namespace");
    }
    let link = fs::read_link("/proc/self/ns/pid").unwrap();
    let number = link.to_str().unwrap().trim_matches(|c: char| !c.is_ascii_digit()).to_owned();
    let me = format!("process {} of PID namespace {number}, alive", std::process::id());
    assert!(info.is_fine().stdout.contains(&format!("slot 0: {me}")), "{}", info.stdout);
    let listed = apart(&["ls", name.as_str(), "-o", "procs,writer"]);
    let me = format!("    1  {} elsewhere\n", std::process::id());
    assert!(listed.is_fine().stdout.ends_with(&me), "{}", listed.stdout);
    assert!(apart(&["doctor"]).stdout.contains("ok    processes     PID namespace "));
}

#[test]
fn a_dead_writer_shows_and_what_it_left_can_be_seen() {
    let name = FreeName::new();
    let mut holder = Holder::start(name.as_str(), Lifetime::Persistent);
    let pid = holder.pid();
    ndshm(["show", name.as_str()]).ends_with(1).says("alive, writes it").says("--torn");
    holder.kill();

    let run = ndshm(["info", name.as_str()]);
    run.ends_with(1);
    for words in [
        "state     poisoned: half written perhaps",
        &format!("held for writing by process {pid}, dead"),
        "suspect: its writer died while writing",
    ] {
        assert!(run.stdout.contains(words), "{words}\n{}", run.stdout);
    }
    let run = ndshm(["ls", name.as_str(), "-o", "procs,writer,state"]);
    run.is_fine();
    assert!(run.stdout.contains(&format!("    0  {pid} dead  poisoned\n")), "{}", run.stdout);
    ndshm(["show", name.as_str()]).ends_with(1).says("died while writing");
    ndshm(["show", name.as_str(), "--torn"]).is_fine().prints(&name, "[7 0 0 0]\n");
}

#[test]
fn what_only_the_dead_have_is_listed_and_would_be_reaped() {
    let name = FreeName::new();
    let mut holder = Holder::start(name.as_str(), Lifetime::Creator);
    ndshm(["ls", name.as_str(), "--stale"]).is_fine().prints(&name, "no segments in /dev/shm\n");
    holder.kill();
    let list = ndshm(["ls", name.as_str(), "--stale", "-o", "name"]);
    let reap = ndshm(["reap", "-n"]);
    if !name.path().exists() {
        return skip("another program reaped it meanwhile");
    }
    list.is_fine().prints(&name, "NAME\nNAME\n");
    assert!(reap.is_fine().stdout.contains(&format!("would remove {}", name.as_str())));
}

#[test]
fn removal_says_what_it_did_and_ends_as_the_first_failure_does() {
    let name = FreeName::new();
    let persistent = Array1::<u8>::options().lifetime(Lifetime::Persistent);
    for suffix in ["-a", "-b"] {
        persistent.create(&name.with(suffix), 4).unwrap();
    }
    ndshm(["rm", "--prefix", name.as_str(), "-n"])
        .is_fine()
        .prints(&name, "would remove NAME-a\nwould remove NAME-b\n");
    ndshm(["rm", &name.with("-none"), &name.with("-a")])
        .ends_with(3)
        .says("does not exist")
        .prints(&name, "removed NAME-a\n");
    ndshm(["rm", "--prefix", name.as_str(), "-q"]).is_fine().prints(&name, "");
    assert!(!ndshm::list().unwrap().iter().any(|info| info.name().starts_with(name.as_str())));
    ndshm(["rm"]).ends_with(2);
}

#[test]
fn arrays_are_created_filled_and_written_back() {
    let (name, scratch) = (FreeName::new(), Scratch::new());
    ndshm(["create", name.as_str(), "--dtype", "f4", "--shape", "2,3", "--mode", "0640"])
        .is_fine()
        .prints(&name, "created NAME: <f4 [2, 3]\n");
    let array = Array2::<f32>::open(name.as_str()).unwrap();
    array.write().unwrap()[[1, 2]] = 0.5;
    let file = scratch.path("x.npy");
    ndshm(["export", name.as_str(), "-o", &file]).is_fine();
    let again = name.with("-again");
    ndshm(["import", &file, &again]).is_fine().prints(&name, "created NAME-again: <f4 [2, 3]\n");
    assert_eq!(Array2::<f32>::open(&again).unwrap().read().unwrap()[[1, 2]], 0.5);
    let old = Array2::<f32>::open(&again).unwrap();
    ndshm(["import", &file, &again]).ends_with(1).says("exists already").says("--replace");
    assert!(!old.segment().is_replaced());
    ndshm(["import", &file, &again, "--replace"]).is_fine();
    assert!(old.segment().is_replaced());
    ndshm(["import", &scratch.path("none.npy"), &again, "--replace"]).ends_with(3);
    assert!(!Array2::<f32>::open(&again).unwrap().segment().is_replaced());
    ndshm([
        "export",
        name.as_str(),
        "-o",
        array.segment().path().to_str().unwrap(),
        "--format",
        "npy",
    ])
    .ends_with(1)
    .says("is a segment");
    ndshm(["create", name.as_str(), "--dtype", "f5"]).ends_with(2);
    ndshm(["rm", name.as_str(), &again]).is_fine();
}

#[test]
fn pictures_go_through_png_unchanged() {
    let (name, scratch) = (FreeName::new(), Scratch::new());
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/astronaut.png");
    ndshm(["import", picture, name.as_str()]).is_fine();
    let file = scratch.path("again.png");
    ndshm(["export", name.as_str(), "-o", &file]).is_fine();
    let pixels = |path: &str| image::open(path).unwrap().into_bytes();
    assert!(pixels(picture) == pixels(&file));
    let run = ndshm(["show", name.as_str(), "--as", "picture"]);
    assert!(run.is_fine().stdout.lines().count() > 10);
    ndshm(["rm", name.as_str()]).is_fine();
}

#[test]
fn numpy_reads_what_is_exported_and_prints_what_is_shown() {
    let Some(numpy) = numpy() else { return skip("no NumPy: `cargo xtask numpy` sets one up") };
    let scratch = Scratch::new();
    let count: usize =
        numpy.run(include_str!("numpy/save.py"), &[scratch.root()]).trim().parse().unwrap();
    for index in 0..count {
        let name = FreeName::new();
        ndshm(["import", &scratch.path(&format!("{index}.npy")), name.as_str()]).is_fine();
        let expected = fs::read_to_string(scratch.path(&format!("{index}.txt"))).unwrap();
        let run = ndshm(["show", name.as_str()]);
        assert_eq!(run.is_fine().stdout, expected, "array {index}");
        let file = scratch.path(&format!("{index}-again.npy"));
        ndshm(["export", name.as_str(), "-o", &file]).is_fine();
        ndshm(["rm", name.as_str()]).is_fine();
    }
    numpy.run(include_str!("numpy/compare.py"), &[scratch.root(), &count.to_string()]);
}

#[test]
fn slices_show_some_of_it() {
    let name = FreeName::new();
    let array = Array2::<i32>::create(name.as_str(), (3, 4)).unwrap();
    array.write().unwrap().iter_mut().zip(0..).for_each(|(item, value)| *item = value);
    for (slice, text) in [
        ("1", "[4 5 6 7]\n"),
        (":,-1", "[ 3  7 11]\n"),
        ("::2,::3", "[[ 0  3]\n [ 8 11]]\n"),
        ("...,0", "[0 4 8]\n"),
        ("::-1,0", "[8 4 0]\n"),
        ("2,3", "11\n"),
    ] {
        ndshm(["show", name.as_str(), "--slice", slice]).is_fine().prints(&name, text);
    }
    ndshm(["show", name.as_str(), "--slice", "5"]).ends_with(2).says("outside of axis 0");
    let json = ndshm(["show", name.as_str(), "--slice", "0,:2", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.is_fine().stdout).unwrap();
    assert_eq!(json["data"], serde_json::json!([0, 1]));
}

#[test]
fn stats_leave_out_what_is_no_number() {
    let name = FreeName::new();
    let array = Array1::<f64>::create(name.as_str(), 6).unwrap();
    array.write().unwrap().assign(&ndarray::arr1(&[1.0, 2.0, 3.0, 6.0, f64::NAN, f64::INFINITY]));
    ndshm(["stats", name.as_str()]).is_fine().prints(
        &name,
        "COUNT  NAN  INF  MIN  MAX  MEAN      STD\n    6    1    1    1    6     3  1.87083\n",
    );
    let run = ndshm(["stats", name.as_str(), "--hist"]);
    assert_eq!(run.is_fine().stdout.lines().count(), 2 + 2 + 20);
    assert!(run.stdout.contains("5.75 ..    6  "), "{}", run.stdout);

    let fields = "[('a', '<u4'), ('b', '<f4', (2,)), ('c', '<c8')]".parse().unwrap();
    let structs = name.with("-structs");
    let _array = AnyArray::create(&structs, &fields, &[2]).unwrap();
    ndshm(["stats", &structs]).is_fine().prints(
        &name,
        "FIELD  COUNT  NAN  INF  MIN  MAX  MEAN  STD\n\
         a          2    0    0    0    0     0    0\n\
         b          4    0    0    0    0     0    0\n",
    );
}

#[test]
fn doctor_fails_when_less_is_free_than_is_needed() {
    let run = ndshm(["doctor", "--need", "4000T"]);
    run.ends_with(1);
    assert!(run.stdout.contains("FAIL  /dev/shm"), "{}", run.stdout);
    assert!(run.stdout.contains("docker: --shm-size"), "{}", run.stdout);
    let findings = ndshm(["doctor", "--json"]).json();
    let all_of = ["filesystem", "creating", "memory", "cgroup", "processes", "leftovers"];
    for what in all_of {
        assert!(
            findings.as_array().unwrap().iter().any(|finding| finding["what"] == what),
            "{what}"
        );
    }
    ndshm(["doctor", "--need", "much"]).ends_with(2);
}

#[test]
fn doctor_tells_what_is_wrong_with_shared_memory() {
    if !is_root() {
        return skip("only root can mount");
    }
    // In a mount namespace of its own, so nobody else sees it.
    let on = |mount: &str, need: &str| {
        let script =
            format!("mount -t tmpfs {mount} tmpfs /dev/shm && exec \"$0\" doctor --need {need}");
        Run::of(Command::new("unshare").args([
            "-m",
            "sh",
            "-c",
            &script,
            env!("CARGO_BIN_EXE_ndshm"),
        ]))
    };
    let small = on("-o size=8M", "2G");
    if !small.stdout.contains("/dev/shm") {
        return skip("may not mount");
    }
    small.ends_with(1);
    let says = "FAIL  /dev/shm      8.0M of 8.0M free, and 2.0G are needed\n";
    assert!(small.stdout.contains(says), "{}", small.stdout);
    assert!(
        small.stdout.contains("docker: --shm-size; Kubernetes: an emptyDir"),
        "{}",
        small.stdout
    );
    let enough = on("-o size=8M", "1M");
    enough.is_fine();
    assert!(enough.stdout.contains("WARN  /dev/shm      8.0M of 8.0M free, which is little"));
    let closed = on("-o ro,size=1G", "1M");
    closed.ends_with(1);
    assert!(closed.stdout.contains("FAIL  creating"), "{}", closed.stdout);
    assert!(closed.stdout.contains("is mounted read-only"), "{}", closed.stdout);
}

#[test]
fn files_of_a_directory_are_segments_too() {
    let scratch = Scratch::on_shared_memory();
    let directory = scratch.root();
    ndshm(["--dir", directory, "create", "x.npy", "--dtype", "u1", "--shape", "4"]).is_fine();
    ndshm(["--dir", directory, "show", "x.npy"]).is_fine();
    let path = scratch.path("x.npy");
    ndshm(["info", &path]).is_fine();
    ndshm(["--dir", directory, "reap"]).ends_with(2);
    ndshm(["--dir", directory, "ls", "-o", "name,state"])
        .is_fine()
        .prints(&FreeName::new(), "NAME   STATE\nx.npy  idle\n");
    ndshm(["rm", &path]).is_fine();
}

#[test]
fn what_the_dead_left_is_reaped_by_prefix_and_told_of_to_who_wants_its_name() {
    let (name, other) = (FreeName::new(), FreeName::new());
    for name in [&name, &other] {
        Holder::start(name.as_str(), Lifetime::Creator).kill();
    }
    let create = ["create", name.as_str(), "--dtype", "u1"];
    let remedy =
        format!("only the dead have left it: remove it with `ndshm reap {}`", name.as_str());
    ndshm(create).ends_with(1).says(&remedy);
    ndshm(["reap", name.as_str(), "-n"])
        .is_fine()
        .prints(&name, "would remove NAME (15K)\nwould remove 1 segment, 15K\n");
    let reaped = ndshm(["reap", name.as_str(), "--json"]).json();
    assert_eq!(reaped["removed"], serde_json::json!([name.as_str()]));
    assert!(!name.path().exists() && other.path().exists());
    ndshm(["reap", name.as_str()]).is_fine().prints(&name, "removed 0 segments, 0\n");
    ndshm(create).is_fine();
    ndshm(["rm", name.as_str()]).is_fine();
    ndshm(["rm", other.as_str()]).is_fine();
}

#[test]
fn what_others_may_write_is_created_shown_and_replaced_by_who_took_that_right_away() {
    let (name, scratch) = (FreeName::new(), Scratch::new());
    ndshm(["create", name.as_str(), "--dtype", "u1", "--shape", "2", "--mode", "0660"]).is_fine();
    let file = scratch.path("x.npy");
    ndshm(["show", name.as_str()]).is_fine().prints(&name, "[0 0]\n");
    ndshm(["export", name.as_str(), "-o", &file]).is_fine();
    let replace = ["import", &file, name.as_str(), "--replace"];
    let chmod = format!("chmod go-w {}", name.path().display());
    ndshm(replace).ends_with(4).says(&chmod).says("`ndshm rm`");
    fs::set_permissions(name.path(), fs::Permissions::from_mode(0o640)).unwrap();
    ndshm(replace).is_fine();
    ndshm(["rm", name.as_str()]).is_fine();
}

#[test]
fn a_segment_is_the_same_by_its_name_and_by_every_path() {
    let (name, scratch) = (FreeName::new(), Scratch::new());
    ndshm(["create", name.as_str(), "--dtype", "u1", "--shape", "3"]).is_fine();
    let link = scratch.path("link");
    std::os::unix::fs::symlink("/dev/shm", &link).unwrap();
    let (dotted, linked) = (format!("./{}", name.as_str()), format!("{link}/{}", name.as_str()));
    let in_shm = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ndshm"));
        Run::of(command.args(args).current_dir("/dev/shm"))
    };
    let path = name.path();
    let by_link = ["--dir", &link, "show", name.as_str()];
    for address in [name.as_str(), path.to_str().unwrap(), &dotted, &linked] {
        in_shm(&["show", address]).is_fine().prints(&name, "[0 0 0]\n");
        in_shm(&["info", address]).is_fine();
        ndshm(by_link).is_fine().prints(&name, "[0 0 0]\n");
    }
    ndshm(["--dir", &link, "reap", "-n"]).is_fine();
    in_shm(&["rm", &dotted]).is_fine();
    ndshm(by_link).ends_with(3);
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let commands = [
        "ls",
        "info",
        "stats",
        "show",
        "rm",
        "reap",
        "create",
        "export",
        "import",
        "doctor",
        "watch",
        "hz",
        "bw",
        "completions",
        "man",
    ];
    for command in commands {
        let run = ndshm([command, "--help"]);
        assert!(run.is_fine().stdout.contains(&format!("\n  ndshm {command}")), "{command}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(ndshm(["completions", shell]).is_fine().stdout.contains("doctor"), "{shell}");
    }
    let scratch = Scratch::new();
    ndshm(["man", scratch.root()]).is_fine();
    for page in commands.map(|command| format!("ndshm-{command}.1")) {
        assert!(fs::metadata(scratch.path(&page)).is_ok(), "{page}");
    }
    assert!(ndshm(["man"]).is_fine().stdout.contains(".TH ndshm 1"));
}
