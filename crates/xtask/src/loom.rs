//! The lock algorithms under loom, which runs them in every interleaving it can reach.

use crate::Result;
use crate::command;
use crate::paths;
use crate::report::Report;

/// Runs every model for at most `seconds`. Each appends a line of JSON to the file
/// `NDSHM_LOOM_REPORT`, where that is set.
pub(crate) fn run(seconds: u64, report: Report) -> Result {
    // The flag changes every crate, so these builds keep a target directory of their own.
    let target = paths::target()?.join("loom");
    let env = [
        ("RUSTFLAGS", "--cfg loom"),
        ("CARGO_TARGET_DIR", target.to_str().ok_or("the target directory is not UTF-8")?),
        ("LOOM_MAX_DURATION", &seconds.to_string()),
    ];
    let mut models = command::cargo_test(["--release", "--lib"], "loom_", &env)?;
    report.of(&mut models, "NDSHM_LOOM_REPORT", "loom.json")
}
