//! Creating and opening arrays of any dtype with options.

use super::AnyArray;
use crate::error::{Result, ResultExt};
use crate::npy::{Dtype, Order};
use crate::segment::{Address, Draft, Handle, Lifetime, Name, Options, Segment, create_unique};
use crate::typed::options::draft;
use crate::typed::view;

/// Options of arrays whose dtype is known at run time only.
impl Options<AnyArray> {
    /// Sets the order of the axes in memory. Default: [`Order::C`], rows contiguous.
    ///
    /// # Examples
    ///
    /// See [`AnyArray::options`].
    #[must_use]
    pub fn order(self, order: Order) -> Self {
        self.set_order(order)
    }

    /// Sets how many stripes the rows are split into, 1 to 1024; the default is that of arrays.
    ///
    /// # Examples
    ///
    /// See [`AnyArray::options`].
    #[must_use]
    pub fn stripes(self, stripes: u32) -> Self {
        self.set_stripes(stripes)
    }

    /// Creates an array of zeros: see [`AnyArray::create`].
    ///
    /// # Errors
    ///
    /// Those of [`AnyArray::create`], and [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for
    /// options that can never work.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let options = ndshm::AnyArray::options().mode(0o640);
    /// let array = options.create("doc-any-mode", &"<f8".parse()?, &[10])?;
    /// # Ok(()) }
    /// ```
    pub fn create<'a>(
        &self,
        address: impl Into<Address<'a>>,
        dtype: &Dtype,
        shape: &[usize],
    ) -> Result<AnyArray> {
        self.make(Name::new(address)?, dtype, shape)
    }

    /// Creates an array whose bytes `fill` writes before anybody sees it: the name appears on the finished
    /// array, or not at all when `fill` fails. The bytes are zeros at first, in the array's order.
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
        self.make_with(Name::new(address)?, dtype, shape, fill, Draft::publish)
    }

    /// Creates an array whose bytes `fill` writes before anybody sees it, in place of whatever segment is
    /// there: see [`Array::create_or_replace`](crate::Array::create_or_replace). When `fill` fails, the old
    /// one stays what it was.
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
        self.make_with(Name::new(address)?, dtype, shape, fill, Draft::publish_or_replace)
    }

    /// Creates an array of zeros without a name: see [`AnyArray::create_anonymous`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let options = ndshm::AnyArray::options().stripes(2);
    /// let array = options.create_anonymous(&"<f8".parse()?, &[10])?;
    /// # Ok(()) }
    /// ```
    pub fn create_anonymous(&self, dtype: &Dtype, shape: &[usize]) -> Result<AnyArray> {
        self.make(Name::anonymous(), dtype, shape)
    }

    /// Creates an array of zeros under a name made up: see [`AnyArray::create_unique`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// See [`AnyArray::options`].
    pub fn create_unique(&self, prefix: &str, dtype: &Dtype, shape: &[usize]) -> Result<AnyArray> {
        create_unique(prefix, |name| self.make(name, dtype, shape))
    }

    /// Opens an array: see [`AnyArray::open`].
    ///
    /// # Errors
    ///
    /// Those of [`AnyArray::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, AnyArray};
    ///
    /// let made = AnyArray::create_unique("doc-any-", &"<f8".parse()?, &[10])?;
    /// let looked_at = AnyArray::options().access(Access::Read).open(made.name())?;
    /// assert!(looked_at.read().is_ok() && looked_at.write().is_err());
    /// # Ok(()) }
    /// ```
    pub fn open<'a>(&self, address: impl Into<Address<'a>>) -> Result<AnyArray> {
        AnyArray::from_segment(Segment::attach(Name::new(address)?, self.settings().opening())?)
    }

    /// Opens the array that a handle means: see [`AnyArray::open_handle`].
    ///
    /// # Errors
    ///
    /// Those of [`AnyArray::open_handle`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, AnyArray};
    ///
    /// let made = AnyArray::create_unique("doc-any-", &"<f8".parse()?, &[10])?;
    /// let same = AnyArray::options().access(Access::Read).open_handle(&made.handle())?;
    /// # Ok(()) }
    /// ```
    pub fn open_handle(&self, handle: &Handle) -> Result<AnyArray> {
        AnyArray::from_segment(Segment::attach_handle(handle, self.settings().opening())?)
    }

    fn make(&self, name: Name, dtype: &Dtype, shape: &[usize]) -> Result<AnyArray> {
        self.make_with(name, dtype, shape, |_| Ok(()), Draft::publish)
    }

    fn make_with(
        &self,
        name: Name,
        dtype: &Dtype,
        shape: &[usize],
        fill: impl FnOnce(&mut [u8]) -> Result<()>,
        publish: impl FnOnce(Draft) -> Result<Segment>,
    ) -> Result<AnyArray> {
        let text = name.as_str().to_owned();
        let drafted = dtype.check().and_then(|()| {
            let (dtype, folded) = dtype.clone().fold();
            draft(name, self.settings(), &dtype, shape, &folded, Lifetime::Creator)
        });
        let filled = drafted.and_then(|mut draft| {
            fill(view::bytes_of_draft(&mut draft))?;
            publish(draft)
        });
        filled.and_then(AnyArray::from_segment).of(&text)
    }
}
