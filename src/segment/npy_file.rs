//! Ordinary `.npy` files, mapped for reading.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::inspect::read_header;
use super::layout::data_len;
use crate::error::{Error, ErrorKind, Result, ResultExt, size};
use crate::npy::{Dtype, Header, Order};
use crate::sys::map::{Mapping, Protection};
use crate::sys::object::{Facts, Object};

/// An ordinary `.npy` file whose dtype is known at run time, mapped for reading and left as it is.
///
/// [`Npy`](crate::Npy) stands on this type, and [`typed`](Self::typed) turns this into one. The
/// file may lie on any filesystem, and may have any version and order that `np.save` ever wrote.
/// Elements may be anything but Python objects and floats of 80 or 128 bits. Big-endian elements
/// become little-endian when they are copied. The mapping shows them as they are.
///
/// A clone is the same mapping: cheap, and usable from any thread.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// # let path = std::env::temp_dir().join(format!("doc-file-{}.npy", std::process::id()));
/// # let array = ndshm::Array1::<f32>::create_unique("doc-file-", 3)?;
/// # std::fs::copy(array.segment().path(), &path).expect("copied");
/// use ndshm::{Dtype, NpyFile, Order, Scalar};
///
/// let file = NpyFile::open(&path)?;
/// assert_eq!((file.shape(), file.order()), (&[3][..], Order::C));
/// let sum = match file.dtype() {
///     Dtype::Scalar(Scalar::F32) => f64::from(file.typed::<f32, ndarray::IxDyn>()?.to_array()?.sum()),
///     Dtype::Scalar(Scalar::F64) => file.typed::<f64, ndarray::IxDyn>()?.to_array()?.sum(),
///     other => panic!("no numbers to add up: {other}"),
/// };
/// assert_eq!(sum, 0.0);
/// # std::fs::remove_file(&path).expect("removed");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct NpyFile(Arc<Inner>);

struct Inner {
    path: PathBuf,
    object: Object,
    header: Header,
    data_len: usize,
    mapping: Mapping,
}

