//! Single values in shared memory.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::any::{self, AnyValue};
use super::cells;
use super::contents::Laid;
use super::element::{Element, checked_dtype};
use crate::error::{ErrorKind, Result};
use crate::lock::Patience;
use crate::segment::{Creates, Draft, Opens, Plan, Region, Segment, Settings, handle};
use crate::sync::{Hold, acquired};

/// A single value in shared memory, attached by name.
///
/// A value of 1, 2, 4 or 8 bytes is one atomic. Nothing here waits for it, and a process killed at
/// any instruction leaves the old value or the new one. Any other value is kept twice, and setting
/// it commits by switching from one copy to the other. [`get`](Self::get) never waits, and a setter
/// killed at any instruction leaves the old value or the new one here too.
///
/// Operations on values of 1, 2, 4 or 8 bytes, and on events, have one order that all processes
/// agree on, as with `SeqCst`. If two processes each set one value and then get the other, at least
/// one of them gets what was set.
///
/// NumPy sees a 0-d array. A clone is the same handle. It is cheap, and usable from any thread.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::Value;
///
/// let hits = Value::<i64>::open_or_create("doc-hits", 0)?;
/// hits.fetch_add(1)?;
///
/// // In any other process:
/// let hits = Value::<i64>::open("doc-hits")?;
/// assert_eq!(hits.get()?, 1);
/// # ndshm::remove("doc-hits")?;
/// # Ok(()) }
/// ```
pub struct Value<T: Element> {
    any: AnyValue,
    element: PhantomData<fn() -> T>,
}

handle! {
    impl[T: Element] Value<T>, "value", "a value", "ndshm::Value::<u8>", given "7", |it| it.any.segment();
    create(value: T) => value
}

impl<T: Element> Opens for Value<T> {
    fn check(segment: Segment) -> Result<Self> {
        let any = AnyValue::check(segment)?;
        let (dtype, folded) = checked_dtype::<T>()?.fold();
        let (found, asked) = (any.laid(), Laid { dtype: &dtype, shape: &folded });
        if found != asked {
            return Err(found.mismatch(ErrorKind::DtypeMismatch, "", asked));
        }
        Ok(Self { any, element: PhantomData })
    }
}

impl<T: Element> Creates for Value<T> {
    type Start = T;

    fn plan(settings: &Settings, _value: &T) -> Result<Plan> {
        any::plan_value(settings, checked_dtype::<T>()?, &[])
    }

    fn fill(draft: &mut Draft, value: &T) -> Result<()> {
        if cells::is_word::<T>() {
            cells::swap(draft.region(), *value);
        } else {
            cells::commit(draft.region(), value);
        }
        Ok(())
    }
}

impl<T: Element> Value<T> {
    /// Reads the value. It never waits: it is an atomic load, or a copy that starts again if
    /// another value was committed meanwhile.
    ///
    /// # Errors
    ///
    /// [`Poisoned`](ErrorKind::Poisoned) when the value is no word and the machine stopped before
    /// its file was synced. It is poisoned until it is set anew.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let pose = ndshm::Value::create_unique("doc-pose-", [0.0_f64; 7])?;
    /// assert_eq!(pose.get()?, [0.0; 7]);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "load")]
    #[inline]
    pub fn get(&self) -> Result<T> {
        let value = self.load();
        self.check_sound()?;
        Ok(value)
    }

    /// Sets the value, and wakes the processes that wait for a change. This is an atomic swap. For
    /// a value that is no word it takes the lock first, and waits for it as long as its owner
    /// lives.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](ErrorKind::ReadOnly); for values that are no word, those of [`edit`](Self::edit).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let level = ndshm::Value::create_unique("doc-set-", 1_u16)?;
    /// level.set(7)?;
    /// assert_eq!(level.get()?, 7);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "store")]
    #[inline]
    pub fn set(&self, value: T) -> Result<()> {
        self.segment().writable()?;
        if cells::is_word::<T>() {
            cells::swap(self.segment().region(), value);
        } else {
            self.any.commit(bytemuck::bytes_of(&value))?;
        }
        self.announce();
        Ok(())
    }

    /// Sets the value and returns what it was.
    ///
    /// # Errors
    ///
    /// Those of [`set`](Self::set).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let level = ndshm::Value::create_unique("doc-swap-", 1_u16)?;
    /// assert_eq!(level.swap(7)?, 1);
    /// # Ok(()) }
    /// ```
    #[inline]
    pub fn swap(&self, value: T) -> Result<T> {
        self.replace(|region| cells::swap(region, value), |_| value)
    }

