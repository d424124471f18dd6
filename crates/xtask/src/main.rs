//! `cargo xtask`: the checks, storms and set-ups of this repository.

use std::env;
use std::process::ExitCode;

mod api;
mod bench;
mod ci;
mod command;
mod cross;
mod debian;
mod disks;
mod fuzz;
mod i686;
mod loom;
mod mutants;
mod numpy;
mod pages;
mod paths;
mod report;
mod sanitize;
mod step_kill;
mod storm;
mod tool;
mod weaken;

const USAGE: &str = "\
Usage: cargo xtask TASK

  ci [--long]                   every check that a change must pass; with --long for two hours,
                                as before a release
  api [--check]                 write what the library offers to docs/api.txt; with --check, say
                                how that differs from what is there
  numpy                         set up a Python with NumPy for the tests, print its path
  storm [--seconds N] [--json]  SIGKILL processes at random while they share segments
  step-kill [--seconds N] [--json]
                                kill a process at every step of every protocol
  loom [--seconds N] [--json]   explore the interleavings of the lock algorithms
  weaken [--all] [--seconds N]  weaken each SeqCst in turn and see that a model fails; with
                                --all each ordering, and all models, N seconds each
  fuzz [TARGET] [--seconds N] [--json] [--keep]
                                feed mutated bytes to the parsers; with --keep, put as few
                                inputs as reach all that was reached into fuzz/corpus
  mutants [FILE...]             change the code a little in every place, and see which test fails;
                                takes a night, and is no part of ci
  bench [frames]                time the library beside its baselines, print the table
  bench chart                   draw how fast frames of many sizes go over
  sanitize address|thread       run the tests with every memory access watched
  pages                         run the tests as if pages were longer than 4 KiB
  i686                          run the tests as 32-bit programs
  cross                         type-check for Windows and macOS";

use ci::Length;
use fuzz::Found;
use report::Report;
use weaken::Scope;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How a task ended that did not fail.
enum Outcome {
    Passed,
    /// The machine lacks something; says what.
    Skipped(String),
}

#[derive(Debug, PartialEq)]
enum Task {
    Ci { length: Length },
    Api(api::Action),
    Numpy,
    Storm { seconds: u64, report: Report },
    StepKill { seconds: u64, report: Report },
    Loom { seconds: u64, report: Report },
    Weaken(Scope),
    Fuzz { target: Option<String>, seconds: u64, report: Report, found: Found },
    Mutants { files: Vec<String> },
    Bench(bench::Choice),
    Sanitize(sanitize::Sanitizer),
    Pages,
    I686,
    Cross,
}

