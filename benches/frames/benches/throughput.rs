//! Row 9: frames of a camera go to one, two and four other processes, and each reads every byte.
//!
//! Times are of one frame: many are sent, from the first one's start until all processes have read the
//! last, and up to three of them are on the way at a time.

#[path = "../../support/mod.rs"]
mod support;

use std::env;
use std::fs;
use std::time::{Duration, Instant};

use criterion::Criterion;
use ndshm_frames_bench::alone::Alone;
use ndshm_frames_bench::chart::{Line, draw};
use ndshm_frames_bench::credits::Credits;
use ndshm_frames_bench::form::{Form, Waiting};
use ndshm_frames_bench::iceoryx2::Iceoryx2;
use ndshm_frames_bench::ipc_channel::IpcChannels;
use ndshm_frames_bench::ours::Ours;
use ndshm_frames_bench::pipe::Pipes;
use ndshm_frames_bench::raw::Raw;
use ndshm_frames_bench::socket::Sockets;
use ndshm_frames_bench::touch::Touch;
use ndshm_frames_bench::transport::{Receiver, Sender, Transport};
use support::{Helper, Row};

const SAMPLES: usize = 20;

/// Frames that there is room for: one that is written, and three that are still to be read.
const FRAMES: u32 = 4;

fn main() {
    if let Some((role, arguments)) = support::role() {
        return receive(&role, &arguments);
    }
    if let Some(path) = env::var_os("NDSHM_BENCH_CHART") {
        return fs::write(path, chart()).expect("the chart can be written");
    }
    let mut criterion = support::criterion();
    for (name, frame_len) in [("1080p", 1920 * 1080 * 3), ("4K", 3840 * 2160 * 3)] {
        for receivers in [1, 2, 4] {
            let form =
                Form { frame_len, frames: FRAMES, receivers, waiting: Waiting::SpinThenSleep };
            compare(&mut criterion, name, form);
        }
    }
    criterion.final_summary();
}

fn compare(criterion: &mut Criterion, name: &str, form: Form) {
    let receivers = form.receivers;
    let work = match receivers {
        1 => format!("a frame of {name} to 1 process"),
        _ => format!("a frame of {name} to {receivers} processes"),
    };
    let mut ours = Stream::<Ours>::start("ours", form, Touch::All);
    let mut against = |baseline: &str, target, stream: &mut dyn FnMut(u64) -> Duration| {
        Row { number: 9, work: &work, baseline, target }.compare_batches(
            criterion,
            SAMPLES,
            stream,
            |count| ours.send(count),
        );
    };
    let mut alone = Stream::<Alone>::start("alone", form, Touch::Unchecked);
    against("memory alone, nothing handed over", 1.0 / 0.9, &mut |count| alone.send(count));
    drop(alone);
    let mut raw = Stream::<Raw>::start("raw", form, Touch::All);
    against("raw shared memory and a futex", 1.0 / 0.9, &mut |count| raw.send(count));
    drop(raw);
    let mut iceoryx2 = Stream::<Iceoryx2>::start("iceoryx2", form, Touch::All);
    against("iceoryx2", 1.0, &mut |count| iceoryx2.send(count));
    drop(iceoryx2);
    let mut ipc_channel = Stream::<IpcChannels>::start("ipc-channel", form, Touch::All);
    against("ipc-channel", 1.0, &mut |count| ipc_channel.send(count));
    drop(ipc_channel);
    let mut pipes = Stream::<Pipes>::start("pipes", form, Touch::All);
    against("pipe", 1.0, &mut |count| pipes.send(count));
    drop(pipes);
    let mut sockets = Stream::<Sockets>::start("sockets", form, Touch::All);
    against("Unix socket", 1.0, &mut |count| sockets.send(count));
}

/// Draws how fast frames of many sizes go to one process.
fn chart() -> String {
    let lines = [
        line::<Ours>("ndshm", "ours"),
        line::<Raw>("raw shared memory", "raw"),
        line::<Iceoryx2>("iceoryx2", "iceoryx2"),
        line::<IpcChannels>("ipc-channel", "ipc-channel"),
        line::<Sockets>("Unix socket", "sockets"),
        line::<Pipes>("pipe", "pipes"),
    ];
    draw("Frames to one process, every byte written and read", &lines)
}

