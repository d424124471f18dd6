//! Arrays in shared memory: created, opened, and locked by rows.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use ndarray::{ArrayRef, Dimension, IntoDimension, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn};

use super::contents::Contents;
use super::element::{Element, checked_dtype};
use super::request::Request;
use super::rows::Split;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::segment::{Address, Handle, Kind, Options, Origin, Segment};
use crate::sync::rows_of;

/// A shared array of one axis.
pub type Array1<T> = Array<T, Ix1>;
/// A shared array of two axes.
pub type Array2<T> = Array<T, Ix2>;
/// A shared array of three axes.
pub type Array3<T> = Array<T, Ix3>;
/// A shared array of four axes.
pub type Array4<T> = Array<T, Ix4>;
/// A shared array of five axes.
pub type Array5<T> = Array<T, Ix5>;
/// A shared array of six axes.
pub type Array6<T> = Array<T, Ix6>;
/// A shared array whose number of axes is known at run time.
pub type ArrayD<T> = Array<T, IxDyn>;

/// An n-dimensional array in shared memory, attached by name: what `Arc<RwLock<ndarray::Array>>` is
/// between threads, this is between processes.
///
/// Whoever wants to read or write takes a lock, and gets a guard that derefs to
/// [`ndarray::ArrayRef`]. A clone is the same handle: cheap, and usable from any thread.
///
/// The rows along axis 0 are split into *stripes*, each with a lock of its own, so that processes
/// may write disjoint rows at once. Arrays of 64 KiB or more and 16 rows or more have 16.
///
/// An element type `[T; N]` adds axes at the end: `Array1<[f32; 3]>` of length 10 and `Array2<f32>`
/// of shape (10, 3) are the same memory.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::Array2;
///
/// let image = Array2::<f32>::create("doc-image", (1080, 1920))?;
/// image.write()?.fill(0.5);
///
/// // In any other process:
/// let image = Array2::<f32>::open("doc-image")?;
/// let mean = image.read()?.mean();
/// image.write_rows(0..540)?.mapv_inplace(|x| x * 2.0);
/// # assert_eq!(mean, Some(0.5));
/// # Ok(()) }
/// ```
pub struct Array<T: Element, D: Dimension> {
    segment: Segment,
    /// The shape in which the segment's payload is an array of `T`: raw views rely on it.
    shape: D,
    element: PhantomData<fn() -> T>,
}

