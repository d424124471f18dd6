//! What a task of killing says about its outcome, and where.

use std::process::Command;
use std::{fs, io};

use crate::Result;
use crate::command;
use crate::paths;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Report {
    /// What the tests print.
    Text,
    /// One line of JSON a test on standard output, and nothing else there.
    Json,
}

impl Report {
    /// Runs tests that append their results to the file which `variable` names, where it is set.
    pub(crate) fn of(self, tests: &mut Command, variable: &str, file: &str) -> Result {
        if self == Self::Text {
            return command::run(tests);
        }
        let path = paths::target()?.join(file);
        fs::write(&path, "")?;
        let ran = command::run(tests.env(variable, &path).stdout(io::stderr()));
        print!("{}", fs::read_to_string(&path)?);
        ran
    }
}