impl NpyFile {
    /// Opens and maps the file at `path`. Costs some ten system calls, whatever its size.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound); [`NotASegment`](ErrorKind::NotASegment) when it is no `.npy`
    /// file; [`Truncated`](ErrorKind::Truncated), [`Corrupt`](ErrorKind::Corrupt) and
    /// [`UnsupportedVersion`](ErrorKind::UnsupportedVersion) when it is damaged or newer than this
    /// library; and [`Unsupported`](ErrorKind::Unsupported) when it holds objects, or is sound but
    /// spelled as `np.save` never does.
    ///
    /// # Examples
    ///
    /// See [`NpyFile`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::map(path).map_err(|error| error.of(&path.to_string_lossy()))
    }

    fn map(path: &Path) -> Result<Self> {
        let (object, facts) = Object::open_file(path)?;
        let header = read_header(&object, &facts)?;
        let data_len = data_len(&header.shape, header.dtype.item_size())?;
        let end = data_end(&header, &facts)?;
        let mapping = Mapping::new(&object, 0, end, Protection::Read)?;
        Ok(Self(Arc::new(Inner { path: path.to_owned(), object, header, data_len, mapping })))
    }

    /// Returns the path by which it was opened.
    ///
    /// # Examples
    ///
    /// See [`NpyFile`].
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns the dtype of an element, in [NumPy's form](Dtype::numpy_form).
    ///
    /// # Examples
    ///
    /// See [`NpyFile`].
    #[must_use]
    pub fn dtype(&self) -> &Dtype {
        &self.0.header.dtype
    }

    /// Returns the lengths of the axes.
    ///
    /// # Examples
    ///
    /// See [`NpyFile`].
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.0.header.shape
    }

    /// Returns which axis runs fastest.
    ///
    /// # Examples
    ///
    /// See [`NpyFile`].
    #[must_use]
    pub fn order(&self) -> Order {
        self.0.header.order
    }

    /// Tells whether some of the file's numbers are big-endian. Copies hold them in little-endian
    /// form, as [`dtype`](Self::dtype) says. The mapping shows them as they are.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("doc-big-{}.npy", std::process::id()));
    /// # let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    /// # bytes.extend(format!("{:117}\n", "{'descr': '>u2', 'fortran_order': False, 'shape': (1,), }").bytes());
    /// # bytes.extend([1, 2]);
    /// # std::fs::write(&path, bytes).expect("written");
    /// let file = ndshm::NpyFile::open(&path)?; // what np.save wrote of np.array([258], ">u2")
    /// assert!(file.is_big_endian());
    /// assert_eq!(file.dtype().to_string(), "<u2");
    /// assert_eq!(file.to_bytes()?, 258_u16.to_le_bytes());
    /// # std::fs::remove_file(&path).expect("removed");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn is_big_endian(&self) -> bool {
        !self.0.header.swap.is_nothing()
    }

    /// Fails with `ForeignByteOrder` unless the mapped bytes are as the dtype says.
    pub(crate) fn check_in_place(&self) -> Result<()> {
        self.0.header.check_in_place().of(&self.0.path.to_string_lossy())
    }

    /// Returns the number of bytes of data: the product of the shape times the size of an element.
    ///
    /// # Examples
    ///
    /// See [`to_bytes`](Self::to_bytes).
    #[must_use]
    pub fn data_len(&self) -> usize {
        self.0.data_len
    }

    /// Returns where the data is mapped. [`data_len`](Self::data_len) bytes are valid to read from
    /// there while a clone of this lives and nobody cuts the file short. They are the file's own
    /// bytes, big-endian if [it is](Self::is_big_endian).
    ///
    /// # Examples
    ///
    /// See [`Npy::view`](crate::Npy::view), which uses it.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.0.mapping.base().as_ptr().wrapping_add(self.0.header.data_offset)
    }

    /// Copies the data out as bytes of little-endian items, in the order in which they lie in the file.
    ///
    /// # Errors
    ///
    /// [`Truncated`](ErrorKind::Truncated) when the file was cut short meanwhile,
    /// [`DescriptorLost`](ErrorKind::DescriptorLost) when the program closed the descriptor that this
    /// library keeps, and [`OutOfAddressSpace`](ErrorKind::OutOfAddressSpace) when there is no memory
    /// for the copy.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # let array = ndshm::Array1::<u16>::create_unique("doc-bytes-", 3)?;
    /// # let path = array.segment().path();
    /// let file = ndshm::NpyFile::open(path)?;
    /// assert_eq!(file.to_bytes()?, vec![0; file.data_len()]);
    /// # Ok(()) }
    /// ```
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.read_items()
    }

    /// Copies bytes of the data, from that offset on, until `bytes` is full. Items are
    /// little-endian, even those that are cut off at either end.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`](ErrorKind::OutOfBounds) when the data ends earlier, and those of
    /// [`to_bytes`](Self::to_bytes).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # let array = ndshm::Array1::<u16>::create_unique("doc-read-at-", 3)?;
    /// # array.write()?[2] = 7;
    /// # let path = array.segment().path();
    /// let file = ndshm::NpyFile::open(path)?;
    /// let mut last = [0; 2];
    /// file.read_at(&mut last, file.data_len() - 2)?;
    /// assert_eq!(last, [7, 0]);
    /// # Ok(()) }
    /// ```
    pub fn read_at(&self, bytes: &mut [u8], offset: usize) -> Result<()> {
        self.read_into(bytes, offset).of(&self.0.path.to_string_lossy())
    }

    fn read_into(&self, bytes: &mut [u8], offset: usize) -> Result<()> {
        if offset.checked_add(bytes.len()).is_none_or(|end| end > self.data_len()) {
            return Err(Error::new(
                ErrorKind::OutOfBounds,
                format!(
                    "has {} of data, asked for {} from {offset} on",
                    size(self.data_len()),
                    size(bytes.len())
                ),
            ));
        }
        if !self.is_big_endian() {
            return self.read_raw(bytes, offset);
        }
        // Whole items are swapped in place, in the result. A cut item at either end is swapped in a
        // buffer of its own.
        let item_size = self.0.header.dtype.item_size();
        let before = offset.next_multiple_of(item_size) - offset;
        let (first, rest) = bytes.split_at_mut(before.min(bytes.len()));
        let (whole, last) = rest.split_at_mut(rest.len() - rest.len() % item_size);
        self.read_part(first, offset)?;
        self.read_raw(whole, offset + first.len())?;
        self.0.header.swap.apply(whole);
        self.read_part(last, offset + first.len() + whole.len())
    }

    /// Copies a part of one big-endian item.
    fn read_part(&self, bytes: &mut [u8], offset: usize) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let item_size = self.0.header.dtype.item_size();
        let start = offset % item_size;
        let mut item = zeroed::<u8>(item_size)?;
        self.read_raw(&mut item, offset - start)?;
        self.0.header.swap.apply(&mut item);
        bytes.copy_from_slice(&item[start..start + bytes.len()]);
        Ok(())
    }

    /// Copies bytes as they are in the file.
    fn read_raw(&self, bytes: &mut [u8], offset: usize) -> Result<()> {
        let read = self.0.object.read_exact_at(bytes, (self.0.header.data_offset + offset) as u64);
        // If the descriptor's number is another file's by now, the bytes read are not this file's.
        self.0.object.check_open()?;
        match read {
            Err(error) if error.kind() == ErrorKind::Truncated => Err(Error::new(
                ErrorKind::Truncated,
                "was cut short since it was opened: write a new file and rename it onto the old one \
                 instead",
            )),
            read => read,
        }
    }

    /// Copies the data out as items of a type whose size divides it.
    pub(crate) fn read_items<T: bytemuck::Pod>(&self) -> Result<Vec<T>> {
        assert!(self.data_len().is_multiple_of(size_of::<T>()));
        self.read(self.data_len() / size_of::<T>()).of(&self.0.path.to_string_lossy())
    }

    fn read<T: bytemuck::Pod>(&self, count: usize) -> Result<Vec<T>> {
        let mut items = zeroed::<T>(count)?;
        self.read_into(bytemuck::cast_slice_mut(&mut items), 0)?;
        Ok(items)
    }
}

impl fmt::Debug for NpyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NpyFile")
            .field("path", &self.path())
            .field("dtype", &format_args!("{}", self.dtype()))
            .field("shape", &self.shape())
            .field("order", &self.order())
            .finish_non_exhaustive()
    }
}

/// Memory for so many items.
fn zeroed<T: bytemuck::Pod>(count: usize) -> Result<Vec<T>> {
    bytemuck::allocation::try_zeroed_vec::<T>(count).map_err(|()| {
        let bytes = size(count.saturating_mul(size_of::<T>()));
        let message = format!("has {bytes} of data, more than can be allocated");
        Error::new(ErrorKind::OutOfAddressSpace, message)
    })
}

/// Where the data that the header describes ends. The file must reach that far.
pub(super) fn data_end(header: &Header, facts: &Facts) -> Result<usize> {
    let data_len = data_len(&header.shape, header.dtype.item_size())?;
    let end = header.data_offset.saturating_add(data_len);
    if facts.len >= end as u64 {
        return Ok(end);
    }
    let problem = format!(
        "is {} long and its header promises {}: it was cut short, or is still being written",
        size(facts.len),
        size(end)
    );
    Err(Error::new(ErrorKind::Truncated, problem))
}
