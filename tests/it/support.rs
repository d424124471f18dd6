//! Children, forks, signals, and looks at a segment from outside.
//!
//! # Safety
//!
//! The unsafe code here is calls of libc that take numbers, and `fork`, whose child runs one closure
//! and leaves through `_exit`.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What takes this long will never happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

const ROLE: &str = "NDSHM_ROLE";
const ALONE: &str = "NDSHM_ALONE";
const SKIPPED: &str = "SKIPPED";

/// Marks the lines that a role says among those that the test harness prints.
const SAYS: &str = "> ";

/// Which role this process plays, if it is a child.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Says a line to the test that started this role.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    write!(out, "\n{SAYS}{line}\n").and_then(|()| out.flush()).expect("the test listens");
}

/// A child that plays a role; killed when dropped.
pub(crate) struct Role {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Role {
    pub(crate) fn start(role: &str) -> Self {
        Self::of(command(role).spawn().unwrap())
    }

    /// Starts it as the first process of a PID namespace of its own, which must be permitted.
    pub(crate) fn start_apart(role: &str) -> Self {
        let spawn = || {
            assert!(unshare_pids());
            command(role).spawn().unwrap()
        };
        Self::of(thread::scope(|scope| scope.spawn(spawn).join().unwrap()))
    }

    fn of(mut child: Child) -> Self {
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            let said = output.lines().map_while(Result::ok);
            for line in said.filter_map(|line| line.strip_prefix(SAYS).map(str::to_owned)) {
                let _ = sender.send(line);
            }
        });
        Self { child, input, lines }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// The next line it says.
    pub(crate) fn hear(&mut self) -> String {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => line,
            Err(error) => panic!("process {} says nothing: {error}", self.pid()),
        }
    }

    pub(crate) fn signal(&self, signal: i32) {
        send_signal(self.pid(), signal);
    }

    /// Kills it and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Waits until it is gone.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.kill();
    }
}

/// This binary, to play a role.
pub(crate) fn command(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["child_role", "--exact", "--nocapture"])
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Runs the body of a test in a process of its own, this binary told to run that one test.
pub(crate) fn alone<F: FnOnce()>(body: F) {
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let path = std::any::type_name::<F>();
    let test = path.strip_suffix("::{{closure}}").and_then(|path| path.split_once("::")).unwrap().1;
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=2"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for line in err.lines().filter(|line| line.starts_with(SKIPPED)) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    assert!(output.status.success(), "{test} alone: {}\n{out}{err}", output.status);
    assert!(out.contains("1 passed"), "no test is called {test}\n{out}");
}

/// Says that a test could not do what it is for, even where the output of tests is captured.
pub(crate) fn skip(why: &str) {
    let thread = thread::current();
    let _ = writeln!(std::io::stderr(), "{SKIPPED} {}: {why}", thread.name().unwrap_or("test"));
}

/// Looks again and again until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "waited in vain until {what}");
        thread::yield_now();
    }
}

/// A forked child of this process; killed when dropped.
pub(crate) struct Forked {
    pid: u32,
    gone: bool,
}

/// Has the kernel send that signal to this forked process when its parent dies; none for 0.
pub(crate) fn set_death_signal(signal: i32) {
    // SAFETY: takes numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) };
}

/// Runs `child` in a forked process, which dies with this one.
pub(crate) fn fork(child: impl FnOnce()) -> Forked {
    // SAFETY: the child runs the closure on its copy of this thread and never returns from here; the
    // library promises to work in it, and the tests' closures lock nothing that other threads use.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => {
            set_death_signal(libc::SIGKILL);
            let passed = catch_unwind(AssertUnwindSafe(child)).is_ok();
            // SAFETY: takes a number and does not return.
            unsafe { libc::_exit(if passed { 0 } else { 101 }) }
        }
        pid => Forked { pid: pid.unsigned_abs(), gone: false },
    }
}

/// Puts the next child that this thread starts in a PID namespace of its own, as its first process;
/// false when that is not permitted.
pub(crate) fn unshare_pids() -> bool {
    // SAFETY: takes a number; a thread that calls this starts no thread afterwards.
    unsafe { libc::unshare(libc::CLONE_NEWPID) == 0 }
}

