//! Runs of the binary, names and directories that are cleared away, and a terminal to run it on.
//!
//! # Safety
//!
//! The unsafe code here is calls of libc that fill in or take numbers.
#![allow(unsafe_code)]

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use ndshm::{Array1, Lifetime};

const ROLE: &str = "NDSHM_CLI_HOLDS";

const LASTING: &str = "NDSHM_CLI_LASTING";

/// How a run ended and what it said.
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    code: Option<i32>,
}

/// Runs the binary.
pub(crate) fn ndshm<S: AsRef<OsStr>, const N: usize>(args: [S; N]) -> Run {
    Run::of(binary().args(args))
}

/// Runs the binary as a user without rights, which only root can.
pub(crate) fn ndshm_as_nobody<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    // By its descriptor, since the directory of the build may be closed to others.
    let file = File::open(env!("CARGO_BIN_EXE_ndshm")).unwrap();
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Run::of(Command::new(path).uid(NOBODY).gid(NOBODY).args(args))
}

/// A user without rights.
pub(crate) const NOBODY: u32 = 65534;

/// The binary, about to be run.
pub(crate) fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ndshm"))
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        }
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.code
    }

    /// What it prints, which must be JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    #[track_caller]
    pub(crate) fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn is_fine(&self) -> &Self {
        self.ends_with(0)
    }

    /// Checks some of what it complains of.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) -> &Self {
        assert!(self.stderr.contains(words), "{words}\n{}", self.stderr);
        self
    }

    pub(crate) fn complains_of_nothing(&self) -> bool {
        self.stderr.is_empty()
    }

    /// Checks all that it prints, with what differs from run to run masked.
    #[track_caller]
    pub(crate) fn prints(&self, name: &FreeName, expected: &str) -> &Self {
        let is_table = expected.starts_with("NAME ") || expected.starts_with("FIELD ");
        let mut masked = Vec::new();
        let stdout = self.stdout.replace(name.as_str(), "NAME");
        for line in stdout.replace(&format!("user {}", user()), "user UID").lines() {
            let words: Vec<String> = line.split(' ').map(mask).collect();
            masked.push(words.join(" "));
        }
        let mut masked = masked.join("\n");
        if self.stdout.ends_with('\n') {
            masked.push('\n');
        }
        let moment = "MOMENT MOMENT UTC";
        masked = masked.replace(moment, "MOMENT UTC");
        let squeezed = |text: &str| -> String {
            let lines =
                text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
            lines.collect::<Vec<_>>().join("\n")
        };
        if is_table {
            // The true names are longer, and columns as wide as they are.
            assert_eq!(squeezed(&masked), squeezed(expected));
        } else {
            assert_eq!(masked, expected);
        }
        self
    }
}

/// A word as it is in every run.
fn mask(word: &str) -> String {
    let core = word.trim_matches(|c| "(),".contains(c));
    let comm = fs::read_to_string("/proc/self/comm").unwrap();
    let is_id = core.len() == 32 && core.chars().all(|c| c.is_ascii_hexdigit());
    let is_moment = (core.len() == 10 && core.matches('-').count() == 2)
        || (core.len() == 8 && core.matches(':').count() == 2);
    let age =
        core.strip_suffix(['s', 'm', 'h', 'd']).is_some_and(|number| number.parse::<u32>().is_ok());
    let masked = if core == std::process::id().to_string() {
        "PID"
    } else if !core.is_empty() && core == comm.trim_end() {
        "COMMAND"
    } else if is_id {
        "ID"
    } else if is_moment {
        "MOMENT"
    } else if age {
        "AGE"
    } else {
        return word.to_owned();
    };
    word.replacen(core, masked, 1)
}

/// A name in shared memory that nobody else uses; what begins with it is removed when this is dropped.
pub(crate) struct FreeName(String);

impl FreeName {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self(format!("cli-{}-{}z", std::process::id(), COUNT.fetch_add(1, Relaxed)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn with(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.0)
    }

    pub(crate) fn path(&self) -> PathBuf {
        Path::new("/dev/shm").join(&self.0)
    }
}

impl Drop for FreeName {
    fn drop(&mut self) {
        for entry in fs::read_dir("/dev/shm").unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&self.0) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// A directory that is removed when this is dropped.
pub(crate) struct Scratch(String);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self::under(&env::temp_dir())
    }

    pub(crate) fn on_shared_memory() -> Self {
        Self::under(Path::new("/dev/shm"))
    }

    fn under(root: &Path) -> Self {
        let path = root.join(FreeName::new().with("-dir"));
        fs::create_dir(&path).unwrap();
        Self(path.to_str().unwrap().to_owned())
    }

