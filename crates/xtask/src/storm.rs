//! The kill storms: tests of the integration binary, in release and for a chosen time.

use crate::Result;
use crate::command;
use crate::report::Report;

/// Runs every storm for `seconds`, as many at a time as there are processors. A storm reads its time
/// from `NDSHM_STORM_SECONDS`, splits it over the homes of its workers, and appends a line of JSON for
/// each home to the file `NDSHM_STORM_REPORT`, where that is set.
pub(crate) fn run(seconds: u64, report: Report) -> Result {
    let args = ["--release", "--test", "it"];
    let seconds = seconds.to_string();
    let mut storm = command::cargo_test(args, "storm", &[("NDSHM_STORM_SECONDS", &seconds)])?;
    report.of(&mut storm, "NDSHM_STORM_REPORT", "storm.json")
}
