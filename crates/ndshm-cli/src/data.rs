//! A segment's numbers, whatever their type.

use std::slice::ChunksExact;

use ndshm::{AnySnapshot, Datum, Dtype, NpyFile, Order, Peek, Scalar};

use crate::failure::{Failure, Result};
use crate::units;

/// How many bytes are looked at in one go.
const CHUNK: usize = 1 << 20;

/// Where numbers are read from, a piece at a time.
#[derive(Clone, Copy)]
pub(crate) enum Numbers<'a> {
    /// A segment, as it is at one moment.
    Seen(&'a Peek<'a>),
    /// The contents of a file, even if somebody writes it meanwhile.
    File(&'a NpyFile),
    Copy(&'a AnySnapshot),
}

impl Numbers<'_> {
    pub(crate) fn dtype(&self) -> &Dtype {
        match self {
            Self::Seen(data) => data.dtype(),
            Self::File(file) => file.dtype(),
            Self::Copy(copy) => copy.dtype(),
        }
    }

    pub(crate) fn shape(&self) -> &[usize] {
        match self {
            Self::Seen(data) => data.shape(),
            Self::File(file) => file.shape(),
            Self::Copy(copy) => copy.shape(),
        }
    }

    pub(crate) fn order(&self) -> Order {
        match self {
            Self::Seen(data) => data.order(),
            Self::File(file) => file.order(),
            Self::Copy(copy) => copy.order(),
        }
    }

    pub(crate) fn byte_len(&self) -> usize {
        match self {
            Self::Seen(data) => data.byte_len(),
            Self::File(file) => file.data_len(),
            Self::Copy(copy) => copy.bytes().len(),
        }
    }

    /// What stands before the bytes in a `.npy` file.
    pub(crate) fn npy_header(&self) -> ndshm::Result<Vec<u8>> {
        match self {
            Self::Seen(data) => data.npy_header(),
            Self::File(file) => AnySnapshot::of_file(file)?.npy_header(),
            Self::Copy(copy) => copy.npy_header(),
        }
    }

    /// Fills `bytes` from that offset on. The numbers have that many bytes there.
    pub(crate) fn read_at(&self, bytes: &mut [u8], offset: usize) -> ndshm::Result<()> {
        match self {
            Self::Seen(data) => data.read_at(bytes, offset),
            Self::File(file) => file.read_at(bytes, offset),
            Self::Copy(copy) => {
                bytes.copy_from_slice(&copy.bytes()[offset..offset + bytes.len()]);
                Ok(())
            }
        }
    }

    /// Calls `each` with all bytes, `len` at a time.
    pub(crate) fn chunks(
        &self,
        len: usize,
        mut each: impl FnMut(&[u8]) -> ndshm::Result<()>,
    ) -> ndshm::Result<()> {
        let mut buffer = vec![0; len.min(self.byte_len())];
        for offset in (0..self.byte_len()).step_by(len.max(1)) {
            let chunk = &mut buffer[..len.min(self.byte_len() - offset)];
            self.read_at(chunk, offset)?;
            each(chunk)?;
        }
        Ok(())
    }

    /// Bytes between neighbours along each axis.
    fn strides(&self) -> Vec<usize> {
        let (shape, mut stride) = (self.shape(), self.dtype().item_size());
        let mut strides = vec![0; shape.len()];
        let axes: &mut dyn Iterator<Item = usize> = match self.order() {
            Order::C => &mut (0..shape.len()).rev(),
            Order::F => &mut (0..shape.len()),
        };
        for axis in axes {
            strides[axis] = stride;
            stride = stride.saturating_mul(shape[axis].max(1));
        }
        strides
    }
}

/// A selection of items: those that begin at `base` and go along these axes. All lie within the
/// shape of the numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    /// For each axis of the numbers, where it begins.
    pub(crate) base: Vec<usize>,
    pub(crate) axes: Vec<Axis>,
}

/// An axis of a selection: an axis of the numbers, or part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    pub(crate) source: usize,
    pub(crate) step: isize,
    pub(crate) len: usize,
}

