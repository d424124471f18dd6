//! Ordinary `.npy` files shared as arrays, where they are.
//!
//! # Safety
//!
//! The unsafe functions here do nothing unsafe themselves. Their callers vouch for processes that
//! have had the file since it was a plain one, and take no locks.
#![allow(unsafe_code)]

use std::path::Path;

use ndarray::Dimension;

use super::any::AnyArray;
use super::array::Array;
use super::contents::Contents;
use super::element::{Element, checked_dtype};
use super::options::plan;
use crate::error::Result;
use crate::npy::{Dtype, Header};
use crate::segment::{Opens, Options, Plan, Segment, Settings};

impl<T: Element, D: Dimension> Array<T, D> {
    /// Opens the ordinary `.npy` file at `path` as a shared array, in place. Its numbers stay where
    /// they are, and locks are added behind them. A file that is shared already is opened in the
    /// same way.
    ///
    /// From then on the file is a segment, until somebody writes it anew. [`open`](Self::open)
    /// opens it, [`remove`](crate::remove) removes it, and NumPy reads and writes it as before.
    /// Never write it with `mmap_mode="w+"` or `np.save`: they cut it to nothing first, under
    /// everybody who has it mapped. It must lie on tmpfs, ext4, xfs, btrfs or f2fs. A process
    /// killed on the way leaves the plain file. The cost is that of [`create`](Self::create)
    /// without the data, and one wait for the disk.
    ///
    /// # Safety
    ///
    /// Up to now the file was a plain one, and processes that have it open or mapped know of no
    /// locks: a `np.load(path, mmap_mode="r+")` of an hour ago, or a program that will save over
    /// it. The caller vouches that none of them truncates the file from now on. The caller also
    /// vouches that none writes it while somebody holds a guard or a [`Frozen`](crate::Frozen) of
    /// it, in any process. This does not concern processes that open the shared file later:
    /// [`open`](Self::open) assumes of it what it assumes of every segment (see
    /// [Trust](crate#trust)).
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound); [`NotASegment`](crate::ErrorKind::NotASegment),
    /// [`Truncated`](crate::ErrorKind::Truncated),
    /// [`ForeignByteOrder`](crate::ErrorKind::ForeignByteOrder) or
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when no segment can hold what is there;
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when more follows the array in the
    /// file; [`Misaligned`](crate::ErrorKind::Misaligned) when its data does not begin at a
    /// multiple of 16 bytes, as every NumPy writes it, or not where a `T` may;
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied);
    /// [`StorageFull`](crate::ErrorKind::StorageFull); and those of [`open`](Self::open). After an
    /// error the file is as it was.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # let path = &std::path::PathBuf::from(format!("/dev/shm/doc-share-{}.npy", std::process::id()));
    /// # let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    /// # bytes.extend(format!("{:117}\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }").bytes());
    /// # bytes.extend([0; 48]);
    /// # std::fs::write(path, bytes).expect("written");
    /// use ndshm::Array2;
    ///
    /// // SAFETY: whoever saved the file is done with it.
    /// let weights = unsafe { Array2::<f32>::share_npy(path) }?; // what np.save wrote
    /// weights.write()?.fill(0.5);
    /// assert_eq!(Array2::<f32>::open(path)?.read()?.sum(), 6.0);
    /// # ndshm::remove(path)?;
    /// # Ok(()) }
    /// ```
    pub unsafe fn share_npy(path: impl AsRef<Path>) -> Result<Self> {
        // SAFETY: the caller vouches for the same.
        unsafe { Self::options().share_npy(path) }
    }
}

impl<T: Element, D: Dimension> Options<Array<T, D>> {
    /// Opens an ordinary `.npy` file as a shared array: see [`Array::share_npy`]. Its order and mode stay
    /// what they are, and it lasts until it is removed.
    ///
    /// # Safety
    ///
    /// That of [`Array::share_npy`].
    ///
    /// # Errors
    ///
    /// Those of [`Array::share_npy`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> ndshm::Result<()> {
    /// let options = ndshm::Array2::<f64>::options().stripes(64);
    /// // SAFETY: whoever saved the file is done with it.
    /// let rows = unsafe { options.share_npy("table.npy") }?;
    /// # Ok(()) }
    /// ```
    pub unsafe fn share_npy(&self, path: impl AsRef<Path>) -> Result<Array<T, D>> {
        let segment = Segment::share_npy(path.as_ref(), self.settings(), |header| {
            let asked = checked_dtype::<T>()?;
            Contents::of_header(header).shape_of::<T, D>(asked.numpy_form())?;
            // The dtype that the header has, except for `bf16`, for which a header has no word.
            let (asked, _) = asked.fold();
            let same = asked.numpy_form() == header.dtype;
            let dtype = if same { asked } else { header.dtype.clone() };
            taken(dtype, header, self.settings())
        })?;
        Array::from_segment(segment)
    }
}

impl AnyArray {
    /// Opens the ordinary `.npy` file at `path` as a shared array, whatever its dtype: see
    /// [`Array::share_npy`].
    ///
    /// # Safety
    ///
    /// That of [`Array::share_npy`].
    ///
    /// # Errors
    ///
    /// Those of [`Array::share_npy`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> ndshm::Result<()> {
    /// // SAFETY: whoever saved the file is done with it.
    /// let table = unsafe { ndshm::AnyArray::share_npy("table.npy") }?;
    /// println!("{} of shape {:?}", table.dtype(), table.shape());
    /// # Ok(()) }
    /// ```
    pub unsafe fn share_npy(path: impl AsRef<Path>) -> Result<Self> {
        // SAFETY: the caller vouches for the same.
        unsafe { Self::options().share_npy(path) }
    }
}

impl Options<AnyArray> {
    /// Opens an ordinary `.npy` file as a shared array: see [`AnyArray::share_npy`].
    ///
    /// # Safety
    ///
    /// That of [`Array::share_npy`].
    ///
    /// # Errors
    ///
    /// Those of [`Array::share_npy`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> ndshm::Result<()> {
    /// let options = ndshm::AnyArray::options().participants(8);
    /// // SAFETY: whoever saved the file is done with it.
    /// let table = unsafe { options.share_npy("table.npy") }?;
    /// # Ok(()) }
    /// ```
    pub unsafe fn share_npy(&self, path: impl AsRef<Path>) -> Result<AnyArray> {
        let segment = Segment::share_npy(path.as_ref(), self.settings(), |header| {
            taken(header.dtype.clone(), header, self.settings())
        })?;
        AnyArray::from_segment(segment)
    }
}

/// Plans an array of the numbers behind a header, which has folded its dtype.
fn taken(dtype: Dtype, header: &Header, settings: &Settings) -> Result<Plan> {
    let mut settings = *settings;
    settings.order = header.order;
    plan(&settings, dtype, &header.shape)
}
