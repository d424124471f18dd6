//! Options of arrays, whether their type is known or not.

use ndarray::{ArrayRef, Dimension};

use super::any::AnyArray;
use super::array::Array;
use super::element::Element;
use super::view;
use crate::error::{Error, ErrorKind, Result};
use crate::npy::{Dtype, Order};
use crate::segment::{
    Address, Draft, Kind, Lifetime, Name, Opens, Options, Plan, Segment, Settings,
};
use crate::sync::default_stripes;

/// A handle of an array.
pub trait Rows: Opens {}

impl<T: Element, D: Dimension> Rows for Array<T, D> {}
impl Rows for AnyArray {}

/// Options of arrays, whether their type is known or not.
impl<H: Rows> Options<H> {
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
}

/// Options of arrays whose contents exist already.
impl<T: Element, D: Dimension> Options<Array<T, D>> {
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
        self.make_from(Name::new(address)?, array, Draft::publish)
    }

    /// Creates an array with the contents of another that nobody ever writes.
    pub(super) fn create_frozen(&self, name: Name, array: &ArrayRef<T, D>) -> Result<Array<T, D>> {
        self.make_from(name, array, |draft| {
            draft.region().state().freeze();
            draft.publish()
        })
    }

    fn make_from(
        &self,
        name: Name,
        array: &ArrayRef<T, D>,
        publish: impl FnOnce(Draft) -> Result<Segment>,
    ) -> Result<Array<T, D>> {
        let shape = array.raw_dim();
        let fill = |draft: &mut Draft| {
            view::of_draft(draft, &shape).assign(array);
            Ok(())
        };
        self.make_with(name, &shape, Lifetime::Creator, fill, publish)
    }
}

/// Plans an array of that shape. Elements that are arrays add axes to it.
pub(super) fn plan(settings: &Settings, dtype: Dtype, shape: &[usize]) -> Result<Plan> {
    let (dtype, folded) = dtype.fold();
    if !folded.is_empty() && settings.order == Order::F {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            "asks for Fortran order and elements that are arrays, which would not be contiguous: \
             use scalar elements and more axes",
        ));
    }
    let plan = Plan::new(settings, Kind::Array, dtype, [shape, &folded].concat())?;
    let rows = plan.shape.first().copied().unwrap_or(1);
    let stripes = settings.stripes.unwrap_or_else(|| default_stripes(plan.data_len, rows));
    Ok(Plan { stripes, ..plan })
}