    pub(crate) fn root(&self) -> &str {
        &self.0
    }

    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that holds a segment for writing.
pub(crate) struct Holder(Child);

impl Holder {
    /// Starts it, and waits until it has the lock.
    pub(crate) fn start(name: &str, lifetime: Lifetime) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        if lifetime == Lifetime::Persistent {
            command.env(LASTING, "1");
        }
        let mut child = command
            .args(["child_role", "--exact", "--nocapture"])
            .env(ROLE, name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("holding")), "it ended");
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The role of a [`Holder`]; nothing in other processes.
pub(crate) fn hold_until_killed() {
    let Ok(name) = env::var(ROLE) else { return };
    let lifetime = match env::var_os(LASTING) {
        Some(_) => Lifetime::Persistent,
        None => Lifetime::Creator,
    };
    let array = Array1::<u8>::options().lifetime(lifetime).create(&name, 4).unwrap();
    let mut guard = array.write().unwrap();
    guard[0] = 7;
    println!("\nholding");
    // Ends when the test does, should it forget to kill this.
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// A Python with NumPy.
pub(crate) struct Numpy(PathBuf);

/// Finds the one that `cargo xtask numpy` made, unless `NDSHM_PYTHON` names another.
pub(crate) fn numpy() -> Option<Numpy> {
    let python = env::var_os("NDSHM_PYTHON").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("numpy-venv/bin/python"),
        PathBuf::from,
    );
    let works = Command::new(&python).args(["-c", "import numpy"]).output();
    if works.is_ok_and(|output| output.status.success()) {
        return Some(Numpy(python));
    }
    let is_required = env::var_os("NDSHM_REQUIRE_PYTHON").is_some_and(|word| word == "1");
    assert!(!is_required, "{} has no NumPy", python.display());
    None
}

impl Numpy {
    pub(crate) fn run(&self, script: &str, args: &[&str]) -> String {
        let output = Command::new(&self.0).args(["-c", script]).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A terminal that a run of the binary writes to.
pub(crate) struct Terminal {
    ours: File,
    child: Child,
    /// What was written and not yet read by the test.
    unread: String,
}

/// Which of its outputs a run has on the terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// Runs the binary with its output on a terminal of its own, and returns all that it writes there.
pub(crate) fn on_a_terminal<const N: usize>(args: [&str; N]) -> String {
    Terminal::start(binary().args(args).env_remove("NO_COLOR"), Stream::Output).rest()
}

impl Terminal {
    /// Of 24 lines with 120 characters.
    pub(crate) fn start(command: &mut Command, stream: Stream) -> Self {
        Self::of_size(command, stream, 24, 120)
    }

    pub(crate) fn of_size(command: &mut Command, stream: Stream, lines: u16, columns: u16) -> Self {
        let (mut ours, mut theirs) = (-1, -1);
        let size = libc::winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the pointers are to locals, or null where nothing is asked or said.
        let result = unsafe {
            libc::openpty(
                &raw mut ours,
                &raw mut theirs,
                ptr::null_mut(),
                ptr::null(),
                &raw const size,
            )
        };
        assert_eq!(result, 0, "openpty: {}", std::io::Error::last_os_error());
        // SAFETY: openpty made it, and nobody else owns it.
        let ours = unsafe { File::from_raw_fd(ours) };
        // SAFETY: as above.
        let theirs = unsafe { OwnedFd::from_raw_fd(theirs) };
        match stream {
            Stream::Output => command.stdout(theirs),
            Stream::Error => command.stderr(theirs).stdout(Stdio::null()),
        };
        let child = command.spawn().unwrap();
        // Its end of the terminal; reading ends when nobody has it any more.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self { ours, child, unread: String::new() }
    }

    /// Reads on until that is written, and returns all up to there.
    pub(crate) fn until(&mut self, words: &str) -> String {
        loop {
            if let Some(at) = self.unread.find(words) {
                let rest = self.unread.split_off(at + words.len());
                return std::mem::replace(&mut self.unread, rest);
            }
            assert!(self.read(), "it ended before {words:?}: {:?}", self.unread);
        }
    }

    /// Reads until it ends, which must be well.
    pub(crate) fn rest(mut self) -> String {
        while self.read() {}
        assert!(self.child.wait().unwrap().success(), "{:?}", self.unread);
        std::mem::take(&mut self.unread)
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let Ok(len @ 1..) = self.ours.read(&mut buffer) else { return false };
        // Characters of several bytes may come in two pieces; the words looked for have none.
        self.unread.push_str(&String::from_utf8_lossy(&buffer[..len]));
        true
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the binary, and returns how much memory it had at most, in bytes: its own and what it had mapped.
pub(crate) fn most_memory_of<const N: usize>(args: [&str; N]) -> u64 {
    let mut command = Command::new("/bin/sh");
    // A shell between, so that it does not count what this process has before `exec`.
    let mut child = command
        .args(["-c", "\"$0\" \"$@\" > /dev/null; exit $?", env!("CARGO_BIN_EXE_ndshm")])
        .args(args)
        .spawn()
        .unwrap();
    // SAFETY: any bytes are a rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let (pid, mut status) = (child.id().cast_signed(), 0);
    // SAFETY: the pointers are to locals.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    assert_eq!((waited, status), (pid, 0));
    // Reaped above.
    let _ = child.try_wait();
    u64::try_from(usage.ru_maxrss).unwrap() * 1024
}

pub(crate) fn is_root() -> bool {
    user() == 0
}

fn user() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

pub(crate) fn skip(reason: &str) {
    // The macros would speak to the test harness, which keeps what passing tests say.
    let _ = writeln!(std::io::stderr(), "\nSKIPPED: {reason}");
}
