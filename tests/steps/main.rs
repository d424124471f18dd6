//! The step kill: a child dies at every step of every protocol, and the survivors go on.
//!
//! The library names its steps with `step!`, which is nothing unless it is built with
//! `--cfg ndshm_steps`; `cargo xtask step-kill` does that. Each scenario runs again and again, its
//! child killed at the first step it passes, then at the second, until it comes through alive. The
//! names are collected from the source, and one that no child ever died at fails the test.
#![cfg(ndshm_steps)]

mod arrays;
mod files;
mod logs;
mod mortal;
mod names;
mod values;

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use mortal::{End, Mortal};

/// A scenario that went wrong that often is not pursued.
const ENOUGH: usize = 3;

/// A story in which one process may die.
#[derive(Clone)]
struct Scenario {
    name: &'static str,
    /// What the child does with what has that name.
    act: fn(&str),
    /// Sets the stage, lets the child act, and panics if what it leaves is not whole.
    play: fn(&Run) -> End,
}

/// One performance.
struct Run {
    scenario: &'static str,
    die_at: Option<String>,
}

impl Run {
    /// Starts the child that may die.
    fn start(&self, name: &str) -> Mortal {
        Mortal::start(self.scenario, name, self.die_at.as_deref())
    }

    /// The same with a child that lives.
    fn again(&self) -> Self {
        Self { scenario: self.scenario, die_at: None }
    }
}

fn scenarios() -> Vec<Scenario> {
    [
        arrays::scenarios(),
        values::scenarios(),
        logs::scenarios(),
        names::scenarios(),
        files::scenarios(),
    ]
    .concat()
}

#[test]
fn child_role() {
    let Some((role, name)) = mortal::role() else { return };
    let scenarios = scenarios();
    let scenario = scenarios.iter().find(|scenario| scenario.name == role);
    (scenario.unwrap_or_else(|| panic!("no role is called {role:?}")).act)(&name);
    mortal::say("done");
}

#[test]
fn a_death_at_any_step_leaves_everything_whole() {
    let steps = steps_in_source();
    let mut reached = BTreeSet::new();
    let mut violations = Vec::new();
    let mut kills = 0;
    let start = Instant::now();
    let seconds = std::env::var("NDSHM_STEPS_SECONDS").map_or(0, |text| text.parse().unwrap());
    loop {
        for scenario in scenarios() {
            let found_before = violations.len();
            for passed in 1.. {
                let run = Run { scenario: scenario.name, die_at: Some(passed.to_string()) };
                match catch_unwind(AssertUnwindSafe(|| (scenario.play)(&run))) {
                    Ok(End { died_at: Some(step), .. }) => {
                        kills += 1;
                        reached.insert(step);
                    }
                    Ok(_) => break,
                    Err(_) => violations.push(format!("{:?}, death {passed}", scenario.name)),
                }
                if violations.len() - found_before == ENOUGH {
                    break;
                }
                assert!(passed < 500, "{:?} has no end", scenario.name);
            }
        }
        if start.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
    }
    let unreached: Vec<_> = steps.difference(&reached).collect();
    println!("{} steps, {kills} kills, {} violations", steps.len(), violations.len());
    if let Some(path) = std::env::var_os("NDSHM_STEPS_REPORT") {
        let mut report = OpenOptions::new().create(true).append(true).open(path).unwrap();
        let (points, violations) = (steps.len(), violations.len() + unreached.len());
        writeln!(report, r#"{{"points":{points},"kills":{kills},"violations":{violations}}}"#)
            .unwrap();
    }
    assert!(violations.is_empty(), "what a death left was not whole: {violations:#?}");
    assert!(unreached.is_empty(), "no scenario reaches {unreached:#?}");
}

/// The names of all steps of the library.
fn steps_in_source() -> BTreeSet<String> {
    let mut steps = BTreeSet::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut steps);
    assert!(!steps.is_empty(), "no steps in the source");
    steps
}

fn collect(directory: &Path, steps: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, steps);
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for rest in source.split("step!(\"").skip(1) {
            let step = rest.split('"').next().unwrap();
            assert!(steps.insert(step.to_owned()), "two steps are called {step:?}");
        }
    }
}