/// Creating, opening, and what the array is.
impl<T: Element, D: Dimension> Array<T, D> {
    /// Creates an array of zeros at `address`, of mode 0600. A name goes when the last clone of this
    /// handle is dropped; a file stays.
    ///
    /// Costs some thirty system calls, and the kernel's time to find and clear the memory.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](ErrorKind::AlreadyExists), [`InvalidName`](ErrorKind::InvalidName),
    /// [`SizeOverflow`](ErrorKind::SizeOverflow), [`StorageFull`](ErrorKind::StorageFull),
    /// [`MemoryLimit`](ErrorKind::MemoryLimit), and
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for elements of no bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let volume = ndshm::Array3::<u16>::create("doc-volume", (4, 512, 512))?;
    /// assert_eq!(volume.shape(), [4, 512, 512]);
    /// # Ok(()) }
    /// ```
    pub fn create<'a>(
        address: impl Into<Address<'a>>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Self> {
        Self::options().create(address, shape)
    }

    /// Creates an array at `address` with the shape and the contents of `array`.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let weights = ndarray::array![[0.5, 1.0], [2.0, 4.0]];
    /// let shared = ndshm::Array2::create_from("doc-weights", &weights)?;
    /// assert_eq!(*shared.read()?, weights);
    /// # Ok(()) }
    /// ```
    pub fn create_from<'a>(
        address: impl Into<Address<'a>>,
        array: &ArrayRef<T, D>,
    ) -> Result<Self> {
        Self::options().create_from(address, array)
    }

    /// Creates an array of zeros that has no name, so that nothing can be left behind. Forked children
    /// have it with the handle; others open it by [`handle`](Self::handle), while a process lives that
    /// has it.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let scratch = ndshm::Array2::<f32>::create_anonymous((480, 640))?;
    /// let same = ndshm::Array2::<f32>::open_handle(&scratch.handle())?;
    /// same.write()?.fill(1.0);
    /// assert_eq!(scratch.read()?[[0, 0]], 1.0);
    /// # Ok(()) }
    /// ```
    pub fn create_anonymous(shape: impl IntoDimension<Dim = D>) -> Result<Self> {
        Self::options().create_anonymous(shape)
    }

    /// Creates an array of zeros under a name made up of `prefix` and 16 random hexadecimal digits.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let scratch = ndshm::Array1::<f64>::create_unique("doc-scratch-", 1000)?;
    /// println!("tell the workers: {}", scratch.name());
    /// # Ok(()) }
    /// ```
    pub fn create_unique(prefix: &str, shape: impl IntoDimension<Dim = D>) -> Result<Self> {
        Self::options().create_unique(prefix, shape)
    }

    /// Opens the array at `address`, checking element type, number of axes and kind. Costs about
    /// a dozen system calls, whatever its size; this process takes a participant's slot at its first
    /// lock.
    ///
    /// Every process that may write the segment, of this user or root, is assumed to write under its locks alone
    /// and never to cut the file short. One that does otherwise, be it NumPy, causes undefined behaviour in
    /// who holds a guard: see [Trust](crate#trust).
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), [`DtypeMismatch`](ErrorKind::DtypeMismatch),
    /// [`RankMismatch`](ErrorKind::RankMismatch), [`KindMismatch`](ErrorKind::KindMismatch), and those
    /// of [`Segment::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # let made = ndshm::Array2::<f64>::create("doc-opened", (2, 2))?;
    /// let array = ndshm::Array2::<f64>::open("doc-opened")?;
    /// let wrong = ndshm::Array2::<f32>::open("doc-opened").unwrap_err();
    /// assert_eq!(wrong.kind(), ndshm::ErrorKind::DtypeMismatch);
    /// # Ok(()) }
    /// ```
    pub fn open<'a>(address: impl Into<Address<'a>>) -> Result<Self> {
        Self::options().open(address)
    }

    /// Opens the array that `handle` means, and no namesake.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), and [`Replaced`](ErrorKind::Replaced).
    ///
    /// # Examples
    ///
    /// See [`Handle`].
    pub fn open_handle(handle: &Handle) -> Result<Self> {
        Self::options().open_handle(handle)
    }

    /// Opens the array at `address`, or creates it if there is none; [`origin`](Self::origin) tells
    /// which. Its name lasts as long as anybody has it open ([`Lifetime::LastUser`](crate::Lifetime)), a
    /// file until it is removed.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open) and [`create`](Self::create), and
    /// [`ShapeMismatch`](ErrorKind::ShapeMismatch) when it exists in another shape.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let one = ndshm::Array1::<u8>::open_or_create("doc-either", 10)?;
    /// let two = ndshm::Array1::<u8>::open_or_create("doc-either", 10)?;
    /// assert_eq!(two.origin(), ndshm::Origin::Opened);
    /// # Ok(()) }
    /// ```
    pub fn open_or_create<'a>(
        address: impl Into<Address<'a>>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Self> {
        Self::options().open_or_create(address, shape)
    }

    /// Creates an array of zeros at `address`, whatever segment is there. The name stands for the old one
    /// or for the new one at every moment, whoever is killed meanwhile.
    ///
    /// Those attached to the old one keep it; who waits for it to change is woken.
    /// [`is_replaced`](Segment::is_replaced) tells them, and [`reopen`](Self::reopen) opens the new one.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create) but `AlreadyExists`;
    /// [`NotASegment`](ErrorKind::NotASegment) when what is there is none, which is left alone, and
    /// [`NotTrusted`](ErrorKind::NotTrusted) when it is another user's, or others may write it.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::Array2;
    ///
    /// let small = Array2::<u8>::create_or_replace("doc-camera", (480, 640))?;
    /// let viewer = Array2::<u8>::open("doc-camera")?;
    ///
    /// let large = Array2::<u8>::create_or_replace("doc-camera", (1080, 1920))?;
    /// assert!(viewer.segment().is_replaced());
    /// assert_eq!(viewer.reopen()?.shape(), large.shape());
    /// # Ok(()) }
    /// ```
    pub fn create_or_replace<'a>(
        address: impl Into<Address<'a>>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Self> {
        Self::options().create_or_replace(address, shape)
    }

    /// Opens what has the array's name now, with the access of this handle.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    ///
    /// # Examples
    ///
    /// See [`create_or_replace`](Self::create_or_replace).
    pub fn reopen(&self) -> Result<Self> {
        Self::from_segment(self.segment.reopen()?)
    }

    /// Begins with the default options.
    ///
    /// # Examples
    ///
    /// See [`Options`].
    #[must_use]
    pub fn options() -> Options<Self> {
        Options::new()
    }

    /// Returns the segment under the array.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-under-", 10)?;
    /// println!("{}", array.segment().info()?);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Returns the array's name, or its file's path.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// assert_eq!(ndshm::Array1::<u8>::create("doc-named", 10)?.name(), "doc-named");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.segment.name()
    }

    /// Returns the array's address as text, to be given to another process.
    ///
    /// # Examples
    ///
    /// See [`Handle`].
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.segment.handle()
    }

    /// Returns whether this handle created the array or found it.
    ///
    /// # Examples
    ///
    /// See [`Origin`].
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.segment.origin()
    }

    /// Returns the lengths of the axes.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array2::<u8>::create_unique("doc-shape-", (2, 3))?;
    /// assert_eq!((array.shape(), array.ndim(), array.len()), (&[2, 3][..], 2, 6));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.shape.slice()
    }

    /// Returns the lengths of the axes as a number or a tuple of numbers, to be taken apart: see
    /// `dim` of [`ndarray::ArrayBase`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let image = ndshm::Array2::<u8>::create_unique("doc-dim-", (2, 3))?;
    /// let (height, width) = image.dim();
    /// assert_eq!((height, width), (2, 3));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "raw_dim")]
    #[must_use]
    pub fn dim(&self) -> D::Pattern {
        self.shape.clone().into_pattern()
    }

    /// Returns the number of axes.
    ///
    /// # Examples
    ///
    /// See [`shape`](Self::shape).
    #[must_use]
    pub fn ndim(&self) -> usize {
        self.shape.ndim()
    }

    /// Returns the number of elements.
    ///
    /// # Examples
    ///
    /// See [`shape`](Self::shape).
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.size()
    }

    /// Returns whether there are no elements.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// assert!(ndshm::Array2::<u8>::create_unique("doc-empty-", (0, 3))?.is_empty());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of stripes.
    ///
    /// # Examples
    ///
    /// See [`stripe_range`](Self::stripe_range).
    #[must_use]
    pub fn stripes(&self) -> u32 {
        self.segment.control().stripes
    }

    /// Returns which rows make up a stripe: as even a split as whole rows allow; none when there is
    /// no such stripe.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::options().stripes(4).create_unique("doc-split-", 10)?;
    /// let split: Vec<_> = (0..array.stripes()).map(|k| array.stripe_range(k)).collect();
    /// assert_eq!(split, [0..2, 2..5, 5..7, 7..10]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn stripe_range(&self, stripe: u32) -> Range<usize> {
        if stripe < self.stripes() {
            rows_of(stripe, self.split().rows, self.stripes())
        } else {
            0..0
        }
    }

    /// Waits until the file's disk holds the array: see [`Segment::sync`].
    ///
    /// # Errors
    ///
    /// Those of [`Segment::sync`].
    ///
    /// # Examples
    ///
    /// See [`Segment::sync`].
    pub fn sync(&self) -> Result<()> {
        self.segment.sync()
    }

    /// Asks for a lock step by step, for combinations that have no method of their own.
    ///
    /// # Examples
    ///
    /// See [`Request`].
    pub fn request(&self) -> Request<'_, T, D> {
        Request::new(self)
    }

    pub(super) fn shape_ref(&self) -> &D {
        &self.shape
    }

    #[inline(always)]
    pub(super) fn split(&self) -> Split {
        Split {
            rows: self.shape().first().copied().unwrap_or(1),
            ndim: self.ndim(),
            stripes: self.stripes(),
        }
    }

    /// Refuses an array of another shape than an `open_or_create` asked for.
    pub(super) fn in_shape(self, asked: &D) -> Result<Self> {
        if self.shape == *asked {
            return Ok(self);
        }
        let (found, asked) = (self.shape(), asked.slice());
        Err(Error::new(
            ErrorKind::ShapeMismatch,
            format!("has shape {found:?}, asked for {asked:?}: open it as it is, or remove it"),
        )
        .of(self.name()))
    }

    /// Checks that a segment holds such an array.
    pub(super) fn from_segment(segment: Segment) -> Result<Self> {
        let name = segment.name().to_owned();
        Self::check(segment).of(&name)
    }

    pub(super) fn check(segment: Segment) -> Result<Self> {
        let control = segment.control();
        if control.kind != Kind::Array {
            return Err(control.kind.mismatch(Kind::Array));
        }
        let shape = Contents::of(&segment).shape_of::<T, D>(checked_dtype::<T>()?)?;
        Ok(Self { segment, shape, element: PhantomData })
    }
}

impl<T: Element, D: Dimension> Clone for Array<T, D> {
    fn clone(&self) -> Self {
        Self { segment: self.segment.clone(), shape: self.shape.clone(), element: PhantomData }
    }
}

impl<T: Element, D: Dimension> fmt::Debug for Array<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Array")
            .field("name", &self.name())
            .field("dtype", &format_args!("{}", self.segment.control().dtype))
            .field("shape", &self.shape())
            .finish_non_exhaustive()
    }
}

/// See [`Segment`]: the name, the shape and the dtype, not the data.
impl<T: Element, D: Dimension> fmt::Display for Array<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segment.fmt(f)
    }
}
