//! Looks at some of what a segment holds, without copying the rest.

use std::ops::Range;

use super::Look;
use super::outside::copy_value;
use super::snapshot::AnySnapshot;
use crate::error::{Error, ErrorKind, Result, ResultExt, size};
use crate::lock::Patience;
use crate::npy::{Dtype, Header, Order};
use crate::segment::{Access, Address, Kind, Opens, Segment};
use crate::sync::{Pass, observe, stripes_over};
use crate::typed::any::{AnyArray, AnyRows};
use crate::typed::log::AnyLog;
use crate::typed::snapshot::OBSERVERS_PATIENCE;

/// The contents of a segment at one moment, to copy from: see [`Segment::peek`].
///
/// # Examples
///
/// See [`Segment::peek`].
#[derive(Debug)]
pub struct Peek<'a> {
    dtype: &'a Dtype,
    shape: Vec<usize>,
    order: Order,
    byte_len: usize,
    source: Source<'a>,
}

#[derive(Debug)]
enum Source<'a> {
    /// Nobody writes it meanwhile.
    Still(&'a [u8]),
    /// It shows afterwards whether anybody wrote what was copied.
    Observed { pass: &'a Pass<'a>, stripes: u32 },
    /// Rows of a log, which nobody writes any more.
    Committed(&'a Look),
}

/// Calls `see` with what the segment at `address` holds, seen from outside. Nothing is mapped, no
/// lock is taken and nothing is written. So this needs only permission to read, and no trust in the
/// segment's owner, or in those who may write it.
///
/// Otherwise this is [`Segment::peek`] of an observer. `see` is called again until nobody wrote
/// what it copied, for at most a second, and has to begin anew each time. This opens the file, and
/// costs two system calls for each stripe that is copied from and one for each piece. For frames of
/// rings, see [`AnyFrame::peek`](crate::AnyFrame::peek).
///
/// # Errors
///
/// What `see` returns, and those of [`Status::of`](crate::Status::of).
/// [`KindMismatch`](ErrorKind::KindMismatch) for rings; [`Timeout`](ErrorKind::Timeout) when it was
/// written all the time; [`OwnerDied`](ErrorKind::OwnerDied) and [`Poisoned`](ErrorKind::Poisoned)
/// when it is suspect.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let table = ndshm::Array2::<u8>::create("doc-peek-at", (1000, 3))?;
/// table.write()?.row_mut(999).fill(7);
///
/// // Any process that may read the file, whoever made it:
/// let last = ndshm::peek("doc-peek-at", |data| {
///     let mut row = [0; 3];
///     data.read_at(&mut row, data.byte_len() - 3)?;
///     Ok(row)
/// })?;
/// assert_eq!(last, [7, 7, 7]);
/// # Ok(()) }
/// ```
pub fn peek<'a, R>(
    address: impl Into<Address<'a>>,
    see: impl FnMut(&Peek<'_>) -> Result<R>,
) -> Result<R> {
    Look::of(address)?.peek(see)
}

pub(super) fn through<R>(look: &Look, mut see: impl FnMut(&Peek<'_>) -> Result<R>) -> Result<R> {
    look.check_settled()?;
    let info = look.info();
    let (dtype, order) = (info.dtype(), info.order());
    let patience = Patience::at_most(OBSERVERS_PATIENCE);
    match info.kind() {
        Kind::Array => observe(look, patience, |pass| {
            let source = Source::Observed { pass, stripes: info.stripes() };
            see(&Peek::new(dtype, info.shape(), order, source))
        })?,
        Kind::Log => {
            let rows = look.committed_rows(&look.state()?);
            let mut shape = info.shape().to_vec();
            shape.iter_mut().take(1).for_each(|first| *first = rows);
            see(&Peek::new(dtype, &shape, order, Source::Committed(look)))
        }
        Kind::Value | Kind::Event | Kind::AutoResetEvent => {
            let mut bytes = vec![0; info.data_len()];
            copy_value(look, &mut bytes, patience)?;
            see(&Peek::new(dtype, info.shape(), order, Source::Still(&bytes)))
        }
        Kind::Ring => Err(Error::new(
            ErrorKind::KindMismatch,
            "is a ring, whose frames come and go one by one: take one with `AnyFrame::peek`",
        )),
    }
    .of(info.name())
}

/// Looking at some of the data.
impl Segment {
    /// Calls `see` with what the segment holds, and returns what `see` returned. `see` copies what
    /// it wants. This is for slices, sums and the like of data that is too large to be copied
    /// whole.
    ///
    /// Arrays are locked for reading meanwhile. With [`Access::Observe`] there is no lock. `see` is
    /// called again until nobody wrote what it copied, for at most a second, and what it returned
    /// before is thrown away. So it has to begin anew each time, and what it sees may be half
    /// written. Writers of stripes that it does not copy from do not matter. Of logs, the committed
    /// rows are seen. Values and events are copied first.
    ///
    /// # Errors
    ///
    /// What `see` returns, and those of [`AnySnapshot::of`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, Array2, Segment};
    ///
    /// let table = Array2::<u8>::create("doc-peek", (1000, 3))?;
    /// table.write()?.row_mut(999).fill(7);
    ///
    /// let segment = Segment::options().access(Access::Observe).open("doc-peek")?;
    /// let last = segment.peek(|data| {
    ///     let mut row = [0; 3];
    ///     data.read_at(&mut row, data.byte_len() - 3)?;
    ///     Ok(row)
    /// })?;
    /// assert_eq!(last, [7, 7, 7]);
    /// # Ok(()) }
    /// ```
    pub fn peek<R>(&self, mut see: impl FnMut(&Peek<'_>) -> Result<R>) -> Result<R> {
        let control = self.control();
        let (dtype, order) = (&control.dtype, control.order);
        let still = |bytes, shape: &[usize]| Peek::new(dtype, shape, order, Source::Still(bytes));
        match (control.kind, self.access()) {
            (Kind::Array, Access::Observe) => {
                observe(self, Patience::at_most(OBSERVERS_PATIENCE), |pass| {
                    let source = Source::Observed { pass, stripes: control.stripes };
                    see(&Peek::new(dtype, &control.shape, order, source))
                })?
            }
            (Kind::Array, Access::ReadWrite | Access::Read) => {
                let rows = AnyArray::from_segment(self.clone())?.read()?;
                see(&still(all_of(&rows), rows.shape()))
            }
            (Kind::Log, _) => {
                let rows = AnyLog::from_segment(self.clone())?.rows();
                let mut shape = control.shape.clone();
                shape.iter_mut().take(1).for_each(|first| *first = rows.range().len());
                see(&still(rows.bytes(), &shape))
            }
            _ => {
                let copy = AnySnapshot::of(self)?;
                see(&still(copy.bytes(), copy.shape()))
            }
        }
        .of(self.name())
    }
}

impl<'a> Peek<'a> {
    fn new(dtype: &'a Dtype, shape: &[usize], order: Order, source: Source<'a>) -> Self {
        let items: usize = if shape.contains(&0) { 0 } else { shape.iter().product() };
        Self { dtype, shape: shape.to_vec(), order, byte_len: items * dtype.item_size(), source }
    }

    /// Copies all of it.
    ///
    /// # Errors
    ///
    /// Those of [`read_at`](Self::read_at), and [`OutOfAddressSpace`](ErrorKind::OutOfAddressSpace) when there is no
    /// memory for a copy.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let value = ndshm::Value::create("doc-peek-copy", [1.5, 2.5])?;
    /// let copy = ndshm::peek("doc-peek-copy", |data| data.to_snapshot())?;
    /// assert_eq!(copy.view::<f64>()?.sum(), 4.0);
    /// # Ok(()) }
    /// ```
    pub fn to_snapshot(&self) -> Result<AnySnapshot> {
        let (dtype, shape) = (self.dtype.clone(), self.shape.clone());
        let mut copy = AnySnapshot::try_new(dtype, shape, self.order, self.byte_len)?;
        self.read_at(copy.bytes_mut(), 0)?;
        Ok(copy)
    }

    /// Returns the dtype of an item.
    ///
    /// # Examples
    ///
    /// See [`read_at`](Self::read_at).
    #[must_use]
    pub fn dtype(&self) -> &Dtype {
        self.dtype
    }

    /// Returns the lengths of the axes. For a log, the length of axis 0 is the number of committed
    /// rows.
    ///
    /// # Examples
    ///
    /// See [`read_at`](Self::read_at).
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the order of the axes.
    ///
    /// # Examples
    ///
    /// See [`read_at`](Self::read_at).
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// Returns the number of bytes: the product of the shape times the size of an item.
    ///
    /// # Examples
    ///
    /// See [`Segment::peek`].
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.byte_len
    }

    /// Returns what stands before the bytes in a `.npy` file: see [`AnySnapshot::npy_header`].
    ///
    /// # Errors
    ///
    /// Those of [`AnySnapshot::npy_header`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-peek-", 3)?;
    /// let header = array.segment().peek(|data| data.npy_header())?;
    /// assert!(header.starts_with(b"\x93NUMPY"));
    /// # Ok(()) }
    /// ```
    pub fn npy_header(&self) -> Result<Vec<u8>> {
        Header::encode(self.dtype, self.order, &self.shape)
    }

    /// Copies bytes, as they lie in memory, from that offset on until `bytes` is full.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`](ErrorKind::OutOfBounds) when the data ends before. For observers
    /// [`Timeout`](ErrorKind::Timeout) when somebody writes there. Pass it on, and the look begins
    /// anew.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let log = ndshm::Log::<u16>::create_unique("doc-peek-", 1000)?;
    /// log.extend(&[1, 2, 3])?;
    /// log.segment().peek(|data| {
    ///     assert_eq!((data.dtype().to_string().as_str(), data.shape()), ("<u2", &[3][..]));
    ///     assert_eq!((data.order(), data.byte_len()), (ndshm::Order::C, 6));
    ///     let mut second = [0; 2];
    ///     data.read_at(&mut second, 2)?;
    ///     assert_eq!(u16::from_le_bytes(second), 2);
    ///     assert!(data.read_at(&mut second, 5).is_err());
    ///     Ok(())
    /// })?;
    /// # Ok(()) }
    /// ```
    pub fn read_at(&self, bytes: &mut [u8], offset: usize) -> Result<()> {
        let end = offset.checked_add(bytes.len()).filter(|&end| end <= self.byte_len);
        let Some(end) = end else {
            let (len, asked) = (self.byte_len, bytes.len());
            return Err(Error::new(
                ErrorKind::OutOfBounds,
                format!("has {} of data, asked for {} from {offset} on", size(len), size(asked)),
            ));
        };
        match self.source {
            Source::Still(all) => bytes.copy_from_slice(&all[offset..end]),
            Source::Observed { pass, stripes } => {
                let stripes = stripes_over(&self.rows_of(offset..end), self.rows(), stripes);
                if !pass.copy(stripes, offset, bytes) {
                    return Err(in_vain());
                }
            }
            Source::Committed(look) => look.payload(bytes, offset)?,
        }
        Ok(())
    }

    fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// The rows that bytes lie in, or a few more.
    fn rows_of(&self, bytes: Range<usize>) -> Range<usize> {
        if bytes.is_empty() {
            return 0..0;
        }
        let rows = self.rows();
        if self.order == Order::C || self.shape.len() < 2 {
            let row_len = self.byte_len / rows;
            return bytes.start / row_len..bytes.end.div_ceil(row_len);
        }
        // Columns follow each other, and each goes through all rows.
        let size = self.dtype.item_size();
        let (first, last) = (bytes.start / size, (bytes.end - 1) / size);
        let is_in_one_column = first / rows == last / rows;
        if is_in_one_column { first % rows..last % rows + 1 } else { 0..rows }
    }
}

fn all_of(rows: &AnyRows) -> &[u8] {
    rows.bytes().expect("all rows of an array lie together")
}

#[cold]
fn in_vain() -> Error {
    Error::new(ErrorKind::Timeout, "is being written: this look is in vain, and another one begins")
}
