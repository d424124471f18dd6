//! Named shared-memory arrays and values: typed, locked, safe against crashes, and readable by
//! NumPy as they are.
//!
//! [`Array`] does for processes what `Arc<RwLock<ndarray::Array>>` does for threads. Processes
//! attach to it by name and read and write it in place. There is no serialization and no daemon.
//! Python maps the very same memory with `np.load`.
//!
//! # Two processes
//!
//! ```
//! # fn main() -> ndshm::Result<()> {
//! // The first process:
//! let image = ndshm::Array2::<f32>::create("guide", (1080, 1920))?; // zeros, mode 0600
//! image.write()?.fill(0.5); // exclusive; derefs to ndarray
//!
//! // Any other process, started however you like:
//! let image = ndshm::Array2::<f32>::open("guide")?; // element type and axes are checked
//! let mean = image.read()?.mean(); // shared, in place
//! image.write_rows(0..540)?.mapv_inplace(|x| x * 2.0); // locks no more than these rows' stripes
//!
//! let hits = ndshm::Value::<i64>::open_or_create("guide-hits", 0)?;
//! hits.fetch_add(1)?; // one atomic
//! # assert_eq!(mean, Some(0.5));
//! # ndshm::remove("guide-hits")?;
//! # Ok(()) }
//! ```
//!
//! And Python, while the array exists:
//!
//! ```text
//! >>> image = np.load("/dev/shm/guide", mmap_mode="r+")
//! >>> image.shape, image.dtype
//! ((1080, 1920), dtype('float32'))
//! ```
//!
//! NumPy takes no locks. Let one side write at a time, and hold no guard in Rust while NumPy
//! writes. `mmap_mode="r+"` writes in place, and `"r"` only reads. Never use `"w+"`, `np.save` or
//! a copy *onto* a live name: they truncate the file to zero first, and SIGBUS kills every process
//! that has it mapped.
//!
//! A [`Block`] is what Python's `SharedMemory` makes. Attach to one with `track=False`, which
//! Python has since 3.13. Otherwise Python's resource tracker removes the name when that Python
//! ends.
//!
//! # The pieces
//!
//! | want | take |
//! |---|---|
//! | numbers in n axes | [`Array`], with aliases [`Array1`] to [`Array6`] and [`ArrayD`] |
//! | one number, or one small struct | [`Value`] |
//! | to wait for something to happen | [`Event`] |
//! | numbers that nobody writes any more | [`Frozen`], with aliases [`Frozen1`] to [`Frozen6`] and [`FrozenD`] |
//! | settings for many processes | `Config`, with feature `serde` |
//! | to read without locks or permission to write | [`Access::Observe`] |
//! | bare bytes, shared with C, Python's `SharedMemory` or the `shared_memory` crate | [`Block`] |
//! | rows that are appended, read in place, and followed | [`Log`] |
//! | frames, handed over to any number of processes | [`Ring`], with aliases [`Ring1`] to [`Ring3`] and [`RingD`] |
//! | pictures in a common format, and their planes | [`PixelFormat`], [`Lease::planes`] |
//! | frames as pictures of the crate `image` | `Lease::as_image`, with feature `image` |
//! | numbers whose type is known only at run time | [`AnyArray`], [`AnySnapshot`], [`AnyRing`] |
//! | a small piece of something large, without copying all of it | [`Segment::peek`], or [`peek`] from outside, whoever owns it |
//! | one array worked on by many processes | [`Array::scatter`], [`Part`] |
//! | your own struct as an element | `#[derive(`[`Element`]`)]` |
//! | NumPy's strings of fixed size, dates and time differences | [`Bytes`], [`Text`], [`Datetime`], [`Timedelta`] |
//! | an ordinary `.npy` file, shared where it is | [`Array::share_npy`] |
//! | an ordinary `.npy` file, read where it is | [`Npy`], or [`NpyFile`] if you do not know its dtype |
//! | stripes, modes, lifetimes, order, prefaulted and huge pages | [`Options`] |
//! | every way to ask for a lock | [`Request`] |
//! | a file that survives a restart of the machine | [`Address`], [`Segment::sync`] |
//! | a segment's address for another process | [`Handle`] |
//! | to describe, list and remove segments | [`Segment::info`], [`list`], [`remove`], [`reap`], [`reap_prefix`] |
//! | who uses a segment and holds its locks | [`Status`], or the command `ndshm` |
//! | who publishes in a ring, and who leases which frame | [`RingStatus`] |
//! | how much may still be created | [`capacity`] |
//!
//! # Memory model
//!
//! Other processes may write shared memory at any time, so a plain reference into it would be
//! unsound. References exist only inside guards, under a lock that every process honours:
//!
//! - [`Array::read`] and [`Array::write`] lock everything. [`Array::read_rows`] and
//!   [`Array::write_rows`] lock the *stripes* that the rows lie in, so processes write disjoint
//!   rows in parallel. [`Array::write_stripe`] locks exactly one. Guards deref to
//!   [`ndarray::ArrayRef`].
//! - Each has more forms. `try_…` does not wait. `…_timeout` waits for a given time, and its error
//!   names the owner. `…_recover` accepts suspect data. `…_owned` returns a guard that is
//!   `Send + 'static`. [`Request`] combines them.
//! - Stripes are locked in ascending order, so no two processes wait for each other. A thread that
//!   would wait for itself gets [`ErrorKind::Deadlock`]. A thread may read again what it already
//!   reads.
//! - A [frozen](Array::freeze) array needs no lock: nobody can lock it for writing any more.
//! - Without a lock there are copies ([`Array::snapshot`] takes the lock for you, or checks that
//!   nobody wrote meanwhile), [`Array::raw_view`] and `unsafe`.
//! - A [`Value`] of 1, 2, 4 or 8 bytes is one sequentially consistent atomic. A value of another
//!   size is kept twice and committed by a switch. Reading it never waits and never sees half of
//!   it.
//! - The rows of a [`Log`] never change once they are committed. [`LogRows`] refers to them
//!   without a lock.
//! - A frame of a [`Ring`] does not change while a [`Lease`] of it lives.
//!
//! # Failure model
//!
//! Any process may be killed at any instruction. The others go on and are told what happened.
//!
//! | killed | what the others see |
//! |---|---|
//! | a creator, before the name is linked | nothing: there never was a segment |
//! | a writer, while writing | the next lock fails with [`ErrorKind::OwnerDied`], later ones with [`ErrorKind::Poisoned`], until somebody mends the data under `write_recover` and calls `mark_consistent` |
//! | a writer, outside its critical section | nothing |
//! | a reader, an observer, or a waiter | nothing |
//! | a process that [freezes](Array::freeze) an array | a whole array, frozen or not |
//! | the setter of a [`Value`] | the old value or the new one |
//! | a process that appends to a [`Log`] | all of its rows or none |
//! | a process that [shares](Array::share_npy) an `.npy` file | the plain file or the shared one |
//! | a process that [replaces](Array::create_or_replace) a segment | the old segment or the new one under the name, whole |
//! | a publisher of a [`Ring`] | the frames it published |
//! | a process that leases frames of a [`Ring`] | nothing: the leases end |
//! | the parent of a forked child | its locks are those of a dead owner: the child never held them |
//!
//! A panic while writing poisons, as a death does. An owner that is stopped (SIGSTOP, a debugger) is
//! alive, and nobody takes its lock. Use the `_timeout` forms if that may happen.
//!
//! The kernel alone decides whether a process is dead, by a lock that it drops with the address
//! space. Process ids, ages and heartbeats play no part. So this works across containers that share
//! `/dev/shm`, and a recycled process id misleads nobody. A waiter notices a death within 4 ms of
//! the owner's memory being gone.
//!
//! The following is not survived: `mem::forget` of a guard (the rows stay locked while the process
//! lives), a process that writes without a lock, and truncating the file of a live segment.
//!
//! # Names and lifetimes
//!
//! A name is 1 to 255 bytes without a slash, and becomes the file `/dev/shm/NAME`. It appears only
//! on a finished segment. The lifetime decides when it goes:
//!
//! | lifetime | the name goes |
//! |---|---|
//! | [`Lifetime::Creator`] | when the last clone of the creating handle is dropped |
//! | [`Lifetime::LastUser`], the default of `open_or_create` | when the last process that has the segment open lets go of it |
//! | [`Lifetime::Persistent`] | when somebody calls [`remove`] |
//!
//! Attached processes keep their memory in each case. [`SegmentSet`] removes many names together.
//! [`Array::create_or_replace`] gives the name to another segment at once, and tells the processes
//! attached to the old one. A killed process leaves its names behind. [`reap`] removes names that
//! only dead processes hold. With [`reclaim_dead`](Options::reclaim_dead) a new segment takes over
//! such a name.
//!
//! Pass a path instead of a name, and the segment is that file: see [`Address`]. It stays until it
//! is removed, even when the machine restarts. [`Segment::sync`] says what the disk is then sure to
//! hold. [`Array::create_anonymous`] makes a segment that has no name at all.
//!
//! # Trust
//!
//! Every process that may write a segment is assumed to keep its protocol: it writes only where it
//! holds a lock for writing, and it never truncates the file. These are the processes of this user
//! and of root. NumPy is among them, and it knows of no locks. A process that breaks the
//! protocol invalidates references, which is undefined behaviour, as for a map of any file.
//! [`docs/trust.md`] explains why opening is safe to call nevertheless, where memmap2's is not, and
//! what is enforced instead of assumed: [sealed memory](Frozen::seal), and copies.
//!
//! A process that may *write* a segment can break every promise made here. A process that may read
//! it can block its locks. Hence the mode is 0600, and a segment is [`ErrorKind::NotTrusted`] if it
//! belongs to neither this user nor root, or if the group or others may write it. To vouch for such
//! a segment, open it with [`trust_owner`](Options::trust_owner) or create it with
//! [`mode_for_writers`](Options::mode_for_writers); both are unsafe. [`Access::Observe`] and
//! [`Frozen`] need only permission to read, but the same trust, since others can write or truncate
//! what is mapped. A [`Status`] maps nothing and needs no trust. Whatever is read from a segment is
//! checked before it is used, so damage is an error.
//!
//! [`docs/trust.md`]: https://github.com/ndshm/ndshm/blob/main/docs/trust.md
//!
//! # Platforms and features
//!
//! `ndarray` 0.17 is part of this interface: guards deref to its arrays, and axes are its
//! dimensions. `cargo add ndarray@0.17` selects the same version. [`ndshm::ndarray`](ndarray) gives
//! access to it without a dependency of your own.
//!
//! This crate needs Linux 4.14 or later, little-endian, 32 or 64 bits, with a tmpfs at `/dev/shm`.
//! On other platforms everything compiles, and creating or opening anything is
//! [`ErrorKind::Unsupported`].
//!
//! | feature | gives |
//! |---|---|
//! | `derive` (default) | `#[derive(Element)]` |
//! | `half` | `half::f16` and `half::bf16` as elements |
//! | `image` | frames of a [`Ring`] as `ImageBuffer`s of that crate, in place; `ImagePixel` |
//! | `num-complex` | `Complex<f32>` and `Complex<f64>` as elements |
//! | `serde` | [`Handle`] serialises as its text; `Config` |
//! | `shared_memory` | a `Shmem` of that crate becomes a [`Block`] |
//!
//! # How it compares
//!
//! | | Python `shared_memory` | `shared_memory` + `raw_sync` | this |
//! |---|---|---|---|
//! | element type and shape, checked | no | no | yes |
//! | `np.load` opens it | no | no | yes |
//! | a lock survives its killed owner, and says so | no lock | waits forever | yes |
//! | a killed reader blocks nobody | no lock | blocks writers | yes |
//! | a full `/dev/shm` | SIGBUS | SIGBUS | an error |
//! | parallel writes to disjoint rows | by hand | by hand | stripes |
//!
//! Why is this crate not built on `shared_memory` and `raw_sync`? Tests made while it was designed
//! showed these problems:
//!
//! - A full tmpfs is a SIGBUS.
//! - A process that opens too early gets EINVAL.
//! - A forked child's drop removes its parent's name.
//! - A killed lock owner hangs everybody, and a killed waiter hangs a healthy setter.
//!
//! `docs/design.md` tells more, and `docs/format.md` describes the format byte by byte.

