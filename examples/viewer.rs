//! Receives the frames that `camera` publishes, by name alone, and says once a second how they arrive.
//!
//! `cargo run --release --features image --example viewer -- [--name camera] [--frames N [--save FILE]]`
//!
//! Start as many as you like, before the camera or after it, and kill any of them: nobody else notices. A line on
//! standard input, `save FILE` or the path alone, saves the newest frame as PNG; `--save` saves the last of N.
//! In the background of a shell give it `</dev/null`.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use image::{ImageFormat, Rgb};
use ndarray::Ix3;
use ndshm::{ErrorKind, Lease, Ring3, Subscriber};

const USAGE: &str = "usage: viewer [--name NAME] [--frames N [--save FILE]]";

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let settings = match Settings::parse(env::args_os().skip(1)) {
        Ok(settings) => settings,
        Err(problem) => {
            eprintln!("viewer: {problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("viewer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result {
    let requests = lines_of_input();
    let open = || Ring3::open(settings.name.as_str());
    let mut subscriber = once_there(|| Ok(open()?.subscribe()))?;
    announce(&subscriber);
    let mut newest = None;
    let mut second = Second::default();
    let mut received = 0;
    loop {
        // Not for long, so that requests are heard while there is no camera.
        match subscriber.recv_timeout(Duration::from_millis(100)) {
            Ok(frame) => {
                second.take(&frame);
                received += 1;
                newest = Some(frame);
            }
            Err(error) if [ErrorKind::Timeout, ErrorKind::Replaced].contains(&error.kind()) => {
                // The camera has another size now, or somebody removed the ring and made another one.
                if subscriber.ring().segment().is_replaced() {
                    once_there(|| subscriber.reopen())?;
                    announce(&subscriber);
                    (newest, second) = (None, Second::default());
                }
                second.silence = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
        for line in requests.try_iter() {
            let path = line.strip_prefix("save ").unwrap_or(&line).trim();
            if let Err(error) = save(newest.as_ref(), path) {
                eprintln!("viewer: {path}: {error}");
            }
        }
        let is_last = settings.frames == Some(received);
        if is_last || second.start.elapsed() >= Duration::from_secs(1) {
            second.report(&subscriber);
            second = Second::default();
        }
        if is_last {
            return match &settings.save {
                Some(path) => save(newest.as_ref(), path),
                None => Ok(()),
            };
        }
    }
}

/// Does what wants a ring as soon as there is one.
fn once_there<R>(mut open: impl FnMut() -> ndshm::Result<R>) -> Result<R> {
    let mut has_said = false;
    loop {
        match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if !has_said {
                    println!("waiting for a camera: {error}");
                    has_said = true;
                }
                thread::sleep(Duration::from_millis(100));
            }
            done => return Ok(done?),
        }
    }
}

fn announce(subscriber: &Subscriber<u8, Ix3>) {
    let ring = subscriber.ring();
    println!("receiving frames of shape {:?} from {:?}", ring.shape(), ring.name());
}

fn save(frame: Option<&Lease<u8, Ix3>>, path: &str) -> Result {
    let frame = frame.ok_or("there was no frame yet")?;
    frame.as_image::<Rgb<u8>>()?.save_with_format(path, ImageFormat::Png)?;
    println!("saved frame {} as {path}", frame.seq());
    Ok(())
}

/// What arrived since the last report.
struct Second {
    start: Instant,
    /// From the time at which a frame was taken to that at which it was received, both by the monotonic clock.
    latencies: Vec<Duration>,
    frames: u32,
    newest: u64,
    silence: Option<ndshm::Error>,
}

impl Default for Second {
    fn default() -> Self {
        Self { start: Instant::now(), latencies: Vec::new(), frames: 0, newest: 0, silence: None }
    }
}

impl Second {
    fn take(&mut self, frame: &Lease<u8, Ix3>) {
        self.latencies.extend(frame.meta().age());
        self.frames += 1;
        self.newest = frame.seq();
    }

    fn report(&mut self, subscriber: &Subscriber<u8, Ix3>) {
        if let (0, Some(why)) = (self.frames, &self.silence) {
            return println!("no frames: {why}");
        }
        self.latencies.sort_unstable();
        let quantile = |percent: usize| {
            self.latencies.get(self.latencies.len() * percent / 100).copied().unwrap_or_default()
        };
        println!(
            "{:.1} frames/s; latency {:.1?} median, {:.1?} at 99 %; missed {} here, dropped {} by the \
             publisher; newest {}",
            f64::from(self.frames) / self.start.elapsed().as_secs_f64(),
            quantile(50),
            quantile(99),
            subscriber.missed(),
            subscriber.ring().dropped(),
            self.newest
        );
    }
}

/// The lines that are typed, as they come.
fn lines_of_input() -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(io::Result::ok) {
            if !line.trim().is_empty() && sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

#[derive(Default)]
struct Settings {
    name: String,
    frames: Option<u64>,
    save: Option<String>,
}

impl Settings {
    fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self> {
        let mut settings = Self { name: "camera".into(), ..Self::default() };
        let mut arguments = arguments.map(|argument| {
            argument.into_string().map_err(|argument| format!("{argument:?} is not UTF-8"))
        });
        while let Some(option) = arguments.next().transpose()? {
            let no_value = || Err(format!("{option} wants a value"));
            let mut value = || arguments.next().unwrap_or_else(no_value);
            match option.as_str() {
                "--name" => settings.name = value()?,
                "--frames" => {
                    let frames = value()?.parse().ok().filter(|&frames| frames > 0);
                    settings.frames = Some(frames.ok_or("--frames wants a number from 1 on")?);
                }
                "--save" => settings.save = Some(value()?),
                _ => return Err(format!("there is no option {option}").into()),
            }
        }
        if settings.save.is_some() && settings.frames.is_none() {
            return Err("--save wants --frames, to know which is the last".into());
        }
        Ok(settings)
    }
}
