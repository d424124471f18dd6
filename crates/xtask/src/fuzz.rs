//! The fuzz targets, each from what is kept of earlier runs and for a bounded time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::Result;
use crate::command;
use crate::paths;
use crate::report::Report;
use crate::tool;

/// What becomes of inputs that reach what none before them did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Found {
    /// They stay under the target directory, for the next run here.
    Stays,
    /// As few of them as reach the same go into the checkout, in place of those that are there.
    Kept,
}

/// Inputs in the checkout are no longer than this, and no more than so many for a target.
const LONGEST: usize = 2048;
const MOST: usize = 300;

/// Runs one target, or all, for `seconds` each, from the seeds, which were made by hand, and the
/// corpus, which earlier runs found.
pub(crate) fn run(
    target: Option<String>,
    seconds: u64,
    report: Report,
    found: Found,
) -> Result<Outcome> {
    let targets = match target {
        Some(target) => vec![target],
        None => targets()?,
    };
    if !tool::has_nightly()? {
        return Ok(Outcome::Skipped("fuzzing wants `rustup toolchain install nightly`".into()));
    }
    if !command::works(Command::new("c++").arg("--version")) {
        return Ok(Outcome::Skipped("libFuzzer wants a C++ compiler (Debian: g++)".into()));
    }
    for name in targets {
        let target = Target::new(name)?;
        let mut fuzz = target.command(&target.found, &[&target.seeds, &target.kept])?;
        fuzz.arg("--").arg(format!("-max_total_time={seconds}"));
        fuzz.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
        let log = target.build.join(&target.name);
        match report {
            Report::Text => command::run(&mut fuzz),
            Report::Json => run_for_json(&mut fuzz, &target.name, &log),
        }?;
        if found == Found::Kept {
            target.keep()?;
        }
    }
    Ok(Outcome::Passed)
}

/// A fuzz target, and where its inputs are.
struct Target {
    name: String,
    build: PathBuf,
    seeds: PathBuf,
    kept: PathBuf,
    found: PathBuf,
}

impl Target {
    fn new(name: String) -> Result<Self> {
        let build = paths::target()?.join("fuzz");
        let fuzz = Path::new("fuzz");
        let (seeds, kept) = (fuzz.join("seeds").join(&name), fuzz.join("corpus").join(&name));
        let found = build.join("corpus").join(&name);
        fs::create_dir_all(&found)?;
        Ok(Self { name, build, seeds, kept, found })
    }

    /// Returns the command that writes to one directory of inputs and reads others, where they are.
    fn command(&self, into: &Path, from: &[&Path]) -> Result<Command> {
        let mut fuzz = tool::cargo("fuzz")?;
        fuzz.args(["run", "--target-dir"]).arg(&self.build).arg(&self.name).arg(into);
        fuzz.args(from.iter().filter(|dir| dir.is_dir()));
        fuzz.env("RUSTUP_TOOLCHAIN", tool::NIGHTLY);
        Ok(fuzz)
    }

    /// Replaces the corpus by the fewest inputs that reach, with the seeds, all that is reached.
    fn keep(&self) -> Result {
        let fewest = self.build.join("fewest").join(&self.name);
        let _ = fs::remove_dir_all(&fewest);
        fs::create_dir_all(&fewest)?;
        let seeds = files_in(&self.seeds)?;
        copy(&seeds, &fewest)?;
        let mut merge = self.command(&fewest, &[&self.kept, &self.found])?;
        // Without counters: a line that one more input reaches more often is no reason to keep it.
        merge.args(["--", "-merge=1", "-use_counters=0"]).arg(format!("-max_len={LONGEST}"));
        command::run(&mut merge)?;
        let mut fewest = files_in(&fewest)?;
        fewest.retain(|file| seeds.iter().all(|seed| seed.file_name() != file.file_name()));
        if fewest.len() > MOST {
            return Err(format!("{} has {} inputs, over {MOST}", self.name, fewest.len()).into());
        }
        let _ = fs::remove_dir_all(&self.kept);
        fs::create_dir_all(&self.kept)?;
        copy(&fewest, &self.kept)?;
        eprintln!("{}: {} inputs kept", self.name, fewest.len());
        Ok(())
    }
}

/// The files of a directory, if there is one.
fn files_in(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
}

/// Copies files into a directory under their own names.
fn copy(files: &[PathBuf], to: &Path) -> Result {
    for file in files {
        fs::copy(file, to.join(file.file_name().ok_or("a file has a name")?))?;
    }
    Ok(())
}

/// Prints how many inputs were tried as a line of JSON; what libFuzzer says goes to a log beside its
/// corpus, and to standard error if it found something.
fn run_for_json(fuzz: &mut Command, target: &str, log: &Path) -> Result {
    let log = log.with_extension("log");
    let ran = command::run(fuzz.stderr(fs::File::create(&log)?));
    let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let tried = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let executions: u64 = tried.and_then(|count| count.trim().parse().ok()).unwrap_or(0);
    println!(
        "{{\"target\":{target:?},\"executions\":{executions},\"violations\":{}}}",
        u8::from(ran.is_err())
    );
    ran.inspect_err(|_| eprint!("{said}"))
}

fn targets() -> Result<Vec<String>> {
    let dir = "fuzz/fuzz_targets";
    let mut targets = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| format!("{dir}: {error}"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            targets.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    targets.sort();
    if targets.is_empty() { Err(format!("{dir} is empty").into()) } else { Ok(targets) }
}
