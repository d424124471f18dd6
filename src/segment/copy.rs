//! Copies of a payload that others may be writing.
//!
//! A process that holds a lock or a lease reads in place. Without either, it must not load the
//! bytes at all, not even to discard them when they turn out to have changed meanwhile. Arrays and
//! frames are written with plain stores, through a `&mut [T]` here and by NumPy elsewhere. A load
//! that races with a plain store is a data race. A data race is undefined behaviour in Rust and in
//! C++, whatever kind of load it is. With atomic loads this would be a sequence lock, as H.-J.
//! Boehm describes one, only if the stores were atomic too. Libraries that load nevertheless say
//! that they rely on what compilers happen to do: crossbeam's `AtomicCell`, for example, falls back
//! to a volatile read. Rust's RFC 3301 proposes an atomic copy byte by byte, but is not accepted.
//!
//! So the kernel makes these copies. `pread` loads nothing in this program: for the language it is
//! input, as from any file. That holds whether the writer is another process or another thread of
//! this one. A file that is cut short meanwhile is an error and not a SIGBUS. The copy may be a
//! mixture. So the caller compares a version, or a frame's number, before and after the copy. Those
//! are atomic on both sides.
//!
//! The kernel copies with loads of its own, on the processor of the calling thread. So an Acquire
//! load before the call and an Acquire fence after it order the copy as they would order the
//! thread's own loads. A mapping and a `pread` of it show the same pages, on the filesystems that
//! segments lie on.

use super::life::Segment;
use crate::error::{ErrorKind, Result, ResultExt};
use crate::sys::object::Object;

impl Segment {
    /// Copies bytes of the payload out, from `offset` on. Each byte is as it is at some moment
    /// during the copy.
    pub(crate) fn read_payload(&self, bytes: &mut [u8], offset: usize) -> Result<()> {
        let layout = self.region().layout();
        assert!(offset <= layout.data_len && bytes.len() <= layout.data_len - offset);
        let start = (layout.data_offset + offset) as u64;
        let mut read = |object: &Object| {
            let read = object.read_exact_at(bytes, start);
            // If the descriptor's number is another file's by now, the bytes read are not this
            // file's.
            object.check_open().and(read)
        };
        let membership = self.membership();
        match read(membership.object_unchecked()) {
            Err(error) if error.kind() == ErrorKind::DescriptorLost => {
                membership.object().and_then(read)
            }
            read => read,
        }
        .of(self.name())
    }
}
