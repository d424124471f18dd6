//! Arrays whose dtype is known at run time only.
//!
//! In reading order: this file, an array and what it is asked for · [`request`] every way to lock its
//! rows · [`guard`] what a lock hands out · [`options`] creating and opening with options.

mod guard;
mod options;
mod request;

use std::fmt;
use std::ops::RangeBounds;
use std::ptr::NonNull;

use ndarray::Dimension;

pub(crate) use self::guard::offset_of;
pub use self::guard::{AnyReadGuard, AnyRows, AnyWriteGuard};
pub use self::request::AnyRequest;
use super::array::Array;
use super::element::Element;
use super::rows::Split;
use crate::error::Result;
use crate::npy::{Dtype, Order};
use crate::segment::{Address, Handle, Kind, Options, Origin, Segment};
use crate::sync::frozen;

/// An array in shared memory whose dtype and shape are known at run time only: what a viewer, a
/// command line or another language's binding stands on.
///
/// Its locks are those of [`Array`](crate::Array), and its guards hand out bytes, typed views where
/// the type fits, and single items as [`Datum`](crate::Datum). Axes that an element type `[T; N]`
/// adds are axes of [`shape`](Self::shape). For segments of other kinds take an [`AnySnapshot`](crate::AnySnapshot).
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{AnyArray, Array2};
///
/// let known = Array2::<f32>::create("doc-any", (2, 3))?;
/// known.write()?[[1, 2]] = 0.5;
///
/// let array = AnyArray::open("doc-any")?;
/// assert_eq!((array.dtype().to_string().as_str(), array.shape()), ("<f4", &[2, 3][..]));
/// let guard = array.read_rows(1..)?;
/// assert_eq!(guard.at(&[0, 2]).unwrap().to_string(), "0.5");
/// assert_eq!(guard.bytes().map(<[u8]>::len), Some(12));
/// assert_eq!(guard.view::<f32>()?.sum(), 0.5);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AnyArray {
    segment: Segment,
}

