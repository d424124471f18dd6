//! Shares of an array, each for a worker process of its own.

use std::fmt;
use std::ops::Range;
use std::process::{Child, Command};
use std::str::FromStr;

use ndarray::Dimension;

use super::any::AnyArray;
use super::array::Array;
use super::element::Element;
use super::guard::{ReadGuard, WriteGuard};
use super::request::Request;
use super::rows::{Split, no_axes};
use crate::error::{Error, ErrorKind, Result, ResultExt, Spelt};
use crate::segment::{Handle, Options, Segment};
use crate::sync::rows_of;

/// Some rows of an array, whole stripes of it, as a share of work for one process.
///
/// Its text is `HANDLE@START..END`, an argument that any worker can be given. With feature `serde` it
/// serialises as that text.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{Array1, Part};
///
/// let array = Array1::<f32>::options().stripes(8).create_unique("doc-part-", 1000)?;
/// let parts = array.split_stripes(3);
/// let rows: Vec<_> = parts.iter().map(Part::rows).collect();
/// assert_eq!(rows, [0..250, 250..625, 625..1000]);
/// let text = parts[1].to_string();
///
/// // In a worker, which was given the text as an argument:
/// let part = text.parse::<Part>()?.open::<f32, ndarray::Ix1>()?;
/// part.write()?.fill(1.0);
/// assert_eq!(array.read()?.sum(), 375.0);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "String", try_from = "String"))]
pub struct Part {
    handle: Handle,
    rows: Range<usize>,
}

impl Part {
    /// Returns the address of the array.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<f32>::create_unique("doc-part-", 10)?;
    /// assert_eq!(array.split_stripes(2)[0].handle(), &array.handle());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns which rows of the array these are, along axis 0.
    ///
    /// # Examples
    ///
    /// See [`Part`].
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Opens the array whose rows these are.
    ///
    /// # Errors
    ///
    /// Those of [`Array::open_handle`], and [`OutOfBounds`](ErrorKind::OutOfBounds) when it has no
    /// such rows.
    ///
    /// # Examples
    ///
    /// See [`Part`].
    pub fn open<T: Element, D: Dimension>(&self) -> Result<ArrayPart<T, D>> {
        self.open_with(&Array::options())
    }

    /// Opens the array whose rows these are, with options: for an array that others may write, say.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::Array1;
    ///
    /// let array = Array1::<u8>::options().stripes(2).create_unique("doc-part-with-", 100)?;
    /// let [part, _] = &array.split_stripes(2)[..] else { panic!("two parts") };
    /// let rows = part.open_with(&Array1::<u8>::options().eager())?;
    /// # Ok(()) }
    /// ```
    pub fn open_with<T: Element, D: Dimension>(
        &self,
        options: &Options<Array<T, D>>,
    ) -> Result<ArrayPart<T, D>> {
        let array = options.open_handle(&self.handle)?;
        let Split { rows, ndim, .. } = array.split();
        if ndim == 0 {
            return Err(no_axes().of(array.name()));
        }
        if self.rows.start > self.rows.end || self.rows.end > rows {
            return Err(Error::new(
                ErrorKind::OutOfBounds,
                format!("has {rows} rows, asked for the part of rows {}", Spelt(self.rows())),
            )
            .of(array.name()));
        }
        Ok(ArrayPart { array, rows: self.rows() })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}..{}", self.handle, self.rows.start, self.rows.end)
    }
}

impl FromStr for Part {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = text.rsplit_once('@').and_then(|(handle, rows)| {
            let (start, end) = rows.split_once("..")?;
            Some((handle, number(start)?..number(end)?))
        });
        match parsed {
            Some((handle, rows)) => Ok(Self { handle: handle.parse()?, rows }),
            None => Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{text:?} is no part of an array: one looks like HANDLE@START..END"),
            )),
        }
    }
}

/// Reads digits, and no sign.
fn number(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        part.to_string()
    }
}

impl TryFrom<String> for Part {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

/// An opened share of an array. It locks its own rows and no others.
///
/// # Examples
///
/// See [`Part`].
#[derive(Clone, Debug)]
pub struct ArrayPart<T: Element, D: Dimension> {
    array: Array<T, D>,
    rows: Range<usize>,
}

impl<T: Element, D: Dimension> ArrayPart<T, D> {
    /// Returns the whole array.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<f32>::options().stripes(2).create_unique("doc-part-", 10)?;
    /// let part = array.split_stripes(2)[1].open::<f32, ndarray::Ix1>()?;
    /// // A worker may want to see a row of its neighbour's.
    /// let edge = part.array().read_rows(4..5)?[0];
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn array(&self) -> &Array<T, D> {
        &self.array
    }

