//! Creating arrays of any dtype that are filled before anybody sees them.

use super::AnyArray;
use crate::error::Result;
use crate::npy::Dtype;
use crate::segment::{Address, Draft, Lifetime, Name, Options, Segment};
use crate::typed::view;

impl Options<AnyArray> {
    /// Creates an array whose bytes `fill` writes before anybody sees it. The name appears on the
    /// finished array, or not at all if `fill` fails. The bytes are zeros at first, in the array's
    /// order.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create), and what `fill` returns.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # let path = "/dev/shm/doc-any-source";
    /// # let source = ndshm::Array1::<f64>::create("doc-any-source", 10)?;
    /// let file = ndshm::NpyFile::open(path)?;
    /// let options = ndshm::AnyArray::options().order(file.order());
    /// let copy = options.create_with("doc-any-filled", file.dtype(), file.shape(), |bytes| {
    ///     file.read_at(bytes, 0)
    /// })?;
    /// assert_eq!(copy.shape(), [10]);
    /// # Ok(()) }
    /// ```
    pub fn create_with<'a>(
        &self,
        address: impl Into<Address<'a>>,
        dtype: &Dtype,
        shape: &[usize],
        fill: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<AnyArray> {
        self.make_filled(Name::new(address)?, dtype, shape, fill, Draft::publish)
    }

    /// Creates an array whose bytes `fill` writes before anybody sees it, in place of whatever
    /// segment is there: see [`Array::create_or_replace`](crate::Array::create_or_replace). If
    /// `fill` fails, the old segment stays as it was.
    ///
    /// # Errors
    ///
    /// Those of [`Array::create_or_replace`](crate::Array::create_or_replace), and what `fill` returns.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let options = ndshm::AnyArray::options();
    /// let old = options.create("doc-any-replaced", &"<f8".parse()?, &[10])?;
    /// let new = options.create_or_replace_with("doc-any-replaced", &"|u1".parse()?, &[2], |bytes| {
    ///     bytes.fill(7);
    ///     Ok(())
    /// })?;
    /// assert!(old.segment().is_replaced());
    /// assert_eq!(ndshm::AnyArray::open("doc-any-replaced")?.snapshot()?.bytes(), [7, 7]);
    /// # Ok(()) }
    /// ```
    pub fn create_or_replace_with<'a>(
        &self,
        address: impl Into<Address<'a>>,
        dtype: &Dtype,
        shape: &[usize],
        fill: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<AnyArray> {
        self.make_filled(Name::new(address)?, dtype, shape, fill, Draft::publish_or_replace)
    }

    fn make_filled(
        &self,
        name: Name,
        dtype: &Dtype,
        shape: &[usize],
        fill: impl FnOnce(&mut [u8]) -> Result<()>,
        publish: impl FnOnce(Draft) -> Result<Segment>,
    ) -> Result<AnyArray> {
        let start = (dtype.clone(), shape.to_vec());
        let fill = |draft: &mut Draft| fill(view::bytes_of_draft(draft));
        self.make_with(name, &start, Lifetime::Creator, fill, publish)
    }
}
