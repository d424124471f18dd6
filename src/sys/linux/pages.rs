//! How the kernel backs a mapping: pages that exist before they are touched, and huge pages.
//!
//! # Safety
//!
//! The unsafe code here gives the kernel advice about ranges within a mapping. The advice changes
//! how fast its bytes are reached, and never what they are. The code also touches pages as atomics.
#![allow(unsafe_code)]

use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::thread;

use super::map::{Mapping, Protection};
use super::object::Object;
use super::os_error;
use crate::error::{Error, ErrorKind, Result, size};

/// Length of a huge page where ordinary ones are 4 KiB long. On other systems this library uses
/// none.
pub(crate) const HUGE_PAGE: usize = 2 << 20;

/// How many bytes a thread takes on at a time. A multiple of [`HUGE_PAGE`].
const CHUNK: usize = 16 << 20;

/// From `linux/mman.h`. The crate libc has it for glibc only.
const MADV_COLLAPSE: libc::c_int = 25;

/// Fields of `/proc/PID/smaps` that count huge pages of objects.
const HUGE_FIELDS: [&str; 2] = ["ShmemPmdMapped:", "FilePmdMapped:"];

/// Length of an ordinary page of this system.
pub(super) fn page_size() -> usize {
    static SIZE: AtomicUsize = AtomicUsize::new(0);
    let known = SIZE.load(Relaxed);
    if known != 0 {
        return known;
    }
    // SAFETY: takes a number.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let size = usize::try_from(size).ok().filter(|size| size.is_power_of_two());
    let size = size.expect("every system tells the length of its pages");
    SIZE.store(size, Relaxed);
    size
}

/// The length of the longest folio: a run of pages that the page cache keeps together, and makes
/// writable at once. Every folio begins at a multiple of its length.
pub(super) fn longest_folio() -> u64 {
    // A folio is at most a huge page, which is what one page of the page table maps. The index of
    // the cache also limits it to 2048 pages.
    let page = page_size() as u64;
    page * (page / 8).min(2048)
}

/// Whether the kernel can give a mapping its pages before they are touched, and return an error
/// when there is no memory for them (Linux 5.14 or later).
pub(crate) fn can_populate() -> bool {
    advise(&[], libc::MADV_POPULATE_WRITE).is_ok()
}

impl Mapping {
    /// Maps every page, with so many threads. Pages that had no memory get some. If there is none
    /// left, this is an error if [`can_populate`], and a SIGBUS otherwise.
    pub(crate) fn populate(&self, object: &Object, threads: NonZero<usize>) -> Result<()> {
        let advice = match self.protection {
            Protection::Read => libc::MADV_POPULATE_READ,
            Protection::ReadWrite => libc::MADV_POPULATE_WRITE,
        };
        let can_populate = can_populate();
        let allocated = object.facts()?.allocated;
        let work = |bytes: Range<usize>| {
            if can_populate {
                return advise(self.pages(bytes), advice);
            }
            self.touch(bytes);
            Ok(())
        };
        in_parallel(self.len, threads, work).map_err(|error| match error.raw_os_error() {
            // A process that touched the page would get a SIGBUS.
            Some(libc::EFAULT) => object.storage_full(self.len as u64, allocated),
            Some(libc::ENOMEM) => Error::new(
                ErrorKind::MemoryLimit,
                format!("needs {}, and the machine has too little memory left", size(self.len)),
            )
            .caused_by(error),
            _ => os_error("map its pages", error),
        })
    }

    /// Whether the kernel backs this new object with huge pages when they are first touched.
    /// Touches one.
    pub(crate) fn gets_huge_pages(&self, object: &Object) -> Result<bool> {
        if self.len < HUGE_PAGE || !can_populate() {
            return Ok(false);
        }
        // A failure shows later, when the rest is requested.
        let touched = advise(self.pages(0..page_size()), libc::MADV_POPULATE_WRITE);
        Ok(touched.is_ok() && object.facts()?.allocated >= HUGE_PAGE as u64)
    }

    /// Asks for huge pages whenever the kernel gives this mapping some.
    pub(super) fn prefer_huge_pages(&self) {
        // Kernels without huge pages do not know this advice.
        let _ = advise(self.pages(0..self.len), libc::MADV_HUGEPAGE);
    }

    /// Moves existing pages into huge ones, with so many threads, as far as the kernel can (Linux
    /// 6.1 or later) and finds memory.
    pub(crate) fn collapse(&self, threads: NonZero<usize>) {
        let whole = self.len - self.len % HUGE_PAGE;
        let _ = in_parallel(whole, threads, |bytes| advise(self.pages(bytes), MADV_COLLAPSE));
    }

    /// How many bytes this process reaches through huge pages.
    pub(crate) fn huge_bytes(&self) -> Result<usize> {
        let maps = std::fs::read_to_string("/proc/self/smaps")
            .map_err(|error| os_error("read /proc/self/smaps", error))?;
        let start = self.base().addr().get();
        Ok(huge_bytes_in(&maps, start..start + self.len))
    }

    fn touch(&self, bytes: Range<usize>) {
        for byte in self.pages(bytes).iter().step_by(page_size()) {
            match self.protection {
                Protection::Read => byte.load(Relaxed),
                Protection::ReadWrite => byte.fetch_or(0, Relaxed),
            };
        }
    }

