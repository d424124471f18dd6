//! Mutants: small changes to the code, each of which some test should find.
//!
//! This takes a night, so it is no part of `cargo xtask ci`, with or without `--long`.
//!
//! `.cargo/mutants.toml` lists those that are the same program, each with the reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::command;
use crate::paths;
use crate::tool;

/// What protects data when processes die: no mutant of these survives.
pub(crate) const CORE: [&str; 5] = [
    "src/lock/slots.rs",
    "src/lock/stripe.rs",
    "src/segment/naming.rs",
    "src/sync/hold.rs",
    "src/sys/linux/name_lock.rs",
];

/// A way to look for mutants.
struct Suite {
    name: &'static str,
    /// What cargo builds.
    builds: &'static [&'static str],
    /// What the tests are told.
    tests: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
    /// Where it builds, since flags change every crate.
    target: &'static str,
    /// Only these files are of interest to it.
    under: &'static str,
}

/// The quickest first: each is run on the survivors of those before it.
const SUITES: [Suite; 4] = [
    Suite { name: "unit", builds: &["--lib"], tests: &[], env: &[], target: "plain", under: "src" },
    Suite {
        name: "it",
        builds: &["--test", "it"],
        tests: &["--", "--skip", "storm"],
        env: &[],
        target: "plain",
        under: "src",
    },
    Suite {
        name: "loom",
        builds: &["--release", "--lib"],
        tests: &["loom_"],
        env: &[("RUSTFLAGS", "--cfg loom"), ("LOOM_MAX_DURATION", "5")],
        target: "loom",
        under: "src/lock",
    },
    Suite {
        name: "steps",
        builds: &["--test", "steps"],
        tests: &["a_death_at"],
        env: &[("RUSTFLAGS", "--cfg ndshm_steps")],
        target: "steps",
        under: "src",
    },
];

/// Makes every mutant of `files`, or of the core, and prints what caught each; that one survives all
/// suites is an error.
pub(crate) fn run(files: Vec<String>) -> Result {
    let files = if files.is_empty() { CORE.map(str::to_owned).to_vec() } else { files };
    let tree = Tree::copied()?;
    let mut alive = tree.list(&files)?;
    let mut caught = Vec::new();
    for suite in &SUITES {
        let is_meant = |mutant: &String| mutant.starts_with(suite.under);
        let (meant, mut rest): (Vec<_>, Vec<_>) = alive.into_iter().partition(is_meant);
        if !meant.is_empty() {
            let found = tree.test(suite, &files, &meant)?;
            caught.extend(found.caught);
            rest.extend(found.alive);
        }
        alive = rest;
    }
    println!("| mutant | caught by |\n|---|---|");
    caught.extend(alive.iter().map(|mutant| (mutant.clone(), "**nothing**".to_owned())));
    caught.sort();
    for (mutant, by) in caught {
        println!("| {} | {by} |", mutant.replace('|', "\\|"));
    }
    match alive.len() {
        0 => Ok(()),
        survivors => Err(format!("{survivors} mutants survive").into()),
    }
}

/// A copy of the checkout, to make mutants of.
struct Tree {
    root: PathBuf,
    mutants: PathBuf,
}

/// What a suite did to mutants.
struct Found {
    /// Each with the suite and a test of it that failed.
    caught: Vec<(String, String)>,
    alive: Vec<String>,
}

impl Tree {
    /// Copies all files that git knows or would add.
    fn copied() -> Result<Self> {
        let mutants = paths::target()?.join("mutants");
        let root = mutants.join("tree");
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        let mut list = Command::new("git");
        list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        for file in command::read(&mut list)?.split_terminator('\0').map(Path::new) {
            // One that was deleted is listed until that is committed.
            if file.exists() {
                let copy = root.join(file);
                fs::create_dir_all(copy.parent().ok_or("a file is in a directory")?)?;
                fs::copy(file, copy)?;
            }
        }
        Ok(Self { root, mutants })
    }