    /// Returns which rows of the array these are, along axis 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<f32>::create_unique("doc-part-", 10)?;
    /// assert_eq!(array.split_stripes(1)[0].open::<f32, ndarray::Ix1>()?.rows(), 0..10);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Locks the rows for reading.
    ///
    /// # Errors
    ///
    /// See [`Request::read`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<f32>::create_unique("doc-part-", 10)?;
    /// let part = array.split_stripes(1)[0].open::<f32, ndarray::Ix1>()?;
    /// assert_eq!(part.read()?.len(), 10);
    /// # Ok(()) }
    /// ```
    pub fn read(&self) -> Result<ReadGuard<'_, T, D>> {
        self.request().read()
    }

    /// Locks the rows for writing; workers on other parts do so at the same time.
    ///
    /// # Errors
    ///
    /// See [`Request::write`].
    ///
    /// # Examples
    ///
    /// See [`Part`].
    pub fn write(&self) -> Result<WriteGuard<'_, T, D>> {
        self.request().write()
    }

    /// Asks for a lock on the rows step by step.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<f32>::create_unique("doc-part-", 10)?;
    /// let part = array.split_stripes(1)[0].open::<f32, ndarray::Ix1>()?;
    /// part.request().recover().write()?.mark_consistent();
    /// # Ok(()) }
    /// ```
    pub fn request(&self) -> Request<'_, Array<T, D>> {
        self.array.request().rows(self.rows.clone())
    }
}

/// Sharing the rows out among worker processes.
impl<T: Element, D: Dimension> Array<T, D> {
    /// Splits the rows into at most `workers` parts. Each part is made of whole stripes, and none
    /// is empty. The parts are as even as stripes allow.
    ///
    /// So there are never more parts than stripes. Create the array with as many
    /// [`stripes`](crate::Options::stripes) as workers may want. There are no parts for no workers,
    /// and none of an array without axes.
    ///
    /// # Examples
    ///
    /// See [`Part`].
    #[must_use]
    pub fn split_stripes(&self, workers: usize) -> Vec<Part> {
        split(self.segment(), self.split(), workers)
    }

    /// Starts one process for each part of the array, all at once, and waits until the last of them
    /// has ended. It is to an array what `multiprocessing.Pool.map` is to a list, without copying.
    ///
    /// `command` says how to start the worker of a part, and hands it the part as text. What a
    /// worker writes to a pipe is read and dropped.
    ///
    /// # Errors
    ///
    /// [`WorkerFailed`](ErrorKind::WorkerFailed), which names the rows, for workers that could not
    /// be started, were killed, or ended with another status than success. All other workers are
    /// done by then. Rows that were being written are suspect, and need a `write_rows_recover`.
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for no workers, and
    /// [`OutOfBounds`](ErrorKind::OutOfBounds) for an array without axes.
    ///
    /// # Examples
    ///
    /// ```standalone_crate
    /// use std::process::Command;
    ///
    /// fn main() -> ndshm::Result<()> {
    ///     if let Ok(part) = std::env::var("PART") {
    ///         // A worker: this program again.
    ///         let part = part.parse::<ndshm::Part>()?.open::<f32, ndarray::Ix2>()?;
    ///         part.write()?.mapv_inplace(|x| x + 1.0);
    ///         return Ok(());
    ///     }
    ///     let image = ndshm::Array2::<f32>::create_unique("doc-scatter-", (480, 640))?;
    ///     let program = std::env::current_exe().expect("a program has a path");
    ///     image.scatter(4, |part| {
    ///         let mut worker = Command::new(&program);
    ///         worker.env("PART", part.to_string());
    ///         worker
    ///     })?;
    ///     assert_eq!(image.read()?.sum(), 480.0 * 640.0);
    ///     Ok(())
    /// }
    /// ```
    pub fn scatter(&self, workers: usize, command: impl FnMut(&Part) -> Command) -> Result<()> {
        scatter(self.segment(), self.split(), workers, command)
    }
}

