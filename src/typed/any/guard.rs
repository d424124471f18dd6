//! What a lock on rows of any dtype hands out.
//!
//! # Safety
//!
//! [`AnyRows`] is made in one place, `take`, which takes the hold itself, on the stripes of the
//! rows. It hands out what the hold covers, for as long as it is borrowed. An [`AnyWriteGuard`] is
//! made of rows that its own `take` took for writing. It alone hands anything out to write.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::{Deref, Range};
use std::slice;

use ndarray::{ArrayViewD, ArrayViewMutD, Dimension, IxDyn};

use super::{AnyArray, strides};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::npy::datum::Datum;
use crate::npy::{Dtype, Order};
use crate::segment::Segment;
use crate::sync::{Hold, Mode, Poison};
use crate::typed::contents::Contents;
use crate::typed::element::{Element, checked_dtype};
use crate::typed::rows::Ask;
use crate::typed::view;

/// Rows of an [`AnyArray`](crate::AnyArray), locked. Both of its guards deref to this.
///
/// A process that writes these rows without a lock (NumPy, say) makes the references to them
/// invalid, which is undefined behaviour. All processes that may write the segment are assumed not
/// to: see [Trust](crate#trust).
///
/// # Examples
///
/// See [`AnyArray`](crate::AnyArray).
pub struct AnyRows {
    hold: Hold<Segment>,
    rows: Range<usize>,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl AnyRows {
    /// Locks what is asked for. Returns `None` if patience runs out first.
    fn take(array: &AnyArray, ask: &Ask, mode: Mode) -> Result<Option<Self>> {
        let located = ask.locate(array.split(), mode).of(array.name())?;
        let hold = Hold::untracked(array.segment().clone(), &located.demand)?;
        let rows = located.rows.unwrap_or(0..array.split().rows);
        Ok(hold.map(|hold| Self::under(hold, rows)))
    }

    fn under(hold: Hold<Segment>, rows: Range<usize>) -> Self {
        let control = hold.segment().control();
        let strides = strides(&control.dtype, &control.shape, control.order);
        let mut shape = control.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = rows.len();
        }
        Self { hold, rows, shape, strides }
    }

    /// Returns the dtype of an item.
    ///
    /// # Examples
    ///
    /// See [`AnyArray`](crate::AnyArray).
    #[must_use]
    pub fn dtype(&self) -> &Dtype {
        &self.hold.segment().control().dtype
    }

    /// Returns the lengths of the axes, that of axis 0 being the number of rows locked.
    ///
    /// # Examples
    ///
    /// See [`Request`](crate::Request).
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns how many bytes lie between neighbours along each axis.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"<f8".parse()?, &[5, 3])?;
    /// assert_eq!(array.read()?.strides(), [24, 8]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn strides(&self) -> &[usize] {
        &self.strides
    }

    /// Returns the order of the axes in memory.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"<f8".parse()?, &[5, 3])?;
    /// assert_eq!(array.read()?.order(), ndshm::Order::C);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn order(&self) -> Order {
        self.hold.segment().control().order
    }

    /// Returns which rows of the whole array these are, along axis 0.
    ///
    /// # Examples
    ///
    /// See [`Request`](crate::Request).
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Returns who left the rows suspect, if anybody did.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"<f8".parse()?, &[5, 3])?;
    /// assert_eq!(array.request().recover().read()?.poison(), None);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn poison(&self) -> Option<Poison> {
        self.hold.poison()
    }

    /// Returns the bytes of the rows as they lie in memory. This is `None` for some of the rows of
    /// an array in Fortran order, because they do not lie together.
    ///
    /// # Examples
    ///
    /// See [`AnyArray`](crate::AnyArray).
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        let len = self.len_together()?;
        // SAFETY: the hold keeps writers out of these bytes while `self` is borrowed.
        Some(unsafe { slice::from_raw_parts(self.as_ptr(), len) })
    }

    /// Returns the address of the first item of the rows, for other languages. It is valid while
    /// the guard lives.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"<f8".parse()?, &[5, 3])?;
    /// let guard = array.read_rows(2..)?;
    /// assert_eq!(guard.as_ptr().addr() - array.as_ptr().addr(), 48);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.first_item().cast_const()
    }

    /// Returns a view of the rows as elements of `T`.
    ///
    /// # Errors
    ///
    /// [`DtypeMismatch`](crate::ErrorKind::DtypeMismatch) and
    /// [`ShapeMismatch`](crate::ErrorKind::ShapeMismatch) when they are something else.
    ///
    /// # Examples
    ///
    /// See [`AnyArray`](crate::AnyArray).
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'_, T>> {
        let shape = self.fit::<T>()?;
        // SAFETY: the hold covers the rows; the view is not handed out for longer than it is borrowed.
        Ok(unsafe { view::held(&self.hold, &shape, self.rows_of(&shape)) })
    }

    /// Returns the item at that index of the rows; `None` when there is none.
    ///
    /// # Examples
    ///
    /// See [`Datum`].
    #[must_use]
    pub fn at(&self, index: &[usize]) -> Option<Datum> {
        let offset = offset_of(index, &self.shape, &self.strides)?;
        // SAFETY: the index is within the shape, so the item is within the payload.
        let item = unsafe { self.as_ptr().add(offset) };
        // SAFETY: the hold keeps writers out of the item, which is that long, while `self` is borrowed.
        let bytes = unsafe { slice::from_raw_parts(item, self.dtype().item_size()) };
        Some(Datum::read(self.dtype(), bytes))
    }

    /// The address of the first item of the first row.
    fn first_item(&self) -> *mut u8 {
        let skipped = match self.strides.first() {
            Some(stride) if self.shape.iter().all(|&len| len > 0) => self.rows.start * stride,
            _ => 0,
        };
        // SAFETY: rows that hold items begin within the payload.
        unsafe { self.hold.segment().region().payload().add(skipped) }.as_ptr()
    }

    /// How many bytes the rows have, if they lie together.
    fn len_together(&self) -> Option<usize> {
        let all = self.shape == self.hold.segment().control().shape;
        let together = all || self.order() == Order::C || self.shape.len() == 1;
        let items: usize = if self.shape.contains(&0) { 0 } else { self.shape.iter().product() };
        together.then(|| items * self.dtype().item_size())
    }

    fn fit<T: Element>(&self) -> Result<IxDyn> {
        let contents = Contents::of(self.hold.segment());
        let whole: IxDyn = checked_dtype::<T>()
            .and_then(|asked| contents.shape_of::<T, _>(asked))
            .of(self.hold.segment().name())?;
        if whole.ndim() == 0 && self.shape != contents.shape {
            return Err(Error::new(
                ErrorKind::ShapeMismatch,
                "is one such element, of which some rows are locked only: lock all of it",
            )
            .of(self.hold.segment().name()));
        }
        Ok(whole)
    }

    fn rows_of(&self, shape: &IxDyn) -> Option<&Range<usize>> {
        (shape.ndim() > 0).then_some(&self.rows)
    }
}

