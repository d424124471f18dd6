//! The kill storms: tests of the integration binary, in release and for a chosen time.

use std::{fs, io};

use crate::Result;
use crate::command;
use crate::paths;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Report {
    /// What the tests print.
    Text,
    /// One line of JSON a storm and home of its workers on standard output, and nothing else there.
    Json,
}

/// Runs every storm for `seconds`, as many at a time as there are processors. A storm reads its time
/// from `NDSHM_STORM_SECONDS`, splits it over the homes of its workers, and appends a line of JSON for
/// each home to the file `NDSHM_STORM_REPORT`, where that is set.
pub(crate) fn run(seconds: u64, report: Report) -> Result {
    let args = ["--release", "--test", "it"];
    let seconds = seconds.to_string();
    let mut storm = command::cargo_test(args, "storm", &[("NDSHM_STORM_SECONDS", &seconds)])?;
    match report {
        Report::Text => command::run(&mut storm),
        Report::Json => {
            let path = paths::target()?.join("storm.json");
            fs::write(&path, "")?;
            command::run(storm.env("NDSHM_STORM_REPORT", &path).stdout(io::stderr()))?;
            print!("{}", fs::read_to_string(&path)?);
            Ok(())
        }
    }
}
