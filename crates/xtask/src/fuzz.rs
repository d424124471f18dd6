//! The fuzz targets, each from its seeds and for a bounded time.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::Result;
use crate::command;
use crate::paths;
use crate::report::Report;

/// Runs one target, or all, for `seconds` each. New inputs are kept under the target directory;
/// the seeds in the checkout are only read.
pub(crate) fn run(target: Option<String>, seconds: u64, report: Report) -> Result<Outcome> {
    let targets = match target {
        Some(target) => vec![target],
        None => targets()?,
    };
    if !command::read(Command::new("rustup").args(["toolchain", "list"]))?.contains("nightly") {
        return Ok(Outcome::Skipped("fuzzing wants `rustup toolchain install nightly`".into()));
    }
    if !command::works(Command::new("c++").arg("--version")) {
        return Ok(Outcome::Skipped("libFuzzer wants a C++ compiler (Debian: g++)".into()));
    }
    let build = paths::target()?.join("fuzz");
    for target in targets {
        let corpus = build.join("corpus").join(&target);
        fs::create_dir_all(&corpus)?;
        let mut fuzz = cargo_fuzz()?;
        fuzz.args(["run", "--target-dir"]).arg(&build).arg(&target).arg(corpus);
        let seeds = Path::new("fuzz/seeds").join(&target);
        if seeds.is_dir() {
            fuzz.arg(seeds);
        }
        fuzz.arg("--").arg(format!("-max_total_time={seconds}"));
        fuzz.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
        fuzz.env("RUSTUP_TOOLCHAIN", "nightly");
        match report {
            Report::Text => command::run(&mut fuzz)?,
            Report::Json => run_for_json(&mut fuzz, &target, &build.join(&target))?,
        }
    }
    Ok(Outcome::Passed)
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

/// Returns `cargo fuzz` on nightly. Where it is missing it is installed into the cache.
fn cargo_fuzz() -> Result<Command> {
    if command::works(&mut command::cargo(["fuzz", "--version"])) {
        return Ok(command::cargo(["fuzz"]));
    }
    let root = paths::cache()?;
    let cached = root.join("bin/cargo-fuzz");
    if !cached.exists() {
        // A driver of other programs gains nothing from being optimised.
        let mut install =
            command::cargo(["install", "cargo-fuzz", "--locked", "--debug", "--root"]);
        command::run(install.arg(root).env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    }
    let mut cargo_fuzz = Command::new(cached);
    cargo_fuzz.arg("fuzz");
    Ok(cargo_fuzz)
}
