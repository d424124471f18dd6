//! What this process may still allocate, before the kernel answers with a signal.
//!
//! Over a memory cgroup's limit, and over the memory of the machine, the kernel kills instead of
//! refusing. Over `RLIMIT_FSIZE` it sends SIGXFSZ. So all of them are checked beforehand.

use std::path::Path;

use rustix::fs::StatVfsMountFlags;

use super::{DIRECTORY, os_error};
use crate::error::{Error, ErrorKind, Result, size};

/// Below this the limits of a cgroup are not worth reading: any `malloc` could exceed them as well.
const WORTH_CHECKING: u64 = 1 << 20;

/// This much is left to the process within a cgroup's limit. The kernel's bookkeeping of the new
/// memory counts as well, and so does what the program touches next. The usage that is read also
/// lags behind.
const MARGIN: u64 = 1 << 20;

/// How many bytes are available, by each limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) storage_size: u64,
    pub(crate) storage_free: u64,
    pub(crate) files_free: Option<u64>,
    pub(crate) is_read_only: bool,
    pub(crate) memory_left: Option<u64>,
    pub(crate) cgroup_headroom: Option<u64>,
    pub(crate) file_size: Option<u64>,
}

/// Reads all limits on new named objects.
pub(crate) fn room() -> Result<Room> {
    let storage = rustix::fs::statvfs(DIRECTORY)
        .map_err(|errno| os_error("look at the filesystem at /dev/shm", errno))?;
    Ok(Room {
        storage_size: storage.f_blocks.saturating_mul(storage.f_frsize),
        storage_free: storage.f_bavail.saturating_mul(storage.f_frsize),
        // A tmpfs without a limit on inodes reports no number.
        files_free: (storage.f_files > 0).then_some(storage.f_favail),
        is_read_only: storage.f_flag.contains(StatVfsMountFlags::RDONLY),
        memory_left: memory_left(),
        cgroup_headroom: cgroup_headroom(),
        file_size: file_size_limit(),
    })
}

/// Fails when the kernel would answer a file of `len` bytes with SIGXFSZ.
pub(crate) fn check_file_size(len: u64) -> Result<()> {
    match file_size_limit() {
        Some(limit) if len > limit => Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "needs {} but this process may not make files over {}: raise `ulimit -f`",
                size(len),
                size(limit)
            ),
        )),
        _ => Ok(()),
    }
}

/// Fails when `len` more bytes of shared memory would exceed a memory cgroup's limit, or what the
/// machine has left. A tmpfs may be larger than memory.
pub(crate) fn check_memory(len: u64) -> Result<()> {
    if len < WORTH_CHECKING {
        return Ok(());
    }
    if let Some(left) = memory_left().filter(|left| len > *left) {
        return Err(Error::new(
            ErrorKind::MemoryLimit,
            format!(
                "needs {} but the machine has {} left, swap included, and the kernel kills whom it \
                 likes when there is none: free some, or ask for less",
                size(len),
                size(left)
            ),
        ));
    }
    match cgroup_headroom() {
        Some(headroom) if len.saturating_add(MARGIN) > headroom => Err(Error::new(
            ErrorKind::MemoryLimit,
            format!(
                "needs {} and {} to spare but the memory cgroup leaves {}, and the kernel kills whoever \
                 goes over: raise the limit (docker: --memory; systemd: MemoryMax)",
                size(len),
                size(MARGIN),
                size(headroom)
            ),
        )),
        _ => Ok(()),
    }
}

fn file_size_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current
}

fn memory_left() -> Option<u64> {
    left(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn cgroup_headroom() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    tightest(Path::new("/sys/fs/cgroup"), &groups)
}

/// Bytes that are available in memory and in swap, according to `/proc/meminfo`.
fn left(meminfo: &str) -> Option<u64> {
    let bytes = |field: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
    };
    Some(bytes("MemAvailable:")?.saturating_add(bytes("SwapFree:")?))
}

/// The names of one cgroup version's files.
struct Version {
    root: &'static str,
    limit: &'static str,
    usage: &'static str,
}