/// Sharing the rows out among worker processes.
impl AnyArray {
    /// Splits the rows into parts, as [`Array::split_stripes`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let options = ndshm::AnyArray::options().stripes(4);
    /// let array = options.create_unique("doc-any-", &"<f8".parse()?, &[10])?;
    /// assert_eq!(array.split_stripes(2)[1].rows(), 5..10);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn split_stripes(&self, workers: usize) -> Vec<Part> {
        split(self.segment(), self.split(), workers)
    }

    /// Starts one process for each part of the array, as [`Array::scatter`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Array::scatter`].
    ///
    /// # Examples
    ///
    /// See [`Array::scatter`].
    pub fn scatter(&self, workers: usize, command: impl FnMut(&Part) -> Command) -> Result<()> {
        scatter(self.segment(), self.split(), workers, command)
    }
}

fn split(segment: &Segment, split: Split, workers: usize) -> Vec<Part> {
    let Split { rows, ndim, stripes } = split;
    if ndim == 0 {
        return Vec::new();
    }
    let filled: Vec<_> = (0..stripes)
        .map(|stripe| rows_of(stripe, rows, stripes))
        .filter(|rows| !rows.is_empty())
        .collect();
    let parts = workers.min(filled.len());
    let edge = |part: usize| part * filled.len() / parts;
    (0..parts)
        .map(|part| Part {
            handle: segment.handle(),
            rows: filled[edge(part)].start..filled[edge(part + 1) - 1].end,
        })
        .collect()
}

fn scatter(
    segment: &Segment,
    split_of: Split,
    workers: usize,
    command: impl FnMut(&Part) -> Command,
) -> Result<()> {
    if workers == 0 {
        return Err(no_workers().of(segment.name()));
    }
    if split_of.ndim == 0 {
        return Err(no_axes().of(segment.name()));
    }
    let parts = split(segment, split_of, workers);
    // All commands are made before the first is started, because `command` may panic.
    let commands = parts.iter().map(command).collect();
    run(&parts, commands).of(segment.name())
}

/// Runs a command for each part, all at once, and waits for every one.
fn run(parts: &[Part], commands: Vec<Command>) -> Result<()> {
    let children: Vec<_> = commands.into_iter().map(|mut command| command.spawn()).collect();
    let ends = children.into_iter().map(|child| child.and_then(Child::wait_with_output));
    let failed: Vec<String> = ends
        .zip(parts)
        .filter_map(|(end, part)| {
            let how = match end {
                Ok(output) if output.status.success() => return None,
                Ok(output) => output.status.to_string(),
                Err(error) => error.to_string(),
            };
            Some(format!("rows {} ({how})", Spelt(part.rows())))
        })
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let (count, all) = (failed.len(), parts.len());
    Err(Error::new(
        ErrorKind::WorkerFailed,
        format!(
            "has {count} of {all} parts whose workers failed, and the others are done: {}; mend \
             what those left under `write_rows_recover`, and run them again",
            failed.join(", ")
        ),
    ))
}

#[cold]
fn no_workers() -> Error {
    Error::new(ErrorKind::InvalidArgument, "asks for no workers: choose 1 or more")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn handle(name: &str, id: u128) -> Handle {
        format!("{name}#{id:032x}").parse().unwrap()
    }

    proptest! {
        #[test]
        fn a_part_survives_its_text(name in "[a-z@#. ]{1,40}[a-z]", id: u128, rows: (usize, usize)) {
            let part = Part { handle: handle(&name, id), rows: rows.0..rows.1 };
            prop_assert_eq!(part.to_string().parse::<Part>().unwrap(), part);
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<Part>();
        }
    }

    #[test]
    fn what_is_no_part_is_refused() {
        let handle = "cam0#000102030405060708090a0b0c0d0e0f";
        for rows in ["", "@", "@1", "@1..", "@..2", "@-1..2", "@+1..2", "@1..2.", "@1...2"] {
            let text = format!("{handle}{rows}");
            assert_eq!(text.parse::<Part>().unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
        assert!("cam0@1..2".parse::<Part>().is_err());
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_writes_the_text() {
        let part = Part { handle: handle("/tmp/cam0.npy", 7), rows: 3..9 };
        let json = serde_json::to_string(&part).unwrap();
        assert_eq!(json, format!("\"{part}\""));
        assert_eq!(serde_json::from_str::<Part>(&json).unwrap(), part);
    }
}
