//! The step kill: a child dies at every step of every protocol.

use std::path;

use crate::Result;
use crate::command;
use crate::report::Report;

/// Runs the compiler with the flag. As a wrapper it is for our crates alone; in `RUSTFLAGS` the flag
/// would build every dependency anew.
const RUSTC: &str = "crates/xtask/steps-rustc.sh";

/// Kills a child at every step once, and again until `seconds` have passed. The test reads its time
/// from `NDSHM_STEPS_SECONDS`, and appends its result as a line of JSON to the file
/// `NDSHM_STEPS_REPORT`, where that is set.
pub(crate) fn run(seconds: u64, report: Report) -> Result {
    let rustc = path::absolute(RUSTC)?;
    let env = [
        ("RUSTC_WORKSPACE_WRAPPER", rustc.to_str().ok_or("the checkout's path is not UTF-8")?),
        ("NDSHM_STEPS_SECONDS", &seconds.to_string()),
    ];
    let mut test = command::cargo_test(["--test", "steps"], "a_death_at", &env)?;
    report.of(&mut test, "NDSHM_STEPS_REPORT", "steps.json")
}
