//! Private copies of shared arrays.

use std::time::Duration;

use ndarray::{Dimension, ShapeBuilder};

use super::array::Array;
use super::element::Element;
use crate::error::Result;
use crate::lock::Patience;
use crate::npy::Order;
use crate::segment::Access;
use crate::sync::copy_out;

/// How long a plain copy waits for a writer. Writers do not tell observers when they are done.
pub(crate) const OBSERVERS_PATIENCE: Duration = Duration::from_secs(1);

/// Copying.
impl<T: Element, D: Dimension> Array<T, D> {
    /// Copies the array out, as it was at one moment.
    ///
    /// It takes the read lock for that, and waits for writers as [`read`](Self::read) does. With
    /// [`Access::Observe`] it takes no lock. It copies again until nobody wrote meanwhile, for at
    /// most a second. Writers do not make way for an observer, so a writer that writes all the time
    /// may keep it out. Readers never do.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read). For observers, [`OwnerDied`](crate::ErrorKind::OwnerDied) or
    /// [`Poisoned`](crate::ErrorKind::Poisoned) when a process died or panicked while writing, and
    /// [`Timeout`](crate::ErrorKind::Timeout), which names the writer.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let shared = ndshm::Array2::<u8>::create_unique("doc-snapshot-", (2, 3))?;
    /// let private: ndarray::Array2<u8> = shared.snapshot()?;
    /// shared.write()?.fill(1);
    /// assert_eq!(private.sum(), 0);
    ///
    /// let options = ndshm::Array2::<u8>::options().access(ndshm::Access::Observe);
    /// assert_eq!(options.open(shared.name())?.snapshot()?.sum(), 6);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "to_owned")]
    pub fn snapshot(&self) -> Result<ndarray::Array<T, D>> {
        match self.segment().access() {
            Access::Observe => self.observe(OBSERVERS_PATIENCE),
            Access::ReadWrite | Access::Read => Ok(self.read()?.to_owned()),
        }
    }

    /// Copies the array out as [`snapshot`](Self::snapshot) does, and waits for writers at most
    /// `timeout`, by the monotonic clock.
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot), and [`Timeout`](crate::ErrorKind::Timeout), never early.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # use std::time::Duration;
    /// use ndshm::{Access, Array1, ErrorKind};
    ///
    /// let shared = Array1::<u8>::create_unique("doc-snapshot-timeout-", 100)?;
    /// let seen = Array1::<u8>::options().access(Access::Observe).open(shared.name())?;
    /// assert_eq!(seen.snapshot_timeout(Duration::from_millis(10))?.sum(), 0);
    ///
    /// let guard = shared.write()?;
    /// let error = seen.snapshot_timeout(Duration::from_millis(10)).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Timeout);
    /// # drop(guard);
    /// # Ok(()) }
    /// ```
    pub fn snapshot_timeout(&self, timeout: Duration) -> Result<ndarray::Array<T, D>> {
        match self.segment().access() {
            Access::Observe => self.observe(timeout),
            Access::ReadWrite | Access::Read => Ok(self.read_timeout(timeout)?.to_owned()),
        }
    }

    fn observe(&self, timeout: Duration) -> Result<ndarray::Array<T, D>> {
        let mut items = vec![T::zeroed(); self.len()];
        let patience = Patience::at_most(timeout);
        copy_out(self.segment(), bytemuck::cast_slice_mut(&mut items), patience)?;
        let is_fortran = self.segment().control().order == Order::F;
        let shape = self.shape_ref().clone().set_f(is_fortran);
        let copy = ndarray::Array::from_shape_vec(shape, items);
        Ok(copy.expect("a vector made for the shape has its length"))
    }
}