impl Selection {
    pub(crate) fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.len).collect()
    }

    /// All indices of each axis. There are none if there are no items, because the other axes may
    /// be of any length.
    pub(crate) fn everything(&self) -> Vec<Vec<usize>> {
        let is_empty = self.axes.iter().any(|axis| axis.len == 0);
        let lens = self.axes.iter().map(|axis| if is_empty { 0 } else { axis.len });
        lens.map(|len| (0..len).collect()).collect()
    }

    /// Copies the items that `picked` names along each axis, in ascending order, and no others, if
    /// there is memory for them.
    pub(crate) fn copy(
        &self,
        numbers: &Numbers<'_>,
        picked: Vec<Vec<usize>>,
    ) -> ndshm::Result<Result<View>> {
        let (size, strides) = (numbers.dtype().item_size(), numbers.strides());
        let start: usize = self.base.iter().zip(&strides).map(|(at, stride)| at * stride).sum();
        let mut bytes = match zeros(picked.iter().map(Vec::len).product::<usize>() * size) {
            Ok(bytes) => bytes,
            Err(failure) => return Ok(Err(failure)),
        };
        // How far to go for an index along each axis, before or after the start.
        let moves: Vec<isize> = self
            .axes
            .iter()
            .map(|axis| strides[axis.source].cast_signed().wrapping_mul(axis.step))
            .collect();
        let (outer, runs) = match (picked.split_last(), moves.last()) {
            // Neighbours in memory are copied together.
            (Some((last, outer)), Some(&step)) if step == size.cast_signed() => (outer, runs(last)),
            _ => (&picked[..], vec![(0, 1)]),
        };
        let mut rest = &mut bytes[..];
        let mut index = vec![0; outer.len()];
        while !rest.is_empty() {
            let places = outer.iter().zip(&index).zip(&moves);
            let offset: isize =
                places.map(|((axis, &at), step)| axis[at].cast_signed().wrapping_mul(*step)).sum();
            let offset = start.checked_add_signed(offset).expect("axes stay within the shape");
            for &(first, count) in &runs {
                let (run, others) = rest.split_at_mut(count * size);
                numbers.read_at(run, offset + first * size)?;
                rest = others;
            }
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < outer[axis].len() {
                    break;
                }
                index[axis] = 0;
            }
        }
        Ok(Ok(View { dtype: numbers.dtype().clone(), shape: self.shape(), picked, bytes }))
    }
}

/// Ascending numbers as runs. A run is its first number, and how many numbers follow each other.
fn runs(numbers: &[usize]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == number => *count += 1,
            _ => runs.push((number, 1)),
        }
    }
    runs
}

/// Private copies of some items of a selection.
pub(crate) struct View {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Which indices of each axis were copied.
    picked: Vec<Vec<usize>>,
    /// What was copied, in C order.
    bytes: Vec<u8>,
}

impl View {
    pub(crate) fn dtype(&self) -> &Dtype {
        &self.dtype
    }

    /// The shape of the selection.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The item at an index of the selection that was copied.
    pub(crate) fn at(&self, index: &[usize]) -> Datum {
        let place = self.picked.iter().zip(index).fold(0, |place, (picked, at)| {
            place * picked.len() + picked.binary_search(at).expect("this index was copied")
        });
        let size = self.dtype.item_size();
        Datum::of(&self.dtype, &self.bytes[place * size..][..size]).expect("an item's bytes")
    }
}

/// Zeros in private memory. There may be no room for them.
fn zeros(len: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| {
        Failure::problem(format!(
            "{} are to be copied, for which there is no memory: take some of them with `ndshm show --slice`",
            units::size(len as u64)
        ))
    })?;
    bytes.resize(len, 0);
    Ok(bytes)
}

/// The bytes of all items in C order, if there is memory for them.
pub(crate) fn c_order(numbers: &Numbers<'_>) -> ndshm::Result<Result<Vec<u8>>> {
    let shape = numbers.shape();
    if numbers.order() == Order::C {
        let mut bytes = zeros(numbers.byte_len());
        if let Ok(bytes) = &mut bytes {
            numbers.read_at(bytes, 0)?;
        }
        return Ok(bytes);
    }
    let axes = shape.iter().enumerate();
    let axes = axes.map(|(source, &len)| Axis { source, step: 1, len }).collect();
    let all = Selection { base: vec![0; shape.len()], axes };
    Ok(all.copy(numbers, all.everything())?.map(|view| view.bytes))
}

