//! Row 8: a frame goes to another process, which answers with a frame of its own.

#[path = "../../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use criterion::Criterion;
use ndshm_frames_bench::form::{Form, Waiting};
use ndshm_frames_bench::iceoryx2::Iceoryx2;
use ndshm_frames_bench::ours::Ours;
use ndshm_frames_bench::processor;
use ndshm_frames_bench::raw::Raw;
use ndshm_frames_bench::touch::Touch;
use ndshm_frames_bench::transport::{Receiver, Sender, Transport};
use support::{Helper, Row};

/// What goes to and fro.
#[derive(Clone, Copy)]
struct Work {
    name: &'static str,
    frame_len: usize,
    touch: Touch,
}

const SMALL: Work = Work { name: "64 B", frame_len: 64, touch: Touch::All };
const LARGE: Work = Work { name: "8 MiB", frame_len: 8 << 20, touch: Touch::All };
const UNTOUCHED: Work = Work { name: "8 MiB untouched", touch: Touch::Nothing, ..LARGE };

/// How the two processes wait for each other, and the raw words that do so.
#[derive(Clone, Copy)]
struct Manner {
    name: &'static str,
    waiting: Waiting,
    /// Which of two processors the other process runs on; this one runs on the first.
    processor: usize,
    baseline: &'static str,
    target: f64,
}

const SPIN: Manner = Manner {
    name: "spin",
    waiting: Waiting::Spin,
    processor: 1,
    baseline: "raw atomic ping-pong",
    target: 1.3,
};
const ASLEEP: Manner = Manner {
    name: "asleep",
    waiting: Waiting::Sleep,
    processor: 1,
    baseline: "raw futex ping-pong",
    target: 1.2,
};
const ASLEEP_TOGETHER: Manner =
    Manner { name: "asleep, one processor for both", processor: 0, ..ASLEEP };
const LOOKS_FIRST: Manner =
    Manner { name: "looks, then sleeps", waiting: Waiting::SpinThenSleep, ..ASLEEP };

/// As many slots as docs/frames.md wants for one process with one lease.
const SLOTS: u32 = 3;

fn main() {
    if let Some((role, arguments)) = support::role() {
        return echo(&role, &arguments);
    }
    let processors = processor::two();
    processor::stay_on(processors[0]);
    let mut criterion = support::criterion();
    for (work, manner) in [
        (SMALL, SPIN),
        (SMALL, ASLEEP),
        (SMALL, ASLEEP_TOGETHER),
        (SMALL, LOOKS_FIRST),
        (UNTOUCHED, SPIN),
        (UNTOUCHED, ASLEEP),
        (LARGE, SPIN),
        (LARGE, ASLEEP),
    ] {
        let processor = processors[manner.processor];
        compare(&mut criterion, work, Manner { processor, ..manner });
    }
    let work = "there only, 64 B, within one process";
    Row { number: 8, work, baseline: "raw atomic", target: SPIN.target }.compare(
        &mut criterion,
        within_one_process::<Raw>(SMALL),
        within_one_process::<Ours>(SMALL),
    );
    criterion.final_summary();
}

fn compare(criterion: &mut Criterion, work: Work, manner: Manner) {
    let mut ours = RoundTrip::<Ours>::start("ours", work, manner, SLOTS);
    let name = format!("round trip, {}, {}", work.name, manner.name);
    let mut against = |baseline: &str, target, round_trip: &mut dyn FnMut(u64) -> Duration| {
        Row { number: 8, work: &name, baseline, target }.compare_batches(
            criterion,
            50,
            round_trip,
            |count| ours.times(count),
        );
    };
    let mut raw = RoundTrip::<Raw>::start("raw", work, manner, 1);
    against(manner.baseline, manner.target, &mut |count| raw.times(count));
    if work.name == LARGE.name {
        // One place stays in the processor's cache, where three have no room.
        let mut raw = RoundTrip::<Raw>::start("raw", work, manner, SLOTS);
        let baseline = format!("{}, {SLOTS} places in turn", manner.baseline);
        against(&baseline, manner.target, &mut |count| raw.times(count));
    }
    let mut iceoryx2 = RoundTrip::<Iceoryx2>::start("iceoryx2", work, manner, SLOTS);
    against("iceoryx2", 1.0, &mut |count| iceoryx2.times(count));
}

/// A frame goes there and comes back.
struct RoundTrip<T: Transport> {
    /// Dropped first, since it uses what this side made.
    echo: Helper,
    there: T::Sender,
    back: T::Receiver,
    touch: Touch,
    number: u64,
}

impl<T: Transport> RoundTrip<T> {
    fn start(role: &str, work: Work, manner: Manner, frames: u32) -> Self {
        let (Work { frame_len, touch, .. }, Manner { waiting, processor, .. }) = (work, manner);
        let form = Form { frame_len, frames, receivers: 1, waiting };
        let (there, back) = (T::create(form), T::create(form));
        let at = processor.to_string();
        let addresses = [there.address(0), back.address(0)];
        let [to_helper, from_helper] = &addresses;
        let echo =
            Helper::start(role, &[&form.spell(), touch.spell(), &at, to_helper, from_helper]);
        let (there, back) = (there.into_sender(), back.into_receiver());
        Self { echo, there, back, touch, number: 0 }
    }

    /// Does it so often, after once for the other process to be awake.
    fn times(&mut self, count: u64) -> Duration {
        self.echo.order(&(count + 1).to_string());
        self.once();
        let start = Instant::now();
        for _ in 0..count {
            self.once();
        }
        start.elapsed()
    }

    fn once(&mut self) {
        let Self { there, back, touch, number, .. } = self;
        *number += 1;
        there.send(|frame| touch.write(frame, *number));
        back.receive(|frame| touch.read(frame, !*number));
    }
}

/// A frame goes from one end to the other, and both are here: the work of a hand-over, when nothing has to
/// come from another processor's cache.
fn within_one_process<T: Transport>(work: Work) -> impl FnMut() {
    let Work { frame_len, touch, .. } = work;
    let form = Form { frame_len, frames: SLOTS, receivers: 1, waiting: Waiting::Spin };
    let made = T::create(form);
    let mut there = T::open(&made.address(0), form).into_receiver();
    let mut here = made.into_sender();
    let mut number = 0;
    move || {
        number += 1;
        here.send(|frame| touch.write(frame, number));
        there.receive(|frame| touch.read(frame, number));
    }
}

/// What the other process does until the benchmark ends it.
fn echo(role: &str, arguments: &[String]) {
    match role {
        "raw" => echo_by::<Raw>(arguments),
        "ours" => echo_by::<Ours>(arguments),
        "iceoryx2" => echo_by::<Iceoryx2>(arguments),
        role => unreachable!("{role}"),
    }
}

fn echo_by<T: Transport>(arguments: &[String]) {
    let [form, touch, at, there, back] = arguments else { panic!("five arguments") };
    let form = Form::of(form);
    let touch = Touch::of(touch);
    processor::stay_on(at.parse().expect("a number"));
    let mut there = T::open(there, form).into_receiver();
    let mut back = T::open(back, form).into_sender();
    let orders = support::orders();
    support::ready();
    let mut number = 0;
    for order in orders {
        for _ in 0..order.parse().expect("a number") {
            number += 1u64;
            there.receive(|frame| touch.read(frame, number));
            back.send(|frame| touch.write(frame, !number));
        }
    }
}
