//! The fuzz targets, each from its seeds and for a bounded time.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::{Outcome, Result, command, paths};

/// Runs one target, or all, for `seconds` each. New inputs are kept under the target directory;
/// the seeds in the checkout are only read.
pub(crate) fn run(target: Option<String>, seconds: u64) -> Result<Outcome> {
    let targets = match target {
        Some(target) => vec![target],
        None => targets()?,
    };
    if !command::read(Command::new("rustup").args(["toolchain", "list"]))?.contains("nightly") {
        return Ok(Outcome::Skipped("fuzzing wants `rustup toolchain install nightly`".into()));
    }
    if command::read(Command::new("c++").arg("--version")).is_err() {
        return Ok(Outcome::Skipped("libFuzzer wants a C++ compiler (Debian: g++)".into()));
    }
    let path = path_with_cargo_fuzz()?;
    let build = paths::target()?.join("fuzz");
    for target in targets {
        let corpus = build.join("corpus").join(&target);
        fs::create_dir_all(&corpus)?;
        let mut fuzz = command::cargo(["+nightly", "fuzz", "run", "--target-dir"]);
        fuzz.env("PATH", &path).arg(&build).arg(&target).arg(corpus);
        let seeds = Path::new("fuzz/seeds").join(&target);
        if seeds.is_dir() {
            fuzz.arg(seeds);
        }
        fuzz.arg("--").arg(format!("-max_total_time={seconds}"));
        command::run(fuzz.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]))?;
    }
    Ok(Outcome::Passed)
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

/// Returns a `PATH` on which Cargo finds `cargo fuzz`, which is installed into the cache if it is
/// missing.
fn path_with_cargo_fuzz() -> Result<OsString> {
    let cache = paths::cache()?;
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(env::split_paths(&path).chain([cache.join("bin")]))?;
    if command::read(command::cargo(["fuzz", "--version"]).env("PATH", &path)).is_err() {
        // A driver of other programs gains nothing from being optimised.
        let mut install =
            command::cargo(["install", "cargo-fuzz", "--locked", "--debug", "--root"]);
        command::run(install.arg(cache).env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    }
    Ok(path)
}
