//! Named shared-memory arrays and values: typed, locked, safe against crashes, and readable by
//! NumPy as they are.
//!
//! What `Arc<RwLock<ndarray::Array>>` is between threads, [`Array`] is between processes: attached
//! by name, read and written in place, without serialization and without a daemon. Python maps the
//! very same memory with `np.load`.
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
//! NumPy takes no locks: let one side write at a time, and hold no guard in Rust meanwhile. `mmap_mode="r+"` writes in place and `"r"` looks.
//! Never take `"w+"`, `np.save` or a copy *onto* a live name: they cut the file to nothing first, and whoever
//! has it mapped is killed by SIGBUS. A [`Block`] is what Python's `SharedMemory` makes; attach to one with
//! `track=False`, which Python has since 3.13, or its resource tracker removes the name when that Python ends.
//!
//! # The pieces
//!
//! | want | take |
//! |---|---|
//! | numbers in n axes | [`Array`], with aliases [`Array1`] to [`Array6`] and [`ArrayD`] |
//! | one number, or one small struct | [`Value`] |
//! | to wait until something happened | [`Event`] |
//! | numbers that nobody writes any more | [`Frozen`], with aliases [`Frozen1`] to [`Frozen6`] and [`FrozenD`] |
//! | settings for many processes | `Config`, with feature `serde` |
//! | to look without locks or permission to write | [`Access::Observe`] |
//! | bare bytes, shared with C, Python's `SharedMemory` or the `shared_memory` crate | [`Block`] |
//! | rows that are appended, read in place, and followed | [`Log`] |
//! | frames, handed over to whoever wants them | [`Ring`], with aliases [`Ring1`] to [`Ring3`] and [`RingD`] |
//! | pictures in a common format, and their planes | [`PixelFormat`], [`Lease::planes`] |
//! | frames as pictures of the crate `image` | `Lease::as_image`, with feature `image` |
//! | numbers whose type is known at run time only | [`AnyArray`], [`AnySnapshot`], [`AnyRing`] |
//! | a little of something large, without copying all of it | [`Segment::peek`], and [`peek`] from outside, whoever owns it |
//! | one array worked on by many processes | [`Array::scatter`], [`Part`] |
//! | your own struct as an element | `#[derive(`[`Element`]`)]` |
//! | strings of fixed size, dates and lapses of time, as NumPy has them | [`Bytes`], [`Text`], [`Datetime`], [`Timedelta`] |
//! | an ordinary `.npy` file, shared where it is | [`Array::share_npy`] |
//! | an ordinary `.npy` file, read where it is | [`Npy`], or [`NpyFile`] when its dtype is news |
//! | stripes, modes, lifetimes, order, prefaulted and huge pages | [`Options`] |
//! | every way to ask for a lock | [`Request`] |
//! | a file that outlives the machine's restart | [`Address`], [`Segment::sync`] |
//! | a segment's address for another process | [`Handle`] |
//! | what a segment is, in words | [`Segment::info`], [`list`], [`remove`], [`reap`], [`reap_prefix`] |
//! | who is in a segment and holds its locks | [`Status`], or the command `ndshm` |
//! | who publishes in a ring, and who leases which frame | [`RingStatus`] |
//! | how much may still be created | [`capacity`] |
//!
//! # Memory model
//!
//! Other processes may write shared memory at any time, so a plain reference into it would be a lie.
//! References exist only inside guards, under a lock that every process honours:
//!
//! - [`Array::read`] and [`Array::write`] lock everything; [`Array::read_rows`] and
//!   [`Array::write_rows`] the *stripes* that the rows lie in, so that processes write disjoint rows
//!   in parallel; [`Array::write_stripe`] exactly one. Guards deref to [`ndarray::ArrayRef`].
//! - Each has a form that does not wait (`try_…`), one that waits so long (`…_timeout`, whose error
//!   names the owner), one that accepts suspect data (`…_recover`), and one whose guard is
//!   `Send + 'static` (`…_owned`). [`Request`] combines them.
//! - Stripes are taken in ascending order, so that no two processes wait for each other. A thread that
//!   would wait for itself gets [`ErrorKind::Deadlock`]; reading again what it reads is granted.
//! - What is [frozen](Array::freeze) needs no lock: nobody gets one for writing any more.
//! - Without a lock there are copies ([`Array::snapshot`] takes it for you, or checks that nobody wrote
//!   meanwhile), [`Array::raw_view`] and `unsafe`.
//! - A [`Value`] of 1, 2, 4 or 8 bytes is one sequentially consistent atomic. Any other is kept
//!   twice and committed by a switch: reading never waits and never sees half of it.
//! - The rows of a [`Log`] never change once they are committed: [`LogRows`] refers to them without a
//!   lock.
//! - A frame of a [`Ring`] stays as it is while a [`Lease`] of it lives.
//!
//! # Failure model
//!
//! Any process may be killed at any instruction; the others go on and are told what happened.
//!
//! | who dies | what the others see |
//! |---|---|
//! | a creator, before the name is linked | nothing was there |
//! | a writer, while writing | the next lock fails with [`ErrorKind::OwnerDied`], later ones with [`ErrorKind::Poisoned`], until somebody mends the data under `write_recover` and calls `mark_consistent` |
//! | a writer, outside its critical section | nothing |
//! | a reader, an observer, or anybody who waits | nothing |
//! | who [freezes](Array::freeze) an array | it is frozen or not, and whole |
//! | the setter of a [`Value`] | the old value or the new one |
//! | who appends to a [`Log`] | all of its rows or none |
//! | who [shares](Array::share_npy) an `.npy` file | the plain file or the shared one |
//! | who [replaces](Array::create_or_replace) a segment | the old one under its name or the new one, whole |
//! | who publishes frames in a [`Ring`] | the frames it published |
//! | who leases frames of a [`Ring`] | nothing: the leases end |
//! | a forked child's parent | its locks are its own: the child never held them |
//!
//! A panic while writing poisons as a death does. An owner that is stopped (SIGSTOP, a debugger) is
//! alive, and nobody takes its lock; use the `_timeout` forms if that may happen.
//!
//! Death is judged by the kernel alone, by a lock that it drops with the address space: no process
//! ids, no ages, no heartbeats. So it holds across containers that share `/dev/shm`, and a recycled
//! process id deceives nobody. A waiter notices within 4 ms of the owner's memory being gone.
//!
//! Not survived: `mem::forget` of a guard (the rows stay locked while the process lives); a process
//! that writes where it has no lock; truncating the file of a live segment.
//!
//! # Names and lifetimes
//!
//! A name is 1 to 255 bytes without a slash, and becomes the file `/dev/shm/NAME`. It appears only on
//! a finished segment. It goes when the creating handle's last clone is dropped
//! ([`Lifetime::Creator`]), when the last process that has it open lets go of it
//! ([`Lifetime::LastUser`], the default of `open_or_create`), or when somebody calls [`remove`]
//! ([`Lifetime::Persistent`]); [`SegmentSet`] removes many together. Those attached keep their memory
//! either way. [`Array::create_or_replace`] gives the name to another segment, at once, and those
//! attached to the old one are told. A killed process leaves its names behind: [`reap`] removes what
//! only the dead hold, and with [`reclaim_dead`](Options::reclaim_dead) a new segment takes its place.
//!
//! Give a path instead of a name, and the segment is that file: see [`Address`]. It stays until it is
//! removed, also when the machine restarts; [`Segment::sync`] says what the disk then holds for sure.
//! [`Array::create_anonymous`] makes one that has no name at all.
//!
//! # Trust
//!
//! Every process that may write a segment is assumed to keep its protocol: to write where it holds a lock for
//! writing, and never to cut the file short. That is this user's processes and root's, and NumPy among them, which
//! knows of no locks. One that breaks it makes references untrue, which is undefined behaviour, as for a map of
//! any file; [`docs/trust.md`] says why opening is safe to call nevertheless, where memmap2's is not, and what is
//! enforced instead of assumed: [sealed memory](Frozen::seal), and copies.
//!
//! Whoever may *write* a segment can break every promise made here, and whoever may read it can
//! block its locks: hence mode 0600, and [`ErrorKind::NotTrusted`] for segments that belong to other users, root
//! excepted, or that the group or others may write. Who vouches for them says so with
//! [`trust_owner`](Options::trust_owner), which is unsafe, as is to create such a segment
//! ([`mode_for_writers`](Options::mode_for_writers)). [`Access::Observe`] and [`Frozen`] need permission to read
//! and no more, but the same trust, since what is mapped can be written or cut short by others; a
//! [`Status`], which maps nothing, needs none. What is read from a segment is checked before it is used, so damage is
//! an error.
//!
//! [`docs/trust.md`]: https://github.com/ndshm/ndshm/blob/main/docs/trust.md
//!
//! # Platforms and features
//!
//! `ndarray` 0.17 is part of this interface: guards deref to its arrays, and axes are its dimensions. `cargo add
//! ndarray@0.17` takes the same, and so does [`ndshm::ndarray`](ndarray) without it.
//!
//! Linux 4.14 or later, little-endian, of 32 or 64 bits, with a tmpfs at `/dev/shm`. Elsewhere everything compiles and
//! is [`ErrorKind::Unsupported`].
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
//! | a lock survives its killed owner, and says so | no lock | waits for ever | yes |
//! | a killed reader blocks nobody | no lock | blocks writers | yes |
//! | a full `/dev/shm` | SIGBUS | SIGBUS | an error |
//! | parallel writes to disjoint rows | by hand | by hand | stripes |
//!
//! Why not stand on `shared_memory` and `raw_sync`? Measured while this was designed: a full tmpfs is
//! a SIGBUS; openers that come early get EINVAL; a forked child's drop removes its parent's name; a
//! killed lock owner hangs everybody, and a killed waiter hangs a healthy setter. `docs/design.md`
//! tells more, and `docs/format.md` the format, byte by byte.

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
pub use crate::typed::any::{AnyArray, AnyReadGuard, AnyRows, AnyWriteGuard};
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
