//! Arrays that nobody writes any more.
//!
//! # Safety
//!
//! A [`Frozen`] owns a view of its payload and, beside it, the attachment that keeps the payload
//! mapped. It is made only of a segment whose mark says that it is frozen. The process that set the
//! mark held all stripes, or had shown the segment to nobody. No writer gets a stripe afterwards.
//! So nobody writes while a reference that it hands out lives.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::Deref;

use ndarray::{
    ArrayRef, ArrayView, Dimension, IntoNdProducer, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn,
    RawArrayView,
};

use super::array::Array;
use super::element::Element;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::Patience;
use crate::segment::{Access, Address, Name, Opens, Segment, handle};
use crate::steps::step;
use crate::sync::{Demand, Hold, Mode, Regard, acquired, check_sound};

/// A frozen array of one axis.
pub type Frozen1<T> = Frozen<T, Ix1>;
/// A frozen array of two axes.
pub type Frozen2<T> = Frozen<T, Ix2>;
/// A frozen array of three axes.
pub type Frozen3<T> = Frozen<T, Ix3>;
/// A frozen array of four axes.
pub type Frozen4<T> = Frozen<T, Ix4>;
/// A frozen array of five axes.
pub type Frozen5<T> = Frozen<T, Ix5>;
/// A frozen array of six axes.
pub type Frozen6<T> = Frozen<T, Ix6>;
/// A frozen array whose number of axes is known at run time.
pub type FrozenD<T> = Frozen<T, IxDyn>;

/// A shared array that nobody writes any more. Any number of processes read it at once, without
/// locks. It derefs to [`ndarray::ArrayRef`].
///
/// [`Array::freeze`] turns an array into one, and [`Frozen::create_from`] creates one that was
/// never anything else. Opening needs permission to read the file, and no more. Nothing is written
/// anywhere, and no participant's slot is taken. There is no way back: remove it and create
/// another.
///
/// A clone is the same memory; `frozen.view().to_owned()` is a private copy.
///
/// This library keeps writers out in all processes: locks for writing fail with
/// [`Frozen`](ErrorKind::Frozen). A process that writes nevertheless (NumPy with `mmap_mode="r+"`,
/// say) causes undefined behaviour. All processes that may write the segment are assumed not to:
/// see [Trust](crate#trust). Memory that is [sealed](Self::seal) needs no such assumption, because
/// the kernel lets nobody write it.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Array2, ErrorKind, Frozen2};
///
/// let table = Array2::<f64>::create("doc-frozen", (3, 4))?;
/// table.write()?.fill(0.5);
/// let table = table.freeze()?;
/// assert_eq!(table.sum(), 6.0);
///
/// // In any other process:
/// let table = Frozen2::<f64>::open("doc-frozen")?;
/// assert_eq!(table[[1, 2]], 0.5);
/// let written = Array2::<f64>::open("doc-frozen")?;
/// assert_eq!(written.write().unwrap_err().kind(), ErrorKind::Frozen);
/// # Ok(()) }
/// ```
pub struct Frozen<T: Element, D: Dimension> {
    view: ArrayView<'static, T, D>,
    /// Keeps the view's memory mapped.
    array: Array<T, D>,
}

