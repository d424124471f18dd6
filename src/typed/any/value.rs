//! Values whose dtype is known at run time only: the core of all values.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, size};
use crate::lock::{Entry, Patience};
use crate::npy::Dtype;
use crate::segment::{Creates, Draft, Kind, Opens, Plan, Segment, Settings, handle};
use crate::sync::{Demand, Hold, Mode, Regard, acquired, wait_for_change};
use crate::typed::cells;
use crate::typed::contents::Laid;
use crate::typed::element::Element;
use crate::typed::value::Value;

/// A value whose dtype and shape are known at run time only. Bindings of other languages stand on
/// it.
///
/// It is read, set and waited for as a [`Value`](crate::Value) is, but by its bytes: little-endian
/// items, one behind the other, in C order.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{AnyValue, Value};
///
/// let known = Value::create("doc-any-value", [1_u16, 2])?;
///
/// let value = AnyValue::open("doc-any-value")?;
/// assert_eq!((value.dtype().to_string().as_str(), value.shape()), ("<u2", &[2][..]));
/// assert_eq!(value.get()?, [1, 0, 2, 0]);
/// value.set(&[3, 0, 4, 0])?;
/// assert_eq!(known.get()?, [3, 4]);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AnyValue {
    segment: Segment,
}

/// What the creator of a value gives.
pub(crate) struct Start {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

handle! {
    /// It has that shape, and its items are of that dtype. `bytes` is its first value.
    impl[] AnyValue, "value of any dtype", "a value of any dtype", "ndshm::AnyValue",
    given "&\"<u2\".parse()?, &[2], &[1, 0, 2, 0]", |it| &it.segment;
    create(dtype: &Dtype, shape: &[usize], bytes: &[u8]) =>
        Start { dtype: dtype.clone(), shape: shape.to_vec(), bytes: bytes.to_vec() }
}

impl Opens for AnyValue {
    fn check(segment: Segment) -> Result<Self> {
        let control = segment.control();
        if control.kind != Kind::Value {
            return Err(control.kind.mismatch(Kind::Value));
        }
        if control.shadow_len != shadow_len(control.layout.data_len) {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "is damaged: it has no room for its second copy; remove it and create it anew",
            ));
        }
        Ok(Self { segment })
    }
}

impl Creates for AnyValue {
    type Start = Start;

    fn plan(settings: &Settings, start: &Start) -> Result<Plan> {
        start.dtype.check()?;
        let plan = plan(settings, start.dtype.clone(), &start.shape)?;
        check_len(start.bytes.len(), plan.data_len)?;
        Ok(plan)
    }

    fn fill(draft: &mut Draft, start: &Start) -> Result<()> {
        cells::swap_bytes(draft.region(), &mut start.bytes.clone());
        Ok(())
    }

    fn check_same(&self, start: &Start) -> Result<()> {
        let (dtype, folded) = start.dtype.clone().fold();
        let asked = Laid { dtype: &dtype, shape: &[&start.shape[..], &folded].concat() };
        self.laid().check_same("", asked)
    }
}

/// Plans a value of that shape. Elements that are arrays add axes to it.
pub(in crate::typed) fn plan(settings: &Settings, dtype: Dtype, shape: &[usize]) -> Result<Plan> {
    let (dtype, folded) = dtype.fold();
    let plan = Plan::new(settings, Kind::Value, dtype, [shape, &folded].concat())?;
    if plan.data_len == 0 {
        let problem = format!("asks for a value of shape {:?}, which has no bytes", plan.shape);
        return Err(Error::new(ErrorKind::InvalidArgument, problem));
    }
    Ok(Plan { shadow_len: shadow_len(plan.data_len), ..plan })
}

/// Bytes of the second copy that a value of so many bytes needs.
fn shadow_len(len: usize) -> usize {
    if cells::is_word_of(len) { 0 } else { len }
}

fn check_len(given: usize, len: usize) -> Result<()> {
    if given == len {
        return Ok(());
    }
    let problem = format!("has {}, and is given {}: give as many", size(len), size(given));
    Err(Error::new(ErrorKind::InvalidArgument, problem))
}

