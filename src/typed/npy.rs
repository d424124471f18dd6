//! Ordinary `.npy` files as arrays of Rust types.
//!
//! # Safety
//!
//! The raw views made here cover the data of a file. Its dtype, shape and order were checked
//! against the type, and its length was checked when it was mapped. Nobody else promises to leave
//! the file alone. So a caller that makes references of the views must justify them.
#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use ndarray::{ArrayView, Dimension, RawArrayView, ShapeBuilder};

use super::contents::Contents;
use super::element::{Element, checked_dtype};
use crate::error::{Error, ErrorKind, Result};
use crate::npy::{Order, UNIT};
use crate::segment::NpyFile;

/// An ordinary `.npy` file as an array of `T`, mapped for reading and left as it is: no locks, no
/// control block, not a byte written.
///
/// The file may lie anywhere, and be of any version and order that `np.save` ever wrote. Element
/// type and number of axes are checked when it is opened. If other processes write the file
/// meanwhile, share an [`Array`](crate::Array) instead.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// # let path = std::env::temp_dir().join(format!("doc-npy-{}.npy", std::process::id()));
/// # let array = ndshm::Array2::<f32>::create_unique("doc-npy-", (3, 4))?;
/// # std::fs::copy(array.segment().path(), &path).expect("copied");
/// use ndarray::Ix2;
/// use ndshm::{ErrorKind, Npy};
///
/// let weights = Npy::<f32, Ix2>::open(&path)?; // what np.save wrote
/// assert_eq!(weights.shape(), [3, 4]);
/// let private: ndarray::Array2<f32> = weights.to_array()?;
///
/// let wrong = Npy::<f64, Ix2>::open(&path).unwrap_err();
/// assert_eq!(wrong.kind(), ErrorKind::DtypeMismatch);
/// # std::fs::remove_file(&path).expect("removed");
/// # Ok(()) }
/// ```
pub struct Npy<T: Element, D: Dimension> {
    file: NpyFile,
    shape: D,
    element: PhantomData<fn() -> T>,
}

/// Opens the `.npy` file at `path`: [`Npy::open`] under another name.
///
/// # Errors
///
/// Those of [`Npy::open`].
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// # let array = ndshm::Array1::<u8>::create_unique("doc-open-npy-", 3)?;
/// # let path = array.segment().path();
/// let bytes = ndshm::open_npy::<u8, ndarray::Ix1>(path)?;
/// assert_eq!(bytes.to_array()?.sum(), 0);
/// # Ok(()) }
/// ```
pub fn open_npy<T: Element, D: Dimension>(path: impl AsRef<Path>) -> Result<Npy<T, D>> {
    Npy::open(path)
}

impl NpyFile {
    /// Returns the file as an array of `T`.
    ///
    /// # Errors
    ///
    /// [`DtypeMismatch`](ErrorKind::DtypeMismatch), [`RankMismatch`](ErrorKind::RankMismatch), and
    /// [`ShapeMismatch`](ErrorKind::ShapeMismatch) for elements `[U; N]` where the last axis is not of
    /// length N or the order is Fortran's.
    ///
    /// # Examples
    ///
    /// See [`NpyFile`].
    pub fn typed<T: Element, D: Dimension>(&self) -> Result<Npy<T, D>> {
        let (dtype, shape, order) = (self.dtype(), self.shape(), self.order());
        // Copies need no alignment. `raw_view` checks it.
        let contents = Contents { dtype, shape, order, alignment: UNIT };
        let shape = checked_dtype::<T>()
            .and_then(|asked| contents.shape_of::<T, D>(asked.numpy_form()))
            .map_err(|error| error.of(&self.path().to_string_lossy()))?;
        Ok(Npy { file: self.clone(), shape, element: PhantomData })
    }
}