impl<T: Element, D: Dimension> Array<T, D> {
    /// Freezes the array: nobody writes it any more, in any process, for ever.
    ///
    /// This waits for those who write it now. From then on every lock for writing fails with
    /// [`Frozen`](ErrorKind::Frozen), and so does [`raw_view_mut`](Self::raw_view_mut). Locks for
    /// reading work as before. The name lasts as long as before: if this handle is its creator's,
    /// until the last clone of the result is dropped. A process killed while it freezes leaves the
    /// array frozen or not, and whole either way.
    ///
    /// A file is [synced](Segment::sync). Memory without a name is sealed if nobody else has it
    /// mapped for writing. This handle then gives up its own map, so the result has another
    /// [`handle`](Frozen::handle).
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](ErrorKind::ReadOnly) when it was opened for less than writing, and those of
    /// [`write`](Self::write): [`OwnerDied`](ErrorKind::OwnerDied) or
    /// [`Poisoned`](ErrorKind::Poisoned) while its contents are suspect, and
    /// [`Deadlock`](ErrorKind::Deadlock) when this thread holds a guard of it. It is no error if
    /// the array is frozen already.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-freeze-", 3)?;
    /// let writer = array.clone();
    /// let frozen = array.freeze()?;
    /// assert!(frozen.segment().is_frozen());
    /// assert_eq!(writer.write().unwrap_err().kind(), ndshm::ErrorKind::Frozen);
    /// assert_eq!(*writer.read()?, *frozen);
    /// # Ok(()) }
    /// ```
    pub fn freeze(self) -> Result<Frozen<T, D>> {
        self.segment().writable()?;
        // As for a commit: nothing is written in place, so a death here leaves no poison, and
        // readers may stay.
        let hold = Hold::tracked(
            self.segment(),
            &Demand {
                stripes: 0..self.stripes(),
                mode: Mode::Commit,
                patience: Patience::Endless,
                regard: Regard::Refuse,
            },
        )
        .map(acquired)?;
        step!("freeze: nobody writes");
        hold.freeze();
        step!("freeze: marked");
        drop(hold);
        self.segment().sync()?;
        Frozen::of(if self.segment().is_anonymous() { self.into_read_only()? } else { self })
    }

    /// Keeps the memory through a read-only map alone, and asks the kernel to seal it.
    fn into_read_only(self) -> Result<Self> {
        let observed = Self::from_segment(self.segment().observe()?)?;
        drop(self);
        step!("freeze: read-only map alone");
        // The array is frozen either way. `Frozen::seal` tells why it cannot be sealed.
        let _ = observed.segment().seal();
        Ok(observed)
    }
}

handle! {
    /// Opening needs permission to read its file, and no more. Its only [`Access`] is `Observe`. An
    /// array that is [sealed](Self::is_sealed) needs no trust in other processes. If others may
    /// write it, the error is [`NotFrozen`](ErrorKind::NotFrozen).
    impl[T: Element, D: Dimension] Frozen<T, D>, "frozen array", "ndshm::Frozen1::<u8>",
    made "ndshm::Array1::<u8>::create_unique(\"doc-handle-\", 3)?.freeze()?", |it| it.array.segment()
}

impl<T: Element, D: Dimension> Opens for Frozen<T, D> {
    fn check(segment: Segment) -> Result<Self> {
        Self::of(Array::check(segment)?)
    }

    fn access(_asked: Access) -> Access {
        Access::Observe
    }
}

