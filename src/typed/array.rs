//! Arrays in shared memory: created, opened, and locked by rows.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use ndarray::{ArrayRef, Dimension, IntoDimension, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn};

use super::contents::{Contents, Laid};
use super::element::{Element, checked_dtype};
use super::options::plan;
use super::request::Request;
use super::rows::Split;
use crate::error::Result;
use crate::segment::{Address, Creates, Kind, Opens, Plan, Segment, Settings, handle};
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

/// An n-dimensional array in shared memory, attached by name. It is to processes what
/// `Arc<RwLock<ndarray::Array>>` is to threads.
///
/// To read or write, take a lock. It returns a guard that derefs to [`ndarray::ArrayRef`]. A clone
/// is the same handle. It is cheap, and usable from any thread.
///
/// The rows along axis 0 are split into *stripes*. Each stripe has a lock of its own, so processes
/// may write disjoint rows at once. By default, arrays of 64 KiB or more and 16 rows or more have
/// 16 stripes.
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

handle! {
    /// Its elements are zeros. Creating it costs some thirty system calls, and the kernel's time to find and clear
    /// the memory.
    impl[T: Element, D: Dimension] Array<T, D>, "array", "an array", "ndshm::Array1::<f64>", given "1000", |it| &it.segment;
    create(shape: impl IntoDimension<Dim = D>) => shape.into_dimension()
}

impl<T: Element, D: Dimension> Opens for Array<T, D> {
    fn check(segment: Segment) -> Result<Self> {
        let control = segment.control();
        if control.kind != Kind::Array {
            return Err(control.kind.mismatch(Kind::Array));
        }
        let shape = Contents::of(&segment).shape_of::<T, D>(checked_dtype::<T>()?)?;
        Ok(Self { segment, shape, element: PhantomData })
    }
}

impl<T: Element, D: Dimension> Creates for Array<T, D> {
    type Start = D;

    fn plan(settings: &Settings, shape: &D) -> Result<Plan> {
        plan(settings, checked_dtype::<T>()?, shape.slice())
    }

    fn check_same(&self, asked: &D) -> Result<()> {
        let dtype = &self.segment.control().dtype;
        Laid { dtype, shape: self.shape() }.check_same("", Laid { dtype, shape: asked.slice() })
    }
}

/// What the array is.
impl<T: Element, D: Dimension> Array<T, D> {
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

    /// Returns the lengths of the axes as a number or a tuple of numbers, as `dim` of
    /// [`ndarray::ArrayBase`] does.
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

    /// Returns the rows that make up a stripe. The split is as even as whole rows allow. If there
    /// is no such stripe, the range is empty.
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

    /// Asks for a lock step by step, for combinations that have no method of their own.
    ///
    /// # Examples
    ///
    /// See [`Request`].
    pub fn request(&self) -> Request<'_, Self> {
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
