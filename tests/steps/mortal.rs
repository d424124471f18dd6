//! Children that may die at a step, and looks at a segment from outside.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ndshm::{Segment, Value};

use crate::system::{Forked, Orphan, fork, kill_self, rename_variable, unshare_pids};

/// What takes this long hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Longer than that: a wait that ends only because patience does is seen to hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody may be asleep on a lock word; see `docs/format.md`.
const WAITERS: u32 = 1 << 31;

/// The bits of a lock word that name its owner.
const OWNER: u32 = (1 << 30) - 1;

/// Marks the lines that a child says among those that the test harness prints.
const SAYS: &str = "> ";

/// Which role this process plays, and the name of the segment it plays with, if it is a child.
pub(crate) fn role() -> Option<(String, String)> {
    Some((std::env::var("NDSHM_ROLE").ok()?, std::env::var("NDSHM_NAME").ok()?))
}

/// Says a line to the test.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    write!(out, "\n{SAYS}{line}\n").and_then(|()| out.flush()).expect("the test listens");
}

/// Waits until the test tells this child to go on.
pub(crate) fn listen() {
    std::io::stdin().lock().read_line(&mut String::new()).expect("the test talks");
}

/// How a child comes into being.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Home {
    /// As a program of its own.
    Spawned,
    /// Forked from a process with threads that has attached the same segment.
    Forked,
    /// As a program in a PID namespace that is not the others'.
    Apart,
    /// As a program that forks a child before it dies, which lives on.
    Parent,
}

const HOME: &str = "NDSHM_HOME";
const DIE_AT: &str = "NDSHM_DIE_AT";

const LEAVE_A_CHILD: &str = "NDSHM_LEAVE_A_CHILD";

/// Where a child that is to be forked finds when it is to die; its parent passes no steps.
const FORKED_DIES_AT: &str = "NDSHM_FORKED_DIES_AT";

impl Home {
    /// All that are permitted here and may die at any step. A parent may not: the library holds the
    /// registration mutex at some, and forks nothing meanwhile.
    pub(crate) fn all() -> Vec<Self> {
        if thread::spawn(unshare_pids).join().unwrap() {
            return vec![Self::Spawned, Self::Forked, Self::Apart];
        }
        eprintln!("SKIPPED children in PID namespaces of their own: may not make one");
        vec![Self::Spawned, Self::Forked]
    }
}

/// Acts, in this process or in one forked from it.
pub(crate) fn at_home(name: &str, act: impl FnOnce()) {
    if std::env::var_os(HOME).is_none() {
        return act();
    }
    let inherited = Segment::open(name).ok();
    let another = Value::create_unique("steps-parent-", 0_u8).unwrap();
    ndshm::remove(another.name()).unwrap();
    let (ready, readied) = channel();
    thread::spawn(move || {
        let guard = another.edit().unwrap();
        ready.send(()).unwrap();
        thread::park_timeout(DEADLINE);
        drop(guard);
    });
    readied.recv().unwrap();
    let child = fork(|| {
        rename_variable(FORKED_DIES_AT, DIE_AT);
        act();
        drop(inherited);
    });
    match child {
        Forked::Passed => {}
        Forked::Failed => panic!("the forked child failed"),
        Forked::Killed => kill_self(),
    }
}

/// A child; killed when dropped.
pub(crate) struct Mortal {
    /// First process of the child's PID namespace, which ends with it.
    first: Option<Child>,
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    said: Vec<String>,
    errors: Option<JoinHandle<String>>,
}

/// How a child ended.
pub(crate) struct End {
    /// The step it was killed at; none if it came through.
    pub(crate) died_at: Option<String>,
    /// The child that it left.
    pub(crate) left: Option<Orphan>,
    said: Vec<String>,
}

impl End {
    pub(crate) fn has_said(&self, line: &str) -> bool {
        self.said.iter().any(|said| said == line)
    }
}

impl Mortal {
    pub(crate) fn start(role: &str, name: &str, die_at: Option<&str>) -> Self {
        Self::start_in(Home::Spawned, role, name, die_at)
    }