impl AnyValue {
    /// Returns the dtype of an item.
    ///
    /// # Examples
    ///
    /// See [`AnyValue`].
    #[must_use]
    pub fn dtype(&self) -> &Dtype {
        &self.segment.control().dtype
    }

    /// Returns the lengths of the axes; a single item has none.
    ///
    /// # Examples
    ///
    /// See [`AnyValue`].
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.segment.control().shape
    }

    /// Reads the value. It never waits: see [`Value::get`](crate::Value::get).
    ///
    /// # Errors
    ///
    /// Those of [`Value::get`](crate::Value::get).
    ///
    /// # Examples
    ///
    /// See [`AnyValue`].
    pub fn get(&self) -> Result<Vec<u8>> {
        let bytes = self.load();
        self.check_sound()?;
        Ok(bytes)
    }

    /// Sets the value, and wakes those who wait for a change: see [`Value::set`](crate::Value::set).
    ///
    /// # Errors
    ///
    /// Those of [`Value::set`](crate::Value::set), and [`InvalidArgument`](ErrorKind::InvalidArgument) when the
    /// value has another number of bytes.
    ///
    /// # Examples
    ///
    /// See [`AnyValue`].
    pub fn set(&self, bytes: &[u8]) -> Result<()> {
        self.check_to_set(bytes)?;
        if self.is_word() {
            cells::swap_bytes(self.segment.region(), &mut bytes.to_vec());
        } else {
            self.commit(bytes)?;
        }
        self.announce();
        Ok(())
    }

    /// Sets the value to `new` if it is `current`, byte by byte, and returns what it was. That is
    /// in `Ok` if the value was set, and in `Err` if it was another one, which stays.
    ///
    /// # Errors
    ///
    /// Those of [`set`](Self::set) and [`get`](Self::get).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let leader = ndshm::AnyValue::create_unique("doc-any-leader-", &"|u1".parse()?, &[], &[0])?;
    /// assert_eq!(leader.compare_exchange(&[0], &[17])?, Ok(vec![0])); // the first one leads
    /// assert_eq!(leader.compare_exchange(&[0], &[23])?, Err(vec![17])); // the next one learns who does
    /// # Ok(()) }
    /// ```
    pub fn compare_exchange(
        &self,
        current: &[u8],
        new: &[u8],
    ) -> Result<std::result::Result<Vec<u8>, Vec<u8>>> {
        self.check_to_set(current)?;
        self.check_to_set(new)?;
        let region = self.segment.region();
        let mut found = current.to_vec();
        let is_set = if self.is_word() {
            cells::compare_exchange_bytes(region, &mut found, new)
        } else {
            let _hold = acquired(self.hold(Patience::Endless)?);
            found = self.get()?;
            let is_current = found == current;
            if is_current {
                cells::commit_bytes(region, new);
            }
            is_current
        };
        if is_set {
            self.announce();
        }
        Ok(if is_set { Ok(found) } else { Err(found) })
    }

    /// Waits until the value is not `last`, byte by byte, and returns it. It returns at once if it
    /// is not.
    ///
    /// # Errors
    ///
    /// Those of [`Value::wait_changed`](crate::Value::wait_changed).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let stage = ndshm::AnyValue::create_unique("doc-any-wait-", &"|u1".parse()?, &[], &[0])?;
    /// let setter = stage.clone();
    /// let thread = std::thread::spawn(move || setter.set(&[1]));
    /// assert_eq!(stage.wait_changed(&[0])?, [1]);
    /// # thread.join().unwrap()?;
    /// # Ok(()) }
    /// ```
    pub fn wait_changed(&self, last: &[u8]) -> Result<Vec<u8>> {
        self.wait_with(Patience::Endless, || Some(self.load()).filter(|bytes| bytes != last))
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
    /// let stage = ndshm::AnyValue::create_unique("doc-any-wait-", &"|u1".parse()?, &[], &[0])?;
    /// let error = stage.wait_changed_timeout(&[0], Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error.kind(), ndshm::ErrorKind::Timeout);
    /// # Ok(()) }
    /// ```
    pub fn wait_changed_timeout(&self, last: &[u8], timeout: Duration) -> Result<Vec<u8>> {
        let look = || Some(self.load()).filter(|bytes| bytes != last);
        self.wait_with(Patience::at_most(timeout), look)
    }

    /// Returns the same value with its type known, checked as [`Value::open`](crate::Value::open) does.
    ///
    /// # Errors
    ///
    /// [`DtypeMismatch`](ErrorKind::DtypeMismatch).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let value = ndshm::AnyValue::create_unique("doc-any-", &"|u1".parse()?, &[], &[7])?;
    /// assert_eq!(value.downcast::<u8>()?.get()?, 7);
    /// assert!(value.downcast::<i8>().is_err());
    /// # Ok(()) }
    /// ```
    pub fn downcast<T: Element>(&self) -> Result<Value<T>> {
        Value::from_segment(self.segment.clone())
    }

    fn load(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.segment.control().layout.data_len];
        cells::load_bytes(self.segment.region(), &mut bytes);
        bytes
    }

    fn check_to_set(&self, bytes: &[u8]) -> Result<()> {
        self.segment.writable()?;
        check_len(bytes.len(), self.segment.control().layout.data_len)
            .map_err(|error| error.of(self.name()))
    }

    fn is_word(&self) -> bool {
        cells::is_word_of(self.segment.control().layout.data_len)
    }
}

