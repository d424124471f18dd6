//! Copies of what segments hold, whatever it is.

use ndarray::{ArrayViewD, Dimension, IxDyn, ShapeBuilder};

use crate::error::{Error, ErrorKind, Result, ResultExt, size};
use crate::lock::Patience;
use crate::npy::datum::Datum;
use crate::npy::{Dtype, Header, Order, UNIT};
use crate::segment::{Access, Kind, NpyFile, Opens, Segment};
use crate::sync::copy_out;
use crate::typed::any::{AnyArray, AnyRows, offset_of, strides};
use crate::typed::cells;
use crate::typed::contents::Contents;
use crate::typed::element::{Element, checked_dtype};
use crate::typed::log::AnyLog;
use crate::typed::snapshot::OBSERVERS_PATIENCE;

/// A private copy of what a segment holds. Its dtype and shape are known at run time only.
///
/// Arrays are copied under the read lock, or without one for observers. Values and logs are copied
/// as their last commit left them, without a lock.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{AnySnapshot, Segment, Value};
///
/// let pose = Value::create("doc-any-pose", [0.5_f32, 1.0])?;
/// let seen = AnySnapshot::of(&Segment::open("doc-any-pose")?)?;
/// pose.set([2.0, 3.0])?;
/// assert_eq!((seen.dtype().to_string().as_str(), seen.shape()), ("<f4", &[2][..]));
/// assert_eq!(seen.at(&[0]).unwrap().to_string(), "0.5");
/// assert_eq!(seen.view::<f32>()?.sum(), 1.5);
/// assert_eq!(seen.bytes().len(), 8);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct AnySnapshot {
    dtype: Dtype,
    shape: Vec<usize>,
    order: Order,
    /// Words, so that they are aligned for any element.
    words: Vec<u64>,
    len: usize,
}

/// Copying.
impl AnyArray {
    /// Copies the array out, under the read lock. Observers copy without one, as
    /// [`Array::snapshot`](crate::Array::snapshot) does.
    ///
    /// # Errors
    ///
    /// Those of [`Array::snapshot`](crate::Array::snapshot).
    ///
    /// # Examples
    ///
    /// See [`AnySnapshot`].
    pub fn snapshot(&self) -> Result<AnySnapshot> {
        match self.segment().access() {
            Access::Observe => AnySnapshot::observe(self.segment()),
            Access::ReadWrite | Access::Read => Ok(AnySnapshot::of_rows(&*self.read()?)),
        }
    }
}

impl AnySnapshot {
    /// Copies what a segment holds: an array, a value, the state of an event, or the committed rows of
    /// a log. The segment may be opened with any [`Access`].
    ///
    /// # Errors
    ///
    /// Those of [`AnyArray::snapshot`] for arrays, and [`KindMismatch`](ErrorKind::KindMismatch)
    /// for kinds that are none of these.
    ///
    /// # Examples
    ///
    /// See [`AnySnapshot`].
    pub fn of(segment: &Segment) -> Result<Self> {
        let kind = segment.control().kind;
        match kind {
            Kind::Array => AnyArray::from_segment(segment.clone())?.snapshot(),
            Kind::Value | Kind::Event | Kind::AutoResetEvent => {
                let mut copy = Self::zeroed(segment, segment.control().shape.clone());
                cells::load_bytes(segment.region(), copy.bytes_mut());
                Ok(copy)
            }
            Kind::Ring => Err(Error::new(
                ErrorKind::KindMismatch,
                "is a ring, whose frames come and go one by one: subscribe to it as a `Ring`, or take \
                 one from an `AnyRing`",
            )
            .of(segment.name())),
            Kind::Log => {
                let rows = AnyLog::from_segment(segment.clone())?.rows();
                let mut shape = segment.control().shape.clone();
                shape.iter_mut().take(1).for_each(|first| *first = rows.range().len());
                let mut copy = Self::zeroed(segment, shape);
                copy.bytes_mut().copy_from_slice(rows.bytes());
                Ok(copy)
            }
        }
    }

    /// Copies the data of a `.npy` file, or of a segment that is opened as one. No lock is taken,
    /// so the copy may be half written if somebody writes the segment.
    ///
    /// # Errors
    ///
    /// Those of [`NpyFile::to_bytes`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{AnySnapshot, Array1, NpyFile};
    ///
    /// let array = Array1::<f32>::create_unique("doc-any-", 3)?;
    /// let guard = array.write()?;
    /// let seen = AnySnapshot::of_file(&NpyFile::open(array.segment().path())?)?;
    /// assert_eq!(seen.view::<f32>()?.sum(), 0.0);
    /// # Ok(()) }
    /// ```
    pub fn of_file(file: &NpyFile) -> Result<Self> {
        let mut copy = Self::try_new(
            file.dtype().clone(),
            file.shape().to_vec(),
            file.order(),
            file.data_len(),
        )
        .of(&file.path().to_string_lossy())?;
        file.read_at(copy.bytes_mut(), 0)?;
        Ok(copy)
    }

