//! The identity of this process, in terms that another process can check.

use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, PoisonError};

use super::lifeline::Registration;

/// This process, as it is described to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    /// Process id, in its own PID namespace.
    pub(crate) pid: u32,
    /// Inode number of that namespace, or 0 when `/proc` does not tell it.
    pub(crate) namespace: u64,
    /// Start time in clock ticks since boot, or 0 when `/proc` does not tell it.
    pub(crate) started: u64,
}

/// Looks up this process. `/proc` is read once in each process.
pub(crate) fn current(_proof: &Registration) -> Process {
    static KNOWN: Mutex<Option<Process>> = Mutex::new(None);
    let pid = std::process::id();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *known.filter(|known| known.pid == pid).get_or_insert_with(|| *known.insert(look_up(pid)))
}

fn look_up(pid: u32) -> Process {
    Process {
        pid,
        namespace: std::fs::metadata("/proc/self/ns/pid").map_or(0, |metadata| metadata.ino()),
        started: std::fs::read_to_string("/proc/self/stat")
            .ok()
            .and_then(|stat| start_time(&stat))
            .unwrap_or(0),
    }
}

/// Id of this boot of the kernel, read once in each process. Zeros when `/proc` does not tell it.
pub(crate) fn boot_id(_proof: &Registration) -> [u8; 16] {
    static KNOWN: Mutex<Option<[u8; 16]>> = Mutex::new(None);
    *KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()
            .and_then(|text| u128::from_str_radix(&text.trim().replace('-', ""), 16).ok())
            .unwrap_or(0)
            .to_be_bytes()
    })
}

/// Sixteen bytes that nobody can guess.
pub(crate) fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    let mut done = 0;
    while done < id.len() {
        match rustix::rand::getrandom(&mut id[done..], rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => done += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => {
                panic!("getrandom(2) failed, which Linux rules out for 16 bytes: {errno}")
            }
        }
    }
    id
}

/// Field 22 of `/proc/PID/stat`. The command before it may hold blanks and brackets (proc(5)).
fn start_time(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::lifeline::registration;

    #[test]
    fn a_command_with_brackets_does_not_confuse_the_start_time() {
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 10";
        assert_eq!(start_time(stat), Some(4711));
    }

    #[test]
    fn this_process_knows_itself() {
        let this = current(&registration());
        assert_eq!(this, current(&registration()));
        assert!(this.namespace != 0 && this.started != 0);
        assert_ne!(boot_id(&registration()), [0; 16]);
        assert_ne!(random_id(), random_id());
    }
}
