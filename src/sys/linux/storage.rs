//! What an object's filesystem promises, and how much room it has.
//!
//! A store through a mapping cannot return an error. If the filesystem finds no block for it, the
//! kernel sends SIGBUS. So every block that is stored to must belong to the file beforehand, and
//! stay so.
//!
//! - `fallocate` gives a file its blocks. But a store makes the whole *folio* of its page writable,
//!   and needs blocks for all of it. A folio is a run of pages that the page cache keeps together.
//!   So a reservation on a disk is rounded out to whole folios of the greatest length.
//! - btrfs writes stored data to a new place, which is not reserved. Files that are not copied on
//!   write are overwritten in place, and since Linux 6.17 also by stores through mappings.
//! - A snapshot, or a copy that shares blocks (`cp --reflink`), voids the promise until each block
//!   was stored to once. No call would tell.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustix::fs::{FallocateFlags, IFlags, SeekFrom};
use rustix::io::Errno;

use super::mount::Mount;
use super::object::Object;
use super::{DIRECTORY, os_error, pages};
use crate::error::{Error, ErrorKind, Result, size};
use crate::steps::step;
use crate::sys::place::Place;

/// `f_type` of filesystems, from `linux/magic.h`.
const TMPFS: u64 = 0x0102_1994;
const EXT: u64 = 0xef53;
const XFS: u64 = 0x5846_5342;
const BTRFS: u64 = 0x9123_683e;
const F2FS: u64 = 0xf2f5_2010;

/// The filesystems on which a file may lie.
const FILESYSTEMS: [u64; 5] = [TMPFS, EXT, XFS, BTRFS, F2FS];

/// Bytes that one `fallocate` covers, so that signals interrupt it at reasonable intervals.
const RESERVE_STEP: u64 = 64 << 20;

impl Object {
    /// Refuses filesystems on which locks or mappings do not work properly. For named objects that
    /// costs a call once per device.
    pub(super) fn check_filesystem(&self, place: &Place) -> Result<()> {
        let wrong = |magic: u64, advice: String| {
            Err(Error::new(
                ErrorKind::UnsupportedFilesystem,
                format!("lies on a filesystem of type {magic:#x}: {advice}"),
            ))
        };
        if let Place::File(_) = place {
            return match self.filesystem()? {
                magic if FILESYSTEMS.contains(&magic) => Ok(()),
                magic => wrong(magic, "use tmpfs, ext4, xfs, btrfs or f2fs".to_owned()),
            };
        }
        match self.filesystem()? {
            TMPFS => Ok(()),
            magic => wrong(magic, format!("mount a tmpfs at {DIRECTORY}")),
        }
    }

    /// The filesystem's type. For a tmpfs the kernel is asked once per device.
    fn filesystem(&self) -> Result<u64> {
        static LAST_TMPFS: AtomicU64 = AtomicU64::new(u64::MAX);
        let device = self.identity().device;
        if LAST_TMPFS.load(Relaxed) == device {
            return Ok(TMPFS);
        }
        let statfs = rustix::fs::fstatfs(self.borrow())
            .map_err(|errno| os_error("stat its filesystem", errno))?;
        // The field is signed. In 32-bit programs it has 32 bits, and half of the numbers are
        // negative.
        #[allow(clippy::useless_conversion, reason = "its width is the system's")]
        let magic = i64::from(statfs.f_type).cast_unsigned() & u64::from(u32::MAX);
        if magic == TMPFS {
            LAST_TMPFS.store(device, Relaxed);
        }
        Ok(magic)
    }

    /// Whether its bytes take memory and no disk space.
    pub(crate) fn lies_in_memory(&self) -> Result<bool> {
        Ok(self.filesystem()? == TMPFS)
    }

    /// Makes the filesystem overwrite a new, empty file in place, if it would not do so anyway.
    pub(super) fn overwrite_in_place(&self) -> Result<()> {
        if self.filesystem()? == BTRFS {
            rustix::fs::ioctl_getflags(self.borrow())
                .and_then(|flags| rustix::fs::ioctl_setflags(self.borrow(), flags | IFlags::NOCOW))
                .map_err(|errno| os_error("have btrfs overwrite it in place", errno))?;
        }
        Ok(())
    }

    /// Fails if a store through a mapping may need a block that was not reserved.
    pub(super) fn check_stores(&self) -> Result<()> {
        if self.filesystem()? != BTRFS {
            return Ok(());
        }
        let refuse = |problem: &str| {
            Err(Error::new(ErrorKind::UnsupportedFilesystem, format!("lies on btrfs, {problem}")))
        };
        let uname = rustix::system::uname();
        if !overwrites_in_place(&uname.release().to_string_lossy()) {
            return refuse(
                "where before Linux 6.17 a full disk kills whoever writes to mapped memory (SIGBUS): \
                 use tmpfs, ext4, xfs or f2fs, or a newer kernel",
            );
        }
        let flags = rustix::fs::ioctl_getflags(self.borrow())
            .map_err(|errno| os_error("see whether btrfs overwrites it in place", errno))?;
        if flags.contains(IFlags::NOCOW) {
            return Ok(());
        }
        refuse(
            "which copies it on write, so that a full disk would kill whoever writes to it (SIGBUS): \
             make a directory, `chattr +C` it, and copy the file there with `cp --reflink=never`",
        )
    }

