//! Times two ways to do the same work in turns, baseline and ours, so that a busy machine slows both.
//!
//! Criterion decides how often, and reports what ours takes; beside that, each comparison prints a
//! row of the table in `docs/benchmarks.md`, with the ratio of each turn's two times.
#![allow(dead_code, reason = "each benchmark uses a part of this")]

use std::env;
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{self, Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode};

#[allow(unsafe_code, reason = "POSIX is in C")]
pub(crate) mod pthread;
pub(crate) mod signals;

/// Tells a copy of the benchmark that it is to play a part in it.
pub(crate) const ROLE: &str = "NDSHM_BENCH_ROLE";

/// A comparison: a row of the table.
pub(crate) struct Row<'a> {
    /// Number of the kind of work, which has several rows.
    pub(crate) number: u32,
    pub(crate) work: &'a str,
    pub(crate) baseline: &'a str,
    /// Most times as long as the baseline that ours should take.
    pub(crate) target: f64,
}

/// What one turn took, for one operation.
#[derive(Clone, Copy)]
struct Turn {
    baseline: f64,
    ours: f64,
}

/// Criterion, as the command line has it.
pub(crate) fn criterion() -> Criterion {
    Criterion::default().configure_from_args()
}

impl Row<'_> {
    /// Times both, for work that is done within a millisecond or so.
    pub(crate) fn compare<A, B>(
        &self,
        criterion: &mut Criterion,
        mut baseline: impl FnMut() -> A,
        mut ours: impl FnMut() -> B,
    ) {
        let baseline = |count| time(count, &mut baseline);
        self.measure(criterion, 50, baseline, |count| time(count, &mut ours));
    }

    /// Times both, for work that takes long.
    pub(crate) fn compare_few<A, B>(
        &self,
        criterion: &mut Criterion,
        mut baseline: impl FnMut() -> A,
        mut ours: impl FnMut() -> B,
    ) {
        let baseline = |count| time(count, &mut baseline);
        self.measure(criterion, 12, baseline, |count| time(count, &mut ours));
    }

    /// Times both, for work that needs to know how often it is done, and times itself: what goes
    /// before and after is left out.
    pub(crate) fn compare_batches(
        &self,
        criterion: &mut Criterion,
        samples: usize,
        baseline: impl FnMut(u64) -> Duration,
        ours: impl FnMut(u64) -> Duration,
    ) {
        self.measure(criterion, samples, baseline, ours);
    }

    /// Times both itself, `count` times each, for work of which they time only a part: from an
    /// event to what follows. Criterion has no part in it, and a second row tells the 99th
    /// percentiles.
    pub(crate) fn compare_events(
        &self,
        count: usize,
        mut baseline: impl FnMut() -> Duration,
        mut ours: impl FnMut() -> Duration,
    ) {
        // `cargo test` only wants to know that it works.
        let count = if env::args().any(|arg| arg == "--bench") { count } else { 1 };
        let turns: Vec<_> = (0..count)
            .map(|_| Turn { baseline: baseline().as_secs_f64(), ours: ours().as_secs_f64() })
            .collect();
        self.print(&turns);
        let [baseline, ours] = [|turn: &Turn| turn.baseline, |turn: &Turn| turn.ours]
            .map(|of| quantile(&sorted(&turns, of), 0.99));
        println!(
            "| {} | {}: 99th percentile of {count} | {} | {} | {} | **{:.2}** | |",
            self.number,
            self.work,
            self.baseline,
            unit(baseline),
            unit(ours),
            ours / baseline,
        );
    }

    /// Takes two times from the same event, `count` times: until the baseline's end, and until ours.
    /// Prints by how much ours is later; the target is in milliseconds.
    pub(crate) fn compare_ends(&self, count: usize, mut event: impl FnMut() -> [Duration; 2]) {
        let count = if env::args().any(|arg| arg == "--bench") { count } else { 1 };
        let turns: Vec<_> = (0..count)
            .map(|_| event().map(|time| time.as_secs_f64()))
            .map(|[baseline, ours]| Turn { baseline, ours })
            .collect();
        let median = |of| quantile(&sorted(&turns, of), 0.5);
        let later_ms = sorted(&turns, |turn| (turn.ours - turn.baseline) * 1e3);
        println!(
            "| {} | {} | {} | {} | {} | **{:+.1} ms** ({:+.1} to {:+.1}) | +{} ms |",
            self.number,
            self.work,
            self.baseline,
            unit(median(|turn| turn.baseline)),
            unit(median(|turn| turn.ours)),
            quantile(&later_ms, 0.5),
            quantile(&later_ms, 0.1),
            quantile(&later_ms, 0.9),
            self.target,
        );
    }

    fn measure(
        &self,
        criterion: &mut Criterion,
        samples: usize,
        mut baseline: impl FnMut(u64) -> Duration,
        mut ours: impl FnMut(u64) -> Duration,
    ) {
        let mut turns = Vec::new();
        let mut group = criterion.benchmark_group(format!("row {}", self.number));
        group
            .sampling_mode(SamplingMode::Flat)
            .sample_size(samples)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_millis(1500));
        group.bench_function(format!("{}, against {}", self.work, self.baseline), |bencher| {
            bencher.iter_custom(|count| {
                let baseline_first = turns.len() % 2 == 0;
                let (of_baseline, of_ours) = if baseline_first {
                    let of_baseline = baseline(count);
                    (of_baseline, ours(count))
                } else {
                    let of_ours = ours(count);
                    (baseline(count), of_ours)
                };
                let each = |total: Duration| total.as_secs_f64() / count as f64;
                turns.push(Turn { baseline: each(of_baseline), ours: each(of_ours) });
                of_ours
            });
        });
        group.finish();
        // The turns before the samples warmed up; in test mode there is nothing else.
        if let Some(warmed_up) = turns.len().checked_sub(samples) {
            self.print(&turns[warmed_up..]);
        }
    }

    fn print(&self, turns: &[Turn]) {
        let median = |of| quantile(&sorted(turns, of), 0.5);
        let ratios = sorted(turns, |turn| turn.ours / turn.baseline);
        println!(
            "| {} | {} | {} | {} | {} | **{:.2}** ({:.2}–{:.2}) | {:.2} |",
            self.number,
            self.work,
            self.baseline,
            unit(median(|turn| turn.baseline)),
            unit(median(|turn| turn.ours)),
            quantile(&ratios, 0.5),
            quantile(&ratios, 0.1),
            quantile(&ratios, 0.9),
            self.target,
        );
    }
}