    fn of_rows(rows: &AnyRows) -> Self {
        let bytes = rows.bytes().expect("all rows of an array lie together");
        let mut copy =
            Self::new(rows.dtype().clone(), rows.shape().to_vec(), rows.order(), bytes.len());
        copy.bytes_mut().copy_from_slice(bytes);
        copy
    }

    /// Copies an array without a lock, as it was at one moment.
    fn observe(segment: &Segment) -> Result<Self> {
        let mut copy = Self::zeroed(segment, segment.control().shape.clone());
        copy_out(segment, copy.bytes_mut(), Patience::at_most(OBSERVERS_PATIENCE))?;
        Ok(copy)
    }

    fn zeroed(segment: &Segment, shape: Vec<usize>) -> Self {
        let control = segment.control();
        let items: usize = if shape.contains(&0) { 0 } else { shape.iter().product() };
        let len = items * control.dtype.item_size();
        Self::new(control.dtype.clone(), shape, control.order, len)
    }

    fn new(dtype: Dtype, shape: Vec<usize>, order: Order, len: usize) -> Self {
        Self { dtype, shape, order, words: vec![0; len.div_ceil(8)], len }
    }

    /// A copy of zeros, if there is memory for it.
    pub(super) fn try_new(
        dtype: Dtype,
        shape: Vec<usize>,
        order: Order,
        len: usize,
    ) -> Result<Self> {
        let words = bytemuck::allocation::try_zeroed_vec(len.div_ceil(8)).map_err(|()| {
            let message = format!("has {} of data, more than can be allocated", size(len));
            Error::new(ErrorKind::OutOfAddressSpace, message)
        })?;
        Ok(Self { dtype, shape, order, words, len })
    }

    /// A copy of zeros in C order, if there is memory for it, to be filled.
    pub(crate) fn blank(dtype: &Dtype, shape: &[usize], len: usize) -> Result<Self> {
        Self::try_new(dtype.clone(), shape.to_vec(), Order::C, len)
    }

    /// Returns what stands before the bytes in a `.npy` file. `np.load` reads this, followed by
    /// [`bytes`](Self::bytes).
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when names of fields are too long for a header.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-any-", 3)?;
    /// let copy = ndshm::AnySnapshot::of(array.segment())?;
    /// let file = [&copy.npy_header()?, copy.bytes()].concat();
    /// assert!(file.starts_with(b"\x93NUMPY") && file.ends_with(&[0, 0, 0]));
    /// # Ok(()) }
    /// ```
    pub fn npy_header(&self) -> Result<Vec<u8>> {
        Header::encode(&self.dtype, self.order, &self.shape)
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }

    /// Returns the dtype of an item.
    ///
    /// # Examples
    ///
    /// See [`AnySnapshot`].
    #[must_use]
    pub fn dtype(&self) -> &Dtype {
        &self.dtype
    }

    /// Returns the lengths of the axes.
    ///
    /// # Examples
    ///
    /// See [`AnySnapshot`].
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the order of the axes.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-any-", 3)?;
    /// assert_eq!(ndshm::AnySnapshot::of(array.segment())?.order(), ndshm::Order::C);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// Returns all bytes, as they lay in memory.
    ///
    /// # Examples
    ///
    /// See [`AnySnapshot`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }

    /// Returns a view as elements of `T`.
    ///
    /// # Errors
    ///
    /// Those of [`AnyRows::view`](crate::AnyRows::view).
    ///
    /// # Examples
    ///
    /// See [`AnySnapshot`].
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'_, T>> {
        let (dtype, shape, order) = (&self.dtype, &self.shape, self.order);
        // The alignment is checked below.
        let contents = Contents { dtype, shape, order, alignment: UNIT };
        let shape: IxDyn = contents.shape_of::<T, _>(checked_dtype::<T>()?)?;
        let shape = shape.slice().to_vec().set_f(self.order == Order::F);
        let items = bytemuck::try_cast_slice(self.bytes()).ok();
        items.and_then(|items| ArrayViewD::from_shape(shape, items).ok()).ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                "a snapshot's elements are aligned to 8 bytes at most: use a type that asks for no \
                 more",
            )
        })
    }

    /// Returns the item at that index; `None` when there is none.
    ///
    /// # Examples
    ///
    /// See [`AnySnapshot`].
    #[must_use]
    pub fn at(&self, index: &[usize]) -> Option<Datum> {
        let strides = strides(&self.dtype, &self.shape, self.order);
        let offset = offset_of(index, &self.shape, &strides)?;
        Some(Datum::read(&self.dtype, &self.bytes()[offset..offset + self.dtype.item_size()]))
    }
}
