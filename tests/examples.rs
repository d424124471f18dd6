//! The examples `camera` and `viewer`, run as a user runs them: killed, started again, and asked for pictures.
//!
//! `cargo test --all-features` builds them beforehand; who runs this file alone does that first:
//! `cargo build --features image --examples`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use image::RgbImage;
use ndshm::Ring3;

/// What takes this long will never happen.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn viewers_follow_their_camera_through_every_death_and_into_another_size() {
    let name = FreeName::new();
    let mut viewer = Program::start("viewer", &["--name", &name.0]);
    viewer.hear("waiting for a camera");
    let mut camera = name.camera("64x48");
    camera.hear("from frame 1 on");
    viewer.hear("receiving frames of shape [48, 64, 3]");
    viewer.hear("frames/s; latency");

    camera.kill();
    let published = Ring3::<u8>::open(name.0.as_str()).unwrap().published();
    viewer.hear("no frames");
    let mut camera = name.camera("64x48");
    let line = camera.hear("from frame ");
    let first = line.split("from frame ").nth(1).unwrap().strip_suffix(" on").unwrap();
    assert!(first.parse::<u64>().unwrap() > published, "{line}");
    viewer.hear("frames/s");

    viewer.kill();
    let mut viewer = Program::start("viewer", &["--name", &name.0]);
    viewer.hear("receiving frames of shape [48, 64, 3]");
    viewer.hear("frames/s");
    assert!(viewer.saves(&name).dimensions() == (64, 48));

    camera.kill();
    let mut camera = name.camera("80x60");
    camera.hear("from frame 1 on");
    viewer.hear("receiving frames of shape [60, 80, 3]");
    viewer.hear("frames/s");
    assert!(viewer.saves(&name).dimensions() == (80, 60));

    viewer.tell("save /dev/null/none.png");
    viewer.hear("viewer: /dev/null/none.png: ");
    assert!(viewer.saves(&name).dimensions() == (80, 60), "it goes on");
    camera.kill();
    viewer.kill();
    ndshm::remove(&name.0).unwrap();
}

#[test]
fn several_viewers_each_save_the_last_of_their_frames() {
    let name = FreeName::new();
    let mut viewers = [1, 20, 50].map(|frames| {
        let (frames, file) = (frames.to_string(), name.file(frames));
        let file = file.to_str().unwrap();
        let options = ["--name", &name.0, "--frames", &frames, "--save", file];
        Program::start("viewer", &options)
    });
    // Wider than the picture, so that it is seen twice.
    let _camera = name.camera("600x48");
    for viewer in &mut viewers {
        viewer.hear("frames/s");
        assert_eq!(viewer.hear_saved().dimensions(), (600, 48));
        assert!(viewer.wait().success());
    }
}

#[test]
fn a_camera_whose_slots_are_all_leased_drops_frames_and_goes_on() {
    let name = FreeName::new();
    let ring = Ring3::<u8>::options().slots(2).create(name.0.as_str(), (48, 64, 3)).unwrap();
    let mut subscriber = ring.subscribe();
    let mut camera = name.camera("64x48");
    let leases = [(); 2].map(|()| subscriber.recv_timeout(DEADLINE).unwrap());
    let start = Instant::now();
    while ring.dropped() < 5 {
        assert!(start.elapsed() < DEADLINE, "nothing is dropped");
        assert!(camera.is_running());
        thread::yield_now();
    }
    let [first, last] = leases;
    let before = *last.meta();
    drop((first, last));
    let next = subscriber.recv_timeout(DEADLINE).unwrap();
    assert_eq!(next.seq(), before.seq + 1 + next.missed());
    assert!(next.meta().dropped >= 5);
    assert!(next.meta().source_seq > before.source_seq + next.meta().dropped - before.dropped);
    camera.kill();
}

#[test]
fn a_second_camera_of_the_name_leaves_the_first_its_viewers() {
    let name = FreeName::new();
    let mut first = name.camera("64x48");
    first.hear("from frame 1 on");
    for size in ["64x48", "80x60"] {
        let mut second = name.camera(size);
        second.hear(&format!("process {}, which is alive", first.child.id()));
        assert_eq!(second.wait().code(), Some(1));
    }
    let ring = Ring3::<u8>::open(name.0.as_str()).unwrap();
    assert_eq!(ring.subscribe().recv_timeout(DEADLINE).unwrap().shape(), [48, 64, 3]);
    assert!(first.is_running());
}

