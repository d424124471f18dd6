//! On a terminal: colours, screens that are painted over, bars. And at the end of a pipe.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use ndshm::{Array1, Array2, FrameMeta, Ring, Ring1, RingStatus};

use crate::support::{FreeName, Run, Stream, Terminal, binary, ndshm, on_a_terminal};

#[test]
fn watch_paints_over_its_last_look_on_a_terminal() {
    let name = FreeName::new();
    let _array = Array1::<u8>::create(name.as_str(), 4).unwrap();
    let mut command = binary();
    command.args(["watch", "-i", "0.01", "--count", "3"]).env_remove("NO_COLOR");
    // Other tests make segments meanwhile, and all have room here.
    let painted = Terminal::of_size(&mut command, Stream::Output, 2000, 200).rest();
    assert_eq!(painted.matches("\x1b[H").count(), 4, "{painted:?}");
    assert_eq!(painted.matches(name.as_str()).count(), 3, "{painted:?}");
    assert!(painted.contains("\x1b[32mlive\x1b[0m"), "{painted:?}");
    let plain = on_a_terminal(["watch", name.as_str(), "--count", "1", "--no-color"]);
    assert!(plain.contains("nobody holds any") && !plain.contains("\x1b[32m"), "{plain:?}");
    assert_eq!(
        ndshm(["watch", "--count", "2", "-i", "0.01"]).is_fine().stdout.matches("\x1b").count(),
        0
    );
}

#[test]
fn a_picture_is_shown_in_colours_on_a_terminal() {
    let name = FreeName::new();
    let _picture = Array2::<u8>::create(name.as_str(), (32, 32)).unwrap();
    let painted = on_a_terminal(["show", name.as_str()]);
    assert!(painted.contains("\x1b[38;2;0;0;0;48;2;0;0;0m▀"), "{painted:?}");
}

#[test]
fn colours_are_left_out_for_those_who_want_none() {
    let name = FreeName::new();
    let _array = Array1::<u8>::create(name.as_str(), 4).unwrap();
    let args = ["ls", name.as_str()];
    let with = |key: &str, value: &str| {
        let mut command = binary();
        Terminal::start(command.args(args).env_remove("NO_COLOR").env(key, value), Stream::Output)
            .rest()
    };
    assert!(on_a_terminal(args).contains("\x1b[32mlive\x1b[0m"));
    assert!(with("NO_COLOR", "").contains("\x1b[32m"));
    assert!(!with("NO_COLOR", "1").contains('\x1b'));
    assert!(!on_a_terminal(["ls", name.as_str(), "--no-color"]).contains('\x1b'));
    assert!(!ndshm(args).is_fine().stdout.contains('\x1b'));
}

#[test]
fn a_screen_is_no_larger_than_the_terminal() {
    let name = FreeName::new();
    let arrays: Vec<_> = (0..30)
        .map(|index| Array1::<u8>::create(&name.with(&format!("-{index}")), 4).unwrap())
        .collect();
    let mut command = binary();
    command.args(["watch", "--count", "1", "--no-color"]);
    let screen = Terminal::of_size(&mut command, Stream::Output, 10, 40).rest();
    let lines: Vec<&str> = screen.lines().collect();
    assert_eq!(lines.len(), 10, "{screen:?}");
    for line in &lines[..9] {
        let line = line.replace("\x1b[H", "").replace("\x1b[J", "").replace("\x1b[K", "");
        assert!(line.trim_end().chars().count() <= 40, "{line:?}");
    }
    drop(arrays);
}