    pub(crate) fn start_in(home: Home, role: &str, name: &str, die_at: Option<&str>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["child_role", "--exact", "--nocapture"]);
        command.env("NDSHM_ROLE", role).env("NDSHM_NAME", name);
        command.env_remove(DIE_AT).env_remove(HOME).env_remove(FORKED_DIES_AT);
        command.env_remove(LEAVE_A_CHILD);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let dies_at = if home == Home::Forked { FORKED_DIES_AT } else { DIE_AT };
        command.envs(die_at.map(|at| (dies_at, at)));
        match home {
            Home::Spawned => Self::of(None, command.spawn().unwrap()),
            Home::Parent => Self::of(None, command.env(LEAVE_A_CHILD, "1").spawn().unwrap()),
            Home::Forked => Self::of(None, command.env(HOME, "forked").spawn().unwrap()),
            Home::Apart => {
                let spawn = || {
                    assert!(unshare_pids());
                    // The first process of a namespace cannot kill itself, so that is another.
                    let mut first = Command::new("cat");
                    first.stdin(Stdio::piped()).stdout(Stdio::null());
                    (first.spawn().unwrap(), command.spawn().unwrap())
                };
                let (first, child) = thread::scope(|scope| scope.spawn(spawn).join().unwrap());
                Self::of(Some(first), child)
            }
        }
    }

    fn of(first: Option<Child>, mut child: Child) -> Self {
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            let said = output.lines().map_while(Result::ok);
            for line in said.filter_map(|line| line.strip_prefix(SAYS).map(str::to_owned)) {
                let _ = sender.send(line);
            }
        });
        let mut errors = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        Self { first, child, input, lines, said: Vec::new(), errors: Some(errors) }
    }

    /// Waits until it says that line; false if it ends first.
    pub(crate) fn says(&mut self, line: &str) -> bool {
        self.says_after(line).is_some()
    }

    /// Waits until it says a line that begins like this, and returns the rest of that line; none if
    /// it ends first.
    pub(crate) fn says_after(&mut self, start: &str) -> Option<String> {
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(said) => {
                    let rest = said.strip_prefix(start).map(str::to_owned);
                    self.said.push(said);
                    if rest.is_some() {
                        return rest;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("never says {start:?}: {:?}", self.said),
            }
        }
    }

    /// Tells it to go on; it may be dead by now.
    pub(crate) fn go_on(&mut self) {
        let _ = writeln!(self.input);
    }

    /// Waits until `condition` holds or it ends.
    pub(crate) fn until(&mut self, what: &str, mut condition: impl FnMut() -> bool) {
        let start = Instant::now();
        while !condition() && self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < DEADLINE, "waited in vain until {what}");
            thread::yield_now();
        }
    }

    /// Kills it wherever it is.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it is dead or done.
    pub(crate) fn end(mut self) -> End {
        self.until("the child ends", || false);
        let status = self.child.wait().unwrap();
        let errors = self.errors.take().unwrap().join().unwrap();
        self.said.extend(self.lines.iter());
        let died_at = errors.lines().find_map(|line| line.strip_prefix("dies at "));
        let left = errors.lines().find_map(|line| line.strip_prefix("leaves "));
        let left = left.map(|pid| Orphan(pid.parse().unwrap()));
        let said = std::mem::take(&mut self.said);
        let end = End { died_at: died_at.map(str::to_owned), left, said };
        match &end.died_at {
            Some(step) => assert_eq!(status.signal(), Some(9), "killed at {step:?}"),
            None => assert!(status.success() && end.has_said("done"), "{status}: {errors}"),
        }
        end
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        let first = self.first.iter_mut();
        for child in first.chain([&mut self.child]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits with the patience that `wait` is given; it must end for another reason, and before that.
pub(crate) fn wait<R>(what: &str, wait: impl FnOnce(Duration) -> ndshm::Result<R>) -> R {
    let start = Instant::now();
    let found =
        wait(PATIENCE).unwrap_or_else(|error| panic!("waited in vain until {what}: {error}"));
    assert!(start.elapsed() < DEADLINE, "nothing but the end of patience let see that {what}");
    found
}

/// A name that nobody else has, free again when this is dropped.
pub(crate) struct FreeName(String);

impl FreeName {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Relaxed);
        Self(format!("steps-{}-{count}", std::process::id()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Drop for FreeName {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(format!("/dev/shm/{}", self.0));
    }
}

/// Whether anything has that name.
pub(crate) fn exists(name: &str) -> bool {
    std::fs::symlink_metadata(format!("/dev/shm/{name}")).is_ok()
}

/// Whether somebody sleeps, or is about to, on the first lock word.
pub(crate) fn somebody_waits(segment: &Segment) -> bool {
    lock_word(segment) & WAITERS != 0
}

/// Whether somebody holds the first lock for writing, readers or not.
pub(crate) fn has_owner(segment: &Segment) -> bool {
    lock_word(segment) & OWNER != 0
}

/// Whether somebody sleeps, or is about to, until the payload changes.
pub(crate) fn somebody_waits_for_changes(segment: &Segment) -> bool {
    word(segment, state_of(segment) + 8) != 0
}

fn lock_word(segment: &Segment) -> u32 {
    let participants = u64::from(segment.info().unwrap().participants());
    word(segment, (state_of(segment) + 64 + participants * 32).next_multiple_of(64))
}

/// Where the words about the whole segment are in the control block.
pub(crate) fn state_of(segment: &Segment) -> u64 {
    u64::from(word(segment, 16)).next_multiple_of(64)
}

/// The word at that offset of the control block.
pub(crate) fn word(segment: &Segment, offset: u64) -> u32 {
    let control = segment.info().unwrap().control_offset() as u64;
    let mut bytes = [0; 4];
    File::open(segment.path()).unwrap().read_exact_at(&mut bytes, control + offset).unwrap();
    u32::from_ne_bytes(bytes)
}
