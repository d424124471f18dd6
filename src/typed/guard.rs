//! What a lock hands out: the rows, for as long as the guard lives.
//!
//! # Safety
//!
//! A guard is made in one place, `take`, which takes the hold itself. The hold is on the guard's
//! array, on the stripes of the rows that the guard shows, in the mode that its kind of guard
//! wants. The guard owns that hold and a view of those rows. The view is private and never handed
//! out for longer than a borrow of the guard, so no reference outlives the lock. A guard that may
//! change threads holds nothing that is tied to one.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::{Deref, DerefMut, Range};

use ndarray::{ArrayRef, ArrayView, ArrayViewMut, Dimension, IntoNdProducer};

use super::array::Array;
use super::element::Element;
use super::rows::Ask;
use super::stays::StaysInItsThread;
use super::view;
use crate::error::{Result, ResultExt};
use crate::segment::Segment;
use crate::sync::{Hold, Mode, Poison};

/// Rows of a shared array, locked for reading. The guard derefs to [`ndarray::ArrayRef`].
///
/// Others may read the same rows, and nobody writes them. Give `&*guard` to functions and operators
/// that want an array: `(&*guard).dot(&x)`, `&*guard + 1.0`.
///
/// A process that writes these rows without a lock (NumPy, say) makes the references from this
/// guard invalid, which is undefined behaviour. All processes that may write the segment are
/// assumed not to: see [Trust](crate#trust).
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndarray::{ArrayView2, array};
///
/// let shared = ndshm::Array2::create_from("doc-read-guard", &array![[1.0, 2.0], [3.0, 4.0]])?;
/// let guard = shared.read()?;
/// assert_eq!(guard[[1, 0]], 3.0);
/// assert_eq!(guard.dot(&array![1.0, 1.0]), array![3.0, 7.0]);
/// assert_eq!(&*guard + 1.0, array![[2.0, 3.0], [4.0, 5.0]]);
/// assert_eq!(ArrayView2::from(&guard).nrows(), 2);
/// assert_eq!(guard, shared.read()?);
/// # Ok(()) }
/// ```
#[must_use = "the rows are unlocked when the guard is dropped"]
pub struct ReadGuard<'a, T: Element, D: Dimension> {
    view: ArrayView<'static, T, D>,
    rows: Range<usize>,
    hold: Hold<&'a Segment>,
    _stays: StaysInItsThread,
}

/// Rows of a shared array, locked for writing. The guard derefs to [`ndarray::ArrayRef`].
///
/// Nobody else reads or writes these rows. A panic while the guard lives poisons them; so does the
/// death of the process.
///
/// A process that reads or writes these rows without a lock (NumPy, say) makes the references from
/// this guard invalid, which is undefined behaviour. All processes that may write the segment are
/// assumed not to: see [Trust](crate#trust).
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let shared = ndshm::Array2::<f64>::create_unique("doc-write-guard-", (2, 3))?;
/// let mut guard = shared.write()?;
/// guard[[0, 1]] = 2.0;
/// guard.mapv_inplace(|x| x + 1.0);
/// guard.row_mut(1).fill(7.0);
/// assert_eq!(guard.sum(), 5.0 + 21.0);
/// # Ok(()) }
/// ```
#[must_use = "the rows are unlocked when the guard is dropped"]
pub struct WriteGuard<'a, T: Element, D: Dimension> {
    view: ArrayViewMut<'static, T, D>,
    rows: Range<usize>,
    hold: Hold<&'a Segment>,
    _stays: StaysInItsThread,
}