impl Forked {
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until it is gone; it must have passed.
    pub(crate) fn pass(mut self) {
        let mut ended = None;
        eventually("the forked child ends", || {
            ended = self.reap(libc::WNOHANG);
            ended.is_some()
        });
        let status = ended.unwrap();
        assert!(status.success(), "forked child: {status}");
    }

    /// Whether it is over; it still has to be waited for.
    pub(crate) fn has_ended(&mut self) -> bool {
        state_of(self.pid) == 'Z'
    }

    /// Waits as long as it takes until it is gone, and tells whether it passed.
    pub(crate) fn wait(mut self) -> bool {
        self.reap(0).unwrap().success()
    }

    /// Kills it and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        if !self.gone {
            send_signal(self.pid, libc::SIGKILL);
            self.reap(0);
        }
    }

    fn reap(&mut self, flags: i32) -> Option<ExitStatus> {
        let mut status = 0;
        // SAFETY: the pointer is to a local integer.
        let result = unsafe { libc::waitpid(self.pid.cast_signed(), &raw mut status, flags) };
        assert_ne!(result, -1, "waitpid: {}", std::io::Error::last_os_error());
        self.gone = result > 0;
        self.gone.then(|| ExitStatus::from_raw(status))
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn send_signal(pid: u32, signal: i32) {
    // SAFETY: takes numbers; the process is a child of ours that was not waited for yet.
    let result = unsafe { libc::kill(pid.cast_signed(), signal) };
    assert_eq!(result, 0, "kill {pid}: {}", std::io::Error::last_os_error());
}

/// Has that signal interrupt what this process waits for, and do nothing else.
pub(crate) fn let_interrupt(signal: i32) {
    extern "C" fn nothing(_: i32) {}
    handle(signal, nothing);
}

fn handle(signal: i32, handler: extern "C" fn(i32)) {
    // SAFETY: sigaction is a C struct, for which all zeros is a value: no flags, so no SA_RESTART.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as usize;
    // SAFETY: the pointers are to a local and null, and the handlers here store a flag at most.
    let result = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0, "sigaction: {}", std::io::Error::last_os_error());
}

/// Has the kernel send SIGALRM to this process every so many microseconds.
pub(crate) fn ring_alarm_every(us: libc::suseconds_t) {
    let interval = libc::timeval { tv_sec: 0, tv_usec: us };
    let timer = libc::itimerval { it_interval: interval, it_value: interval };
    // SAFETY: the pointers are to a local and null.
    let result =
        unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
    assert_eq!(result, 0, "setitimer: {}", std::io::Error::last_os_error());
}

/// Has that signal raise a flag instead of ending this process.
pub(crate) fn flag_at(signal: i32) -> &'static AtomicBool {
    static FLAG: AtomicBool = AtomicBool::new(false);
    extern "C" fn raise(_: i32) {
        FLAG.store(true, SeqCst);
    }
    handle(signal, raise);
    &FLAG
}

/// Options that open segments of other users too.
pub(crate) fn trusting() -> ndshm::Options<ndshm::Array1<u64>> {
    // SAFETY: the tests' other users keep to the protocol.
    unsafe { ndshm::Array1::options().trust_owner() }
}

/// The same options, for segments that everybody may write.
pub(crate) fn for_everybody<H>(options: ndshm::Options<H>) -> ndshm::Options<H> {
    // SAFETY: the tests' users keep to the protocol.
    let options = unsafe { options.mode_for_writers(0o666) };
    // SAFETY: as above.
    unsafe { options.trust_owner() }
}

/// Closes every descriptor but the standard ones.
pub(crate) fn close_descriptors() {
    // SAFETY: takes numbers; callers own no descriptor beyond the standard ones that they use again.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    assert_eq!(result, 0, "close_range: {}", std::io::Error::last_os_error());
}

/// Sets the mode bits that new files of this process do without.
pub(crate) fn set_umask(mask: u32) {
    // SAFETY: takes a number, always succeeds.
    unsafe { libc::umask(mask) };
}