mod atomic;
mod error;
mod lock;
mod look;
mod npy;
mod ring;
mod segment;
mod steps;
mod sync;
mod sys;
mod typed;

/// The version of that crate whose arrays and dimensions are in this crate's interface.
pub use ndarray;

pub use crate::error::{Error, ErrorKind, Result};
pub use crate::look::{
    AnyFrame, AnySnapshot, Capacity, Condition, LeaseStatus, Look, Peek, RingStatus, Status,
    StripeStatus, TEMPORARY_PREFIX, capacity, directory, list, peek, pid_namespace,
};
pub use crate::npy::datum::Datum;
pub use crate::npy::dtype::{Dtype, Field};
pub use crate::npy::header::Order;
pub use crate::npy::scalar::Scalar;
pub use crate::npy::time::{Span, TimeUnit};
pub use crate::ring::any::AnyRing;
pub use crate::ring::format::{PictureLayout, PixelFormat, RowAlignment};
pub use crate::ring::lease::Lease;
pub use crate::ring::meta::{Clock, Colour, FrameFlags, FrameMeta, Plane};
#[cfg(feature = "image")]
pub use crate::ring::pixel::ImagePixel;
pub use crate::ring::publisher::{Loan, Overflow, Publisher};
pub use crate::ring::subscriber::{Iter, Subscriber, Waiting};
pub use crate::ring::{Ring, Ring1, Ring2, Ring3, RingD};
pub use crate::segment::{
    Access, Address, Block, Handle, Info, Kind, Lifetime, NpyFile, Options, Origin, Participant,
    Reserve, Segment, SegmentSet, reap, reap_prefix, remove,
};
pub use crate::sync::{Event, Poison, PoisonCause};
pub use crate::typed::any::{AnyArray, AnyReadGuard, AnyRows, AnyValue, AnyWriteGuard};
pub use crate::typed::array::{
    Array, Array as SharedArray, Array1, Array2, Array3, Array4, Array5, Array6, ArrayD,
};
pub use crate::typed::bool::Bool;
#[cfg(feature = "serde")]
pub use crate::typed::config::Config;
pub use crate::typed::element::Element;
pub use crate::typed::frozen::{
    Frozen, Frozen1, Frozen2, Frozen3, Frozen4, Frozen5, Frozen6, FrozenD,
};
pub use crate::typed::guard::{OwnedReadGuard, OwnedWriteGuard, ReadGuard, WriteGuard};
pub use crate::typed::log::{AnyFollower, AnyLog, AnyLogRows, Follower, Log, LogRows};
pub use crate::typed::npy::{Npy, open_npy};
pub use crate::typed::number::{Integer, Number};
pub use crate::typed::part::{ArrayPart, Part};
pub use crate::typed::request::Request;
pub use crate::typed::text::{Bytes, Text};
pub use crate::typed::time::{Datetime, Timedelta};
pub use crate::typed::value::Value;
pub use crate::typed::value_guard::ValueGuard;

#[cfg(feature = "derive")]
pub use ndshm_derive::Element;

/// Units of time, for [`Datetime`] and [`Timedelta`].
pub mod unit {
    pub use crate::typed::time::{
        Attosecond, Day, Femtosecond, Generic, Hour, Microsecond, Millisecond, Minute, Month,
        Nanosecond, Picosecond, Second, Unit, Week, Year,
    };
}

/// What the derive macro's code calls.
#[doc(hidden)]
pub mod __private {
    pub use crate::typed::element::{
        align_of_field, assert_alignment, assert_element, assert_no_padding_at_the_end,
        assert_no_padding_before, dtype_of_field, size_of_field,
    };
    pub use bytemuck;
}

/// What the fuzzer calls.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod __fuzz {
    /// Reads bytes as an NPY header.
    pub fn header(bytes: &[u8]) {
        crate::npy::header::check_round_trip(bytes);
    }
}
