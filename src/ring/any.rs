//! Rings whose dtype is known at run time only, looked at from outside.

use std::fmt;

use super::record::Form;
use crate::error::Result;
use crate::npy::Dtype;
use crate::segment::{Access, Items, Opens, Options, Segment, handle};

/// A ring that is looked at, and whose frames' dtype and shape are known at run time only: what a
/// viewer or a command line stands on.
///
/// It neither subscribes nor leases, and writes nothing. So it needs no more than permission to read,
/// no publisher waits for it, and a frame may be written over before it is copied.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{AnyRing, FrameMeta, Ring1};
///
/// let known = Ring1::<f32>::options().slots(3).create("doc-any-ring", 2)?;
/// let mut publisher = known.publisher()?;
/// for brightness in [0.25, 0.5] {
///     publisher.publish_from(&ndarray::arr1(&[brightness; 2]), FrameMeta::new())?;
/// }
///
/// let ring = AnyRing::open("doc-any-ring")?;
/// assert_eq!((ring.dtype().to_string().as_str(), ring.shape()), ("<f4", &[2][..]));
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
    pub(crate) form: Form,
}

handle! {
    /// [`Access::Observe`] is what it asks for, unless the options say otherwise.
    impl[] AnyRing, "ring", "ndshm::AnyRing",
    made "ndshm::AnyRing::of(ndshm::Ring1::<u8>::create_unique(\"doc-handle-\", 10)?.segment())?", |it| &it.segment
}

impl Opens for AnyRing {
    fn check(segment: Segment) -> Result<Self> {
        let form = Form::of(&segment)?;
        Ok(Self { segment, form })
    }

    fn default_options() -> Options<Self> {
        Options::new().access(Access::Observe)
    }
}

impl AnyRing {
    /// Looks at a segment that is open, with any [`Access`], as a ring.
    ///
    /// # Errors
    ///
    /// [`KindMismatch`](crate::ErrorKind::KindMismatch) when it is none, and
    /// [`DtypeMismatch`](crate::ErrorKind::DtypeMismatch) when its slots are of another form than this build's.
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
        self.segment.region().frames().newest()
    }

    /// Returns how many frames publishers dropped because all slots were leased.
    ///
    /// # Examples
    ///
    /// See [`AnyRing`].
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.segment.region().frames().dropped()
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
