//! `ndshm doctor`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ndshm::{Capacity, Condition, ErrorKind, Value};
use serde_json::json;

use crate::args::Doctor;
use crate::failure::{self, Outcome};
use crate::home::{Home, State};
use crate::output::{Output, Tone};
use crate::terminal::printable;
use crate::units;

/// The inode number of the first PID namespace, from `linux/proc_ns.h`.
const FIRST_PID_NAMESPACE: u64 = 0xefff_fffc;

/// The size of the `/dev/shm` that docker gives a container.
const DOCKERS_SIZE: u64 = 64 << 20;

/// The headroom that must be to spare, as `ErrorKind::MemoryLimit` says.
const CGROUP_MARGIN: u64 = 1 << 20;

/// Each open segment is one descriptor.
const FEW_DESCRIPTORS: u64 = 1024;

/// First id of people, from `login.defs(5)`. systemd clears the memory of those alone.
const FIRST_PERSON: u32 = 1000;

const ENLARGE: &str = "enlarge it: mount -o remount,size=…; docker: --shm-size; Kubernetes: an emptyDir of \
                       medium Memory at /dev/shm";

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    Warning,
    Failure,
}

/// One thing that was looked at.
#[derive(Debug)]
struct Finding {
    verdict: Verdict,
    what: &'static str,
    found: String,
    /// What to do about it.
    advice: &'static str,
}

impl Finding {
    fn fine(what: &'static str, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fine, what, found: found.into(), advice: "" }
    }

    fn warning(what: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self { verdict: Verdict::Warning, what, found: found.into(), advice }
    }

    fn failure(what: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self { verdict: Verdict::Failure, what, found: found.into(), advice }
    }
}

pub(crate) fn run(args: &Doctor, home: &Home, out: &Output) -> failure::Result<Outcome> {
    let mut findings = vec![filesystem(), creation(home)];
    match ndshm::capacity() {
        Ok(capacity) => findings.extend(room(&capacity, args.need.unwrap_or(0), out)),
        Err(error) => findings.push(Finding::failure(
            "/dev/shm",
            error.to_string(),
            "mount a tmpfs there: mount -t tmpfs tmpfs /dev/shm",
        )),
    }
    findings.extend([descriptors(), huge_pages(), namespace()]);
    findings.extend(logout());
    findings.extend(leftovers(home, out)?);

    let worst = |verdict| findings.iter().any(|finding| finding.verdict == verdict);
    let outcome = if worst(Verdict::Failure) { Outcome::Problem } else { Outcome::Fine };
    if out.json {
        let values = findings.iter().map(|finding| {
            json!({
                "verdict": word(finding.verdict).to_lowercase(),
                "what": finding.what,
                "found": finding.found,
                "advice": finding.advice,
            })
        });
        out.value(&values.collect())?;
        return Ok(outcome);
    }
    for finding in &findings {
        if out.quiet && finding.verdict == Verdict::Fine {
            continue;
        }
        let tone = match finding.verdict {
            Verdict::Fine => Tone::Good,
            Verdict::Warning => Tone::Doubtful,
            Verdict::Failure => Tone::Bad,
        };
        let verdict = out.paint(tone, &format!("{:<4}", word(finding.verdict)));
        out.text(&format!("{verdict}  {:<12}  {}\n", finding.what, printable(&finding.found)))?;
        if !finding.advice.is_empty() {
            out.text(&format!("{:20}{}\n", "", finding.advice))?;
        }
    }
    Ok(outcome)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fine => "ok",
        Verdict::Warning => "WARN",
        Verdict::Failure => "FAIL",
    }
}

/// What is mounted at `/dev/shm`.
fn filesystem() -> Finding {
    // On some systems it is a link.
    let place = fs::canonicalize(ndshm::directory()).unwrap_or_else(|_| ndshm::directory());
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let kind = mounts.lines().rev().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        (Path::new(fields.next()?) == place).then(|| fields.next())?
    });
    match kind {
        Some("tmpfs") => Finding::fine("filesystem", "a tmpfs is mounted at /dev/shm"),
        Some(kind) => Finding::failure(
            "filesystem",
            format!("{kind} is mounted at /dev/shm"),
            "mount a tmpfs there: mount -t tmpfs tmpfs /dev/shm",
        ),
        None if mounts.is_empty() => Finding::warning(
            "filesystem",
            "/proc does not tell what is mounted at /dev/shm",
            "mount /proc: without it limits are not compared beforehand, and messages say less",
        ),
        None => Finding::warning(
            "filesystem",
            "nothing is mounted at /dev/shm, so it is what the directory above it is",
            "mount a tmpfs there if that is none: mount -t tmpfs tmpfs /dev/shm",
        ),
    }
}

