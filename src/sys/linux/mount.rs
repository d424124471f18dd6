//! The mount that a file lies on: its name, and the room it has left.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, StatVfs};

use crate::error::{Error, ErrorKind, size};

/// The known facts about a mount. There may be none.
pub(super) struct Mount {
    point: Option<String>,
    stat: Option<StatVfs>,
}

impl Mount {
    /// The mount on which an open file or directory lies.
    pub(super) fn of(file: impl AsFd) -> Self {
        let file = file.as_fd();
        Self { point: mount_point(file.as_raw_fd()), stat: rustix::fs::fstatvfs(file).ok() }
    }

    /// The mount on which a directory lies.
    pub(super) fn at(directory: &Path) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(directory, flags, Mode::empty()) {
            Ok(directory) => Self::of(directory),
            Err(_) => Self { point: None, stat: None },
        }
    }

    /// The error for too little room. `needs` begins the sentence, and `becomes_free` bytes will be
    /// free again.
    #[cold]
    pub(super) fn full(&self, needs: &str, becomes_free: u64) -> Error {
        let point = self.point();
        let free = self.stat.as_ref().map_or_else(
            || "too little".to_owned(),
            |stat| size(free(stat).saturating_add(becomes_free)).to_string(),
        );
        let advice = match point {
            "/dev/shm" => {
                "remove segments, or raise its size (mount -o remount,size=…; docker: --shm-size)"
            }
            _ => "remove files there, or use another filesystem",
        };
        Error::new(ErrorKind::StorageFull, format!("{needs} but {point} has {free} free: {advice}"))
            .caused_by(io::Error::from_raw_os_error(libc::ENOSPC))
    }

    /// The error for a file that could not be created for lack of room or of inodes.
    #[cold]
    pub(super) fn takes_no_file(&self) -> Error {
        match &self.stat {
            Some(stat) if stat.f_files > 0 && stat.f_ffree == 0 => Error::new(
                ErrorKind::OutOfInodes,
                format!(
                    "cannot be created: {} has {} free and none of its {} inodes, one of which \
                     each file takes: remove files there, or use another filesystem (of a tmpfs, mount \
                     -o remount,nr_inodes=… raises their number)",
                    self.point(),
                    size(free(stat)),
                    stat.f_files
                ),
            )
            .caused_by(io::Error::from_raw_os_error(libc::ENOSPC)),
            _ => self.full("needs room for its name", 0),
        }
    }

    fn point(&self) -> &str {
        self.point.as_deref().unwrap_or("its filesystem")
    }
}

/// How many bytes this process may still use.
fn free(stat: &StatVfs) -> u64 {
    // Some filesystems keep blocks back for root.
    let blocks = if rustix::process::geteuid().is_root() { stat.f_bfree } else { stat.f_bavail };
    blocks.saturating_mul(stat.f_frsize)
}

/// The mount point of that descriptor's file, as `/proc` tells it.
fn mount_point(descriptor: i32) -> Option<String> {
    // A thread may have its own mounts.
    let info = std::fs::read_to_string(format!("/proc/thread-self/fdinfo/{descriptor}")).ok()?;
    let id = info.lines().find_map(|line| line.strip_prefix("mnt_id:"))?;
    point_of(id.trim(), &std::fs::read_to_string("/proc/thread-self/mountinfo").ok()?)
}

/// The mount point in the line of `/proc/self/mountinfo` with that id.
fn point_of(id: &str, mounts: &str) -> Option<String> {
    let fields = mounts.lines().map(|line| line.split(' '));
    let mut ours = fields.into_iter().find(|fields| fields.clone().next() == Some(id))?;
    Some(unescaped(ours.nth(4)?))
}

/// Undoes the octal escapes that stand for spaces, tabs, newlines and backslashes.
fn unescaped(field: &str) -> String {
    let mut parts = field.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match byte.filter(u8::is_ascii) {
            Some(byte) => text.extend([char::from(byte).into(), part[3..].to_owned()]),
            None => text.extend(["\\".to_owned(), part.to_owned()]),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
        22 1 254:0 / / rw,relatime - ext4 /dev/root rw\n\
        31 22 0:26 / /dev/shm rw,nosuid - tmpfs tmpfs rw\n\
        40 22 7:0 / /mnt/a\\040disk rw - xfs /dev/loop0 rw\n";

    #[test]
    fn a_mount_is_found_by_its_id_and_its_name_is_read_as_it_is() {
        assert_eq!(point_of("31", MOUNTS).as_deref(), Some("/dev/shm"));
        assert_eq!(point_of("40", MOUNTS).as_deref(), Some("/mnt/a disk"));
        assert_eq!(point_of("2", MOUNTS), None);
        assert_eq!(unescaped(r"a\134b\9\"), r"a\b\9\");
    }

    #[test]
    fn the_mount_of_a_file_here_is_named() {
        let mount = Mount::at(Path::new("/proc"));
        assert_eq!(mount.point(), "/proc");
        assert!(
            Mount::at(Path::new("/no-such-directory")).full("needs it", 0).to_string().len() > 9
        );
    }
}