impl<T: Element, D: Dimension> Npy<T, D> {
    /// Opens and maps the file at `path`, checking element type and number of axes.
    ///
    /// # Errors
    ///
    /// Those of [`NpyFile::open`] and [`NpyFile::typed`].
    ///
    /// # Examples
    ///
    /// See [`Npy`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        NpyFile::open(path)?.typed()
    }

    /// Returns the file under the array.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # let array = ndshm::Array1::<u8>::create_unique("doc-npy-under-", 3)?;
    /// # let path = array.segment().path();
    /// let bytes = ndshm::Npy::<u8, ndarray::Ix1>::open(&path)?;
    /// assert_eq!(bytes.file().path(), path);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn file(&self) -> &NpyFile {
        &self.file
    }

    /// Returns the lengths of the axes.
    ///
    /// # Examples
    ///
    /// See [`Npy`].
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.shape.slice()
    }

    /// Copies the data into memory of this process's own. It reads the file instead of the mapping,
    /// so a file that is cut short meanwhile is an error.
    ///
    /// It works for data that is not aligned, too, and makes big-endian items little-endian. If
    /// others write meanwhile, the copy may hold half of what they write.
    ///
    /// # Errors
    ///
    /// Those of [`NpyFile::to_bytes`].
    ///
    /// # Examples
    ///
    /// See [`Npy`].
    pub fn to_array(&self) -> Result<ndarray::Array<T, D>> {
        let items = self.file.read_items::<T>()?;
        ndarray::Array::from_shape_vec(self.strided(), items).map_err(|error| {
            let message = format!("has a shape that no array in memory has: {error}");
            Error::new(ErrorKind::SizeOverflow, message).of(&self.file.path().to_string_lossy())
        })
    }

    /// Returns a raw view of the mapped data. It is valid while this or a clone lives. It is
    /// `unsafe` to dereference, because nobody is kept from writing the file.
    ///
    /// # Errors
    ///
    /// [`Misaligned`](ErrorKind::Misaligned) when the header's length puts the data where no `T`
    /// may begin, as some old writers do, and [`ForeignByteOrder`](ErrorKind::ForeignByteOrder)
    /// when the data is big-endian. [`to_array`](Self::to_array) works in both cases.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # let array = ndshm::Array1::<u8>::create_unique("doc-npy-raw-", 3)?;
    /// # let path = array.segment().path();
    /// let bytes = ndshm::Npy::<u8, ndarray::Ix1>::open(path)?;
    /// assert_eq!(bytes.raw_view()?.len(), 3);
    /// # Ok(()) }
    /// ```
    pub fn raw_view(&self) -> Result<RawArrayView<T, D>> {
        self.file.check_in_place()?;
        let data = self.file.as_ptr().cast::<T>();
        if !data.is_aligned() {
            return Err(Error::new(
                ErrorKind::Misaligned,
                format!(
                    "has data that does not begin at a multiple of {} bytes, as {} wants it: copy \
                     it out with `to_array`, or save it anew with np.save",
                    align_of::<T>(),
                    self.file.dtype()
                ),
            )
            .of(&self.file.path().to_string_lossy()));
        }
        // SAFETY: the data holds the product of the shape in items of T's size (its dtype was
        // compared). That fits isize (`data_len`, which leaves empty axes out). The data was
        // checked to lie within the mapping, and is aligned.
        Ok(unsafe { RawArrayView::from_shape_ptr(self.strided(), data) })
    }

    /// Returns a view of the mapped data. Nothing is copied, and data that is never looked at is
    /// never read.
    ///
    /// # Errors
    ///
    /// Those of [`raw_view`](Self::raw_view).
    ///
    /// # Safety
    ///
    /// While the view is used, nobody writes the data in the file, in this process or any other.
    /// Nobody cuts it short either: a process that looks behind the cut gets SIGBUS. This is the
    /// contract of every mapped file. A file that is only ever renamed into place keeps it.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # let array = ndshm::Array1::<u8>::create_unique("doc-npy-view-", 3)?;
    /// # let path = array.segment().path();
    /// let bytes = ndshm::Npy::<u8, ndarray::Ix1>::open(path)?;
    /// // SAFETY: the file is this test's own, and nobody writes it.
    /// let view = unsafe { bytes.view()? };
    /// assert_eq!(view.sum(), 0);
    /// # Ok(()) }
    /// ```
    pub unsafe fn view(&self) -> Result<ArrayView<'_, T, D>> {
        let raw = self.raw_view()?;
        // SAFETY: the mapping lives as long as `self`, which the view borrows; any bytes are a T; and
        // the caller vouches that they stay what they are.
        Ok(unsafe { raw.deref_into_view() })
    }

    fn strided(&self) -> ndarray::Shape<D> {
        self.shape.clone().set_f(self.file.order() == Order::F)
    }
}

impl<T: Element, D: Dimension> Clone for Npy<T, D> {
    fn clone(&self) -> Self {
        Self { file: self.file.clone(), shape: self.shape.clone(), element: PhantomData }
    }
}

impl<T: Element, D: Dimension> fmt::Debug for Npy<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Npy").field(&self.file).finish()
    }
}
