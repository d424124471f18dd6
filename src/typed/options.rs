//! Creating and opening arrays and values with options.

use ndarray::{ArrayRef, Dimension, IntoDimension};

use super::array::Array;
use super::cells;
use super::element::{Element, checked_dtype};
use super::value::{Value, shadow_len};
use super::view;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::npy::{Dtype, Order};
use crate::segment::{
    Address, Blueprint, Draft, Handle, Kind, Lifetime, Name, Options, Segment, Settings,
    create_unique, data_len, open_or_create,
};
use crate::sync::default_stripes;

/// Options of arrays.
impl<T: Element, D: Dimension> Options<Array<T, D>> {
    /// Sets the order of the axes in memory. Default: [`Order::C`], rows contiguous.
    ///
    /// # Examples
    ///
    /// See [`Options`].
    #[must_use]
    pub fn order(self, order: Order) -> Self {
        self.set_order(order)
    }

    /// Sets how many stripes the rows are split into, 1 to 1024. Default: 16 for arrays of 64 KiB
    /// or more and 16 rows or more, else 1. Locking all rows costs two atomic instructions a stripe.
    ///
    /// # Examples
    ///
    /// See [`Array::stripe_range`].
    #[must_use]
    pub fn stripes(self, stripes: u32) -> Self {
        self.set_stripes(stripes)
    }

    /// Creates an array of zeros: see [`Array::create`].
    ///
    /// # Errors
    ///
    /// Those of [`Array::create`], and [`InvalidArgument`](ErrorKind::InvalidArgument) for options
    /// that can never work.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::options().mode(0o640).create("doc-with-mode", 10)?;
    /// # Ok(()) }
    /// ```
    pub fn create<'a>(
        &self,
        address: impl Into<Address<'a>>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Array<T, D>> {
        let shape = shape.into_dimension();
        self.make(Name::new(address)?, &shape, Lifetime::Creator, None)
    }

    /// Creates an array with the contents of another: see [`Array::create_from`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Array2, Order};
    ///
    /// let columns = Array2::options()
    ///     .order(Order::F)
    ///     .create_from("doc-columns", &ndarray::array![[1, 2], [3, 4]])?;
    /// assert_eq!(columns.read()?.strides(), [1, 2]);
    /// # Ok(()) }
    /// ```
    pub fn create_from<'a>(
        &self,
        address: impl Into<Address<'a>>,
        array: &ArrayRef<T, D>,
    ) -> Result<Array<T, D>> {
        self.make(Name::new(address)?, &array.raw_dim(), Lifetime::Creator, Some(array))
    }

    /// Creates an array of zeros without a name: see [`Array::create_anonymous`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::options().stripes(2).create_anonymous(10)?;
    /// # Ok(()) }
    /// ```
    pub fn create_anonymous(&self, shape: impl IntoDimension<Dim = D>) -> Result<Array<T, D>> {
        self.make(Name::anonymous(), &shape.into_dimension(), Lifetime::Creator, None)
    }

    /// Creates an array of zeros under a name made up: see [`Array::create_unique`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::options().stripes(2).create_unique("doc-unique-", 10)?;
    /// # Ok(()) }
    /// ```
    pub fn create_unique(
        &self,
        prefix: &str,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Array<T, D>> {
        let shape = shape.into_dimension();
        create_unique(prefix, |name| self.make(name, &shape, Lifetime::Creator, None))
    }

    /// Opens an array: see [`Array::open`].
    ///
    /// # Errors
    ///
    /// Those of [`Array::open`].
    ///
    /// # Examples
    ///
    /// See [`Access`](crate::Access).
    pub fn open<'a>(&self, address: impl Into<Address<'a>>) -> Result<Array<T, D>> {
        Array::from_segment(Segment::attach(Name::new(address)?, self.settings().opening())?)
    }

    /// Opens the array that a handle means: see [`Array::open_handle`].
    ///
    /// # Errors
    ///
    /// Those of [`Array::open_handle`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, Array1};
    ///
    /// let array = Array1::<u8>::create_unique("doc-by-handle-", 10)?;
    /// let same = Array1::<u8>::options().access(Access::Read).open_handle(&array.handle())?;
    /// # Ok(()) }
    /// ```
    pub fn open_handle(&self, handle: &Handle) -> Result<Array<T, D>> {
        Array::from_segment(Segment::attach_handle(handle, self.settings().opening())?)
    }

    /// Opens or creates an array: see [`Array::open_or_create`].
    ///
    /// # Errors
    ///
    /// Those of [`Array::open_or_create`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Array1, Lifetime};
    ///
    /// let options = Array1::<u8>::options().lifetime(Lifetime::Creator);
    /// let array = options.open_or_create("doc-either-way", 10)?;
    /// # Ok(()) }
    /// ```
    pub fn open_or_create<'a>(
        &self,
        address: impl Into<Address<'a>>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Array<T, D>> {
        let (address, shape) = (address.into(), shape.into_dimension());
        open_or_create(
            &Name::new(address)?,
            || self.open(address)?.in_shape(&shape),
            |name| self.make(name, &shape, Lifetime::LastUser, None),
        )
    }

    /// Creates an array of zeros in place of whatever segment is there: see
    /// [`Array::create_or_replace`].
    ///
    /// # Errors
    ///
    /// Those of [`Array::create_or_replace`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let options = ndshm::Array1::<u8>::options().mode(0o640);
    /// let old = options.create_or_replace("doc-replaced", 10)?;
    /// let new = options.create_or_replace("doc-replaced", 20)?;
    /// assert!(old.segment().is_replaced());
    /// # Ok(()) }
    /// ```
    pub fn create_or_replace<'a>(
        &self,
        address: impl Into<Address<'a>>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Array<T, D>> {
        let (name, shape) = (Name::new(address)?, shape.into_dimension());
        let text = name.as_str().to_owned();
        let draft = self.draft(name, &shape, Lifetime::Creator, None);
        draft.and_then(Draft::publish_or_replace).and_then(Array::check).of(&text)
    }

    fn make(
        &self,
        name: Name,
        shape: &D,
        lifetime: Lifetime,
        contents: Option<&ArrayRef<T, D>>,
    ) -> Result<Array<T, D>> {
        let text = name.as_str().to_owned();
        let draft = self.draft(name, shape, lifetime, contents);
        draft.and_then(Draft::publish).and_then(Array::check).of(&text)
    }

    /// Creates an array with the contents of another that nobody ever writes.
    pub(super) fn create_frozen(&self, name: Name, array: &ArrayRef<T, D>) -> Result<Array<T, D>> {
        let text = name.as_str().to_owned();
        let create = || {
            let draft = self.draft(name, &array.raw_dim(), Lifetime::Creator, Some(array))?;
            draft.region().state().freeze();
            Array::check(draft.publish()?)
        };
        create().of(&text)
    }

    /// Makes an array that has no name yet.
    fn draft(
        &self,
        name: Name,
        shape: &D,
        lifetime: Lifetime,
        contents: Option<&ArrayRef<T, D>>,
    ) -> Result<Draft> {
        let (dtype, folded) = checked_dtype::<T>()?.fold();
        let mut draft = draft(name, self.settings(), &dtype, shape.slice(), &folded, lifetime)?;
        if let Some(contents) = contents {
            view::of_draft(&mut draft, shape).assign(contents);
        }
        Ok(draft)
    }
}

