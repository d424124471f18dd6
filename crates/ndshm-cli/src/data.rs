//! A segment's numbers, whatever their type.

use std::borrow::Cow;

use ndshm::{AnySnapshot, Datum, Dtype, Order, Scalar};

/// Some items of a copy, along as many axes as remain.
pub(crate) struct View<'a> {
    copy: &'a AnySnapshot,
    /// For each axis of the copy, where it begins.
    base: Vec<usize>,
    pub(crate) axes: Vec<Axis>,
}

/// An axis of a view: an axis of the copy, or part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    pub(crate) source: usize,
    pub(crate) step: isize,
    pub(crate) len: usize,
}

impl<'a> View<'a> {
    /// All of a copy.
    pub(crate) fn all(copy: &'a AnySnapshot) -> Self {
        let axes = copy.shape().iter().enumerate();
        let axes = axes.map(|(source, &len)| Axis { source, step: 1, len }).collect();
        Self { copy, base: vec![0; copy.shape().len()], axes }
    }

    /// Those that begin there and go along those axes, all within the copy.
    pub(crate) fn part(copy: &'a AnySnapshot, base: Vec<usize>, axes: Vec<Axis>) -> Self {
        Self { copy, base, axes }
    }

    pub(crate) fn dtype(&self) -> &Dtype {
        self.copy.dtype()
    }

    pub(crate) fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.len).collect()
    }

    /// The item at an index within the shape.
    pub(crate) fn at(&self, index: &[usize]) -> Datum {
        let mut full = self.base.clone();
        for (axis, &at) in self.axes.iter().zip(index) {
            let moved =
                full[axis.source].checked_add_signed(axis.step.wrapping_mul(at.cast_signed()));
            full[axis.source] = moved.expect("axes stay within the copy");
        }
        self.copy.at(&full).expect("axes stay within the copy")
    }
}

/// The bytes of all items in C order.
pub(crate) fn c_order(copy: &AnySnapshot) -> Cow<'_, [u8]> {
    if copy.order() == Order::C || copy.shape().len() < 2 {
        return Cow::Borrowed(copy.bytes());
    }
    let size = copy.dtype().item_size();
    let shape = copy.shape();
    let mut bytes = Vec::with_capacity(copy.bytes().len());
    let mut index = vec![0; shape.len()];
    for _ in 0..copy.bytes().len() / size {
        let offset = index.iter().zip(shape).rev().fold(0, |offset, (at, len)| offset * len + at);
        bytes.extend_from_slice(&copy.bytes()[offset * size..][..size]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    Cow::Owned(bytes)
}

/// Numbers that lie at regular places in each item: all of it, or a field.
pub(crate) struct Column {
    /// The field's name; none if the items are numbers themselves.
    pub(crate) name: Option<String>,
    scalar: Scalar,
    offset: usize,
    /// How many in each item.
    count: usize,
}

/// All that is made of real numbers in items of that dtype.
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
            let named = fields.iter().filter(|field| !field.is_padding());
            let found = named.filter_map(|field| {
                let offset = dtype.offset_of(field.name())?;
                column(Some(field.name().to_owned()), field.dtype(), offset)
            });
            found.collect()
        }
        dtype => column(None, dtype, 0).into_iter().collect(),
    }
}

impl Column {
    /// Calls `each` with every number.
    pub(crate) fn for_each(&self, copy: &AnySnapshot, each: impl FnMut(f64)) {
        match self.scalar {
            Scalar::Bool => self.walk(copy, |[byte]: [u8; 1]| f64::from(u8::from(byte != 0)), each),
            Scalar::I8 => self.walk(copy, |bytes| i8::from_le_bytes(bytes).into(), each),
            Scalar::I16 => self.walk(copy, |bytes| i16::from_le_bytes(bytes).into(), each),
            Scalar::I32 => self.walk(copy, |bytes| i32::from_le_bytes(bytes).into(), each),
            Scalar::I64 => self.walk(copy, |bytes| i64::from_le_bytes(bytes) as f64, each),
            Scalar::U8 => self.walk(copy, |bytes| u8::from_le_bytes(bytes).into(), each),
            Scalar::U16 => self.walk(copy, |bytes| u16::from_le_bytes(bytes).into(), each),
            Scalar::U32 => self.walk(copy, |bytes| u32::from_le_bytes(bytes).into(), each),
            Scalar::U64 => self.walk(copy, |bytes| u64::from_le_bytes(bytes) as f64, each),
            Scalar::F16 => self.walk(copy, |bytes| half::f16::from_le_bytes(bytes).into(), each),
            Scalar::Bf16 => self.walk(copy, |bytes| half::bf16::from_le_bytes(bytes).into(), each),
            Scalar::F32 => self.walk(copy, |bytes| f32::from_le_bytes(bytes).into(), each),
            Scalar::F64 => self.walk(copy, f64::from_le_bytes, each),
            // No real numbers, so they are no column.
            _ => {}
        }
    }

    fn walk<const N: usize>(
        &self,
        copy: &AnySnapshot,
        read: impl Fn([u8; N]) -> f64,
        mut each: impl FnMut(f64),
    ) {
        let len = N * self.count;
        for item in copy.bytes().chunks_exact(copy.dtype().item_size()) {
            let (numbers, _) = item[self.offset..self.offset + len].as_chunks::<N>();
            numbers.iter().for_each(|&bytes| each(read(bytes)));
        }
    }
}