impl<T: Element, D: Dimension> Frozen<T, D> {
    /// Creates a frozen array at `address` with the shape and the contents of `array`, of mode
    /// 0600. A name is removed when the last clone of this handle is dropped; a file stays. No
    /// process ever sees it unfrozen.
    ///
    /// # Errors
    ///
    /// Those of [`Array::create`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let primes = ndshm::Frozen1::create_from("doc-primes", &ndarray::array![2, 3, 5, 7])?;
    /// assert_eq!(ndshm::Frozen1::<i32>::open("doc-primes")?, primes);
    /// # Ok(()) }
    /// ```
    pub fn create_from<'a>(
        address: impl Into<Address<'a>>,
        array: &ArrayRef<T, D>,
    ) -> Result<Self> {
        Self::create_at(Name::new(address)?, array)
    }

    pub(super) fn create_at(name: Name, array: &ArrayRef<T, D>) -> Result<Self> {
        let array = Array::options().create_frozen(name, array)?;
        array.segment().sync()?;
        Self::of(array)
    }

    /// Returns a view of the array, valid as long as this handle is borrowed.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array2::<u8>::create_unique("doc-frozen-view-", (10, 2))?.freeze()?;
    /// assert_eq!(array.view().nrows(), 10);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn view(&self) -> ArrayView<'_, T, D> {
        self.view.view()
    }

    /// Returns a raw view of the array, for other languages and for uses that borrows cannot
    /// express. It is valid while a clone of this handle lives.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-frozen-raw-", 3)?.freeze()?;
    /// let raw = array.raw_view();
    /// // SAFETY: the array is frozen, and outlives the view.
    /// assert_eq!(unsafe { raw.deref_into_view() }.sum(), 0);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn raw_view(&self) -> RawArrayView<T, D> {
        self.array.raw_view()
    }

    /// Returns whether the kernel itself keeps everybody from writing the array and from cutting it
    /// short. It is false where that cannot be told.
    ///
    /// # Examples
    ///
    /// See [`seal`](Self::seal).
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.segment().is_sealed().unwrap_or(false)
    }

    /// Asks the kernel to seal the array. Then nobody can write it or cut it short any more,
    /// whatever program they run. This is for arrays that were [created without a
    /// name](Array::create_anonymous). [`Array::freeze`] has tried it already.
    ///
    /// # Errors
    ///
    /// [`Busy`](ErrorKind::Busy) while somebody has it mapped for writing, as every `Array` has it,
    /// and every child forked beside one. [`Unsupported`](ErrorKind::Unsupported) when it has a
    /// name. [`PermissionDenied`](ErrorKind::PermissionDenied) when this process may not write it.
    /// It is no error if the array is sealed already.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_anonymous(100)?;
    /// let writer = array.clone();
    /// let frozen = array.freeze()?;
    /// assert_eq!(frozen.seal().unwrap_err().kind(), ndshm::ErrorKind::Busy);
    ///
    /// drop(writer);
    /// frozen.seal()?;
    /// assert!(frozen.is_sealed());
    ///
    /// // In any other process, whatever it runs:
    /// # use std::io::Write;
    /// let same = ndshm::Frozen1::<u8>::open_handle(&frozen.handle())?;
    /// assert!(same.is_sealed());
    /// let mut file = std::fs::File::options().write(true).open(same.segment().path()).expect("opened");
    /// assert!(file.write(&[1]).is_err());
    /// # Ok(()) }
    /// ```
    pub fn seal(&self) -> Result<()> {
        if self.is_sealed() { Ok(()) } else { self.segment().seal() }
    }

    /// Wraps an array that is marked as frozen.
    fn of(array: Array<T, D>) -> Result<Self> {
        if !array.segment().is_frozen() {
            return Err(not_frozen().of(array.name()));
        }
        check_sound(array.segment())?;
        // SAFETY: any bytes are a T (Pod), nobody writes them any more, and the view is kept beside
        // the attachment and never handed out for longer than a borrow of both.
        let view = unsafe { array.raw_view().deref_into_view() };
        Ok(Self { view, array })
    }
}

impl<T: Element, D: Dimension> Clone for Frozen<T, D> {
    fn clone(&self) -> Self {
        Self { view: self.view.clone(), array: self.array.clone() }
    }
}

impl<T: Element, D: Dimension> Deref for Frozen<T, D> {
    type Target = ArrayRef<T, D>;

    #[inline]
    fn deref(&self) -> &ArrayRef<T, D> {
        &self.view
    }
}

impl<T: Element + fmt::Debug, D: Dimension> fmt::Debug for Frozen<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view.fmt(f)
    }
}

/// As `ndarray` shows arrays.
impl<T: Element + fmt::Display, D: Dimension> fmt::Display for Frozen<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view.fmt(f)
    }
}

impl<T: Element + PartialEq, D: Dimension, Rhs> PartialEq<Rhs> for Frozen<T, D>
where
    Rhs: Deref<Target = ArrayRef<T, D>>,
{
    fn eq(&self, other: &Rhs) -> bool {
        **self == **other
    }
}

impl<'view, T: Element, D: Dimension> From<&'view Frozen<T, D>> for ArrayView<'view, T, D> {
    fn from(frozen: &'view Frozen<T, D>) -> Self {
        frozen.view()
    }
}

impl<'view, T: Element, D: Dimension> IntoNdProducer for &'view Frozen<T, D> {
    type Item = &'view T;
    type Dim = D;
    type Output = ArrayView<'view, T, D>;

    fn into_producer(self) -> Self::Output {
        self.view()
    }
}

#[cold]
fn not_frozen() -> Error {
    Error::new(
        ErrorKind::NotFrozen,
        "is not frozen, so others may write it: open it as an `Array`, or let who fills it call \
         `freeze`",
    )
}