/// What values of known types stand on.
impl AnyValue {
    pub(in crate::typed) fn laid(&self) -> Laid<'_> {
        Laid { dtype: self.dtype(), shape: self.shape() }
    }

    pub(in crate::typed) fn hold(&self, patience: Patience) -> Result<Option<Hold<&Segment>>> {
        let demand = Demand { stripes: 0..1, mode: Mode::Commit, patience, regard: Regard::Accept };
        Hold::tracked(&self.segment, &demand)
    }

    /// Sets a value that is no word.
    pub(in crate::typed) fn commit(&self, bytes: &[u8]) -> Result<()> {
        let mut hold = acquired(self.hold(Patience::Endless)?);
        cells::commit_bytes(self.segment.region(), bytes);
        // The value is whole again, whatever a restart made of the last one.
        hold.mark_consistent();
        Ok(())
    }

    /// Fails when a restart of the machine may have left a mixture of values.
    pub(in crate::typed) fn check_sound(&self) -> Result<()> {
        if self.is_word() || self.segment.region().stripe(0).entry() == Entry::Clean {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Poisoned,
            "may be a mixture of two values: the machine stopped before its file was synced; set it \
             anew",
        )
        .of(self.name()))
    }

    /// Waits until `look` finds what it looks for.
    pub(in crate::typed) fn wait_with<R>(
        &self,
        patience: Patience,
        look: impl FnMut() -> Option<R>,
    ) -> Result<R> {
        wait_for_change(&self.segment, patience, look)?.ok_or_else(|| {
            Error::new(
                ErrorKind::Timeout,
                "did not change in time: wait longer, or see what its setter does",
            )
            .of(self.name())
        })
    }

    /// Wakes those who wait for a change, if anybody does.
    #[inline]
    pub(in crate::typed) fn announce(&self) {
        self.segment.region().state().bell().ring(&self.segment.membership().peers(0));
    }
}

impl<T: Element> From<Value<T>> for AnyValue {
    fn from(value: Value<T>) -> Self {
        value.into_any()
    }
}

impl fmt::Debug for AnyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyValue")
            .field("name", &self.name())
            .field("dtype", &format_args!("{}", self.dtype()))
            .field("shape", &self.shape())
            .finish_non_exhaustive()
    }
}

/// See [`Segment`]: the name, the shape and the dtype, not the value.
impl fmt::Display for AnyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segment.fmt(f)
    }
}
