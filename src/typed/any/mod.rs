//! Arrays whose dtype is known at run time only.
//!
//! In reading order: this file, an array and what it is asked for · [`request`] every way to lock its
//! rows · [`guard`] what a lock hands out · [`value`] the core of values ·
//! [`options`] arrays that are filled before anybody sees them.

mod guard;
mod options;
mod request;
mod value;

use std::fmt;
use std::ops::RangeBounds;
use std::ptr::NonNull;

use ndarray::Dimension;

pub(crate) use self::guard::offset_of;
pub use self::guard::{AnyReadGuard, AnyRows, AnyWriteGuard};
pub use self::value::AnyValue;
pub(super) use self::value::plan as plan_value;
use super::array::Array;
use super::contents::Laid;
use super::element::Element;
use super::options::plan;
use super::request::Request;
use super::rows::Split;
use crate::error::Result;
use crate::npy::{Dtype, Order};
use crate::segment::{Creates, Kind, Opens, Plan, Segment, Settings, handle};
use crate::sync::frozen;

/// An array in shared memory whose dtype and shape are known at run time only. Viewers, command
/// lines and bindings of other languages stand on it.
///
/// Its locks are those of [`Array`](crate::Array). Its guards hand out bytes, typed views where the
/// type fits, and single items as [`Datum`](crate::Datum). Axes that an element type `[T; N]` adds
/// are axes of [`shape`](Self::shape). For segments of other kinds take an
/// [`AnySnapshot`](crate::AnySnapshot).
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

handle! {
    /// Its items are zeros. If no segment can hold the dtype, the error is
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument).
    impl[] AnyArray, "array of any dtype", "an array of any dtype", "ndshm::AnyArray", given "&\"<f8\".parse()?, &[10]", |it| &it.segment;
    create(dtype: &Dtype, shape: &[usize]) => (dtype.clone(), shape.to_vec())
}

impl Opens for AnyArray {
    fn check(segment: Segment) -> Result<Self> {
        match segment.control().kind {
            Kind::Array => Ok(Self { segment }),
            kind => Err(kind.mismatch(Kind::Array)),
        }
    }
}

impl Creates for AnyArray {
    type Start = (Dtype, Vec<usize>);

    fn plan(settings: &Settings, (dtype, shape): &Self::Start) -> Result<Plan> {
        dtype.check()?;
        plan(settings, dtype.clone(), shape)
    }

    fn check_same(&self, (dtype, shape): &Self::Start) -> Result<()> {
        let (dtype, folded) = dtype.clone().fold();
        let asked = Laid { dtype: &dtype, shape: &[shape, &folded[..]].concat() };
        Laid { dtype: self.dtype(), shape: self.shape() }.check_same("", asked)
    }
}

impl AnyArray {
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
    /// Those of [`Request::read`].
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
    /// Those of [`Request::read`].
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
    /// Those of [`Request::write`].
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
    /// Those of [`Request::write`].
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
    /// See [`Request`].
    pub fn request(&self) -> Request<'_, AnyArray> {
        Request::new(self)
    }

    /// Returns the address of the data, for other languages to read. It is valid while this handle
    /// lives, and must not be read without a lock.
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

    /// Returns the address of the data, for other languages to write: see [`as_ptr`](Self::as_ptr).
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
        // In an empty array, no axis counts as longer than one item.
        stride = stride.saturating_mul(shape[axis].max(1));
    }
    strides
}