/// Makes an array of zeros that has no name yet, the axes of its elements being `folded`.
pub(super) fn draft(
    name: Name,
    settings: &Settings,
    dtype: &Dtype,
    shape: &[usize],
    folded: &[usize],
    lifetime: Lifetime,
) -> Result<Draft> {
    if !folded.is_empty() && settings.order == Order::F {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            "asks for Fortran order and elements that are arrays, which would not be contiguous: \
             use scalar elements and more axes",
        ));
    }
    let axes = [shape, folded].concat();
    let data_len = data_len(&axes, dtype.item_size())?;
    let rows = axes.first().copied().unwrap_or(1);
    Draft::new(
        name,
        &Blueprint {
            kind: Kind::Array,
            dtype,
            shape: &axes,
            stripes: settings.stripes.unwrap_or_else(|| default_stripes(data_len, rows)),
            shadow_len: 0,
            leases: 0,
            lifetime,
            settings,
        },
    )
}

/// Options of values.
impl<T: Element> Options<Value<T>> {
    /// Creates a value: see [`Value::create`].
    ///
    /// # Errors
    ///
    /// Those of [`Value::create`], and [`InvalidArgument`](ErrorKind::InvalidArgument) for options
    /// that can never work.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let value = ndshm::Value::options().mode(0o640).create("doc-value-mode", 1_u8)?;
    /// # Ok(()) }
    /// ```
    pub fn create<'a>(&self, address: impl Into<Address<'a>>, value: T) -> Result<Value<T>> {
        self.make(Name::new(address)?, &value, Lifetime::Creator)
    }

    /// Creates a value without a name: see [`Value::create_anonymous`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let value = ndshm::Value::options().participants(2).create_anonymous(1_u8)?;
    /// # Ok(()) }
    /// ```
    pub fn create_anonymous(&self, value: T) -> Result<Value<T>> {
        self.make(Name::anonymous(), &value, Lifetime::Creator)
    }

    /// Creates a value under a name made up: see [`Value::create_unique`].
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let value = ndshm::Value::options().participants(2).create_unique("doc-two-", 1_u8)?;
    /// # Ok(()) }
    /// ```
    pub fn create_unique(&self, prefix: &str, value: T) -> Result<Value<T>> {
        create_unique(prefix, |name| self.make(name, &value, Lifetime::Creator))
    }

    /// Opens a value: see [`Value::open`].
    ///
    /// # Errors
    ///
    /// Those of [`Value::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, Value};
    ///
    /// let made = Value::create_unique("doc-look-", 1_u8)?;
    /// let looked_at = Value::<u8>::options().access(Access::Read).open(made.name())?;
    /// assert_eq!(looked_at.get()?, 1);
    /// assert!(looked_at.set(2).is_err());
    /// # Ok(()) }
    /// ```
    pub fn open<'a>(&self, address: impl Into<Address<'a>>) -> Result<Value<T>> {
        Value::from_segment(Segment::attach(Name::new(address)?, self.settings().opening())?)
    }

    /// Opens the value that a handle means: see [`Value::open_handle`].
    ///
    /// # Errors
    ///
    /// Those of [`Value::open_handle`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, Value};
    ///
    /// let made = Value::create_unique("doc-meant-", 1_u8)?;
    /// let same = Value::<u8>::options().access(Access::Read).open_handle(&made.handle())?;
    /// # Ok(()) }
    /// ```
    pub fn open_handle(&self, handle: &Handle) -> Result<Value<T>> {
        Value::from_segment(Segment::attach_handle(handle, self.settings().opening())?)
    }

    /// Opens or creates a value: see [`Value::open_or_create`].
    ///
    /// # Errors
    ///
    /// Those of [`Value::open_or_create`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Lifetime, Value};
    ///
    /// let options = Value::options().lifetime(Lifetime::Creator);
    /// assert_eq!(options.open_or_create("doc-either-value", 1_u8)?.get()?, 1);
    /// # Ok(()) }
    /// ```
    pub fn open_or_create<'a>(
        &self,
        address: impl Into<Address<'a>>,
        value: T,
    ) -> Result<Value<T>> {
        let address = address.into();
        open_or_create(
            &Name::new(address)?,
            || self.open(address),
            |name| self.make(name, &value, Lifetime::LastUser),
        )
    }

    /// Creates a value in place of whatever segment is there: see [`Value::create_or_replace`].
    ///
    /// # Errors
    ///
    /// Those of [`Value::create_or_replace`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let value = ndshm::Value::options().participants(2).create_or_replace("doc-new", 1_u8)?;
    /// # Ok(()) }
    /// ```
    pub fn create_or_replace<'a>(
        &self,
        address: impl Into<Address<'a>>,
        value: T,
    ) -> Result<Value<T>> {
        let name = Name::new(address)?;
        let text = name.as_str().to_owned();
        let draft = self.draft(name, &value, Lifetime::Creator);
        draft.and_then(Draft::publish_or_replace).and_then(Value::check).of(&text)
    }

    fn make(&self, name: Name, value: &T, lifetime: Lifetime) -> Result<Value<T>> {
        let text = name.as_str().to_owned();
        self.draft(name, value, lifetime).and_then(Draft::publish).and_then(Value::check).of(&text)
    }

    fn draft(&self, name: Name, value: &T, lifetime: Lifetime) -> Result<Draft> {
        let settings = self.settings();
        let (dtype, folded) = checked_dtype::<T>()?.fold();
        let draft = Draft::new(
            name,
            &Blueprint {
                kind: Kind::Value,
                dtype: &dtype,
                shape: &folded,
                stripes: 1,
                shadow_len: shadow_len::<T>(),
                leases: 0,
                lifetime,
                settings,
            },
        )?;
        if cells::is_word::<T>() {
            cells::swap(draft.region(), *value);
        } else {
            cells::commit(draft.region(), value);
        }
        Ok(draft)
    }
}