#[test]
fn a_ring_is_watched_while_it_is_published_and_when_it_comes_back() {
    let name = FreeName::new();
    let make = || -> Ring1<u8> { Ring::options().slots(4).create(name.as_str(), 1000).unwrap() };
    let ring = make();
    let mut publisher = ring.publisher().unwrap();
    publisher.loan().unwrap().publish(FrameMeta::new().capture_now());
    let held = ring.subscribe().recv().unwrap();

    let mut command = binary();
    command.args(["watch", name.as_str(), "-i", "0.05", "--no-color"]);
    let mut terminal = Terminal::start(&mut command, Stream::Output);
    let mut see = |publisher: &mut ndshm::Publisher<u8, ndarray::Ix1>, words: &str| {
        // Frames come as long as it takes.
        loop {
            publisher.loan().unwrap().publish(FrameMeta::new().capture_now());
            let screen = terminal.until("leases ");
            let leases = terminal.until("\n");
            if screen.contains(words) {
                return screen + &leases;
            }
        }
    };
    let screen = see(&mut publisher, " Hz, ");
    for words in [
        "|u1 (1000,), 1000 each, in 4 slots".to_owned(),
        format!("publisher process {} (", std::process::id()),
        "capture to publish: p50 ".to_owned(),
        "publish to here: p50 ".to_owned(),
        "missed    0 here, of ".to_owned(),
        "dropped   0 by publishers, 0 while watched".to_owned(),
        "alive: #1\x1b[K".to_owned(),
    ] {
        assert!(screen.contains(&words), "{words}\n{screen}");
    }
    // Nobody but this process takes part, and nobody else leases.
    let status = RingStatus::of(name.as_str()).unwrap();
    assert_eq!((status.segment().participants().len(), status.leases().len()), (1, 1));

    drop((held, publisher, ring));
    terminal.until("is gone; waiting for it");
    let ring = make();
    terminal.until("published #0");
    terminal.until("rate      none");
    drop(ring);
}

#[test]
fn watching_changes_not_a_byte() {
    let name = FreeName::new();
    let ring = Ring1::<u8>::create(name.as_str(), 1000).unwrap();
    ring.publisher().unwrap().loan().unwrap().publish(FrameMeta::new());
    let bytes = || std::fs::read(name.path()).unwrap();
    let before = bytes();
    for args in [&["watch", "--count", "2", "-i", "0.05"][..], &["info"], &["show"], &["stats"]] {
        Run::of(binary().args(args).arg(name.as_str())).is_fine();
    }
    Run::of(binary().args(["hz", name.as_str(), "-s", "0.05"])).ends_with(1);
    assert!(before == bytes());
}

#[test]
fn a_watch_ends_when_nobody_reads_it_any_more() {
    let name = FreeName::new();
    let _array = Array1::<u8>::create(name.as_str(), 4).unwrap();
    for args in [&["watch"][..], &["watch", "--json"], &["watch", name.as_str()]] {
        let mut command = binary();
        let mut child =
            command.args(args).args(["-i", "0.01"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut String::new()).unwrap();
        drop(output);
        assert!(child.wait().unwrap().success(), "{args:?}");
    }
}

#[test]
fn who_is_not_listened_to_ends_quietly() {
    let name = FreeName::new();
    for index in 0..100 {
        let options = Array1::<u8>::options().lifetime(ndshm::Lifetime::Persistent);
        options.create(&name.with(&format!("-{index}")), 4).unwrap();
    }
    let script = |text: &str| {
        let mut command = std::process::Command::new("sh");
        Run::of(command.args(["-c", text, env!("CARGO_BIN_EXE_ndshm"), name.as_str()]))
    };
    // To a pipe that nobody reads, to nothing at all, and with nowhere to complain.
    let pipe = script("{ \"$0\" ls \"$1\" -l; echo $? >&2; } | head -1");
    pipe.is_fine().says("0\n");
    assert_eq!(pipe.stdout.lines().count(), 1);
    script("\"$0\" ls >&-").is_fine();
    script("\"$0\" info \"$1-none\" 2>&-").ends_with(3);
    script("\"$0\" info \"$1-none\" 2>/dev/full").ends_with(3);
    script("\"$0\" ls \"$1\" > /dev/full").ends_with(1).says("standard output");
    // All are removed, though nobody hears of most of them.
    script("{ \"$0\" rm --prefix \"$1\"; echo $? >&2; } | head -1").is_fine().says("0\n");
    assert_eq!(ndshm(["ls", name.as_str(), "-q"]).is_fine().stdout, "");
}