    /// Those bytes as atomics, which others see them as too.
    fn pages(&self, bytes: Range<usize>) -> &[AtomicU8] {
        assert!(bytes.start <= bytes.end && bytes.end <= self.len);
        // SAFETY: the start is within the mapping.
        let start = unsafe { self.base().add(bytes.start) }.cast::<AtomicU8>();
        // SAFETY: the range is mapped for as long as `self`, and bytes are atomics.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), bytes.len()) }
    }
}

/// Advises the kernel about memory. The advice leaves its bytes as they are.
fn advise(pages: &[AtomicU8], advice: libc::c_int) -> io::Result<()> {
    // An empty range may be anywhere.
    let skipped = if pages.is_empty() { 0 } else { pages.as_ptr().addr() % page_size() };
    let start =
        pages.as_ptr().cast_mut().map_addr(|address| address - address % page_size()).cast();
    loop {
        // SAFETY: every caller's kind of advice keeps what the pages hold. Any address may be
        // given: one that is not mapped is ENOMEM.
        // about: one that is not mapped is ENOMEM.
        if unsafe { libc::madvise(start, skipped + pages.len(), advice) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Does the work on `len` bytes, a chunk at a time, with at most so many threads, until a chunk
/// fails.
fn in_parallel(
    len: usize,
    threads: NonZero<usize>,
    work: impl Fn(Range<usize>) -> io::Result<()> + Sync,
) -> io::Result<()> {
    let chunks = len.div_ceil(CHUNK);
    let next = AtomicUsize::new(0);
    let run = || {
        loop {
            let chunk = next.fetch_add(1, Relaxed);
            if chunk >= chunks {
                return Ok(());
            }
            let worked = work(chunk * CHUNK..len.min((chunk + 1) * CHUNK));
            if worked.is_err() {
                next.store(chunks, Relaxed);
                return worked;
            }
        }
    };
    thread::scope(|scope| {
        // Fewer threads do the work too, and this one is the first.
        let others: Vec<_> = (1..threads.get().min(chunks))
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, run).ok())
            .collect();
        let mine = run();
        others.into_iter().fold(mine, |all, other| all.and(other.join().expect("no panics")))
    })
}

/// Bytes in huge pages of the mappings in `/proc/self/smaps` that overlap the addresses.
fn huge_bytes_in(smaps: &str, addresses: Range<usize>) -> usize {
    let mut ours = false;
    let mut kib = 0;
    for line in smaps.lines() {
        if let Some(of) = addresses_of(line) {
            ours = of.start < addresses.end && addresses.start < of.end;
        } else if let (true, Some(value)) =
            (ours, HUGE_FIELDS.iter().find_map(|field| line.strip_prefix(field)))
        {
            kib += value.trim().trim_end_matches(" kB").parse().unwrap_or(0);
        }
    }
    kib * 1024
}

/// The addresses in a line that begins the description of a mapping.
fn addresses_of(line: &str) -> Option<Range<usize>> {
    let (start, end) = line.split_ascii_whitespace().next()?.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    Some(number(start)?..number(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::place::Place;

    fn mapping(len: usize) -> (Object, Mapping) {
        let object = Object::create_unnamed(&Place::Anonymous, len as u64, 0o600).unwrap();
        let mapping = Mapping::new(&object, 0, len, Protection::ReadWrite).unwrap();
        (object, mapping)
    }

    #[test]
    fn every_page_has_memory_afterwards_whether_populated_or_touched() {
        let page = page_size();
        let len = 2 * CHUNK + 3 * page;
        let threads = NonZero::new(3).unwrap();
        let (object, mapped) = mapping(len);
        mapped.populate(&object, threads).unwrap();
        assert_eq!(object.facts().unwrap().allocated, len as u64);

        let (object, mapped) = mapping(len);
        mapped.pages(page..page + 1)[0].store(7, Relaxed);
        in_parallel(len, threads, |bytes| {
            mapped.touch(bytes);
            Ok(())
        })
        .unwrap();
        assert_eq!(object.facts().unwrap().allocated, len as u64);
        assert_eq!(mapped.pages(page..page + 1)[0].load(Relaxed), 7);
    }

    #[test]
    fn work_that_fails_is_not_gone_on_with() {
        let done = AtomicUsize::new(0);
        let failed = in_parallel(100 * CHUNK, NonZero::new(2).unwrap(), |bytes| {
            done.fetch_add(1, Relaxed);
            if bytes.start == 0 { Err(io::Error::other("full")) } else { Ok(()) }
        });
        assert!(failed.is_err() && done.into_inner() <= 100);
    }

    #[test]
    fn huge_pages_are_counted_where_they_are_ours() {
        let smaps = "\
            7f000000-7f400000 rw-s 00000000 00:1a 5  /dev/shm/one\n\
            Rss:                4096 kB\nShmemPmdMapped:     2048 kB\nFilePmdMapped:         0 kB\n\
            7f400000-7f800000 rw-s 00000000 00:1a 6  /dev/shm/two\n\
            ShmemPmdMapped:     4096 kB\nFilePmdMapped:         0 kB\n";
        assert_eq!(huge_bytes_in(smaps, 0x7f00_0000..0x7f40_0000), 2 << 20);
        assert_eq!(huge_bytes_in(smaps, 0x7f40_0000..0x7f40_1000), 4 << 20);
        assert_eq!(huge_bytes_in(smaps, 0x7f80_0000..0x7f80_1000), 0);
        assert_eq!(huge_bytes_in("nonsense\n-\n", 0..usize::MAX), 0);
    }
}
