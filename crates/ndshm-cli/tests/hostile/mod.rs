//! What others left to be found: names that speak to terminals, planted links, shapes that nothing else has.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::process::Command;

use ndshm::{AnyArray, Array1, Dtype, Order, Scalar};

use crate::support::{FreeName, Run, Scratch, binary, ndshm};

/// Names that would turn, hide or colour what stands beside them.
const SPEAKING: [&str; 5] =
    ["\x1b[31mred", "\u{9b}31mred", "\u{202e}turned", "\u{ad}\u{61c}hidden", "\u{e0041}\u{2028}\n"];

#[track_caller]
fn is_quiet(text: &str) {
    let speaks = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{202e}' | '\u{2028}' | '\u{e0041}')
    };
    assert!(!text.chars().any(speaks), "{text:?}");
}

#[test]
fn no_name_speaks_to_the_terminal_wherever_it_is_printed() {
    let (free, scratch) = (FreeName::new(), Scratch::new());
    for speaking in SPEAKING {
        let name = &free.with(speaking);
        let field = format!("{{'descr': [('{}', '<f4')], ", speaking.replace('\n', ""));
        let array = Array1::<u8>::create(name, 4).unwrap();
        let file = scratch.path(speaking) + ".npy";
        let (copy, gone) = (free.with(speaking) + "-copy", free.with(speaking) + "-gone");
        let more = scratch.path("-more");
        for (code, args) in [
            (0, &["ls", free.as_str(), "--all"][..]),
            (0, &["ls", free.as_str(), "--json"]),
            (0, &["info", name]),
            (0, &["info", name, "--json"]),
            (0, &["watch", name, "--count", "1", "-i", "0.01"]),
            (0, &["watch", name, "--count", "1", "-i", "0.01", "--json"]),
            (0, &["export", name, "-o", &file]),
            (0, &["export", name, "-o", &file, "--json"]),
            (0, &["import", &file, &copy]),
            (0, &["import", &file, &copy, "--replace", "--json"]),
            (0, &["rm", &copy]),
            (0, &["rm", "-n", name, "--json"]),
            (0, &["reap", "-n"]),
            (1, &["hz", name, "-s", "0.01"]),
            (3, &["rm", &gone]),
            (3, &["--dir", &more, "ls"]),
            (2, &["export", name, "-o", &format!("{file}.none")]),
            // What a shell makes of a pattern may be more than there is room for.
            (2, &["info", name, name]),
            (2, &["show", name, "--slice", speaking]),
            (2, &["create", name, "--dtype", &field]),
        ] {
            let run = Run::of(binary().args(args));
            run.ends_with(code);
            is_quiet(&run.stdout);
            is_quiet(&run.stderr);
            if args.contains(&"--json") {
                let json = run.json().to_string();
                assert!(!args.contains(&"info") || json.contains(&format!("{name:?}")[1..9]));
            }
        }
        drop(array);
    }
}

#[test]
fn no_header_speaks_to_the_terminal_wherever_it_is_quoted() {
    let (free, scratch) = (FreeName::new(), Scratch::new());
    for speaking in SPEAKING {
        for descr in [format!("[('{speaking}', '<f4')]"), format!("'{speaking}'"), speaking.into()]
        {
            let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}\n");
            let len = u32::try_from(text.len()).unwrap().to_le_bytes();
            let file = [b"\x93NUMPY\x03\x00", &len[..], text.as_bytes(), &[0; 4]].concat();
            let (path, name) = (scratch.path("x.npy"), free.with("x"));
            fs::write(&path, &file).unwrap();
            fs::write(free.path(), &file).unwrap();
            for args in [
                &["import", &path, &name][..],
                &["info", &path],
                &["show", &path, "--torn"],
                &["show", &path, "--torn", "--json"],
                &["stats", &path, "--torn", "--hist"],
                &["ls", free.as_str(), "--all"],
                &["ls", free.as_str(), "--all", "--json"],
                &["rm", free.as_str()],
            ] {
                let run = Run::of(binary().args(args));
                is_quiet(&run.stdout);
                is_quiet(&run.stderr);
            }
        }
    }
}

