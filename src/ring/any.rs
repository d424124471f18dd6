//! Rings whose dtype is known at run time only: the core of all rings.

use std::fmt;
use std::sync::Arc;

use super::record::{self, Form};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::Frames;
use crate::npy::Dtype;
use crate::segment::{Creates, Items, Opens, Plan, Segment, Settings, handle};
use crate::typed::contents::Laid;

/// A ring whose frames' dtype and shape are known at run time only. Viewers and bindings of other
/// languages stand on it.
///
/// It is published and received as a [`Ring`](crate::Ring) is, but by frames of bytes:
/// little-endian items, one behind the other, in C order. [`latest`](Self::latest),
/// [`frame`](Self::frame) and [`metas`](Self::metas) copy without a lease. They need no more than
/// [`Access::Observe`](crate::Access::Observe), no publisher waits for them, and a frame may be
/// written over before it is copied.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{AnyRing, FrameMeta, Ring1};
///
/// let known = Ring1::<f32>::options().slots(3).create("doc-any-ring", 2)?;
///
/// let ring = AnyRing::open("doc-any-ring")?;
/// assert_eq!((ring.dtype().to_string().as_str(), ring.shape()), ("<f4", &[2][..]));
/// let mut publisher = ring.publisher()?;
/// let mut subscriber = ring.subscribe();
/// for brightness in [0.25_f32, 0.5] {
///     publisher.publish_from(bytemuck::bytes_of(&[brightness; 2]), FrameMeta::new())?;
/// }
/// assert_eq!(subscriber.recv()?.view::<f32>()?.sum(), 0.5);
/// assert_eq!(known.subscribe().recv()?[0], 0.5);
///
/// assert_eq!((ring.slots(), ring.published(), ring.dropped()), (3, 2, 0));
/// assert_eq!(ring.metas().iter().map(|meta| meta.seq).collect::<Vec<_>>(), [1, 2]);
/// let newest = ring.latest()?.expect("a frame");
/// assert_eq!((newest.meta().seq, newest.snapshot().view::<f32>()?.sum()), (2, 1.0));
/// let first = ring.frame(1)?.expect("not yet written over");
/// assert_eq!(first.snapshot().at(&[0]).unwrap().to_string(), "0.25");
/// assert!(ring.frame(3)?.is_none());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AnyRing {
    pub(crate) segment: Segment,
    pub(crate) form: Arc<Form>,
}

handle! {
    /// It has 8 slots, and a process may lease 4 of them, unless the options say otherwise. For
    /// frames of no bytes, or of 2 GiB or more, the error is
    /// [`InvalidArgument`](ErrorKind::InvalidArgument).
    impl[] AnyRing, "ring of any dtype", "a ring of any dtype", "ndshm::AnyRing", given "&\"|u1\".parse()?, &[4, 6]",
    |it| &it.segment;
    create(dtype: &Dtype, shape: &[usize]) => (dtype.clone(), shape.to_vec())
}

impl Opens for AnyRing {
    fn check(segment: Segment) -> Result<Self> {
        let form = Arc::new(Form::of(&segment)?);
        Ok(Self { segment, form })
    }
}

impl Creates for AnyRing {
    type Start = (Dtype, Vec<usize>);

    fn plan(settings: &Settings, (dtype, shape): &Self::Start) -> Result<Plan> {
        dtype.check()?;
        record::plan(settings, dtype.clone(), shape)
    }

    fn check_same(&self, (dtype, shape): &Self::Start) -> Result<()> {
        let (dtype, folded) = dtype.clone().fold();
        let asked = Laid { dtype: &dtype, shape: &[&shape[..], &folded].concat() };
        Laid { dtype: self.dtype(), shape: self.shape() }.check_same(FRAMES, asked)
    }
}

/// How an error begins to say what a ring holds.
pub(super) const FRAMES: &str = "frames of ";

impl AnyRing {
    /// Uses a segment that is open, with any [`Access`](crate::Access), as a ring.
    ///
    /// # Errors
    ///
    /// [`KindMismatch`](ErrorKind::KindMismatch) when it is no ring, and
    /// [`DtypeMismatch`](ErrorKind::DtypeMismatch) when its slots are of another form than this
    /// build's.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{AnyRing, Array1, ErrorKind, Ring1};
    ///
    /// let ring = Ring1::<u8>::create_unique("doc-any-ring-", 10)?;
    /// assert!(AnyRing::of(ring.segment())?.latest()?.is_none());
    /// let array = Array1::<u8>::create_unique("doc-any-ring-", 10)?;
    /// assert_eq!(AnyRing::of(array.segment()).unwrap_err().kind(), ErrorKind::KindMismatch);
    /// # Ok(()) }
    /// ```
    pub fn of(segment: &Segment) -> Result<Self> {
        Self::from_segment(segment.clone())
    }

    /// Returns the dtype of an item of a frame.
    ///
    /// # Examples
    ///
    /// See [`AnyRing`].
    #[must_use]
    pub fn dtype(&self) -> &Dtype {
        &self.form.dtype
    }

    /// Returns the shape of a frame, with the axes that an element type `[T; N]` adds.
    ///
    /// # Examples
    ///
    /// See [`AnyRing`].
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.form.shape
    }

    /// Returns how many frames there is room for.
    ///
    /// # Examples
    ///
    /// See [`AnyRing`].
    #[must_use]
    pub fn slots(&self) -> usize {
        self.segment.control().shape[0]
    }

    /// Returns how many frames one process may lease at once, all its subscribers together.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let ring = ndshm::AnyRing::create_unique("doc-any-ring-", &"|u1".parse()?, &[10])?;
    /// assert_eq!(ring.leases(), 4);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn leases(&self) -> usize {
        self.segment.control().leases as usize
    }

    /// Returns the bytes of a frame, without its description.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let known = ndshm::Ring2::<u16>::create_unique("doc-any-ring-", (480, 640))?;
    /// assert_eq!(ndshm::AnyRing::of(known.segment())?.frame_len(), 480 * 640 * 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn frame_len(&self) -> usize {
        self.form.record.frame_len
    }

    /// Returns how many frames were published, which is the number of the newest one.
    ///
    /// # Examples
    ///
    /// See [`AnyRing`].
    #[must_use]
    pub fn published(&self) -> u64 {
        self.frames().newest()
    }

    /// Returns how many frames publishers dropped because all slots were leased.
    ///
    /// # Examples
    ///
    /// See [`AnyRing`].
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.frames().dropped()
    }

    pub(super) fn frames(&self) -> Frames<'_> {
        self.segment.region().frames()
    }

    /// Its words, if its frames can be trusted.
    pub(super) fn sound_frames(&self) -> Option<Frames<'_>> {
        record::sound_frames(&self.segment)
    }

    pub(super) fn check_not_replaced(&self) -> Result<()> {
        if self.segment.region().state().is_replaced() {
            return Err(Error::new(
                ErrorKind::Replaced,
                "was replaced by another segment of its name: `reopen` it",
            )
            .of(self.name()));
        }
        Ok(())
    }
}

impl fmt::Debug for AnyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyRing")
            .field("name", &self.segment.name())
            .field("dtype", self.dtype())
            .field("shape", &self.shape())
            .field("slots", &self.slots())
            .field("published", &self.published())
            .finish()
    }
}

/// See [`Ring`](crate::Ring).
impl fmt::Display for AnyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = Items { dtype: self.dtype(), shape: self.shape() };
        write!(f, "Ring {:?} of {} frames of {items}", self.segment.name(), self.slots())
    }
}