/// Whether a segment can be made. Many things may forbid it, so a small one is tried.
fn creation(home: &Home) -> Finding {
    let what = "creating";
    if !home.is_shared_memory() {
        return Finding::fine(what, "not tried: --dir is for looking");
    }
    match Value::create_unique("ndshm-doctor-", 0_u8) {
        Ok(_) => Finding::fine(what, "a segment was made and removed"),
        Err(error) => {
            let advice = match error.kind() {
                ErrorKind::PermissionDenied => {
                    "run as a user who may write in /dev/shm, which is of mode 1777 usually"
                }
                // The error itself says what to do.
                _ => "",
            };
            Finding::failure(what, error.to_string(), advice)
        }
    }
}

/// The limits on what can be created.
fn room(capacity: &Capacity, need: u64, out: &Output) -> Vec<Finding> {
    let (size, free) = (capacity.storage_size(), capacity.storage_free());
    let has = format!("{} of {} free", out.size(free), out.size(size));
    let mut findings = vec![if free < need {
        let lacks = format!("{has}, and {} are needed", out.size(need));
        let advice = if size < need {
            ENLARGE
        } else {
            "remove what is not needed (`ndshm ls`, `ndshm reap`), or enlarge it"
        };
        Finding::failure("/dev/shm", lacks, advice)
    } else if size <= DOCKERS_SIZE {
        Finding::warning("/dev/shm", format!("{has}, which is little"), ENLARGE)
    } else if free < size / 10 {
        Finding::warning("/dev/shm", has, "remove what is not needed: `ndshm ls`, `ndshm reap`")
    } else {
        Finding::fine("/dev/shm", has)
    }];
    let limits = [
        (
            "memory",
            capacity.memory_left(),
            need,
            "left, swap included",
            "free some: a tmpfs may promise more than there is, and the kernel kills when it runs out",
        ),
        (
            "cgroup",
            capacity.cgroup_headroom(),
            // Creating leaves that to the kernel's own bookkeeping.
            if need > 0 { need.saturating_add(CGROUP_MARGIN) } else { 0 },
            "left below the limit of the memory cgroup",
            "raise it: docker: --memory; systemd: MemoryMax; Kubernetes: resources.limits.memory",
        ),
        ("file size", capacity.file_size(), need, "is the longest file", "raise `ulimit -f`"),
    ];
    for (what, limit, need, means, advice) in limits {
        findings.push(match limit {
            None if what == "file size" => Finding::fine(what, "no limit"),
            None => Finding::fine(what, "no limit is known"),
            Some(limit) if limit < need => {
                let lacks =
                    format!("{} {means}, and {} are needed", out.size(limit), out.size(need));
                Finding::failure(what, lacks, advice)
            }
            Some(limit) => Finding::fine(what, format!("{} {means}", out.size(limit))),
        });
    }
    findings
}

fn descriptors() -> Finding {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    match line.and_then(|line| line.split_whitespace().next()) {
        None => Finding::fine("descriptors", "unknown: /proc does not tell"),
        Some(text) => match text.parse::<u64>() {
            Ok(few) if few < FEW_DESCRIPTORS => Finding::warning(
                "descriptors",
                format!("{few} for a process, one for each segment it has open"),
                "raise `ulimit -n`",
            ),
            _ => Finding::fine("descriptors", format!("{text} for a process")),
        },
    }
}

fn huge_pages() -> Finding {
    let path = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
    let text = fs::read_to_string(path).unwrap_or_default();
    let chosen = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    match chosen {
        Some(("never" | "deny", _)) => {
            Finding::fine("huge pages", format!("not for shared memory ({path})"))
        }
        Some((chosen, _)) => Finding::fine("huge pages", format!("{chosen} for shared memory")),
        None => Finding::fine("huge pages", "unknown: the kernel does not tell"),
    }
}

fn namespace() -> Finding {
    match ndshm::pid_namespace() {
        None => Finding::warning(
            "processes",
            "/proc does not tell in which PID namespace this is",
            "mount /proc: messages cannot say which process is meant without it",
        ),
        Some(FIRST_PID_NAMESPACE) => Finding::fine("processes", "the machine's own PID namespace"),
        Some(own) => Finding::fine(
            "processes",
            format!(
                "PID namespace {own}: of others it is known whether they live, not what they are called"
            ),
        ),
    }
}

