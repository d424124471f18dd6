//! How a command ends.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use ndshm::ErrorKind;

use crate::terminal::{printable, printable_lines};

pub(crate) type Result<T = ()> = std::result::Result<T, Failure>;

/// How a command ended, if it ran to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Fine,
    /// It said that something is wrong.
    Problem,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => Self::SUCCESS,
            Outcome::Problem => Code::Problem.into(),
        }
    }
}

/// The exit code that the shell gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Problem = 1,
    Usage = 2,
    NotFound = 3,
    Permission = 4,
    Corrupt = 5,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
}

impl Failure {
    /// Something is wrong with what is there.
    pub(crate) fn problem(message: impl Into<String>) -> Self {
        Self { code: Code::Problem, message: message.into() }
    }

    /// Something is wrong with what was typed.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: Code::Usage, message: message.into() }
    }

    /// Something is not permitted, or not to be trusted.
    pub(crate) fn permission(message: impl Into<String>) -> Self {
        Self { code: Code::Permission, message: message.into() }
    }

    /// Prints it on standard error, if anybody reads that.
    pub(crate) fn tell(&self) {
        let _ = writeln!(io::stderr(), "ndshm: {}", printable(&self.message));
    }

    /// Adds advice that only this command has.
    pub(crate) fn or(mut self, advice: &str) -> Self {
        self.message = format!("{}; or {advice}", self.message);
        self
    }
}

impl From<ndshm::Error> for Failure {
    fn from(error: ndshm::Error) -> Self {
        let code = match error.kind() {
            ErrorKind::InvalidName | ErrorKind::InvalidArgument => Code::Usage,
            ErrorKind::NotFound => Code::NotFound,
            ErrorKind::PermissionDenied | ErrorKind::NotTrusted => Code::Permission,
            kind if is_damage(kind) => Code::Corrupt,
            _ => Code::Problem,
        };
        Self { code, message: error.to_string() }
    }
}

/// Whether an error of that kind means that the segment is damaged.
pub(crate) fn is_damage(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Corrupt
            | ErrorKind::Truncated
            | ErrorKind::UnsupportedVersion
            | ErrorKind::ForeignByteOrder
    )
}

/// An error of the operating system, about `what`.
pub(crate) fn about(what: impl fmt::Display) -> impl FnOnce(io::Error) -> Failure {
    move |error| {
        let code = match error.kind() {
            io::ErrorKind::NotFound => Code::NotFound,
            io::ErrorKind::PermissionDenied => Code::Permission,
            _ => Code::Problem,
        };
        Failure { code, message: format!("{what}: {error}") }
    }
}

/// Prints what is wrong with the arguments, or the help that they ask for. Returns the exit code.
pub(crate) fn refuse(refusal: &clap::Error) -> ExitCode {
    if refusal.use_stderr() {
        // The message quotes the arguments, which may be names that a shell found.
        let _ = write!(io::stderr(), "{}", printable_lines(&refusal.render().to_string()));
    } else {
        let _ = refusal.print();
    }
    u8::try_from(refusal.exit_code()).map_or(Code::Usage.into(), ExitCode::from)
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        failure.code.into()
    }
}