fn sorted(turns: &[Turn], of: fn(&Turn) -> f64) -> Vec<f64> {
    let mut all: Vec<f64> = turns.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all
}

fn time<R>(count: u64, work: &mut impl FnMut() -> R) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        black_box(work());
    }
    start.elapsed()
}

fn quantile(sorted: &[f64], part: f64) -> f64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ part ≤ 1")]
    let index = (part * (sorted.len() - 1) as f64).round() as usize;
    sorted[index]
}

fn unit(seconds: f64) -> String {
    let (factor, name) = match seconds {
        s if s < 1e-6 => (1e9, "ns"),
        s if s < 1e-3 => (1e6, "µs"),
        _ => (1e3, "ms"),
    };
    format!("{:.1} {name}", seconds * factor)
}

/// A copy of this benchmark in a process of its own, which ends with this value.
pub(crate) struct Helper {
    child: Child,
}

impl Helper {
    /// Starts one, and waits until it called [`ready`].
    pub(crate) fn start(role: &str, arguments: &[&str]) -> Self {
        let this = env::current_exe().expect("a running program has a path");
        let mut child = Command::new(this)
            .env(ROLE, role)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the benchmark starts itself");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("the helper speaks UTF-8");
        assert_eq!(line, "ready\n", "the helper ended early");
        Self { child }
    }

    /// Gives it an order, which it finds in [`orders`].
    pub(crate) fn order(&mut self, what: &str) {
        let stdin = self.child.stdin.as_mut().expect("stdin is a pipe");
        writeln!(stdin, "{what}").expect("the helper lives");
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has the kernel kill it, without waiting until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is a child of ours");
    }

    /// Waits until the kernel is done with it.
    pub(crate) fn wait(&mut self) {
        self.child.wait().expect("it is a child of ours");
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The role and the arguments of a helper; `None` in the benchmark itself.
pub(crate) fn role() -> Option<(String, Vec<String>)> {
    Some((env::var(ROLE).ok()?, env::args().skip(1).collect()))
}

/// Ends this helper when the benchmark drops it or dies.
pub(crate) fn end_with_parent() {
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
}

/// What the benchmark orders this helper to do, until it drops it or dies. Then this helper has a second to
/// end in order; it may wait for frames that nobody sends.
pub(crate) fn orders() -> Receiver<String> {
    let (sender, orders) = mpsc::channel();
    thread::spawn(move || {
        for order in io::stdin().lines() {
            let _ = sender.send(order.expect("the benchmark speaks UTF-8"));
        }
        drop(sender);
        thread::sleep(Duration::from_secs(1));
        process::exit(0);
    });
    orders
}

/// Tells the benchmark that this helper may be used.
pub(crate) fn ready() {
    println!("ready");
}

/// Tells the benchmark so, and waits until it drops this helper or dies.
pub(crate) fn stay() {
    ready();
    let _ = io::stdin().read_to_end(&mut Vec::new());
}