fn line<T: Transport>(name: &'static str, role: &str) -> Line {
    let sizes = (12..=26).step_by(2).map(|power| 1 << power);
    let speed = |frame_len: usize| {
        let waiting = Waiting::SpinThenSleep;
        let form = Form { frame_len, frames: FRAMES, receivers: 1, waiting };
        let mut stream = Stream::<T>::start(role, form, Touch::All);
        // A twentieth of a second, as the first frames tell.
        let first = stream.send(20) / 20;
        let count = (Duration::from_millis(50).as_nanos() / first.as_nanos()).clamp(4, 1 << 20);
        let count = u64::try_from(count).expect("at most a million");
        let mut times = [(); 9].map(|()| stream.send(count).as_secs_f64() / count as f64);
        times.sort_by(f64::total_cmp);
        let bytes = frame_len as f64;
        (bytes, bytes / times[times.len() / 2])
    };
    Line { name, points: sizes.map(speed).collect() }
}

/// Frames that go to other processes.
struct Stream<T: Transport> {
    /// Dropped first, since they use what the sender made.
    receivers: Vec<Helper>,
    sender: T::Sender,
    credits: Credits,
    form: Form,
    touch: Touch,
    sent: u32,
}

impl<T: Transport> Stream<T> {
    fn start(role: &str, form: Form, touch: Touch) -> Self {
        let (transport, credits) = (T::create(form), Credits::create());
        let start = |receiver: u32| {
            let receiver = receiver as usize;
            let (form, index) = (form.spell(), receiver.to_string());
            let address = transport.address(receiver);
            Helper::start(role, &[&form, touch.spell(), &index, &address, &credits.path()])
        };
        let receivers = (0..form.receivers).map(start).collect();
        Self { receivers, sender: transport.into_sender(), credits, form, touch, sent: 0 }
    }

    /// Sends so many frames, after one for the other processes to be awake. They are told to begin within
    /// the time that is measured, since those who are handed nothing would begin at once.
    fn send(&mut self, count: u64) -> Duration {
        self.order(1);
        self.send_one();
        self.wait_until_read();
        let start = Instant::now();
        self.order(count);
        for _ in 0..count {
            self.send_one();
        }
        self.wait_until_read();
        start.elapsed()
    }

    fn order(&mut self, count: u64) {
        self.receivers.iter_mut().for_each(|receiver| receiver.order(&count.to_string()));
    }

    fn wait_until_read(&self) {
        self.credits.wait(self.form.receivers, self.sent, 0);
    }

    fn send_one(&mut self) {
        let Self { sender, credits, form, touch, sent, .. } = self;
        credits.wait(form.receivers, *sent, form.frames - 1);
        *sent += 1;
        sender.send(|frame| touch.write(frame, (*sent).into()));
    }
}

/// What the other processes do until the benchmark ends them.
fn receive(role: &str, arguments: &[String]) {
    match role {
        "alone" => receive_by::<Alone>(arguments),
        "iceoryx2" => receive_by::<Iceoryx2>(arguments),
        "ipc-channel" => receive_by::<IpcChannels>(arguments),
        "ours" => receive_by::<Ours>(arguments),
        "pipes" => receive_by::<Pipes>(arguments),
        "raw" => receive_by::<Raw>(arguments),
        "sockets" => receive_by::<Sockets>(arguments),
        role => unreachable!("{role}"),
    }
}

fn receive_by<T: Transport>(arguments: &[String]) {
    let [form, touch, index, address, credits] = arguments else { panic!("five arguments") };
    let form = Form::of(form);
    let touch = Touch::of(touch);
    let index = index.parse().expect("a number");
    let mut receiver = T::open(address, form).into_receiver();
    let credits = Credits::open(credits);
    let orders = support::orders();
    support::ready();
    let mut number = 0;
    for order in orders {
        for _ in 0..order.parse().expect("a number") {
            number += 1u64;
            receiver.receive(|frame| touch.read(frame, number));
            credits.count(index);
        }
    }
}
