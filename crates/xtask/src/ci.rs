//! Every check that a change must pass, the quick ones first.

use std::process::Command;
use std::time::Instant;

use crate::Outcome;
use crate::Result;
use crate::api::{self, Action};
use crate::bench;
use crate::command::{self, cargo};
use crate::cross;
use crate::disks;
use crate::fuzz::{self, Found};
use crate::i686;
use crate::loom;
use crate::numpy;
use crate::pages;
use crate::report::Report;
use crate::sanitize::{self, Sanitizer};
use crate::step_kill;
use crate::storm;
use crate::weaken::{self, Scope};

/// How long the checks look that could look for ever.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Length {
    /// As a change is checked.
    Usual,
    /// As a release is: for two hours. The mutants, which take a night, are a task of their own.
    Long,
}

/// Runs all checks in order and stops at the first that fails.
pub(crate) fn run(length: Length) -> Result {
    let mut ci = Ci::default();
    disks::set_up();
    let seconds = |usual: u64| match length {
        Length::Usual => usual,
        Length::Long => 10 * usual,
    };
    let python = numpy::set_up()?;
    let test = |args: &[&str]| {
        let mut test = cargo(["test"]);
        test.args(args).env("NDSHM_PYTHON", &python).env("NDSHM_REQUIRE_PYTHON", "1");
        command::run(&mut test)
    };

    ci.step("format", || {
        command::run(&mut cargo(["fmt", "--all", "--check"]))?;
        for apart in ["fuzz/Cargo.toml", "benches/frames/Cargo.toml"] {
            command::run(&mut cargo(["fmt", "--manifest-path", apart, "--check"]))?;
        }
        Ok(())
    })?;
    ci.step("clippy", || clippy(&["--workspace"]))?;
    ci.step("clippy, no features", || clippy(&["--package", "ndshm", "--no-default-features"]))?;
    ci.step("clippy, all features", || clippy(&["--workspace", "--all-features"]))?;
    ci.step("documentation", || {
        let mut doc = cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
        command::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    ci.task("public API", || api::run(Action::Check))?;
    // With all features, as the steps below that say so: what is built here they use again.
    ci.step("tests", || test(&["--all-features"]))?;
    ci.step("tests of the other crates", || test(&["--workspace", "--exclude", "ndshm"]))?;
    ci.step("tests, no features", || {
        features_only_add()?;
        test(&["--no-default-features", "--lib"])?;
        test(&["--no-default-features", "--doc"])
    })?;
    ci.step("tests, longer pages", pages::run)?;
    ci.step("kill storm", || storm::run(seconds(20), Report::Text))?;
    // Once at every step takes as long as it takes.
    let again = if length == Length::Long { 300 } else { 0 };
    ci.step("step kill", || step_kill::run(again, Report::Text))?;
    // The storm has built what the first needs, the tests what the others need.
    ci.step("examples", || {
        command::run(&mut cargo(["run", "--release", "--example", "astronaut"]))?;
        command::run(&mut cargo(["run", "--all-features", "--example", "config"]))
    })?;
    ci.step("benchmarks build", || {
        command::run(&mut cargo(["test", "--all-features", "--benches", "--no-run"]))
    })?;
    ci.step("benchmarks of frames, clippy", || {
        command::run(bench::frames("clippy")?.args(["--all-targets", "--", "-D", "warnings"]))
    })?;
    ci.step("benchmarks of frames, each once", || {
        command::run(bench::frames("test")?.args(["--benches"]))
    })?;
    // Up to twenty models go on for as long as they may: ten times as long would take an hour and a half.
    let explored = if length == Length::Long { 300 } else { 60 };
    ci.step("loom", || loom::run(explored, Report::Text))?;
    ci.step("weakened atomics", || {
        weaken::run(match length {
            Length::Usual => Scope::SeqCst,
            Length::Long => Scope::All { seconds: 2 },
        })
    })?;
    ci.task("address sanitizer", || sanitize::run(Sanitizer::Address))?;
    ci.task("thread sanitizer", || sanitize::run(Sanitizer::Thread))?;
    ci.task("fuzz", || fuzz::run(None, seconds(30), Report::Text, Found::Stays))?;
    ci.task("32-bit programs", i686::run)?;
    ci.task("other platforms", cross::run)?;
    ci.summarise();
    Ok(())
}

/// Without `--package`, the derive crate's tests would bring the default features back.
fn clippy(choice: &[&str]) -> Result {
    let mut clippy = cargo(["clippy", "--all-targets"]);
    command::run(clippy.args(choice).args(["--", "-D", "warnings"]))
}

/// Refuses code that is there only without a feature.
///
/// As long as there is none, the tests with few features are some of those with all, and do the same. So
/// those of `tests/` run once; clippy sees to it that they compile with each choice of features.
fn features_only_add() -> Result {
    let without = r"not\(((any|all)\()?feature|cfg!\(feature";
    let looked =
        Command::new("git").args(["grep", "-nE", without, "--", "src", "tests"]).output()?;
    match looked.status.code() {
        Some(1) => Ok(()),
        Some(0) => Err(format!(
            "a feature leaves something out here, so run tests/ without features too:\n{}",
            String::from_utf8_lossy(&looked.stdout)
        )
        .into()),
        _ => Err(format!("git grep: {}", String::from_utf8_lossy(&looked.stderr)).into()),
    }
}

#[derive(Default)]
struct Ci {
    lines: Vec<String>,
}

impl Ci {
    fn step(&mut self, name: &str, check: impl FnOnce() -> Result) -> Result {
        self.task(name, || check().map(|()| Outcome::Passed))
    }

    fn task(&mut self, name: &str, check: impl FnOnce() -> Result<Outcome>) -> Result {
        eprintln!("\n==> {name}");
        let start = Instant::now();
        let outcome = check().map_err(|error| format!("{name}: {error}"))?;
        let seconds = start.elapsed().as_secs();
        let line = match outcome {
            Outcome::Passed => format!("passed   {seconds:4} s  {name}"),
            Outcome::Skipped(reason) => format!("SKIPPED  {seconds:4} s  {name}: {reason}"),
        };
        eprintln!("==> {line}");
        self.lines.push(line);
        Ok(())
    }

    /// Lists the checks once more, those that were skipped last, where they are seen.
    fn summarise(mut self) {
        self.lines.sort_by_key(|line| line.starts_with("SKIPPED"));
        eprintln!("\n==> every check\n{}", self.lines.join("\n"));
    }
}
