//! Rings: frames handed over from one publisher to any number of subscribers, in place.
//!
//! In reading order: this file, a ring and what it is asked for · [`meta`] what goes with a frame ·
//! [`format`] pictures that it describes by name · [`record`] how both lie in a slot · [`publisher`]
//! writing frames · [`copy`] copying large ones · [`subscriber`] receiving them · [`lease`] a frame that
//! stays while it is held · [`place`] slots as `ndarray` views · [`options`] creating and opening with
//! options · [`any`] rings looked at whose dtype is known at run time · [`status`] what goes on in one ·
//! `image` frames as pictures of that crate · `pixel` of which pixels · `canvas` where in a frame these are.

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
pub(crate) mod publisher;
pub(crate) mod record;
pub(crate) mod subscriber;

use std::fmt;
use std::marker::PhantomData;

use ndarray::{Dimension, IntoDimension, Ix1, Ix2, Ix3, IxDyn};

use self::record::{Form, Record};
use crate::error::{Result, ResultExt};
use crate::lock::Frames;
use crate::npy::{Order, UNIT};
use crate::segment::{Address, Handle, Items, Options, Origin, Segment};
use crate::typed::contents::Contents;
use crate::typed::element::{Element, checked_dtype};

/// A ring whose frames have one axis.
pub type Ring1<T> = Ring<T, Ix1>;
/// A ring whose frames have two axes: grey pictures, for example.
pub type Ring2<T> = Ring<T, Ix2>;
/// A ring whose frames have three axes: colour pictures, for example.
pub type Ring3<T> = Ring<T, Ix3>;
/// A ring whose frames' number of axes is known at run time.
pub type RingD<T> = Ring<T, IxDyn>;

/// Frames in shared memory, handed over without copying, tearing or waiting: one process publishes, any
/// number receive.
///
/// A ring has a fixed number of slots, each with room for one frame and its [`FrameMeta`](crate::FrameMeta).
/// The [`Publisher`](crate::Publisher) writes a frame in place and publishes it; a
/// [`Subscriber`](crate::Subscriber) receives a [`Lease`](crate::Lease), the frame itself, which stays as it is until the lease is dropped.
/// The publisher never waits for anybody: it writes over the oldest frame that nobody leases, so a
/// subscriber that is slow, stopped or killed costs the others nothing.
///
/// **How deep.** A process leases [`leases`](Self::leases) frames at most, all its subscribers together. A ring
/// with `slots >= processes × leases + 2` always has a slot to write and a frame to give away. With fewer, it
/// may happen that all are leased; then the frame is dropped, and counted.
///
/// **Who dies.** A killed publisher leaves the frames it published; another takes its place at once. A killed
/// subscriber's leases end. Nobody ever sees half a frame.
///
/// NumPy sees an array of slots, newest where `seq` is greatest; it takes no lease, so it may see a frame
/// change under it. It looks with `mmap_mode="r"`; never `"w+"`, which cuts the file to nothing under everybody:
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
    segment: Segment,
    record: Record,
    shape: D,
    item: PhantomData<fn() -> T>,
}