impl fmt::Debug for AnyRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyRows")
            .field("dtype", &format_args!("{}", self.dtype()))
            .field("shape", &self.shape)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// Where an item lies, if there is one at that index.
pub(crate) fn offset_of(index: &[usize], shape: &[usize], strides: &[usize]) -> Option<usize> {
    let inside = index.len() == shape.len() && index.iter().zip(shape).all(|(at, len)| at < len);
    inside.then(|| index.iter().zip(strides).map(|(at, stride)| at * stride).sum())
}

/// Rows of an [`AnyArray`](crate::AnyArray), locked for reading: `Send + 'static`.
///
/// # Examples
///
/// See [`AnyArray`](crate::AnyArray).
#[derive(Debug)]
#[must_use = "the rows are unlocked when the guard is dropped"]
pub struct AnyReadGuard(AnyRows);

impl AnyReadGuard {
    /// Locks what is asked for. Returns `None` if patience runs out first.
    pub(super) fn take(array: &AnyArray, ask: &Ask) -> Result<Option<Self>> {
        Ok(AnyRows::take(array, ask, Mode::Read)?.map(Self))
    }
}

impl Deref for AnyReadGuard {
    type Target = AnyRows;

    fn deref(&self) -> &AnyRows {
        &self.0
    }
}

/// Rows of an [`AnyArray`](crate::AnyArray), locked for writing: `Send + 'static`.
///
/// A panic while the guard lives poisons the rows; so does the death of the process.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let array = ndshm::AnyArray::create_unique("doc-any-", &"<u2".parse()?, &[2, 2])?;
/// let mut guard = array.write()?;
/// guard.bytes_mut().unwrap()[6..].copy_from_slice(&[1, 1]);
/// guard.view_mut::<u16>()?[[0, 0]] = 7;
/// assert_eq!(guard.at(&[0, 0]).unwrap().to_string(), "7");
/// assert_eq!(guard.at(&[1, 1]).unwrap().to_string(), "257");
/// assert_eq!(guard.at(&[2, 0]), None);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "the rows are unlocked when the guard is dropped"]
pub struct AnyWriteGuard(AnyRows);

impl AnyWriteGuard {
    /// Locks what is asked for. Returns `None` if patience runs out first.
    pub(super) fn take(array: &AnyArray, ask: &Ask) -> Result<Option<Self>> {
        array.segment().writable()?;
        Ok(AnyRows::take(array, ask, Mode::Write)?.map(Self))
    }

    /// Returns the bytes of the rows, to be written; `None` as for [`bytes`](AnyRows::bytes).
    ///
    /// # Examples
    ///
    /// See [`AnyWriteGuard`].
    #[must_use]
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        let len = self.len_together()?;
        // SAFETY: the hold keeps everybody else out of these bytes, and `self` is borrowed alone. Any
        // bytes are an item of any dtype.
        Some(unsafe { slice::from_raw_parts_mut(self.first_item(), len) })
    }

    /// Returns a view of the rows as elements of `T`, to be written.
    ///
    /// # Errors
    ///
    /// Those of [`view`](AnyRows::view).
    ///
    /// # Examples
    ///
    /// See [`AnyWriteGuard`].
    pub fn view_mut<T: Element>(&mut self) -> Result<ArrayViewMutD<'_, T>> {
        let shape = self.fit::<T>()?;
        let rows = &self.0;
        // SAFETY: the hold covers the rows for writing; the view is not handed out for longer than
        // `self` is borrowed, alone.
        Ok(unsafe { view::held_mut(&rows.hold, &shape, rows.rows_of(&shape)) })
    }

    /// Returns the address of the first item of the rows, for other languages to write.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"|u1".parse()?, &[2])?;
    /// let mut guard = array.write()?;
    /// // SAFETY: the guard keeps everybody else out, and the item is the first of two.
    /// unsafe { guard.as_mut_ptr().write(7) };
    /// assert_eq!(guard.bytes(), Some(&[7, 0][..]));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.first_item()
    }

    /// Vouches for the rows: clears the poison of every stripe that the guard holds.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::AnyArray::create_unique("doc-any-", &"<f8".parse()?, &[5, 3])?;
    /// array.request().recover().write()?.mark_consistent();
    /// # Ok(()) }
    /// ```
    pub fn mark_consistent(&mut self) {
        self.0.hold.mark_consistent();
    }
}

impl Deref for AnyWriteGuard {
    type Target = AnyRows;

    fn deref(&self) -> &AnyRows {
        &self.0
    }
}