const V1: Version =
    Version { root: "memory", limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes" };
const V2: Version = Version { root: "", limit: "memory.max", usage: "memory.current" };

/// Smallest headroom of all memory cgroups that contain this process according to
/// `/proc/self/cgroup`, under the hierarchy at `root`. A group without a limit does not count.
fn tightest(root: &Path, groups: &str) -> Option<u64> {
    groups
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            match controllers {
                "" => Some((&V2, path)),
                named if named.split(',').any(|name| name == "memory") => Some((&V1, path)),
                _ => None,
            }
        })
        .flat_map(|(version, path)| {
            let base = root.join(version.root);
            let group = base.join(path.trim_start_matches('/'));
            group
                .ancestors()
                .take_while(|ancestor| ancestor.starts_with(&base))
                .filter_map(|ancestor| headroom(ancestor, version))
                .min()
        })
        .min()
}

/// Limit minus usage. Page cache that the kernel would drop first does not count as used.
fn headroom(group: &Path, version: &Version) -> Option<u64> {
    let read = |file: &str| std::fs::read_to_string(group.join(file)).ok();
    let number = |file: &str| read(file)?.trim().parse::<u64>().ok();
    // Version 1 writes "none" as the greatest multiple of a page.
    let limit = number(version.limit).filter(|limit| *limit < 1 << 62)?;
    let usage = number(version.usage)?;
    let reclaimable: u64 = read("memory.stat")?
        .lines()
        .filter_map(|line| {
            let (key, value) = line.split_once(' ')?;
            let key = key.strip_prefix("total_").unwrap_or(key);
            let counts = line.starts_with("total_") || version.root.is_empty();
            (counts && matches!(key, "inactive_file" | "active_file"))
                .then(|| value.parse::<u64>().ok())?
        })
        .sum();
    Some(limit.saturating_sub(usage.saturating_sub(reclaimable)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cgroup hierarchy in a temporary directory.
    struct Fake(std::path::PathBuf);

    impl Fake {
        fn new(test: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("ndshm-{}-{test}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                std::fs::create_dir_all(path.parent().expect("a parent")).expect("mkdir");
                std::fs::write(path, text).expect("write");
            }
            Self(root)
        }
    }

    impl Drop for Fake {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_tightest_group_of_the_chain_counts() {
        let fake = Fake::new(
            "v2",
            &[
                ("a/memory.max", "1000\n"),
                ("a/memory.current", "900\n"),
                ("a/memory.stat", "inactive_file 50\nactive_file 10\nshmem 3\n"),
                ("a/b/memory.max", "max\n"),
                ("a/b/memory.current", "800\n"),
                ("a/b/memory.stat", "inactive_file 0\n"),
            ],
        );
        assert_eq!(tightest(&fake.0, "0::/a/b\n"), Some(160));
    }

    #[test]
    fn version_1_counts_the_totals_only() {
        let fake = Fake::new(
            "v1",
            &[
                ("memory/g/memory.limit_in_bytes", "1000\n"),
                ("memory/g/memory.usage_in_bytes", "900\n"),
                ("memory/g/memory.stat", "inactive_file 5\ntotal_inactive_file 100\n"),
            ],
        );
        assert_eq!(tightest(&fake.0, "5:cpu:/\n4:memory:/g\n0::/\n"), Some(200));
    }

    #[test]
    fn version_1_has_a_number_for_no_limit() {
        let fake = Fake::new(
            "unlimited",
            &[
                ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("memory/memory.usage_in_bytes", "900\n"),
                ("memory/memory.stat", "total_inactive_file 100\n"),
            ],
        );
        assert_eq!(tightest(&fake.0, "4:memory:/\n"), None);
    }

    #[test]
    fn what_the_machine_has_left_is_memory_and_swap() {
        let text = "MemTotal:  100 kB\nMemFree:  1 kB\nMemAvailable:   20 kB\nSwapFree:   3 kB\n";
        assert_eq!(left(text), Some(23 * 1024));
        assert_eq!(left("MemTotal: 100 kB\n"), None);
        let here = std::fs::read_to_string("/proc/meminfo").expect("/proc is mounted");
        assert!(left(&here).expect("Linux 3.14 or later") > 0);
    }

    #[test]
    fn more_than_the_machine_has_is_refused() {
        let error = check_memory(1 << 60).expect_err("no machine has that");
        assert_eq!(error.kind(), ErrorKind::MemoryLimit);
        check_memory(WORTH_CHECKING).expect("a machine that runs tests has that");
    }

    #[test]
    fn no_group_or_no_limit_means_no_answer() {
        let fake = Fake::new("none", &[("memory.max", "max\n"), ("memory.current", "1\n")]);
        assert_eq!(tightest(&fake.0, "0::/\n"), None);
        assert_eq!(tightest(&fake.0, "nonsense"), None);
    }
}
