//! The step kill: a child dies at every step of every protocol.

use crate::Result;
use crate::command;
use crate::paths;
use crate::report::Report;

/// Kills a child at every step once, and again until `seconds` have passed. The test reads its time
/// from `NDSHM_STEPS_SECONDS`, and appends its result as a line of JSON to the file
/// `NDSHM_STEPS_REPORT`, where that is set.
pub(crate) fn run(seconds: u64, report: Report) -> Result {
    // The flag changes every crate, so these builds keep a target directory of their own.
    let target = paths::target()?.join("steps");
    let env = [
        ("RUSTFLAGS", "--cfg ndshm_steps"),
        ("CARGO_TARGET_DIR", target.to_str().ok_or("the target directory is not UTF-8")?),
        ("NDSHM_STEPS_SECONDS", &seconds.to_string()),
    ];
    let mut test = command::cargo_test(["--test", "steps"], "a_death_at", &env)?;
    report.of(&mut test, "NDSHM_STEPS_REPORT", "steps.json")
}
