//! Rings: frames handed over from one publisher to any number of subscribers, in place.
//!
//! In reading order: this file, a ring and what it is asked for · [`any`] the same of any dtype, which it stands on ·
//! [`meta`] the description of a frame · [`format`] pictures that it describes by name · [`record`] how both lie in a
//! slot · [`place`] finding them there · [`publish`] writing frames of any dtype, [`publisher`] of a known type ·
//! [`copy`] copying large ones · [`receive`] receiving frames of any dtype, [`subscriber`] of a known type · [`lease`] a
//! frame that stays while it is held · [`options`] options of rings · `image` frames as pictures of that crate · `pixel`
//! of which pixels · `canvas` where in a frame these are.

pub(crate) mod any;
#[cfg(feature = "image")]
mod canvas;
mod copy;
pub(crate) mod format;
#[cfg(feature = "image")]
pub(crate) mod image;
pub(crate) mod lease;
pub(crate) mod meta;
mod options;
#[cfg(feature = "image")]
pub(crate) mod pixel;
mod place;
pub(crate) mod publish;
pub(crate) mod publisher;
pub(crate) mod receive;
pub(crate) mod record;
pub(crate) mod subscriber;

use std::fmt;
use std::marker::PhantomData;

use ndarray::{Dimension, IntoDimension, Ix1, Ix2, Ix3, IxDyn};

use self::any::AnyRing;
use crate::error::Result;
use crate::segment::{Creates, Items, Opens, Plan, Segment, Settings, handle};
use crate::typed::contents::Laid;
use crate::typed::element::{Element, checked_dtype};

/// A ring whose frames have one axis.
pub type Ring1<T> = Ring<T, Ix1>;
/// A ring whose frames have two axes: grey pictures, for example.
pub type Ring2<T> = Ring<T, Ix2>;
/// A ring whose frames have three axes: colour pictures, for example.
pub type Ring3<T> = Ring<T, Ix3>;
/// A ring whose frames' number of axes is known at run time.
pub type RingD<T> = Ring<T, IxDyn>;

/// Frames in shared memory, handed over without copying, tearing or waiting. One process publishes,
/// and any number receive.
///
/// A ring has a fixed number of slots, each with room for one frame and its
/// [`FrameMeta`](crate::FrameMeta). The [`Publisher`](crate::Publisher) writes a frame in place and
/// publishes it. A [`Subscriber`](crate::Subscriber) receives a [`Lease`](crate::Lease). This is
/// the frame itself, which stays as it is until the lease is dropped. The publisher never waits for
/// anybody. It writes over the oldest frame that nobody leases, so a subscriber that is slow,
/// stopped or killed costs the others nothing.
///
/// **Depth.** A process leases at most [`leases`](Self::leases) frames, all its subscribers
/// together. A ring with `slots >= processes × leases + 2` always has a slot to write and a frame
/// to give away. With fewer slots, it may happen that all are leased. Then the frame is dropped,
/// and counted.
///
/// **Deaths.** A killed publisher leaves the frames it published, and another takes its place at
/// once. The leases of a killed subscriber end. Nobody ever sees half a frame.
///
/// NumPy sees an array of slots. The newest is where `seq` is greatest. NumPy takes no lease, so it
/// may see a frame change under it. Open it with `mmap_mode="r"`, never with `"w+"`, which cuts the
/// file to nothing under everybody:
///
/// ```text
/// slots = np.load("/dev/shm/cam0", mmap_mode="r")
/// newest = slots[slots["meta"]["seq"].argmax()]
/// newest["frame"], newest["meta"]["capture_ns"]
/// ```
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{FrameMeta, Ring, Ring3};
///
/// let ring = Ring::<u8, _>::options().slots(8).create("doc-cam0", (108, 192, 3))?;
/// let mut publisher = ring.publisher()?;
/// let mut frame = publisher.loan()?;
/// frame.fill(7); // in place
/// frame.publish(FrameMeta::new().capture_now());
///
/// // In any other process:
/// let mut subscriber = Ring3::<u8>::open("doc-cam0")?.subscribe();
/// let frame = subscriber.recv()?; // the newest at first, then each in order
/// assert_eq!((frame[[0, 0, 0]], frame.seq(), frame.missed()), (7, 1, 0));
/// # Ok(()) }
/// ```
pub struct Ring<T: Element, D: Dimension> {
    any: AnyRing,
    shape: D,
    item: PhantomData<fn() -> T>,
}