/// A [`ReadGuard`] that keeps its segment attached and may go anywhere: it is `Send + 'static`. It
/// assumes the same of other processes.
///
/// The rules that turn waiting for oneself into an error follow threads, and this guard does not.
/// So asking for the same rows for writing, while holding it, waits.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let guard = {
///     let shared = ndshm::Array1::<u32>::create_unique("doc-owned-read-", 1000)?;
///     shared.read_owned()?
/// };
/// let sum = std::thread::spawn(move || guard.sum()).join().unwrap();
/// assert_eq!(sum, 0);
/// # Ok(()) }
/// ```
#[must_use = "the rows are unlocked when the guard is dropped"]
pub struct OwnedReadGuard<T: Element, D: Dimension> {
    view: ArrayView<'static, T, D>,
    rows: Range<usize>,
    hold: Hold<Segment>,
}

/// A [`WriteGuard`] that keeps its segment attached and may go anywhere: it is `Send + 'static`. It
/// assumes the same of other processes.
///
/// The rules that turn waiting for oneself into an error follow threads, and this guard does not.
/// So asking for the same rows again, while holding it, waits.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let shared = ndshm::Array1::<u32>::create_unique("doc-owned-write-", 4)?;
/// let mut guard = shared.write_owned()?;
/// std::thread::spawn(move || guard.fill(1)).join().unwrap();
/// assert_eq!(shared.read()?.sum(), 4);
/// # Ok(()) }
/// ```
#[must_use = "the rows are unlocked when the guard is dropped"]
pub struct OwnedWriteGuard<T: Element, D: Dimension> {
    view: ArrayViewMut<'static, T, D>,
    rows: Range<usize>,
    hold: Hold<Segment>,
}

/// The methods of all four guards: the rows behind a reference, and the process that left them
/// suspect.
macro_rules! guard {
    (
        $($life:lifetime)? $guard:ident, $mode:ident, $view:ident,
        |$segment:ident, $demand:ident| $hold:expr $(, $stays:ident)?
    ) => {
        impl<$($life,)? T: Element, D: Dimension> $guard<$($life,)? T, D> {
            /// Locks what is asked for. Returns `None` if patience runs out first.
            #[inline(always)]
            pub(super) fn take(array: &$($life)? Array<T, D>, ask: &Ask) -> Result<Option<Self>> {
                let $segment = array.segment();
                if Mode::$mode == Mode::Write {
                    $segment.writable()?;
                }
                let located = ask.locate(array.split(), Mode::$mode).of(array.name())?;
                let $demand = &located.demand;
                let Some(hold) = $hold? else { return Ok(None) };
                // SAFETY: the hold is on this array's segment, on the stripes of these rows, in the
                // mode that the view is for. If that is to write, the segment has read-write
                // access. The shape is this array's. The guard keeps the hold longer than the view.
                let view = unsafe { view::$view(&hold, array.shape_ref(), located.rows.as_ref()) };
                let rows = located.rows.unwrap_or(0..array.split().rows);
                Ok(Some(Self { view, rows, hold $(, $stays: StaysInItsThread::HERE)? }))
            }

            /// Returns which rows of the whole array these are, along axis 0.
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            /// let array = ndshm::Array2::<u8>::create_unique("doc-rows-", (10, 2))?;
            /// assert_eq!(array.read_rows(3..5)?.rows(), 3..5);
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn rows(&self) -> Range<usize> {
                self.rows.clone()
            }

            /// Returns a view of the rows, valid as long as the guard is borrowed.
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            /// let array = ndshm::Array2::<u8>::create_unique("doc-view-", (10, 2))?;
            /// assert_eq!(array.read()?.view().shape(), [10, 2]);
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn view(&self) -> ArrayView<'_, T, D> {
                self.view.view()
            }

            /// Returns who left the rows suspect, if anybody did. Only the `_recover` forms hand
            /// out such rows.
            ///
            /// # Examples
            ///
            /// See [`Poison`].
            #[must_use]
            pub fn poison(&self) -> Option<Poison> {
                self.hold.poison()
            }
        }

        impl<$($life,)? T: Element, D: Dimension> Deref for $guard<$($life,)? T, D> {
            type Target = ArrayRef<T, D>;

            #[inline]
            fn deref(&self) -> &ArrayRef<T, D> {
                &self.view
            }
        }

        impl<$($life,)? T: Element + fmt::Debug, D: Dimension> fmt::Debug for $guard<$($life,)? T, D> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.view.fmt(f)
            }
        }

        /// As `ndarray` shows arrays.
        impl<$($life,)? T: Element + fmt::Display, D: Dimension> fmt::Display for $guard<$($life,)? T, D> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.view.fmt(f)
            }
        }

        impl<$($life,)? T, D, Rhs> PartialEq<Rhs> for $guard<$($life,)? T, D>
        where
            T: Element + PartialEq,
            D: Dimension,
            Rhs: Deref<Target = ArrayRef<T, D>>,
        {
            fn eq(&self, other: &Rhs) -> bool {
                **self == **other
            }
        }

        impl<'view, $($life: 'view,)? T: Element, D: Dimension> From<&'view $guard<$($life,)? T, D>>
            for ArrayView<'view, T, D>
        {
            fn from(guard: &'view $guard<$($life,)? T, D>) -> Self {
                guard.view()
            }
        }

        impl<'view, $($life: 'view,)? T: Element, D: Dimension> IntoNdProducer
            for &'view $guard<$($life,)? T, D>
        {
            type Item = &'view T;
            type Dim = D;
            type Output = ArrayView<'view, T, D>;

            fn into_producer(self) -> Self::Output {
                self.view()
            }
        }
    };
}

