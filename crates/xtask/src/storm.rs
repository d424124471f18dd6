//! The kill storms: tests of the integration binary, in release and for a chosen time.

use crate::Result;
use crate::command;
use crate::report::Report;

/// Runs every storm for `seconds`. A storm reads its time from `NDSHM_STORM_SECONDS`, and
/// appends its result as a line of JSON to the file `NDSHM_STORM_REPORT`, where that is set.
pub(crate) fn run(seconds: u64, report: Report) -> Result {
    let args = ["--release", "--test", "it"];
    let seconds = seconds.to_string();
    let mut storm = command::cargo_test(args, "storm", &[("NDSHM_STORM_SECONDS", &seconds)])?;
    report.of(&mut storm, "NDSHM_STORM_REPORT", "storm.json")
}