    /// Gives a range of bytes its memory, or its blocks. So a full filesystem is an error now and
    /// not a SIGBUS later. Existing bytes keep their contents.
    pub(crate) fn reserve(&self, range: Range<u64>) -> Result<()> {
        self.reserve_as(range, FallocateFlags::empty())
    }

    /// The same. Blocks that the file shares with others become its own, if the filesystem can do
    /// that (xfs).
    pub(crate) fn reserve_unshared(&self, range: Range<u64>) -> Result<()> {
        if self.filesystem()? == XFS {
            self.reserve_as(range.clone(), FallocateFlags::UNSHARE_RANGE)?;
        }
        self.reserve(range)
    }

    fn reserve_as(&self, range: Range<u64>, flags: FallocateFlags) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let asked = range.end - range.start;
        let facts = self.facts()?;
        let range = if self.lies_in_memory()? {
            range
        } else {
            whole_folios(&range, facts.len, pages::longest_folio())
        };
        self.allocate(range, flags).map_err(|errno| match errno {
            Errno::NOSPC => self.storage_full(asked, facts.allocated),
            errno => os_error(&format!("reserve {}", size(asked)), errno),
        })
    }

    fn allocate(&self, range: Range<u64>, flags: FallocateFlags) -> rustix::io::Result<()> {
        let mut done = range.start;
        while done < range.end {
            let part = RESERVE_STEP.min(range.end - done);
            match rustix::fs::fallocate(self.borrow(), flags, done, part) {
                Ok(()) => {
                    done += part;
                    step!("reserve: a part done");
                }
                Err(Errno::INTR) => {}
                // The answer of ext2 and ext3.
                Err(Errno::OPNOTSUPP) => return self.fill_holes(done..range.end),
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Writes zeros where the file has no blocks. Nobody else stores there meanwhile.
    fn fill_holes(&self, range: Range<u64>) -> rustix::io::Result<()> {
        const ZEROS: &[u8] = &[0; 1 << 16];
        let stat = rustix::fs::fstat(self.borrow())?;
        if stat.st_size.cast_unsigned() < range.end {
            rustix::fs::ftruncate(self.borrow(), range.end)?;
        }
        let mut done = range.start;
        loop {
            done = match rustix::fs::seek(self.borrow(), SeekFrom::Hole(done)) {
                Ok(hole) if hole < range.end => hole,
                Ok(_) | Err(Errno::NXIO) => return Ok(()),
                Err(errno) => return Err(errno),
            };
            let end = match rustix::fs::seek(self.borrow(), SeekFrom::Data(done)) {
                Ok(data) => data.min(range.end),
                Err(Errno::NXIO) => range.end,
                Err(errno) => return Err(errno),
            };
            while done < end {
                let len = usize::try_from(end - done).unwrap_or(usize::MAX).min(ZEROS.len());
                match rustix::io::pwrite(self.borrow(), &ZEROS[..len], done) {
                    Ok(count) => done += count as u64,
                    Err(Errno::INTR) => {}
                    Err(errno) => return Err(errno),
                }
            }
        }
    }

    /// The error for an object that needs more bytes than its filesystem has. Before the request it
    /// had `allocated` bytes. It will not use the bytes it got since.
    #[cold]
    pub(super) fn storage_full(&self, asked: u64, allocated: u64) -> Error {
        let got = self.facts().map_or(0, |facts| facts.allocated.saturating_sub(allocated));
        Mount::of(self.borrow()).full(&format!("needs {}", size(asked)), got)
    }
}

/// The range, rounded out to whole folios up to the end of the file, which may lie within it.
fn whole_folios(range: &Range<u64>, len: u64, folio: u64) -> Range<u64> {
    let start = range.start - range.start % folio;
    let end = range.end.checked_next_multiple_of(folio).unwrap_or(u64::MAX);
    start..end.min(len.max(range.end))
}

/// Whether btrfs of that release of Linux takes no new blocks for a store through a mapping of a
/// file that is overwritten in place. A release that cannot be parsed counts as newer.
fn overwrites_in_place(release: &str) -> bool {
    let mut numbers = release.split('.').map_while(|number| number.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => (major, minor) >= (6, 17),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_whole_folios_but_at_the_end_of_the_file() {
        assert_eq!(whole_folios(&(5..6), 100, 8), 0..8);
        assert_eq!(whole_folios(&(8..16), 100, 8), 8..16);
        assert_eq!(whole_folios(&(17..95), 100, 8), 16..96);
        assert_eq!(whole_folios(&(17..98), 100, 8), 16..100);
        // A file that this makes longer.
        assert_eq!(whole_folios(&(17..98), 90, 8), 16..98);
        assert_eq!(whole_folios(&(0..u64::MAX), 90, 8), 0..u64::MAX);
    }

    #[test]
    fn releases_of_linux_are_told_apart() {
        for old in ["5.10.0-30-amd64", "6.1.0", "6.8.0-45-generic", "6.16.12"] {
            assert!(!overwrites_in_place(old), "{old}");
        }
        for new in ["6.17.0", "6.18.44-fc-v782", "7.0-rc1", "10.2", "strange"] {
            assert!(overwrites_in_place(new), "{new}");
        }
    }
}