/// Creating, opening, and what the ring is.
impl<T: Element, D: Dimension> Ring<T, D> {
    /// Creates a ring at `address` for frames of that shape, with 8 slots, of mode 0600. A name goes when
    /// the last clone of this handle is dropped; a file stays.
    ///
    /// # Errors
    ///
    /// Those of [`Array::create`](crate::Array::create), and
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for frames of no bytes, or of 2 GiB or more.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::Ring2::<u16>::create("doc-ring", (480, 640))?;
    /// assert_eq!((ring.slots(), ring.shape()), (8, &[480, 640][..]));
    /// # Ok(()) }
    /// ```
    pub fn create<'a>(
        address: impl Into<Address<'a>>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Self> {
        Self::options().create(address, shape)
    }

    /// Creates a ring that has no name: see [`Array::create_anonymous`](crate::Array::create_anonymous).
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::Ring1::<f32>::create_anonymous(1024)?;
    /// let same = ndshm::Ring1::<f32>::open_handle(&ring.handle())?;
    /// assert!(same.subscribe().try_recv()?.is_none());
    /// # Ok(()) }
    /// ```
    pub fn create_anonymous(shape: impl IntoDimension<Dim = D>) -> Result<Self> {
        Self::options().create_anonymous(shape)
    }

    /// Creates a ring under a name made up of `prefix` and 16 random hexadecimal digits.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::Ring1::<f32>::create_unique("doc-ring-", 1024)?;
    /// assert!(ring.name().starts_with("doc-ring-"));
    /// # Ok(()) }
    /// ```
    pub fn create_unique(prefix: &str, shape: impl IntoDimension<Dim = D>) -> Result<Self> {
        Self::options().create_unique(prefix, shape)
    }

    /// Opens the ring at `address`, checking type and number of axes of its frames.
    ///
    /// Assumes of other processes what [`Array::open`](crate::Array::open) does.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), [`KindMismatch`](crate::ErrorKind::KindMismatch),
    /// [`DtypeMismatch`](crate::ErrorKind::DtypeMismatch), [`RankMismatch`](crate::ErrorKind::RankMismatch), and those of
    /// [`Segment::open`].
    ///
    /// # Examples
    ///
    /// See [`Ring`].
    pub fn open<'a>(address: impl Into<Address<'a>>) -> Result<Self> {
        Self::options().open(address)
    }

    /// Opens the ring that `handle` means, and no namesake.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), and [`Replaced`](crate::ErrorKind::Replaced).
    ///
    /// # Examples
    ///
    /// See [`create_anonymous`](Self::create_anonymous).
    pub fn open_handle(handle: &Handle) -> Result<Self> {
        Self::options().open_handle(handle)
    }

    /// Opens the ring at `address`, or creates it if there is none; [`origin`](Self::origin) tells which.
    /// Its name lasts as long as anybody has it open ([`Lifetime::LastUser`](crate::Lifetime)). One that
    /// exists must have frames of that shape, and keeps its slots.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open) and [`create`](Self::create), and
    /// [`ShapeMismatch`](crate::ErrorKind::ShapeMismatch).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::Ring2::<u8>::open_or_create("doc-ring-either", (480, 640))?;
    /// assert_eq!(ring.origin(), ndshm::Origin::Created);
    /// # Ok(()) }
    /// ```
    pub fn open_or_create<'a>(
        address: impl Into<Address<'a>>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Self> {
        Self::options().open_or_create(address, shape)
    }

    /// Creates a ring at `address` in place of whatever segment is there: see
    /// [`Array::create_or_replace`](crate::Array::create_or_replace). Who publishes or receives in the
    /// old one is told: [`Replaced`](crate::ErrorKind::Replaced).
    ///
    /// # Errors
    ///
    /// Those of [`Array::create_or_replace`](crate::Array::create_or_replace).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{ErrorKind, Ring2};
    ///
    /// let small = Ring2::<u8>::create_or_replace("doc-ring-cam", (480, 640))?;
    /// let mut subscriber = small.subscribe();
    /// let large = Ring2::<u8>::create_or_replace("doc-ring-cam", (1080, 1920))?;
    /// assert_eq!(subscriber.recv().unwrap_err().kind(), ErrorKind::Replaced);
    /// subscriber.reopen()?;
    /// assert_eq!(subscriber.ring().shape(), large.shape());
    /// # Ok(()) }
    /// ```
    pub fn create_or_replace<'a>(
        address: impl Into<Address<'a>>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Self> {
        Self::options().create_or_replace(address, shape)
    }

    /// Begins with the default options: those of arrays, 8 slots, and 4 leases a process.
    ///
    /// # Examples
    ///
    /// See [`Ring`].
    #[must_use]
    pub fn options() -> Options<Self> {
        Options::new()
    }

    /// Opens what has the name now, with the access of this handle.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let small = ndshm::Ring2::<u8>::create_or_replace("doc-ring-again", (480, 640))?;
    /// let large = ndshm::Ring2::<u8>::create_or_replace("doc-ring-again", (1080, 1920))?;
    /// assert_eq!(small.reopen()?.shape(), large.shape());
    /// # Ok(()) }
    /// ```
    pub fn reopen(&self) -> Result<Self> {
        Self::from_segment(self.segment.reopen()?)
    }

    /// Returns the segment under the ring.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::Ring1::<f32>::create_unique("doc-ring-", 1024)?;
    /// assert_eq!(ring.segment().info()?.kind(), ndshm::Kind::Ring);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Returns the ring's name, or its file's path.
    ///
    /// # Examples
    ///
    /// See [`create_unique`](Self::create_unique).
    #[must_use]
    pub fn name(&self) -> &str {
        self.segment.name()
    }

    /// Returns the ring's address as text, to be given to another process.
    ///
    /// # Examples
    ///
    /// See [`create_anonymous`](Self::create_anonymous).
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.segment.handle()
    }

    /// Returns whether this handle created the ring or found it.
    ///
    /// # Examples
    ///
    /// See [`open_or_create`](Self::open_or_create).
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.segment.origin()
    }

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
        self.segment.control().shape[0]
    }

    /// Returns how many frames one process may lease at once, all its subscribers together.
    ///
    /// # Examples
    ///
    /// See [`leases`](Options::leases) of the options.
    #[must_use]
    pub fn leases(&self) -> usize {
        self.segment.control().leases as usize
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
        self.frames().newest()
    }

    /// Returns how many frames publishers dropped because all slots were leased.
    ///
    /// # Examples
    ///
    /// See [`published`](Self::published).
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.frames().dropped()
    }

    fn frames(&self) -> Frames<'_> {
        self.segment.region().frames()
    }

    fn sound_frames(&self) -> Option<Frames<'_>> {
        record::sound_frames(&self.segment)
    }

    fn from_segment(segment: Segment) -> Result<Self> {
        let name = segment.name().to_owned();
        Self::check(segment).of(&name)
    }

    fn check(segment: Segment) -> Result<Self> {
        let Form { dtype, shape, record } = Form::of(&segment)?;
        let contents = Contents { dtype: &dtype, shape: &shape, order: Order::C, alignment: UNIT };
        let shape = contents.shape_of::<T, D>(checked_dtype::<T>()?)?;
        Ok(Self { segment, record, shape, item: PhantomData })
    }
}

impl<T: Element, D: Dimension> Clone for Ring<T, D> {
    fn clone(&self) -> Self {
        Self {
            segment: self.segment.clone(),
            record: self.record,
            shape: self.shape.clone(),
            item: PhantomData,
        }
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