/// The letter that `/proc` gives a process's state.
pub(crate) fn state_of(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

/// How many descriptors this process has.
pub(crate) fn descriptor_count() -> usize {
    // One is the directory's own.
    fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

pub(crate) fn path_of(name: &str) -> PathBuf {
    PathBuf::from("/dev/shm").join(name)
}

pub(crate) fn exists(name: &str) -> bool {
    fs::symlink_metadata(path_of(name)).is_ok()
}

/// A name that nobody else has, free again when this is dropped, whatever has it then.
pub(crate) struct FreeName(pub(crate) String);

impl FreeName {
    pub(crate) fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Relaxed);
        Self(format!("it-{}-{count}", std::process::id()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn path(&self) -> PathBuf {
        path_of(&self.0)
    }
}

impl Drop for FreeName {
    fn drop(&mut self) {
        let path = self.path();
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
    }
}

/// Whether somebody sleeps, or is about to, on the lock word of that stripe.
pub(crate) fn somebody_waits(segment: &ndshm::Segment, stripe: u64) -> bool {
    let info = segment.info().unwrap();
    let file = File::open(segment.path()).unwrap();
    let control = info.control_offset() as u64;
    let word = |offset: u64| {
        let mut bytes = [0; 4];
        file.read_exact_at(&mut bytes, control + offset).unwrap();
        u32::from_ne_bytes(bytes)
    };
    let head_len = u64::from(word(16));
    let slots = head_len.next_multiple_of(64) + 64;
    let stripes = (slots + u64::from(info.participants()) * 32).next_multiple_of(64);
    word(stripes + stripe * 32) >> 31 == 1
}

/// Whether somebody sleeps, or is about to, until that value or event changes.
pub(crate) fn somebody_listens(segment: &ndshm::Segment) -> bool {
    let info = segment.info().unwrap();
    let file = File::open(segment.path()).unwrap();
    let word = |offset: u64| {
        let mut bytes = [0; 4];
        file.read_exact_at(&mut bytes, info.control_offset() as u64 + offset).unwrap();
        u32::from_ne_bytes(bytes)
    };
    let state = u64::from(word(16)).next_multiple_of(64);
    word(state + 8) == 1
}

pub(crate) fn is_root() -> bool {
    // SAFETY: takes nothing, always succeeds.
    unsafe { libc::geteuid() == 0 }
}

/// Makes this process, which is root's, another user's for good.
pub(crate) fn become_user(user: u32) {
    // SAFETY: takes a number.
    let result = unsafe { libc::setuid(user) };
    assert_eq!(result, 0, "setuid: {}", std::io::Error::last_os_error());
}

/// Limits a resource of this process.
pub(crate) fn limit(resource: libc::__rlimit_resource_t, value: usize) {
    let limit = libc::rlimit { rlim_cur: value as libc::rlim_t, rlim_max: libc::RLIM_INFINITY };
    let mut old = limit;
    // SAFETY: the pointer is to a local.
    unsafe { libc::getrlimit(resource, &raw mut old) };
    let limit = libc::rlimit { rlim_max: old.rlim_max, ..limit };
    // SAFETY: the pointer is to a local.
    let result = unsafe { libc::setrlimit(resource, &raw const limit) };
    assert_eq!(result, 0, "setrlimit: {}", std::io::Error::last_os_error());
}

/// Gives this thread mounts of its own; false when that is not permitted.
pub(crate) fn unshare_mounts() -> bool {
    // SAFETY: takes a number.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        return false;
    }
    mount(c"none", c"/", c"none", libc::MS_REC | libc::MS_PRIVATE, c"");
    true
}

pub(crate) fn mount_tmpfs(at: &str, options: &str) {
    mount(c"tmpfs", &c_string(at), c"tmpfs", 0, &c_string(options));
}

/// Makes the mount at that place read-only.
pub(crate) fn remount_read_only(at: &str) {
    mount(c"none", &c_string(at), c"none", libc::MS_REMOUNT | libc::MS_RDONLY, c"");
}

/// Mounts a tmpfs with such options, if this kernel knows them.
pub(crate) fn try_mount_tmpfs(at: &str, options: &str) -> std::io::Result<()> {
    try_mount(c"tmpfs", &c_string(at), c"tmpfs", 0, &c_string(options))
}

/// Has the kernel forget what it keeps of a file that nobody has mapped.
pub(crate) fn forget_cached(file: &File) {
    file.sync_all().unwrap();
    // SAFETY: takes numbers.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
}

/// Has all memory that this process maps from now on locked.
pub(crate) fn lock_future_memory() -> std::io::Result<()> {
    // SAFETY: takes a number.
    let result = unsafe { libc::mlockall(libc::MCL_FUTURE) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

pub(crate) fn bind(from: &Path, at: &str) {
    mount(&c_string(from.to_str().unwrap()), &c_string(at), c"none", libc::MS_BIND, c"");
}

/// Undoes a mount of this test's.
pub(crate) fn unmount(at: &Path) {
    let path = c_string(at.to_str().unwrap());
    // SAFETY: the pointer is to a C string that outlives the call.
    let result = unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
    assert_eq!(result, 0, "umount: {}", std::io::Error::last_os_error());
}

fn c_string(text: &str) -> CString {
    CString::new(text).unwrap()
}

/// Mounts an overlay of the directories `lower` and `upper`, with its `work`, which are in `layers`.
pub(crate) fn mount_overlay(layers: &str, at: &str) -> std::io::Result<()> {
    let options = format!("lowerdir={layers}/lower,upperdir={layers}/upper,workdir={layers}/work");
    try_mount(c"overlay", &c_string(at), c"overlay", 0, &c_string(&options))
}

fn mount(what: &CStr, at: &CStr, kind: &CStr, flags: libc::c_ulong, options: &CStr) {
    try_mount(what, at, kind, flags, options).expect("mount");
}

fn try_mount(
    what: &CStr,
    at: &CStr,
    kind: &CStr,
    flags: libc::c_ulong,
    options: &CStr,
) -> std::io::Result<()> {
    let (what, at, kind) = (what.as_ptr(), at.as_ptr(), kind.as_ptr());
    // SAFETY: the pointers are to C strings that outlive the call.
    let result = unsafe { libc::mount(what, at, kind, flags, options.as_ptr().cast()) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// The byte that whoever changes a segment's name locks; see `docs/format.md`.
pub(crate) const NAME_BYTE: i64 = (1 << 60) - 1;

/// The byte that whoever settles what a restart left locks.
pub(crate) const INIT_BYTE: i64 = (1 << 60) - 2;

/// Locks or unlocks `len` of the bytes that participants lock, from the second on; 0 means all.
pub(crate) fn lock_slots(file: &File, command: i32, kind: i32, len: i64) {
    lock_bytes(file, command, kind, (1 << 60) + 1, len);
}

/// Locks or unlocks `len` bytes from `start` on; 0 means all.
pub(crate) fn lock_bytes(file: &File, command: i32, kind: i32, start: i64, len: i64) {
    // SAFETY: flock64 is a C struct of integers, for which all zeros is a value.
    let mut lock: libc::flock64 = unsafe { std::mem::zeroed() };
    lock.l_type = libc::c_short::try_from(kind).unwrap();
    lock.l_start = start;
    lock.l_len = len;
    // Of glibc for 32 bits, the function takes another structure than the call, and the command for
    // traditional locks another than the one that is of 64 bits (F_SETLK64).
    #[cfg(target_arch = "x86")]
    let (number, command) = match command {
        libc::F_SETLK => (libc::SYS_fcntl64, 13),
        command => (libc::SYS_fcntl64, command),
    };
    #[cfg(not(target_arch = "x86"))]
    let number = libc::SYS_fcntl;
    // SAFETY: these commands read one flock64, which `lock` is.
    let result = unsafe { libc::syscall(number, file.as_raw_fd(), command, &raw const lock) };
    assert_eq!(result, 0, "lock: {}", std::io::Error::last_os_error());
}

/// Opens a file under that number, in place of what has it.
pub(crate) fn reopen_at(number: i32, path: &str) -> OwnedFd {
    let file = File::open(path).unwrap();
    // SAFETY: takes numbers; who had the number is tested to bear the loss.
    let result = unsafe { libc::dup2(file.as_raw_fd(), number) };
    assert_eq!(result, number, "dup2: {}", std::io::Error::last_os_error());
    // SAFETY: the number was just given to us.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Has other threads stop when dropped, also by a panic: they go on while it is true.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}