impl AnyArray {
    /// Creates an array of zeros at `address`, of mode 0600, whose name goes when the last clone of
    /// this handle is dropped.
    ///
    /// # Errors
    ///
    /// Those of [`Array::create`](crate::Array::create), and
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for dtypes that no segment can hold.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::AnyArray::create("doc-any-created", &"<u2".parse()?, &[480, 640])?;
    /// let typed = ndshm::Array2::<u16>::open("doc-any-created")?;
    /// # Ok(()) }
    /// ```
    pub fn create<'a>(
        address: impl Into<Address<'a>>,
        dtype: &Dtype,
        shape: &[usize],
    ) -> Result<Self> {
        Self::options().create(address, dtype, shape)
    }

    /// Creates an array of zeros that has no name, so that nothing can be left behind: see
    /// [`Array::create_anonymous`](crate::Array::create_anonymous).
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::AnyArray::create_anonymous(&"<f8".parse()?, &[10])?;
    /// assert_eq!(ndshm::AnyArray::open_handle(&array.handle())?.shape(), [10]);
    /// # Ok(()) }
    /// ```
    pub fn create_anonymous(dtype: &Dtype, shape: &[usize]) -> Result<Self> {
        Self::options().create_anonymous(dtype, shape)
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
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"<f8".parse()?, &[10])?;
    /// assert!(array.name().starts_with("doc-any-"));
    /// # Ok(()) }
    /// ```
    pub fn create_unique(prefix: &str, dtype: &Dtype, shape: &[usize]) -> Result<Self> {
        Self::options().create_unique(prefix, dtype, shape)
    }

    /// Opens the array at `address`, whatever its dtype and shape.
    ///
    /// Assumes of other processes what [`Array::open`](crate::Array::open) does.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), [`KindMismatch`](crate::ErrorKind::KindMismatch), and those of
    /// [`Segment::open`].
    ///
    /// # Examples
    ///
    /// See [`AnyArray`].
    pub fn open<'a>(address: impl Into<Address<'a>>) -> Result<Self> {
        Self::options().open(address)
    }

    /// Opens the array that `handle` means, and no namesake.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), and [`Replaced`](crate::ErrorKind::Replaced).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let typed = ndshm::Array1::<u8>::create_unique("doc-any-", 4)?;
    /// assert_eq!(ndshm::AnyArray::open_handle(&typed.handle())?.shape(), [4]);
    /// # Ok(()) }
    /// ```
    pub fn open_handle(handle: &Handle) -> Result<Self> {
        Self::options().open_handle(handle)
    }

    /// Begins with the default options.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{AnyArray, Order};
    ///
    /// let options = AnyArray::options().order(Order::F).stripes(2);
    /// let array = options.create_unique("doc-any-", &"<f8".parse()?, &[4, 3])?;
    /// assert_eq!(array.strides(), [8, 32]);
    /// # Ok(()) }
    /// ```
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
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"<f8".parse()?, &[10])?;
    /// println!("{}", array.segment().info()?);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Returns the array's name.
    ///
    /// # Examples
    ///
    /// See [`create_unique`](Self::create_unique).
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

    /// Returns the dtype of an item.
    ///
    /// # Examples
    ///
    /// See [`AnyArray`].
    #[must_use]
    pub fn dtype(&self) -> &Dtype {
        &self.segment.control().dtype
    }

    /// Returns the lengths of the axes.
    ///
    /// # Examples
    ///
    /// See [`AnyArray`].
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.segment.control().shape
    }

    /// Returns the order of the axes in memory.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"<f8".parse()?, &[10])?;
    /// assert_eq!(array.order(), ndshm::Order::C);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn order(&self) -> Order {
        self.segment.control().order
    }

    /// Returns how many bytes lie between neighbours along each axis, as NumPy and the buffer protocol
    /// count.
    ///
    /// # Examples
    ///
    /// See [`options`](Self::options).
    #[must_use]
    pub fn strides(&self) -> Vec<usize> {
        strides(self.dtype(), self.shape(), self.order())
    }

    /// Returns the number of stripes.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"<f8".parse()?, &[1 << 20])?;
    /// assert_eq!(array.stripes(), 16);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn stripes(&self) -> u32 {
        self.segment.control().stripes
    }

    /// Returns the same array with its type known, checked as [`Array::open`](crate::Array::open)
    /// does.
    ///
    /// # Errors
    ///
    /// [`DtypeMismatch`](crate::ErrorKind::DtypeMismatch), [`RankMismatch`](crate::ErrorKind::RankMismatch),
    /// [`ShapeMismatch`](crate::ErrorKind::ShapeMismatch).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"<f8".parse()?, &[2, 3])?;
    /// let typed = array.downcast::<f64, ndarray::Ix2>()?;
    /// assert_eq!(typed.read()?.sum(), 0.0);
    /// assert!(array.downcast::<f32, ndarray::Ix2>().is_err());
    /// # Ok(()) }
    /// ```
    pub fn downcast<T: Element, D: Dimension>(&self) -> Result<Array<T, D>> {
        Array::from_segment(self.segment.clone())
    }

    /// Locks all rows for reading.
    ///
    /// # Errors
    ///
    /// Those of [`AnyRequest::read`].
    ///
    /// # Examples
    ///
    /// See [`AnyArray`].
    pub fn read(&self) -> Result<AnyReadGuard> {
        self.request().read()
    }

    /// Locks some rows along axis 0 for reading.
    ///
    /// # Errors
    ///
    /// Those of [`AnyRequest::read`].
    ///
    /// # Examples
    ///
    /// See [`AnyArray`].
    pub fn read_rows(&self, rows: impl RangeBounds<usize>) -> Result<AnyReadGuard> {
        self.request().rows(rows).read()
    }

    /// Locks all rows for writing.
    ///
    /// # Errors
    ///
    /// Those of [`AnyRequest::write`].
    ///
    /// # Examples
    ///
    /// See [`AnyWriteGuard`].
    pub fn write(&self) -> Result<AnyWriteGuard> {
        self.request().write()
    }

    /// Locks some rows along axis 0 for writing.
    ///
    /// # Errors
    ///
    /// Those of [`AnyRequest::write`].
    ///
    /// # Examples
    ///
    /// See [`AnyWriteGuard`].
    pub fn write_rows(&self, rows: impl RangeBounds<usize>) -> Result<AnyWriteGuard> {
        self.request().rows(rows).write()
    }

    /// Asks for a lock step by step.
    ///
    /// # Examples
    ///
    /// See [`AnyRequest`].
    pub fn request(&self) -> AnyRequest<'_> {
        AnyRequest::new(self)
    }

    /// Returns where the data begins, for other languages to read; valid while this handle lives, and
    /// not to be read without a lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"|u1".parse()?, &[4])?;
    /// let guard = array.write()?;
    /// // SAFETY: the guard keeps everybody else out, and the item is within the array.
    /// unsafe { array.as_mut_ptr()?.add(3).write(7) };
    /// assert_eq!(guard.bytes(), Some(&[0, 0, 0, 7][..]));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.payload().as_ptr()
    }

    /// Returns where the data begins, for other languages to write: see [`as_ptr`](Self::as_ptr).
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly) when the array was opened with [`Access::Read`](crate::Access), and
    /// [`Frozen`](crate::ErrorKind::Frozen).
    ///
    /// # Examples
    ///
    /// See [`as_ptr`](Self::as_ptr).
    pub fn as_mut_ptr(&self) -> Result<*mut u8> {
        self.segment.writable()?;
        if self.segment.is_frozen() {
            return Err(frozen().of(self.name()));
        }
        Ok(self.payload().as_ptr())
    }

    fn payload(&self) -> NonNull<u8> {
        self.segment.region().payload()
    }

    pub(super) fn split(&self) -> Split {
        Split {
            rows: self.shape().first().copied().unwrap_or(1),
            ndim: self.shape().len(),
            stripes: self.stripes(),
        }
    }

    /// Checks that a segment holds an array.
    pub(crate) fn from_segment(segment: Segment) -> Result<Self> {
        let kind = segment.control().kind;
        if kind == Kind::Array {
            return Ok(Self { segment });
        }
        Err(kind.mismatch(Kind::Array).of(segment.name()))
    }
}

impl<T: Element, D: Dimension> From<Array<T, D>> for AnyArray {
    fn from(array: Array<T, D>) -> Self {
        Self { segment: array.segment().clone() }
    }
}

impl fmt::Debug for AnyArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyArray")
            .field("name", &self.name())
            .field("dtype", &format_args!("{}", self.dtype()))
            .field("shape", &self.shape())
            .finish_non_exhaustive()
    }
}

/// See [`Segment`]: the name, the shape and the dtype, not the data.
impl fmt::Display for AnyArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segment.fmt(f)
    }
}

/// Bytes between neighbours along each axis of an array of that shape.
pub(crate) fn strides(dtype: &Dtype, shape: &[usize], order: Order) -> Vec<usize> {
    let mut strides = vec![0; shape.len()];
    let mut stride = dtype.item_size();
    let axes: &mut dyn Iterator<Item = usize> = match order {
        Order::C => &mut (0..shape.len()).rev(),
        Order::F => &mut (0..shape.len()),
    };
    for axis in axes {
        strides[axis] = stride;
        // No axis counts as longer than one item where an array is empty.
        stride = stride.saturating_mul(shape[axis].max(1));
    }
    strides
}