    /// Sets the value to `new` if it is `current`, byte by byte, and returns what it was. That is
    /// in `Ok` if the value was set, and in `Err` if it was another one, which stays.
    ///
    /// This is one atomic instruction for a value of 1, 2, 4 or 8 bytes. Any other value is
    /// compared and set under the lock. As bytes are compared, values that are equal as numbers may
    /// differ: 0.0 is not -0.0. A NaN is itself.
    ///
    /// # Errors
    ///
    /// Those of [`set`](Self::set) and [`get`](Self::get).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let leader = ndshm::Value::create_unique("doc-leader-", 0_u32)?;
    /// assert_eq!(leader.compare_exchange(0, 17)?, Ok(0)); // the first one leads
    /// assert_eq!(leader.compare_exchange(0, 23)?, Err(17)); // the next one learns who does
    /// assert_eq!(leader.get()?, 17);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "compare_and_swap")]
    pub fn compare_exchange(&self, current: T, new: T) -> Result<std::result::Result<T, T>> {
        self.segment().writable()?;
        let found = if cells::is_word::<T>() {
            cells::compare_exchange(self.segment().region(), current, new)
        } else {
            let _hold = acquired(self.hold(Patience::Endless)?);
            let found = self.get()?;
            if bytemuck::bytes_of(&found) == bytemuck::bytes_of(&current) {
                cells::commit(self.segment().region(), &new);
                Ok(found)
            } else {
                Err(found)
            }
        };
        if found.is_ok() {
            self.announce();
        }
        Ok(found)
    }

    /// Replaces the value by what `change` makes of it, and returns what it was. No other change
    /// comes between. `change` may be called several times.
    ///
    /// # Errors
    ///
    /// Those of [`set`](Self::set).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let mean = ndshm::Value::create_unique("doc-update-", [4.0_f64, 1.0, 0.0])?;
    /// mean.update(|[sum, count, _]| [sum + 2.0, count + 1.0, (sum + 2.0) / (count + 1.0)])?;
    /// assert_eq!(mean.get()?[2], 3.0);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "fetch_update")]
    pub fn update(&self, mut change: impl FnMut(T) -> T) -> Result<T> {
        self.segment().writable()?;
        if cells::is_word::<T>() {
            let old = cells::update(self.segment().region(), change);
            self.announce();
            return Ok(old);
        }
        let mut guard = self.edit()?;
        let old = *guard;
        *guard = change(old);
        Ok(old)
    }

    /// Waits until the value is not `last`, byte by byte, and returns it. It returns at once if it
    /// is not.
    ///
    /// A setter pays for a wake only while somebody waits. Changes that NumPy or a raw view makes are
    /// seen within 100 ms.
    ///
    /// # Errors
    ///
    /// [`Replaced`](ErrorKind::Replaced) when another segment has its name by now, and those of
    /// [`get`](Self::get).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let stage = ndshm::Value::create_unique("doc-wait-", 0_u32)?;
    /// let setter = stage.clone();
    /// let thread = std::thread::spawn(move || setter.set(1));
    /// assert_eq!(stage.wait_changed(0)?, 1);
    /// # thread.join().unwrap()?;
    /// # Ok(()) }
    /// ```
    pub fn wait_changed(&self, last: T) -> Result<T> {
        self.wait_with(&last, Patience::Endless)
    }

    /// Waits until the value is not `last`, at most `timeout`, by the monotonic clock.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout), never early.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// # use std::time::Duration;
    /// let stage = ndshm::Value::create_unique("doc-wait-timeout-", 0_u32)?;
    /// let error = stage.wait_changed_timeout(0, Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error.kind(), ndshm::ErrorKind::Timeout);
    /// # Ok(()) }
    /// ```
    pub fn wait_changed_timeout(&self, last: T, timeout: Duration) -> Result<T> {
        self.wait_with(&last, Patience::at_most(timeout))
    }

    /// Changes the value: a word by `atomically`, any other under the lock by `locked`.
    #[inline]
    fn replace(
        &self,
        atomically: impl FnOnce(&Region) -> T,
        locked: impl FnOnce(T) -> T,
    ) -> Result<T> {
        self.segment().writable()?;
        if cells::is_word::<T>() {
            let old = atomically(self.segment().region());
            self.announce();
            return Ok(old);
        }
        let mut guard = self.edit()?;
        let old = *guard;
        *guard = locked(old);
        Ok(old)
    }

    fn wait_with(&self, last: &T, patience: Patience) -> Result<T> {
        self.any.wait_with(patience, || {
            let value = self.load();
            (bytemuck::bytes_of(&value) != bytemuck::bytes_of(last)).then_some(value)
        })
    }

    /// Fails when a restart of the machine may have left a mixture of values.
    #[inline]
    fn check_sound(&self) -> Result<()> {
        if cells::is_word::<T>() { Ok(()) } else { self.any.check_sound() }
    }

    pub(super) fn hold(&self, patience: Patience) -> Result<Option<Hold<&Segment>>> {
        self.any.hold(patience)
    }

    /// Wakes those who wait for a change, if anybody does.
    #[inline]
    pub(super) fn announce(&self) {
        self.any.announce();
    }

    pub(super) fn into_any(self) -> AnyValue {
        self.any
    }

    #[inline]
    fn load(&self) -> T {
        let region = self.segment().region();
        if cells::is_word::<T>() { cells::load(region) } else { cells::load_committed(region) }
    }
}

impl<T: Element> Clone for Value<T> {
    fn clone(&self) -> Self {
        Self { any: self.any.clone(), element: PhantomData }
    }
}

impl<T: Element + fmt::Debug> fmt::Debug for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value").field("name", &self.name()).field("value", &self.get()).finish()
    }
}

/// See [`Segment`]: the name, the shape and the dtype, not the value.
impl<T: Element> fmt::Display for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.any.fmt(f)
    }
}
