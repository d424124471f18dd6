//! The lock algorithms under loom, which runs them in every interleaving it can reach.

use std::path::PathBuf;

use crate::Result;
use crate::command;
use crate::paths;
use crate::report::Report;

/// Runs every model for at most `seconds`. Each appends a line of JSON to the file
/// `NDSHM_LOOM_REPORT`, where that is set.
pub(crate) fn run(seconds: u64, report: Report) -> Result {
    let target = target()?;
    let env = [
        ("RUSTFLAGS", FLAG),
        ("CARGO_TARGET_DIR", target.to_str().ok_or("the target directory is not UTF-8")?),
        ("LOOM_MAX_DURATION", &seconds.to_string()),
    ];
    let mut models = command::cargo_test(["--release", "--lib"], "loom_", &env)?;
    report.of(&mut models, "NDSHM_LOOM_REPORT", "loom.json")
}

/// Builds the models, and returns the program that runs them.
pub(crate) fn build() -> Result<PathBuf> {
    let mut build = command::cargo(["test", "--release", "--lib", "--no-run"]);
    build.arg("--message-format=json-render-diagnostics");
    let messages = command::read(build.env("RUSTFLAGS", FLAG).env("CARGO_TARGET_DIR", target()?))?;
    let program = messages.lines().rev().find_map(|message| {
        let (_, path) = message.split_once("\"executable\":\"")?;
        path.split('"').next()
    });
    Ok(program.ok_or("cargo named no program that runs the models")?.into())
}

const FLAG: &str = "--cfg loom";

/// The flag changes every crate, so these builds keep a target directory of their own.
fn target() -> Result<PathBuf> {
    Ok(paths::target()?.join("loom"))
}