/// The further methods of both guards for writing.
macro_rules! write_guard {
    ($($life:lifetime)? $guard:ident) => {
        impl<$($life,)? T: Element, D: Dimension> $guard<$($life,)? T, D> {
            /// Returns a view of the rows to write through, valid as long as the guard is borrowed.
            ///
            /// # Examples
            ///
            /// ```
            /// # fn main() -> ndshm::Result<()> {
            /// let array = ndshm::Array2::<u8>::create_unique("doc-view-mut-", (10, 2))?;
            /// array.write()?.view_mut().fill(1);
            /// # Ok(()) }
            /// ```
            #[must_use]
            pub fn view_mut(&mut self) -> ArrayViewMut<'_, T, D> {
                self.view.view_mut()
            }

            /// Vouches for the rows: clears the poison of every stripe that the guard holds.
            ///
            /// # Examples
            ///
            /// See [`Poison`].
            pub fn mark_consistent(&mut self) {
                self.hold.mark_consistent();
            }
        }

        impl<$($life,)? T: Element, D: Dimension> DerefMut for $guard<$($life,)? T, D> {
            #[inline]
            fn deref_mut(&mut self) -> &mut ArrayRef<T, D> {
                &mut self.view
            }
        }

        impl<'view, $($life: 'view,)? T: Element, D: Dimension> From<&'view mut $guard<$($life,)? T, D>>
            for ArrayViewMut<'view, T, D>
        {
            fn from(guard: &'view mut $guard<$($life,)? T, D>) -> Self {
                guard.view_mut()
            }
        }

        impl<'view, $($life: 'view,)? T: Element, D: Dimension> IntoNdProducer
            for &'view mut $guard<$($life,)? T, D>
        {
            type Item = &'view mut T;
            type Dim = D;
            type Output = ArrayViewMut<'view, T, D>;

            fn into_producer(self) -> Self::Output {
                self.view_mut()
            }
        }
    };
}

guard!('a ReadGuard, Read, held, |segment, demand| Hold::tracked(segment, demand), _stays);
guard!('a WriteGuard, Write, held_mut, |segment, demand| Hold::tracked(segment, demand), _stays);
guard!(OwnedReadGuard, Read, held, |segment, demand| Hold::untracked(segment.clone(), demand));
guard!(OwnedWriteGuard, Write, held_mut, |segment, demand| Hold::untracked(
    segment.clone(),
    demand
));
write_guard!('a WriteGuard);
write_guard!(OwnedWriteGuard);
