//! Runs models, in every interleaving and with a death before every step.
//!
//! [`explore`] runs a model. [`explore_deaths`] runs it once for every step at which its mortal may
//! be killed. A killed thread unwinds and leaves shared words as they are: nothing that the
//! algorithms keep on their stacks has a destructor that would clean up.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64 as Counter, Ordering};
use std::time::{Duration, Instant};

use super::site;

/// How long a model is explored if `LOOM_MAX_DURATION` is not set.
const LONGEST: Duration = Duration::from_secs(60);

loom::thread_local! {
    /// How many more steps this thread lives. If unset, it lives forever.
    static STEPS_LEFT: Cell<Option<u32>> = Cell::new(None);
    /// The mistake that this thread makes, to test that a model notices it.
    static FLAW: Cell<Option<Flaw>> = Cell::new(None);
}

/// A mistake, for models that must fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Exchanges are Relaxed.
    RelaxedExchange,
    /// Exchanges are a load and then a store.
    SplitExchange,
    /// SeqCst accesses are only acquire and release.
    NoSeqCst,
    /// Nobody is woken.
    NoWake,
}

/// Makes the calling thread make this mistake from now on.
pub(crate) fn work_with(flaw: Flaw) {
    FLAW.with(|set| set.set(Some(flaw)));
}

/// Whether the calling thread makes this mistake.
pub(crate) fn is_flawed(flaw: Flaw) -> bool {
    FLAW.with(|set| set.get() == Some(flaw))
}

/// The payload with which a killed thread unwinds.
struct Killed;

/// A point at which the calling thread may be killed.
pub(crate) fn step() {
    match STEPS_LEFT.with(Cell::get) {
        None => {}
        Some(0) => {
            STEPS_LEFT.with(|left| left.set(None));
            resume_unwind(Box::new(Killed));
        }
        Some(left) => STEPS_LEFT.with(|set| set.set(Some(left - 1))),
    }
}

/// When the mortal of a model dies.
#[derive(Clone, Debug)]
pub(crate) struct Death {
    after: u32,
    came: Arc<AtomicBool>,
}

impl Death {
    /// Runs `act` until death comes. Returns whether all of it was done.
    pub(crate) fn take(&self, act: impl FnOnce()) -> bool {
        STEPS_LEFT.with(|left| left.set(Some(self.after)));
        let done = catch_unwind(AssertUnwindSafe(act));
        STEPS_LEFT.with(|left| left.set(None));
        match done {
            Ok(()) => true,
            Err(payload) if payload.is::<Killed>() => {
                self.came.store(true, Ordering::Relaxed);
                false
            }
            Err(payload) => resume_unwind(payload),
        }
    }
}

/// Runs a model in every interleaving with at most the given number of preemptions.
pub(crate) fn explore(name: &str, preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let exploration = Exploration::new(name, preemptions);
    exploration.run(model);
    exploration.report();
}

/// Explores a model for each step at which its mortal may die, until it outlives the model.
pub(crate) fn explore_deaths(
    name: &str,
    preemptions: usize,
    model: impl Fn(&Death) + Clone + Send + Sync + 'static,
) {
    let mut exploration = Exploration::new(name, preemptions);
    for after in 0.. {
        let death = Death { after, came: Arc::default() };
        let (model, dies) = (model.clone(), death.clone());
        exploration.run(move || model(&dies));
        exploration.deaths = after;
        if !death.came.load(Ordering::Relaxed) || exploration.is_over() {
            break;
        }
    }
    exploration.report();
}

struct Exploration {
    name: String,
    preemptions: usize,
    started: Instant,
    limit: Duration,
    executions: Arc<Counter>,
    deaths: u32,
}

impl Exploration {
    fn new(name: &str, preemptions: usize) -> Self {
        let builder = loom::model::Builder::new();
        Self {
            name: name.into(),
            preemptions: builder.preemption_bound.unwrap_or(preemptions),
            started: Instant::now(),
            limit: builder.max_duration.unwrap_or(LONGEST),
            executions: Arc::default(),
            deaths: 0,
        }
    }

    fn run(&self, model: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(self.preemptions);
        builder.max_duration = Some(self.limit.saturating_sub(self.started.elapsed()));
        // Loom checks the clock only this often.
        builder.checkpoint_interval = 1000;
        builder.max_branches = 10_000;
        let executions = Arc::clone(&self.executions);
        builder.check(move || {
            executions.fetch_add(1, Ordering::Relaxed);
            model();
        });
    }

    fn is_over(&self) -> bool {
        self.started.elapsed() >= self.limit
    }

    /// Prints what was explored, and appends it as a line of JSON to the file that
    /// `NDSHM_LOOM_REPORT` names.
    fn report(&self) {
        if !self.name.starts_with("control") {
            site::report();
        }
        let Self { name, preemptions, deaths, .. } = self;
        let executions = self.executions.load(Ordering::Relaxed);
        let seconds = self.started.elapsed().as_secs_f64();
        let cut_short = self.is_over();
        println!(
            "{name}: {executions} executions, at most {preemptions} preemptions, {deaths} deaths, \
             {seconds:.1} s{}",
            if cut_short { ", cut short" } else { "" },
        );
        let Some(path) = std::env::var_os("NDSHM_LOOM_REPORT") else { return };
        let mut file = OpenOptions::new().append(true).open(path).expect("the report opens");
        let line = format!(
            "{{\"model\":{name:?},\"executions\":{executions},\"preemptions\":{preemptions},\
             \"deaths\":{deaths},\"seconds\":{seconds:.1},\"cut_short\":{cut_short}}}\n"
        );
        file.write_all(line.as_bytes()).expect("the report takes a line");
    }
}