/// Numbers that lie at regular places in each item: all of it, or a field.
pub(crate) struct Column {
    /// The field's name; none if the items are numbers themselves.
    pub(crate) name: Option<String>,
    scalar: Scalar,
    offset: usize,
    /// How many numbers of the column each item has.
    count: usize,
}

/// The columns of real numbers in items of that dtype.
pub(crate) fn columns(dtype: &Dtype) -> Vec<Column> {
    let column = |name: Option<String>, dtype: &Dtype, offset| match dtype.clone().fold() {
        (Dtype::Scalar(Scalar::Complex64 | Scalar::Complex128), _) => None,
        (Dtype::Scalar(scalar), axes) => {
            Some(Column { name, scalar, offset, count: axes.iter().product() })
        }
        _ => None,
    };
    match dtype {
        Dtype::Struct(fields) => {
            let mut end = 0;
            let found = fields.iter().filter_map(|field| {
                let offset = end;
                end += field.dtype().item_size();
                let name = (!field.is_padding()).then(|| field.name().to_owned())?;
                column(Some(name), field.dtype(), offset)
            });
            found.collect()
        }
        dtype => column(None, dtype, 0).into_iter().collect(),
    }
}

impl Column {
    /// Calls `each` with every number.
    pub(crate) fn for_each(
        &self,
        numbers: &Numbers<'_>,
        mut each: impl FnMut(f64),
    ) -> ndshm::Result<()> {
        let item_size = numbers.dtype().item_size();
        numbers.chunks(item_size * CHUNK.div_ceil(item_size), |items| {
            self.for_each_in(items, item_size, &mut each);
            Ok(())
        })
    }

    fn for_each_in(&self, items: &[u8], item_size: usize, each: impl FnMut(f64)) {
        let items = items.chunks_exact(item_size);
        match self.scalar {
            Scalar::Bool => {
                self.walk(items, |[byte]: [u8; 1]| f64::from(u8::from(byte != 0)), each);
            }
            Scalar::I8 => self.walk(items, |bytes| i8::from_le_bytes(bytes).into(), each),
            Scalar::I16 => self.walk(items, |bytes| i16::from_le_bytes(bytes).into(), each),
            Scalar::I32 => self.walk(items, |bytes| i32::from_le_bytes(bytes).into(), each),
            Scalar::I64 => self.walk(items, |bytes| i64::from_le_bytes(bytes) as f64, each),
            Scalar::U8 => self.walk(items, |bytes| u8::from_le_bytes(bytes).into(), each),
            Scalar::U16 => self.walk(items, |bytes| u16::from_le_bytes(bytes).into(), each),
            Scalar::U32 => self.walk(items, |bytes| u32::from_le_bytes(bytes).into(), each),
            Scalar::U64 => self.walk(items, |bytes| u64::from_le_bytes(bytes) as f64, each),
            Scalar::F16 => self.walk(items, |bytes| half::f16::from_le_bytes(bytes).into(), each),
            Scalar::Bf16 => self.walk(items, |bytes| half::bf16::from_le_bytes(bytes).into(), each),
            Scalar::F32 => self.walk(items, |bytes| f32::from_le_bytes(bytes).into(), each),
            Scalar::F64 => self.walk(items, f64::from_le_bytes, each),
            // These are not real numbers, so they are no column.
            _ => {}
        }
    }

    fn walk<const N: usize>(
        &self,
        items: ChunksExact<'_, u8>,
        read: impl Fn([u8; N]) -> f64,
        mut each: impl FnMut(f64),
    ) {
        for item in items {
            let (numbers, _) = item[self.offset..self.offset + N * self.count].as_chunks::<N>();
            numbers.iter().for_each(|&bytes| each(read(bytes)));
        }
    }
}