#[test]
fn an_export_writes_through_no_planted_link() {
    let (free, scratch) = (FreeName::new(), Scratch::new());
    let _array = Array1::<u8>::create(free.as_str(), 3).unwrap();
    let (victim, out) = (scratch.path("victim"), scratch.path("out.npy"));
    fs::write(&victim, "precious").unwrap();
    // The shell that plants the link becomes the export, and has its number.
    let script = "ln -s \"$1\" \"$2.part-$$\"; exec \"$0\" export \"$3\" -o \"$2\"";
    let ndshm = env!("CARGO_BIN_EXE_ndshm");
    let args = ["-c", script, ndshm, &victim, &out, free.as_str()];
    Run::of(Command::new("sh").args(args)).is_fine();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(fs::symlink_metadata(&out).unwrap().is_file());
    // Nor through one at the name itself, which is replaced.
    symlink(&victim, scratch.path("link.npy")).unwrap();
    crate::ndshm(["export", free.as_str(), "-o", &scratch.path("link.npy")]).is_fine();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(fs::symlink_metadata(scratch.path("link.npy")).unwrap().is_file());
    let found = fs::read_dir(scratch.root()).unwrap().count();
    assert_eq!(found, 4, "the victim, the planted link, and two files");
}

#[test]
fn an_export_replaces_nothing_but_files_and_an_import_reads_nothing_else() {
    let (free, scratch) = (FreeName::new(), Scratch::new());
    let _array = Array1::<u8>::create(free.as_str(), 3).unwrap();
    let fifo = scratch.path("fifo.png");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for target in [fifo.as_str(), "/dev/null", scratch.root()] {
        ndshm(["export", free.as_str(), "-o", target, "--format", "raw"])
            .ends_with(1)
            .says("is no regular file");
    }
    // Whoever opened it would wait for a writer.
    ndshm(["import", &fifo, &free.with("-in")]).ends_with(1).says("is no regular file");
    assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
}

#[test]
fn an_array_without_items_is_shown_however_long_its_other_axes_are() {
    let (free, scratch) = (FreeName::new(), Scratch::new());
    let long = 1 << 60;
    for (shape, order, lists) in [
        ([0, long], Order::C, Some("[]")),
        ([0, long], Order::F, Some("[]")),
        ([long, 0], Order::C, None),
        ([2, 0], Order::F, Some("[[],[]]")),
    ] {
        let name = &free.with(&format!("-{order:?}-{}", shape[0]));
        let options = AnyArray::options().order(order);
        let _array = options.create(name, &Dtype::Scalar(Scalar::U8), &shape).unwrap();
        ndshm(["show", name]).is_fine().prints(&free, "[]\n");
        ndshm(["show", name, "--torn"]).is_fine().prints(&free, "[]\n");
        ndshm(["show", name, "--slice", "::-1,5:"]).is_fine().prints(&free, "[]\n");
        ndshm(["show", name, "--as", "picture"]).ends_with(1).says("is no picture");
        match lists {
            Some(lists) => {
                let json = ndshm(["show", name, "--json"]).is_fine().json();
                assert_eq!(json["data"].to_string(), lists);
            }
            None => drop(ndshm(["show", name, "--json"]).ends_with(1).says("take some of them")),
        }
        ndshm(["show", name, "--json", "--slice", ":2,:2"]).is_fine();
        ndshm(["stats", name]).is_fine();
        ndshm(["stats", name, "--hist", "--json"]).is_fine();
        for more in [&["info"][..], &["info", "--json"], &["ls"], &["watch", "--count", "1"]] {
            Run::of(binary().args(more).arg(name)).is_fine();
        }
        let file = scratch.path("out.npy");
        ndshm(["export", name, "-o", &file]).is_fine();
        ndshm(["import", &file, &free.with("-again"), "--replace"]).is_fine();
        ndshm(["export", name, "-o", &scratch.path("out.raw")]).is_fine();
        ndshm(["export", name, "-o", &scratch.path("out.png")]).ends_with(1);
    }
}

#[test]
fn what_there_is_no_memory_for_is_told_so() {
    let free = FreeName::new();
    let options = AnyArray::options().reserve(ndshm::Reserve::Lazy);
    let shape = [1 << 20, 1 << 12];
    let made = options.create(free.as_str(), &Dtype::Scalar(Scalar::U8), &shape);
    let Ok(_array) = made else { return crate::skip("no room for a sparse array of 4 GiB") };
    let script = "ulimit -v 3000000; exec \"$0\" show \"$1\" --json";
    let args = ["-c", script, env!("CARGO_BIN_EXE_ndshm"), free.as_str()];
    Run::of(Command::new("sh").args(args)).ends_with(1).says("there is no memory");
}
