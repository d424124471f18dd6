//! What a publisher pays: `loan` and `publish`, timed one by one, with one process that subscribed and
//! with eight. They run on the other processor, and either sleep until there is a frame, or are away:
//! busy with something else since they received one. Beside it, what it takes to wake them without a ring.

#[path = "../../support/mod.rs"]
mod support;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use ndshm_frames_bench::credits::Credits;
use ndshm_frames_bench::form::{Form, Waiting};
use ndshm_frames_bench::ours::Ours;
use ndshm_frames_bench::processor;
use ndshm_frames_bench::raw::Raw;
use ndshm_frames_bench::transport::{Receiver, Sender, Transport};
use support::{Helper, Row};

const SAMPLES: usize = 30;
const FEW: u32 = 1;
const MANY: u32 = 8;

/// As many as docs/frames.md wants for eight processes with one lease each.
const SLOTS: u32 = MANY + 2;

fn main() {
    if let Some((role, arguments)) = support::role() {
        return receive(&role, &arguments);
    }
    let [here, there] = processor::two();
    processor::stay_on(here);
    let mut criterion = support::criterion();
    let mut compare = |work: &str, baseline: &str, target, one: Times<'_>, other: Times<'_>| {
        Row { number: 8, work, baseline, target }.compare_batches(
            &mut criterion,
            SAMPLES,
            one,
            other,
        );
    };
    let ours = |count| Crowd::<Ours>::start("ours", count, there);
    let raw = |count| Crowd::<Raw>::start("raw", count, there);
    let (mut few, mut many) = (ours(FEW), ours(MANY));
    compare(
        "publish to 8 processes, away",
        "publish to 1 process, away",
        1.2,
        &mut |count| few.while_away(count),
        &mut |count| many.while_away(count),
    );
    let (mut few, mut many) = (ours(FEW), ours(MANY));
    compare(
        "publish to 8 processes, asleep",
        "publish to 1 process, asleep",
        8.0,
        &mut |count| few.while_asleep(count),
        &mut |count| many.while_asleep(count),
    );
    let (mut raw_few, mut raw_many) = (raw(FEW), raw(MANY));
    compare(
        "publish to 1 process, asleep",
        "raw futex, wakes 1 process",
        1.2,
        &mut |count| raw_few.while_asleep(count),
        &mut |count| few.while_asleep(count),
    );
    compare(
        "publish to 8 processes, asleep",
        "raw futex, wakes 8 processes",
        1.2,
        &mut |count| raw_many.while_asleep(count),
        &mut |count| many.while_asleep(count),
    );
    criterion.final_summary();
}

/// Publishes so often, and returns how long that took in all.
type Times<'a> = &'a mut dyn FnMut(u64) -> Duration;

/// A publisher, and the processes that subscribe.
struct Crowd<T: Transport> {
    /// Dropped first, since they use what the publisher made.
    subscribers: Vec<Helper>,
    sender: T::Sender,
    credits: Credits,
    sent: u32,
}

impl<T: Transport> Crowd<T> {
    fn start(role: &str, count: u32, processor: usize) -> Self {
        let waiting = Waiting::Sleep;
        let form = Form { frame_len: 64, frames: SLOTS, receivers: count, waiting };
        let (transport, credits) = (T::create(form), Credits::create());
        let start = |index: u32| {
            let address = transport.address(index as usize);
            let (form, at, index) = (form.spell(), processor.to_string(), index.to_string());
            Helper::start(role, &[&form, &at, &index, &address, &credits.path()])
        };
        let subscribers = (0..count).map(start).collect();
        let sender = transport.into_sender();
        let mut crowd = Self { subscribers, sender, credits, sent: 0 };
        crowd.while_asleep(1);
        crowd
    }

    /// Nobody waits for these frames, or ever receives them.
    fn while_away(&mut self, count: u64) -> Duration {
        (0..count).map(|_| self.publish()).sum()
    }

    /// All have slept again before the next frame is published.
    fn while_asleep(&mut self, count: u64) -> Duration {
        self.subscribers.iter_mut().for_each(|each| each.order(&(count + 1).to_string()));
        self.publish();
        let publish = |_| {
            self.wait_until_asleep();
            self.publish()
        };
        let elapsed = (0..count).map(publish).sum();
        self.wait_until_asleep();
        elapsed
    }

    fn publish(&mut self) -> Duration {
        self.sent += 1;
        let start = Instant::now();
        self.sender.send(|frame| frame.fill(1));
        start.elapsed()
    }

    /// Waits until all have received the last frame, and sleep.
    fn wait_until_asleep(&self) {
        let count = self.subscribers.len().try_into().expect("they are few");
        self.credits.wait(count, self.sent, 0);
        for subscriber in &self.subscribers {
            while !is_asleep(subscriber.id()) {
                thread::yield_now();
            }
        }
    }
}

/// Whether the first thread of a process sleeps.
fn is_asleep(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it is a child of ours");
    let (_, state) = stat.rsplit_once(") ").expect("the name stands in brackets");
    state.starts_with('S')
}

/// What the other processes do until the benchmark ends them.
fn receive(role: &str, arguments: &[String]) {
    match role {
        "ours" => receive_by::<Ours>(arguments),
        "raw" => receive_by::<Raw>(arguments),
        role => unreachable!("{role}"),
    }
}

fn receive_by<T: Transport>(arguments: &[String]) {
    let [form, at, index, address, credits] = arguments else { panic!("five arguments") };
    processor::stay_on(at.parse().expect("a number"));
    let index = index.parse().expect("a number");
    let mut receiver = T::open(address, Form::of(form)).into_receiver();
    let credits = Credits::open(credits);
    let orders = support::orders();
    support::ready();
    for order in orders {
        for _ in 0..order.parse().expect("a number") {
            receiver.receive(|frame| assert_eq!(frame[0], 1));
            credits.count(index);
        }
    }
}