#[test]
fn arguments_that_make_no_sense_end_in_the_usage_and_code_2() {
    for (example, arguments) in [
        ("camera", &["--size", "1280"][..]),
        ("camera", &["--size", "0x720"]),
        ("camera", &["--size", "20000x720"]),
        ("camera", &["--rate", "0"]),
        ("camera", &["--rate"]),
        ("camera", &["--rate", "-1"]),
        ("camera", &["cam0"]),
        ("viewer", &["--frames", "0"]),
        ("viewer", &["--frames", "ten"]),
        ("viewer", &["--save", "x.png"]),
        ("viewer", &["--help"]),
    ] {
        let mut program = Program::start(example, arguments);
        program.hear(&format!("usage: {example} ["));
        assert_eq!(program.wait().code(), Some(2), "{example} {arguments:?}");
    }
}

/// What a camera shows in that frame, by its documentation.
fn expected(seq: u64, width: u32, height: u32) -> RgbImage {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/astronaut.png");
    let picture = image::open(path).unwrap().into_rgb8();
    let left = seq * 4 % u64::from(picture.width());
    RgbImage::from_fn(width, height, |x, y| {
        let x = (u64::from(x) + left) % u64::from(picture.width());
        *picture.get_pixel(u32::try_from(x).unwrap(), y % picture.height())
    })
}

/// An example that runs; killed when dropped.
struct Program {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Program {
    fn start(example: &str, arguments: &[&str]) -> Self {
        let test = std::env::current_exe().unwrap();
        let path = test.ancestors().nth(2).unwrap().join("examples").join(example);
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
        let source = PathBuf::from(source).join(example).with_extension("rs");
        let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
        let is_built = changed(&path).is_ok_and(|built| built >= changed(&source).unwrap());
        assert!(is_built, "build it first: `cargo build --features image --example {example}`");
        let mut command = Command::new(path);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.args(arguments).spawn().unwrap();
        let (sender, lines) = channel();
        send_lines(child.stdout.take().unwrap(), sender.clone());
        send_lines(child.stderr.take().unwrap(), sender);
        Self { input: child.stdin.take().unwrap(), child, lines }
    }

    /// Waits until it says a line with these words.
    fn hear(&mut self, words: &str) -> String {
        let (start, mut said) = (Instant::now(), Vec::new());
        loop {
            match self.lines.recv_timeout(DEADLINE.saturating_sub(start.elapsed())) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => said.push(line),
                Err(_) => panic!("{words:?} is not among what was said:\n{}", said.join("\n")),
            }
        }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Has a viewer save its newest frame, which must be what the camera showed.
    fn saves(&mut self, name: &FreeName) -> RgbImage {
        self.tell(name.file(0).to_str().unwrap());
        self.hear_saved()
    }

    /// Reads the frame that a viewer says it saved, which must be what the camera showed.
    fn hear_saved(&mut self) -> RgbImage {
        let line = self.hear("saved frame ");
        let (seq, path) = line["saved frame ".len()..].split_once(" as ").unwrap();
        let image = image::open(path).unwrap().into_rgb8();
        fs::remove_file(path).unwrap();
        let (width, height) = image.dimensions();
        assert!(image == expected(seq.parse().unwrap(), width, height), "frame {seq} is another");
        image
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Kills it and waits until it is gone.
    fn kill(&mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

fn send_lines(output: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
}

/// A name that nobody else has, free again when this is dropped.
struct FreeName(String);

impl FreeName {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self(format!("examples-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed)))
    }

    /// Starts a camera of that name, so fast that no test waits for frames.
    fn camera(&self, size: &str) -> Program {
        Program::start("camera", &["--name", &self.0, "--size", size, "--rate", "200"])
    }

    fn file(&self, number: u32) -> PathBuf {
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}.png", self.0))
    }
}

impl Drop for FreeName {
    fn drop(&mut self) {
        let _ = fs::remove_file(PathBuf::from("/dev/shm").join(&self.0));
    }
}
