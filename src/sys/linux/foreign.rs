//! Other programs' locks on a segment: what they are, and which processes hold them.
//!
//! The kernel names the process of a traditional lock, but not of a lock that belongs to an open
//! file description. `/proc/PID/fdinfo` shows those locks to root and to the user of the process.

use std::fs;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, ErrorKind};

/// How many holders of a lock an error names.
const MOST_NAMED: usize = 4;

/// The error for a lock that is not this library's, as the kernel described it.
#[cold]
pub(super) fn in_the_way(descriptor: BorrowedFd<'_>, lock: &libc::flock64) -> Error {
    let kind = if i32::from(lock.l_type) == libc::F_RDLCK { "read" } else { "write" };
    let range = match lock.l_len {
        0 => format!("all bytes from {:#x} on", lock.l_start),
        1 => format!("byte {:#x}", lock.l_start),
        len => format!("{len} bytes from {:#x} on", lock.l_start),
    };
    let holders = match u32::try_from(lock.l_pid) {
        Ok(pid) if pid > 0 => vec![pid],
        _ => holders(descriptor, lock.l_start),
    };
    let whose = match &holders[..] {
        [] => {
            "by a process that /proc does not show to this user (`lslocks` run as root may)".into()
        }
        pids => {
            let named: Vec<_> = pids.iter().map(|&pid| described(pid)).collect();
            format!("by {}", named.join(" and "))
        }
    };
    Error::new(
        ErrorKind::ForeignLock,
        format!(
            "is locked by another program: a {kind} lock on {range} is held {whose}; end that program, \
             nobody but this library may lock segments. Whoever may read a segment can do that; mode \
             0600 keeps other users out"
        ),
    )
}

/// The process and its program, as far as `/proc` tells.
fn described(pid: u32) -> String {
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(command) => format!("process {pid} ({})", command.trim_end().escape_debug()),
        Err(_) => format!("process {pid}"),
    }
}

/// The processes that have a descriptor of the same file with a lock on the byte at `offset`, as
/// far as `/proc` shows them. This reads what `/proc` says of every descriptor there is.
fn holders(descriptor: BorrowedFd<'_>, offset: i64) -> Vec<u32> {
    let Ok(stat) = rustix::fs::fstat(descriptor) else { return Vec::new() };
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let file = (stat.st_dev, stat.st_ino);
    let has_it = |process: &Path| {
        let Ok(descriptors) = fs::read_dir(process.join("fdinfo")) else { return false };
        descriptors.flatten().any(|entry| {
            let locks = fs::read_to_string(entry.path()).unwrap_or_default();
            locks.lines().any(|line| locks_byte(line, file.1, offset))
                // Another file may have the same number on its own filesystem.
                && fs::metadata(process.join("fd").join(entry.file_name()))
                    .is_ok_and(|found| (found.dev(), found.ino()) == file)
        })
    };
    processes
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .filter_map(|(pid, path)| has_it(&path).then_some(pid))
        .take(MOST_NAMED)
        .collect()
}

/// Whether a line of `fdinfo` describes a lock on that byte of a file with that number. The format
/// is in proc(5), as in `lock: 1: OFDLCK ADVISORY READ -1 00:1a:4711 0 EOF`.
fn locks_byte(line: &str, inode: u64, offset: i64) -> bool {
    let Some(lock) = line.strip_prefix("lock:") else { return false };
    let fields: Vec<&str> = lock.split_whitespace().collect();
    let [.., file, first, last] = fields[..] else { return false };
    let covers = |first: i64, last: i64| (first..=last).contains(&offset);
    file.rsplit(':').next() == Some(&*inode.to_string())
        && matches!(
            (first.parse(), if last == "EOF" { Ok(i64::MAX) } else { last.parse() }),
            (Ok(first), Ok(last)) if covers(first, last)
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_fdinfo_tells_which_bytes_of_which_file_are_locked() {
        let line = |range: &str| format!("lock:\t1: OFDLCK  ADVISORY  READ -1 00:1a:4711 {range}");
        for range in ["0 EOF", "9 9", "0 100"] {
            assert!(locks_byte(&line(range), 4711, 9), "{range}");
        }
        for other in ["10 EOF", "0 8", "", "x y"] {
            assert!(!locks_byte(&line(other), 4711, 9), "{other}");
        }
        assert!(!locks_byte(&line("0 EOF"), 711, 9));
        assert!(!locks_byte("pos:\t0", 4711, 9));
    }
}
