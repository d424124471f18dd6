//! The step kill: a child dies at every step of every protocol, and the survivors go on.
//!
//! The library names its steps with `step!`, which is nothing unless it is built with
//! `--cfg ndshm_steps`; `cargo xtask step-kill` does that. Each scenario runs again and again, its
//! child killed at the first step it passes, then at the second, until it comes through alive; and
//! all that in every home a child may have. The names are collected from the source, and one that no
//! child ever died at fails the test.
#![cfg(ndshm_steps)]

mod arrays;
mod files;
mod hands;
mod logs;
mod mortal;
mod names;
mod readers;
mod rings;
#[path = "../it/sandbox.rs"]
mod sandbox;
mod system;
mod values;

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use mortal::{End, Home, Mortal};

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
    home: Home,
    die_at: Option<String>,
}

impl Run {
    /// Starts the child that may die.
    fn start(&self, name: &str) -> Mortal {
        Mortal::start_in(self.home, self.scenario, name, self.die_at.as_deref())
    }

    /// The same with a child that lives.
    fn again(&self) -> Self {
        Self { die_at: None, ..*self }
    }
}

fn scenarios() -> Vec<Scenario> {
    let all = [
        arrays::scenarios(),
        values::scenarios(),
        logs::scenarios(),
        names::scenarios(),
        files::scenarios(),
        hands::scenarios(),
        readers::scenarios(),
        rings::scenarios(),
    ];
    all.into_iter().flatten().collect()
}

#[test]
fn child_role() {
    let Some((role, name)) = mortal::role() else { return };
    let scenarios = scenarios();
    let scenario = scenarios.iter().find(|scenario| scenario.name == role);
    let act = scenario.unwrap_or_else(|| panic!("no role is called {role:?}")).act;
    mortal::at_home(&name, || {
        act(&name);
        mortal::say("done");
    });
}

/// What came of all deaths.
#[derive(Default)]
struct Tally {
    reached: BTreeSet<String>,
    kills: usize,
    violations: Vec<String>,
}

impl Tally {
    /// Plays a scenario with a death at each step that its child passes.
    fn play(&mut self, scenario: &Scenario, home: Home) {
        let mut found = 0;
        for passed in 1.. {
            let run = Run { scenario: scenario.name, home, die_at: Some(passed.to_string()) };
            match catch_unwind(AssertUnwindSafe(|| (scenario.play)(&run))) {
                Ok(End { died_at: Some(step), .. }) => {
                    self.kills += 1;
                    self.reached.insert(step);
                }
                Ok(_) => return,
                Err(_) => {
                    found += 1;
                    self.violations.push(format!("{:?}, {home:?}, death {passed}", scenario.name));
                }
            }
            if found == ENOUGH {
                return;
            }
            assert!(passed < 500, "{:?} has no end", scenario.name);
        }
    }
}

#[test]
fn a_death_at_any_step_leaves_everything_whole() {
    let steps = steps_in_source();
    let homes = Home::all();
    let mut tally = Tally::default();
    let start = Instant::now();
    let seconds = std::env::var("NDSHM_STEPS_SECONDS").map_or(0, |text| text.parse().unwrap());
    loop {
        for scenario in scenarios() {
            homes.iter().for_each(|&home| tally.play(&scenario, home));
        }
        if start.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
    }
    let Tally { reached, kills, violations } = tally;
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

/// Scenarios, and steps in them at which the child has a lock that is meant for a moment.
const LOCKED: [(&str, &str); 11] = [
    ("remove", "name: locked"),
    ("reap", "name: locked"),
    ("replace", "replace: linked beside"),
    ("replace", "replace: exchanged"),
    ("replace", "replace: old one marked"),
    ("come and go beside a user", "attach: mapped"),
    ("reap a temporary name", "reap: temporary name locked"),
    ("create without nameless files", "create: temporary name locked"),
    ("survive a reader", "bury: slot locked"),
    ("open after a restart", "restart: init locked"),
    ("share a plain file", "share: init locked"),
];

#[test]
fn a_death_at_a_lock_leaves_it_to_no_child_that_was_forked_just_before() {
    let all = scenarios();
    for (name, step) in LOCKED {
        let scenario = all.iter().find(|scenario| scenario.name == name).unwrap();
        let (home, die_at) = (Home::Parent, Some(step.to_owned()));
        let end = (scenario.play)(&Run { scenario: scenario.name, home, die_at });
        assert_eq!(end.died_at.as_deref(), Some(step), "{name:?}");
        assert!(end.left.is_some(), "{name:?} left no child at {step:?}");
    }
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