fn main() -> ExitCode {
    let ended = parse(env::args().skip(1)).and_then(|task| {
        env::set_current_dir(paths::workspace())?;
        run(task)
    });
    match ended {
        Ok(Outcome::Passed) => ExitCode::SUCCESS,
        Ok(Outcome::Skipped(reason)) => {
            eprintln!("SKIPPED: {reason}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<Outcome> {
    match task {
        Task::Ci { length } => ci::run(length)?,
        Task::Api(action) => return api::run(action),
        Task::Numpy => println!("{}", numpy::set_up()?.display()),
        Task::Storm { seconds, report } => storm::run(seconds, report)?,
        Task::StepKill { seconds, report } => step_kill::run(seconds, report)?,
        Task::Loom { seconds, report } => loom::run(seconds, report)?,
        Task::Weaken(scope) => weaken::run(scope)?,
        Task::Fuzz { target, seconds, report, found } => {
            return fuzz::run(target, seconds, report, found);
        }
        Task::Mutants { files } => mutants::run(files)?,
        Task::Bench(choice) => bench::run(choice)?,
        Task::Sanitize(sanitizer) => return sanitize::run(sanitizer),
        Task::Pages => pages::run()?,
        Task::I686 => return i686::run(),
        Task::Cross => return cross::run(),
    }
    Ok(Outcome::Passed)
}

fn parse(args: impl Iterator<Item = String>) -> Result<Task> {
    let mut words = Vec::new();
    let mut seconds = None;
    let mut report = Report::Text;
    let mut found = Found::Stays;
    let mut length = Length::Usual;
    let mut all = false;
    let mut action = api::Action::Write;
    let mut args = args;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => {
                let value = args.next().ok_or("--seconds wants a number")?;
                seconds = Some(value.parse().map_err(|_| format!("`{value}` is no number"))?);
            }
            "--json" => report = Report::Json,
            "--keep" => found = Found::Kept,
            "--long" => length = Length::Long,
            "--all" => all = true,
            "--check" => action = api::Action::Check,
            flag if flag.starts_with('-') => return Err(USAGE.into()),
            _ => words.push(arg),
        }
    }
    let mut words = words.into_iter();
    let name = words.next().ok_or(USAGE)?;
    let task = match name.as_str() {
        "ci" => Task::Ci { length },
        "api" => Task::Api(action),
        "numpy" => Task::Numpy,
        "storm" => Task::Storm { seconds: seconds.unwrap_or(60), report },
        "step-kill" => Task::StepKill { seconds: seconds.unwrap_or(0), report },
        "loom" => Task::Loom { seconds: seconds.unwrap_or(60), report },
        "weaken" if all => Task::Weaken(Scope::All { seconds: seconds.unwrap_or(2) }),
        "weaken" => Task::Weaken(Scope::SeqCst),
        "fuzz" => {
            let (target, seconds) = (words.next(), seconds.unwrap_or(60));
            Task::Fuzz { target, seconds, report, found }
        }
        "mutants" => Task::Mutants { files: words.by_ref().collect() },
        "bench" => Task::Bench(match words.next().as_deref() {
            None => bench::Choice::All,
            Some("frames") => bench::Choice::Frames,
            Some("chart") => bench::Choice::Chart,
            Some(_) => return Err(USAGE.into()),
        }),
        "sanitize" => Task::Sanitize(match words.next().as_deref() {
            Some("address") => sanitize::Sanitizer::Address,
            Some("thread") => sanitize::Sanitizer::Thread,
            _ => return Err(USAGE.into()),
        }),
        "pages" => Task::Pages,
        "i686" => Task::I686,
        "cross" => Task::Cross,
        _ => return Err(USAGE.into()),
    };
    match words.next() {
        None => Ok(task),
        Some(_) => Err(USAGE.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn tasks_take_their_options_in_any_order() {
        let storm = Task::Storm { seconds: 5, report: Report::Json };
        assert_eq!(parsed("storm --json --seconds 5").unwrap(), storm);
        let steps = Task::StepKill { seconds: 0, report: Report::Text };
        assert_eq!(parsed("step-kill").unwrap(), steps);
        let target = Some("header".into());
        let found = Found::Kept;
        let fuzz = Task::Fuzz { target, seconds: 9, report: Report::Text, found };
        assert_eq!(parsed("fuzz --seconds 9 --keep header").unwrap(), fuzz);
        let address = Task::Sanitize(sanitize::Sanitizer::Address);
        assert_eq!(parsed("sanitize address").unwrap(), address);
        assert_eq!(parsed("bench").unwrap(), Task::Bench(bench::Choice::All));
        assert_eq!(parsed("bench frames").unwrap(), Task::Bench(bench::Choice::Frames));
        let loom = Task::Loom { seconds: 60, report: Report::Text };
        assert_eq!(parsed("loom").unwrap(), loom);
        assert_eq!(parsed("ci").unwrap(), Task::Ci { length: Length::Usual });
        assert_eq!(parsed("ci --long").unwrap(), Task::Ci { length: Length::Long });
        assert_eq!(parsed("api").unwrap(), Task::Api(api::Action::Write));
        assert_eq!(parsed("api --check").unwrap(), Task::Api(api::Action::Check));
        let files = vec!["src/a.rs".into(), "src/b.rs".into()];
        assert_eq!(parsed("mutants src/a.rs src/b.rs").unwrap(), Task::Mutants { files });
        assert_eq!(parsed("weaken").unwrap(), Task::Weaken(Scope::SeqCst));
        let all = Task::Weaken(Scope::All { seconds: 3 });
        assert_eq!(parsed("weaken --all --seconds 3").unwrap(), all);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "",
            "storms",
            "api checked",
            "ci now",
            "storm --second 5",
            "loom --seconds",
            "loom --seconds x",
            "sanitize",
            "bench frame",
        ] {
            assert!(parsed(line).is_err(), "{line:?} was accepted");
        }
    }
}
