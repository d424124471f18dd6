//! Publishes a moving picture, as a camera does; any number of `viewer`s see it arrive.
//!
//! `cargo run --release --features image --example camera -- [--size 1280x720] [--rate 30] [--name camera]`
//!
//! Kill it at any moment, and start it again: viewers wait, and the frames' numbers go on. With another size
//! a new ring takes the name, and viewers follow. Frame n shows the picture moved left by 4 n pixels.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use image::{GenericImage, GenericImageView, Rgb, RgbImage, imageops};
use ndarray::Ix3;
use ndshm::{ErrorKind, FrameMeta, Lifetime, PixelFormat, Publisher, Ring3, RowAlignment};

const USAGE: &str = "usage: camera [--size WIDTHxHEIGHT] [--rate FRAMES_A_SECOND] [--name NAME]";
const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/astronaut.png");
const STEP: u64 = 4;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let settings = match Settings::parse(env::args_os().skip(1)) {
        Ok(settings) => settings,
        Err(problem) => {
            eprintln!("camera: {problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("camera: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result {
    let Settings { width, height, rate, .. } = *settings;
    let mut publisher = publisher(settings)?;
    let layout = PixelFormat::Rgb8.layout(width, height, RowAlignment::Tight)?;

    // What the camera looks at: the picture again and again, so wide that any part of it can be shown.
    let picture = image::open(PICTURE)?.into_rgb8();
    let mut scene = RgbImage::new(width + picture.width(), height);
    imageops::tile(&mut scene, &picture);

    println!(
        "publishing {width} × {height} pixels {rate} times a second in {:?}, from frame {} on",
        publisher.ring().segment().path(),
        publisher.ring().published() + 1
    );
    let mut schedule = Schedule::new(rate);
    loop {
        let source_seq = schedule.wait();
        let meta = FrameMeta::new().capture_now().source_seq(source_seq).rate(rate, 1);
        let number = publisher.ring().published() + 1;
        let mut frame = match publisher.loan() {
            // Viewers lease all slots: this frame is dropped, and counted.
            Err(error) if error.kind() == ErrorKind::Full => continue,
            loan => loan?,
        };
        let left = u32::try_from(number * STEP % u64::from(picture.width()))?;
        let seen = scene.view(left, 0, width, height);
        frame.as_image_mut::<Rgb<u8>>()?.copy_from(&*seen, 0, 0)?;
        frame.publish(meta.layout(&layout));
    }
}

/// Becomes the publisher of that name: in the ring that a killed camera left, if frames have the same size,
/// else in a new one.
fn publisher(settings: &Settings) -> ndshm::Result<Publisher<u8, Ix3>> {
    // A camera that was killed just now may not be gone yet.
    const PATIENCE: Duration = Duration::from_secs(2);
    let (name, shape) =
        (settings.name.as_str(), (settings.height as usize, settings.width as usize, 3));
    // Each of three viewers shows a frame and takes the next.
    let options = Ring3::<u8>::options().leases(2).slots(3 * 2 + 2).lifetime(Lifetime::LastUser);
    match options.open_or_create(name, shape) {
        Err(error) if error.kind() == ErrorKind::ShapeMismatch => {
            // Whoever publishes in the old one would lose its viewers, so nobody may.
            let _sole = Ring3::<u8>::open(name)?.publisher_timeout(PATIENCE)?;
            options.create_or_replace(name, shape)?.publisher()
        }
        ring => ring?.publisher_timeout(PATIENCE),
    }
}

/// The times at which frames are due, which do not depend on when the ones before were done.
struct Schedule {
    start: Instant,
    rate: u64,
    next: u64,
}

impl Schedule {
    const SECOND_NS: u64 = 1_000_000_000;

    fn new(rate: u32) -> Self {
        Self { start: Instant::now(), rate: rate.into(), next: 0 }
    }

    /// Waits until the next frame is due, and returns its number; those whose time has passed are skipped.
    fn wait(&mut self) -> u64 {
        let now = self.start.elapsed();
        let due_by_now =
            now.as_secs() * self.rate + u64::from(now.subsec_nanos()) * self.rate / Self::SECOND_NS;
        let number = self.next.max(due_by_now);
        let due = Duration::from_nanos(number * Self::SECOND_NS / self.rate);
        thread::sleep(due.saturating_sub(now));
        self.next = number + 1;
        number
    }
}

struct Settings {
    width: u32,
    height: u32,
    rate: u32,
    name: String,
}

impl Settings {
    fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self> {
        let mut settings = Self { width: 1280, height: 720, rate: 30, name: "camera".into() };
        let mut arguments = arguments.map(|argument| {
            argument.into_string().map_err(|argument| format!("{argument:?} is not UTF-8"))
        });
        while let Some(option) = arguments.next().transpose()? {
            let no_value = || Err(format!("{option} wants a value"));
            let mut value = || arguments.next().unwrap_or_else(no_value);
            match option.as_str() {
                "--size" => {
                    let size = value()?;
                    let (width, height) = size.split_once('x').ok_or("a size is WIDTHxHEIGHT")?;
                    settings.width = number(width, 16384)?;
                    settings.height = number(height, 16384)?;
                }
                "--rate" => settings.rate = number(&value()?, 10_000)?,
                "--name" => settings.name = value()?,
                _ => return Err(format!("there is no option {option}").into()),
            }
        }
        Ok(settings)
    }
}

fn number(text: &str, most: u32) -> Result<u32> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    Ok(number.ok_or_else(|| format!("{text:?} is no number from 1 to {most}"))?)
}