handle! {
    /// It has 8 slots, and a process may lease 4 of them, unless the options say otherwise. For
    /// frames of no bytes, or of 2 GiB or more, the error is
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument).
    impl[T: Element, D: Dimension] Ring<T, D>, "ring", "a ring", "ndshm::Ring1::<f32>", given "1024", |it| &it.any.segment;
    create(shape: impl IntoDimension<Dim = D>) => shape.into_dimension()
}

impl<T: Element, D: Dimension> Opens for Ring<T, D> {
    fn check(segment: Segment) -> Result<Self> {
        let any = AnyRing::check(segment)?;
        let shape = any.form.shape_of::<T, D>()?;
        Ok(Self { any, shape, item: PhantomData })
    }
}

impl<T: Element, D: Dimension> Creates for Ring<T, D> {
    type Start = D;

    fn plan(settings: &Settings, shape: &D) -> Result<Plan> {
        record::plan(settings, checked_dtype::<T>()?, shape.slice())
    }

    fn check_same(&self, asked: &D) -> Result<()> {
        let dtype = self.any.dtype();
        let asked = Laid { dtype, shape: asked.slice() };
        Laid { dtype, shape: self.shape() }.check_same(any::FRAMES, asked)
    }
}

/// What the ring is.
impl<T: Element, D: Dimension> Ring<T, D> {
    /// Returns the shape of a frame.
    ///
    /// # Examples
    ///
    /// See [`create`](Self::create).
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.shape.slice()
    }

    /// Returns how many frames there is room for.
    ///
    /// # Examples
    ///
    /// See [`create`](Self::create).
    #[must_use]
    pub fn slots(&self) -> usize {
        self.any.slots()
    }

    /// Returns how many frames one process may lease at once, all its subscribers together.
    ///
    /// # Examples
    ///
    /// See [`leases`](crate::Options::leases) of the options.
    #[must_use]
    pub fn leases(&self) -> usize {
        self.any.leases()
    }

    /// Returns how many frames were published, which is the number of the newest one.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::Ring1::<u8>::create_unique("doc-ring-", 10)?;
    /// ring.publisher()?.publish_from(&ndarray::arr1(&[7; 10]), ndshm::FrameMeta::new())?;
    /// assert_eq!((ring.published(), ring.dropped()), (1, 0));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn published(&self) -> u64 {
        self.any.published()
    }

    /// Returns how many frames publishers dropped because all slots were leased.
    ///
    /// # Examples
    ///
    /// See [`published`](Self::published).
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.any.dropped()
    }
}

impl<T: Element, D: Dimension> Clone for Ring<T, D> {
    fn clone(&self) -> Self {
        Self { any: self.any.clone(), shape: self.shape.clone(), item: PhantomData }
    }
}

impl<T: Element, D: Dimension> fmt::Debug for Ring<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("name", &self.name())
            .field("shape", &self.shape())
            .field("slots", &self.slots())
            .field("published", &self.published())
            .finish()
    }
}

/// The name, the slots, and the shape and dtype of a frame: `Ring "cam0" of 8 frames of shape [480, 640] of |u1 (u8)`.
impl<T: Element, D: Dimension> fmt::Display for Ring<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = Items { dtype: &T::dtype(), shape: self.shape() };
        write!(f, "Ring {:?} of {} frames of {items}", self.name(), self.slots())
    }
}

impl<T: Element, D: Dimension> From<Ring<T, D>> for AnyRing {
    fn from(ring: Ring<T, D>) -> Self {
        ring.any
    }
}
