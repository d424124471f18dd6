//! Copies of a payload that others may be writing.
//!
//! Who holds a lock or a lease reads in place. Who holds neither must not load the bytes at all, not even to
//! throw them away when they turn out to have changed meanwhile. Arrays and frames are written with plain
//! stores, through a `&mut [T]` here and by NumPy elsewhere; a load that races with a plain store is a data
//! race, which is undefined behaviour in Rust and in C++ whatever kind of load it is. Atomic loads would
//! make a sequence lock of it, as H.-J. Boehm describes one, only if the stores were atomic too. Libraries
//! that load nevertheless (crossbeam's `AtomicCell` falls back to a volatile read) say that they rely on what
//! compilers happen to do; Rust's RFC 3301, which proposes an atomic copy byte by byte, is not accepted.
//!
//! So the kernel makes these copies. `pread` loads nothing in this program: for the language it is input,
//! as from any file, and it is so whether the writer is another process or another thread of this one. A
//! file that is cut short meanwhile is an error, and no SIGBUS. What is copied may be a mixture; whoever asks
//! for it looks at a version or at a frame's number before and after, and those are atomic on both sides.
//!
//! The kernel copies with loads of its own, on the processor of the thread that calls it. So an Acquire load
//! before the call and an Acquire fence after it order the copy as they would order loads that the thread
//! makes itself. A mapping and a `pread` of it show the same pages, on the filesystems that segments lie on.

use super::life::Segment;
use crate::error::{ErrorKind, Result, ResultExt};
use crate::sys::object::Object;

impl Segment {
    /// Copies bytes of the payload out, from `offset` on, each as it is at some moment meanwhile.
    pub(crate) fn read_payload(&self, bytes: &mut [u8], offset: usize) -> Result<()> {
        let layout = self.region().layout();
        assert!(offset <= layout.data_len && bytes.len() <= layout.data_len - offset);
        let start = (layout.data_offset + offset) as u64;
        let mut read = |object: &Object| {
            let read = object.read_exact_at(bytes, start);
            // What was read through a number that is another file's by now is not this file's.
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