    fn cargo_mutants(&self, files: &[String]) -> Result<Command> {
        let mut mutants = tool::cargo("mutants")?;
        mutants.arg("--dir").arg(&self.root).args(["--package", "ndshm", "--all-features"]);
        mutants.args(files.iter().map(|file| format!("--file={file}")));
        Ok(mutants)
    }

    fn list(&self, files: &[String]) -> Result<Vec<String>> {
        let list = command::read(self.cargo_mutants(files)?.arg("--list"))?;
        match list.lines().next() {
            None => Err(format!("there is nothing to change in {}", files.join(", ")).into()),
            Some(_) => Ok(list.lines().map(str::to_owned).collect()),
        }
    }

    /// Runs a suite on each of these mutants.
    fn test(&self, suite: &Suite, files: &[String], mutants: &[String]) -> Result<Found> {
        eprintln!("\n==> {}: {} mutants", suite.name, mutants.len());
        let output = self.mutants.join(suite.name);
        fs::create_dir_all(&output)?;
        let mut test = apart(self.cargo_mutants(files)?);
        test.args(["--in-place", "--no-times", "--output"]).arg(&output);
        test.args(mutants.iter().map(|name| format!("--re=^{}$", escaped(name))));
        test.args(suite.builds.iter().map(|arg| format!("--cargo-arg={arg}")));
        test.arg("--").args(suite.tests);
        // Not where the checkout builds: Cargo would take the last mutant for the checkout's own.
        test.env("CARGO_TARGET_DIR", self.mutants.join(suite.target));
        test.envs(suite.env.iter().copied());
        // It fails when mutants survive, too.
        let ran = command::run(&mut test);
        let output = output.join("mutants.out");
        let names = |file: &str| -> Result<Vec<String>> {
            Ok(fs::read_to_string(output.join(file))?.lines().map(str::to_owned).collect())
        };
        let (caught, alive, endless) =
            (names("caught.txt")?, names("missed.txt")?, names("timeout.txt")?);
        let tested = caught.len() + alive.len() + endless.len() + names("unviable.txt")?.len();
        if tested != mutants.len() {
            let why = ran.err().map_or("no reason given".into(), |error| error.to_string());
            return Err(format!("{tested} of {} were tested: {why}", mutants.len()).into());
        }
        let mut found = Found { caught: Vec::new(), alive };
        for name in caught {
            let by = failure(&output.join("log"), &name)?;
            found.caught.push((name, format!("{}: {by}", suite.name)));
        }
        for name in endless {
            found.caught.push((name, format!("{}: it never ends", suite.name)));
        }
        Ok(found)
    }
}

/// Has a command see a `/dev/shm` of its own: a mutant may remove what others have there.
fn apart(command: Command) -> Command {
    let unshare = || {
        let mut unshare = Command::new("unshare");
        let mount = "mount -t tmpfs tmpfs /dev/shm && exec \"$@\"";
        unshare.args(["--mount", "sh", "-c", mount, "sh"]);
        unshare
    };
    if !command::works(unshare().arg("true")) {
        eprintln!("not permitted to mount: mutants may remove what others have in /dev/shm");
        return command;
    }
    let mut apart = unshare();
    apart.arg(command.get_program()).args(command.get_args());
    apart
}

/// Returns the name of a test that failed for that mutant, by its log, which begins with its name.
fn failure(logs: &Path, mutant: &str) -> Result<String> {
    for log in fs::read_dir(logs)? {
        let log = fs::read(log?.path())?;
        let log = String::from_utf8_lossy(&log);
        let mut lines = log.lines();
        if lines.any(|line| line.strip_prefix("*** ") == Some(mutant)) {
            let failed =
                lines.find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
            return Ok(failed.unwrap_or("it ended badly").to_owned());
        }
    }
    Err(format!("{} has no log of `{mutant}`", logs.display()).into())
}

/// Returns the regular expression that matches just this text.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