/// Whether systemd removes a person's shared memory with the last session.
fn logout() -> Option<Finding> {
    let user: u32 = fs::read_to_string("/proc/self/status")
        .ok()?
        .lines()
        .find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().next()?.parse().ok())?;
    if !Path::new("/run/systemd/system").exists() {
        return None;
    }
    if user < FIRST_PERSON {
        return Some(Finding::fine("logout", "segments of system users outlive it"));
    }
    if removes_ipc() {
        return Some(Finding::warning(
            "logout",
            "systemd removes this user's segments with the last session, unless told otherwise",
            "set RemoveIPC=no in /etc/systemd/logind.conf, or run as a system user",
        ));
    }
    Some(Finding::fine("logout", "segments outlive it: RemoveIPC=no"))
}

/// Whether logind's configuration removes a person's shared memory. The last word counts. Without
/// any it is yes.
fn removes_ipc() -> bool {
    // Of files with the same name, the one in the last directory counts. Names decide the order.
    let mut files = BTreeMap::new();
    for directory in ["/usr/lib/systemd", "/run/systemd", "/etc/systemd"] {
        let extra = fs::read_dir(format!("{directory}/logind.conf.d")).into_iter().flatten();
        files.extend(extra.flatten().map(|entry| (entry.file_name(), entry.path())));
    }
    let main = ["/etc/systemd/logind.conf", "/usr/lib/systemd/logind.conf"];
    let main = main.into_iter().map(PathBuf::from).find(|file| file.exists());
    let texts = main.into_iter().chain(files.into_values()).map(fs::read_to_string);
    let texts: Vec<String> = texts.filter_map(Result::ok).collect();
    texts.iter().rev().flat_map(|text| text.lines().rev()).find_map(removal).unwrap_or(true)
}

/// What a line of that configuration says of it.
fn removal(line: &str) -> Option<bool> {
    let (key, value) = line.split_once('=')?;
    let value = value.trim().to_lowercase();
    let is_yes = !matches!(value.as_str(), "no" | "n" | "false" | "f" | "off" | "0");
    (key.trim() == "RemoveIPC").then_some(is_yes)
}

/// What dead processes left, and what is damaged.
fn leftovers(home: &Home, out: &Output) -> failure::Result<Vec<Finding>> {
    let Ok(entries) = home.entries("") else { return Ok(Vec::new()) };
    let of = |state: State| entries.iter().filter(move |entry| entry.state() == state);
    let stale: Vec<_> = entries.iter().filter(|entry| entry.is_stale()).collect();
    let mut findings = vec![if stale.is_empty() {
        Finding::fine("leftovers", "none")
    } else {
        let bytes = stale.iter().map(|entry| entry.len).sum();
        Finding::warning(
            "leftovers",
            format!("{} of dead processes, {}", units::segments(stale.len()), out.size(bytes)),
            "see them with `ndshm ls --stale`, remove them with `ndshm reap`",
        )
    }];
    let unfinished = of(State::Temporary).count();
    if unfinished > 0 {
        findings.push(Finding::warning(
            "unfinished",
            format!("{} being made, or left by who was killed at it", units::segments(unfinished)),
            "remove those whose maker is dead with `ndshm reap`",
        ));
    }
    let poisoned = of(State::Segment(Condition::Poisoned)).count();
    if poisoned > 0 {
        findings.push(Finding::warning(
            "poisoned",
            format!("{} may be half written", units::segments(poisoned)),
            "see who left them so with `ndshm info`; mend or remove them",
        ));
    }
    let corrupt = of(State::Corrupt).count();
    if corrupt > 0 {
        findings.push(Finding::warning(
            "damaged",
            format!("{} cannot be opened", units::segments(corrupt)),
            "see why with `ndshm ls --json`; remove them with `ndshm rm`",
        ));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::removal;

    #[test]
    fn configuration_is_read_as_systemd_does() {
        assert_eq!(removal("RemoveIPC=no"), Some(false));
        assert_eq!(removal("  RemoveIPC = Yes "), Some(true));
        assert_eq!(removal("#RemoveIPC=no"), None);
        assert_eq!(removal("[Login]"), None);
    }
}
