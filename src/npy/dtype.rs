//! What one element is made of: NumPy's dtypes, without objects.
//!
//! A dtype is written as NumPy writes it, `<f4` or
//! `[('x', '<f4'), ('pos', '<f4', (2, 3))]`. The exception is `<bf16`, which NumPy cannot spell.
//! [`Dtype::numpy_form`] replaces it by plain bytes, `|V2`.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use super::descr::{Described, Dialect};
use super::literal::{Flaw, Literal, Writer};
use super::scalar::Scalar;
use super::text::{Description, excerpt};
use super::time::TimeUnit;
use crate::error::{Error, ErrorKind, Result};

/// Greatest item size in bytes, the same as NumPy's.
pub(super) const MAX_ITEM_SIZE: usize = 0x7fff_ffff;

/// Greatest depth to which dtypes nest. Each axis of an array counts as one level, so no field has
/// more axes than an array may have.
pub(super) const MAX_DEPTH: usize = 32;

/// The type of one element of an array, independent of any language.
///
/// Two processes agree on an array if their dtypes are equal. A segment carries its dtype, never
/// the name of a type, and [`Element`](crate::Element) is checked against it. Its text is NumPy's.
/// [`FromStr`] reads back exactly what [`Display`](fmt::Display) writes.
///
/// # Examples
///
/// ```
/// use ndshm::{Dtype, Element, Field, Scalar};
///
/// assert_eq!(f32::dtype(), Dtype::Scalar(Scalar::F32));
/// assert_eq!(f32::dtype().to_string(), "<f4");
///
/// let point = Dtype::Struct(vec![
///     Field::new("id", u64::dtype()),
///     Field::new("pos", <[f32; 2]>::dtype()),
/// ]);
/// assert_eq!(point.to_string(), "[('id', '<u8'), ('pos', '<f4', (2,))]");
/// assert_eq!(point.to_string().parse::<Dtype>()?, point);
/// # Ok::<(), ndshm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// A number or a truth value.
    Scalar(Scalar),
    /// A number of bytes without meaning.
    Void(usize),
    /// `|S5`: a string of at most this many bytes, padded with zeros.
    Bytes(usize),
    /// `<U5`: a string of at most this many characters, 4 bytes each, padded with zeros.
    Text(usize),
    /// `<M8[ns]`: a date, counted in units since 1970.
    Datetime(TimeUnit),
    /// `<m8[ns]`: a time difference, counted in units.
    Timedelta(TimeUnit),
    /// This many of one dtype in a row.
    Array(Box<Dtype>, usize),
    /// Fields that follow one another without gaps. Padding is a [field](Field::padding) as well.
    Struct(Vec<Field>),
}

impl Dtype {
    /// Returns the size of one element in bytes, or `usize::MAX` if it does not fit.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ndshm::Dtype;
    /// assert_eq!("<c16".parse::<Dtype>()?.item_size(), 16);
    /// assert_eq!("[('id', '<u2'), ('rgb', '|u1', (3,))]".parse::<Dtype>()?.item_size(), 5);
    /// # Ok::<(), ndshm::Error>(())
    /// ```
    #[must_use]
    pub fn item_size(&self) -> usize {
        match self {
            Self::Scalar(scalar) => scalar.item_size(),
            Self::Void(size) | Self::Bytes(size) => *size,
            Self::Text(len) => len.saturating_mul(4),
            Self::Datetime(_) | Self::Timedelta(_) => 8,
            Self::Array(item, len) => item.item_size().saturating_mul(*len),
            Self::Struct(fields) => {
                fields.iter().fold(0, |end, field| end.saturating_add(field.dtype.item_size()))
            }
        }
    }

    /// Returns the alignment of the corresponding C type in bytes. For a struct, this is the
    /// greatest alignment of its fields.
    ///
    /// It is the same on every platform. 32-bit platforms may require less.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ndshm::Dtype;
    /// assert_eq!("<c16".parse::<Dtype>()?.alignment(), 8);
    /// assert_eq!("|V3".parse::<Dtype>()?.alignment(), 1);
    /// # Ok::<(), ndshm::Error>(())
    /// ```
    #[must_use]
    pub fn alignment(&self) -> usize {
        match self {
            Self::Scalar(scalar) => scalar.alignment(),
            Self::Void(_) | Self::Bytes(_) => 1,
            Self::Text(_) => 4,
            Self::Datetime(_) | Self::Timedelta(_) => 8,
            Self::Array(item, _) => item.alignment(),
            Self::Struct(fields) => {
                fields.iter().map(|field| field.dtype.alignment()).max().unwrap_or(1)
            }
        }
    }

    /// Returns where the field of that name begins, in bytes, or `None` if there is no such field.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ndshm::Dtype;
    /// let pixel: Dtype = "[('id', '<u4'), ('rgb', '|u1', (3,)), ('', '|V1')]".parse()?;
    /// assert_eq!(pixel.offset_of("rgb"), Some(4));
    /// assert_eq!(pixel.offset_of("alpha"), None);
    /// # Ok::<(), ndshm::Error>(())
    /// ```
    #[must_use]
    pub fn offset_of(&self, name: &str) -> Option<usize> {
        let Self::Struct(fields) = self else { return None };
        let index = fields.iter().position(|field| !field.is_padding() && field.name == name)?;
        Some(
            fields[..index]
                .iter()
                .fold(0, |end, field| end.saturating_add(field.dtype.item_size())),
        )
    }

    /// Returns the dtype as NumPy sees it. NumPy lacks `bf16`, which becomes two plain bytes.
    ///
    /// Its text is what `np.save` writes, and what it writes again after `np.load`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ndshm::Dtype;
    /// let weights: Dtype = "[('scale', '<f4'), ('w', '<bf16', (8,))]".parse()?;
    /// assert_eq!(weights.numpy_form().to_string(), "[('scale', '<f4'), ('w', '|V2', (8,))]");
    /// # Ok::<(), ndshm::Error>(())
    /// ```
    #[must_use]
    pub fn numpy_form(&self) -> Self {
        match self {
            Self::Scalar(Scalar::Bf16) => Self::Void(2),
            Self::Array(item, len) => Self::Array(Box::new(item.numpy_form()), *len),
            Self::Struct(fields) => Self::Struct(
                fields
                    .iter()
                    .map(|field| Field {
                        name: field.name.clone(),
                        dtype: field.dtype.numpy_form(),
                    })
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    /// Splits an array into its innermost dtype and the axes to append to a shape, outermost first.
    ///
    /// NumPy does the same: an array of `[[f32; 3]; 2]` is an array of `f32` with two more axes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ndshm::{Dtype, Element};
    /// assert_eq!(<[[f32; 3]; 2]>::dtype().fold(), (f32::dtype(), vec![2, 3]));
    /// assert_eq!(f32::dtype().fold(), (f32::dtype(), vec![]));
    /// ```
    #[must_use]
    pub fn fold(self) -> (Self, Vec<usize>) {
        let mut base = self;
        let mut axes = Vec::new();
        while let Self::Array(item, len) = base {
            axes.push(len);
            base = *item;
        }
        (base, axes)
    }

    /// The innermost dtype of nested arrays.
    pub(super) fn base(&self) -> &Self {
        match self {
            Self::Array(item, _) => item.base(),
            other => other,
        }
    }

    /// Returns whether data of this dtype may be read as `asked`: the same dtype, or the plain
    /// numbers that store it.
    pub(crate) fn reads_as(&self, asked: &Self) -> bool {
        match (self, asked) {
            (Self::Datetime(_) | Self::Timedelta(_), Self::Scalar(Scalar::I64)) => true,
            (Self::Bytes(len), Self::Array(item, count)) => {
                len == count && **item == Self::Scalar(Scalar::U8)
            }
            (Self::Text(len), Self::Array(item, count)) => {
                len == count && **item == Self::Scalar(Scalar::U32)
            }
            (Self::Array(own, len), Self::Array(item, count)) => len == count && own.reads_as(item),
            (Self::Struct(own), Self::Struct(fields)) => {
                let same = |(own, field): (&Field, &Field)| {
                    own.name == field.name && own.dtype.reads_as(&field.dtype)
                };
                own.len() == fields.len() && own.iter().zip(fields).all(same)
            }
            _ => self == asked,
        }
    }

    /// Fails with `InvalidArgument`, and gives the reason, if no segment can hold such elements.
    pub(crate) fn check(&self) -> Result<()> {
        match self.fault() {
            None => Ok(()),
            Some(fault) => Err(Error::new(ErrorKind::InvalidArgument, fault)),
        }
    }

    /// Returns the reason why no segment can hold such elements, if there is one.
    pub(super) fn fault(&self) -> Option<String> {
        let fault = self.fault_within(MAX_DEPTH);
        fault.or_else(|| {
            (self.item_size() > MAX_ITEM_SIZE)
                .then(|| format!("elements of more than {MAX_ITEM_SIZE} bytes: use more axes"))
        })
    }

    fn fault_within(&self, depth: usize) -> Option<String> {
        let Some(depth) = depth.checked_sub(1) else {
            return Some(format!("the dtype nests deeper than {MAX_DEPTH} levels"));
        };
        match self {
            Self::Void(0) | Self::Bytes(0) | Self::Text(0) => {
                Some(format!("elements of no bytes cannot be shared: {self}"))
            }
            Self::Scalar(_)
            | Self::Void(_)
            | Self::Bytes(_)
            | Self::Text(_)
            | Self::Datetime(_)
            | Self::Timedelta(_) => None,
            Self::Array(_, 0) => {
                Some("elements of no bytes cannot be shared: an array of length 0".into())
            }
            Self::Array(item, _) => item.fault_within(depth),
            Self::Struct(fields) if fields.iter().all(Field::is_padding) => {
                Some("elements of no bytes cannot be shared: a struct without fields".into())
            }
            Self::Struct(fields) => {
                let mut names = HashSet::with_capacity(fields.len());
                fields.iter().find_map(|field| {
                    let twice = !field.is_padding() && !names.insert(field.name.as_str());
                    let twice = twice.then(|| format!("two fields are named {:?}", field.name));
                    twice.or_else(|| field.fault()).or_else(|| field.dtype.fault_within(depth))
                })
            }
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => scalar.fmt(f),
            Self::Void(size) => write!(f, "|V{size}"),
            Self::Bytes(size) => write!(f, "|S{size}"),
            Self::Text(len) => write!(f, "<U{len}"),
            Self::Datetime(unit) => write!(f, "<M8{}", Brackets(*unit)),
            Self::Timedelta(unit) => write!(f, "<m8{}", Brackets(*unit)),
            Self::Array(..) | Self::Struct(_) => Description(self).fmt(f),
        }
    }
}

/// A unit as it is written in a dtype. The generic unit is not written.
struct Brackets(TimeUnit);

impl fmt::Display for Brackets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == TimeUnit::GENERIC { Ok(()) } else { write!(f, "[{}]", self.0) }
    }
}

impl FromStr for Dtype {
    type Err = Error;

    /// Reads back what [`Display`](fmt::Display) writes, and nothing else.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if this is not the text of a dtype, or no segment can hold such elements.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidArgument, message);
        let described = if text.starts_with(['[', '(']) {
            let literal = Literal::read(text, Writer::Python3).map_err(|flaw| match flaw {
                Flaw::Broken { at, wanted } => invalid(format!(
                    "the dtype has {} at byte {at}, where {wanted} belongs",
                    excerpt(&text[at..])
                )),
                Flaw::Strange(what) => invalid(format!("the dtype holds {what}")),
            })?;
            Dialect::Ours.read(literal.value())
        } else {
            Dialect::Ours.word(text)
        };
        let Described { dtype, .. } =
            described.map_err(|what| invalid(format!("the dtype holds {what}")))?;
        dtype.check()?;
        let canonical = dtype.to_string();
        if canonical == text {
            Ok(dtype)
        } else {
            let message = format!("{text:?} is not how a dtype is written: write {canonical:?}");
            Err(Error::new(ErrorKind::InvalidArgument, message))
        }
    }
}

impl From<Scalar> for Dtype {
    fn from(scalar: Scalar) -> Self {
        Self::Scalar(scalar)
    }
}

/// A field of a struct: a name and a dtype. The fields before it determine where it begins.
///
/// # Examples
///
/// ```
/// use ndshm::{Dtype, Element, Field};
///
/// // struct Sample { int16_t channel; float volts; }; as a C compiler lays it out
/// let sample = Dtype::Struct(vec![
///     Field::new("channel", i16::dtype()),
///     Field::padding(2),
///     Field::new("volts", f32::dtype()),
/// ]);
/// assert_eq!(sample.offset_of("volts"), Some(4));
/// assert_eq!(sample.to_string(), "[('channel', '<i2'), ('', '|V2'), ('volts', '<f4')]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    name: String,
    dtype: Dtype,
}

impl Field {
    /// Creates a field.
    ///
    /// A segment takes names without quotes, backslashes or control characters, each once in a struct.
    /// NumPy reads names that are not Latin-1 since 1.17.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndshm::{Element, Field};
    ///
    /// assert_eq!(Field::new("x", f32::dtype()).name(), "x");
    /// ```
    #[must_use]
    pub fn new(name: impl Into<String>, dtype: Dtype) -> Self {
        Self { name: name.into(), dtype }
    }

    /// Creates a nameless field of `size` bytes that hold nothing, as NumPy does for the gaps of
    /// `np.dtype(..., align=True)`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(ndshm::Field::padding(3).is_padding());
    /// ```
    #[must_use]
    pub fn padding(size: usize) -> Self {
        Self { name: String::new(), dtype: Dtype::Void(size) }
    }

    /// Returns the name. Padding has an empty name.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ndshm::Field::padding(3).name(), "");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the dtype.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndshm::{Dtype, Field};
    ///
    /// assert_eq!(Field::padding(3).dtype(), &Dtype::Void(3));
    /// ```
    #[must_use]
    pub fn dtype(&self) -> &Dtype {
        &self.dtype
    }

    /// Returns whether this is padding: bytes without a name.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndshm::{Dtype, Field};
    ///
    /// assert!(!Field::new("spare", Dtype::Void(3)).is_padding());
    /// ```
    #[must_use]
    pub fn is_padding(&self) -> bool {
        self.name.is_empty() && matches!(self.dtype, Dtype::Void(_))
    }

    fn fault(&self) -> Option<String> {
        if self.name.is_empty() && !self.is_padding() {
            return Some(format!("a field of {} has no name", self.dtype));
        }
        let odd = self.name.chars().find(|c| !is_plain(*c))?;
        Some(format!("the name of field {:?} holds {odd:?}: rename it", self.name))
    }
}

/// Returns whether Python writes the character as it is, whatever the quotes around it.
pub(super) fn is_plain(c: char) -> bool {
    !c.is_control() && !matches!(c, '\'' | '"' | '\\' | '\u{a0}' | '\u{ad}')
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::npy::time::Span;

    fn any_unit() -> impl Strategy<Value = TimeUnit> {
        let spans = prop::sample::select(&Span::ALL[..]);
        let units = (1_u32..1000, spans).prop_map(|(count, span)| TimeUnit::new(count, span));
        prop_oneof![1 => Just(TimeUnit::GENERIC), 4 => units]
    }

    /// Any dtype that a segment can hold, except arrays at the top.
    pub(crate) fn any_dtype() -> impl Strategy<Value = Dtype> {
        let leaf = prop_oneof![
            4 => prop::sample::select(&Scalar::ALL[..]).prop_map(Dtype::Scalar),
            1 => (1_usize..300).prop_map(Dtype::Void),
            1 => (1_usize..300).prop_map(Dtype::Bytes),
            1 => (1_usize..300).prop_map(Dtype::Text),
            1 => any_unit().prop_map(Dtype::Datetime),
            1 => any_unit().prop_map(Dtype::Timedelta),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            let field_dtype =
                (inner, prop::collection::vec(1_usize..4, 0..3)).prop_map(|(base, axes)| {
                    axes.into_iter().fold(base, |item, len| Dtype::Array(Box::new(item), len))
                });
            let fields =
                prop::collection::btree_map("[a-zéΔ高_][A-Z0-9 ,()]{0,5}", field_dtype, 1..5);
            (fields, prop::option::of(1_usize..9)).prop_map(|(fields, pad)| {
                let named = fields.into_iter().map(|(name, dtype)| Field::new(name, dtype));
                Dtype::Struct(named.chain(pad.map(Field::padding)).collect())
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(dtype in any_dtype()) {
            prop_assert_eq!(dtype.to_string().parse::<Dtype>()?, dtype);
        }

        #[test]
        fn what_is_read_is_written_back(text in "[\\[('<|ubfcV1248x,) \\]é]{0,40}") {
            if let Ok(dtype) = text.parse::<Dtype>() {
                prop_assert_eq!(dtype.to_string(), text);
            }
        }

        #[test]
        fn the_numpy_form_keeps_size_and_settles_at_once(dtype in any_dtype()) {
            let form = dtype.numpy_form();
            prop_assert_eq!(form.item_size(), dtype.item_size());
            prop_assert_eq!(form.numpy_form(), form);
        }
    }

    #[test]
    fn only_the_exact_spelling_is_read() {
        for text in [
            "",
            "f4",
            "=f4",
            ">f4",
            "<f4 ",
            "'<f4'",
            "<u1",
            "<V2",
            "|V02",
            "<f3",
            "('<f4', ())",
            "[('x','<f4')]",
            "[(\"x\", '<f4')]",
            "[('x', '<f4'),]",
            "[('x', '<f4', 3)]",
            "[('x', ('<f4', (3,)), (2,))]",
            "[('', '<f4')]",
            "[('a\\n', '<f4')]",
            "[('x', '<f4')",
        ] {
            let error = text.parse::<Dtype>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{text}: {error}");
        }
    }

    #[test]
    fn elements_without_bytes_and_doubtful_fields_are_refused() {
        for text in ["|V0", "('<f4', (0,))", "[]", "[('', '|V4')]", "[('x', '|u1'), ('x', '<f4')]"]
        {
            let error = text.parse::<Dtype>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{text}: {error}");
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = |levels: usize| "[('a', ".repeat(levels) + "'|u1'" + &")]".repeat(levels);
        assert!(deep(MAX_DEPTH - 1).parse::<Dtype>().is_ok());
        assert!(deep(MAX_DEPTH).parse::<Dtype>().is_err());
        assert!(deep(100_000).parse::<Dtype>().is_err());
        let axes = |count: usize| format!("('|u1', ({}))", vec!["1"; count].join(", "));
        assert!(axes(MAX_DEPTH - 1).parse::<Dtype>().is_ok());
        assert!(axes(MAX_DEPTH).parse::<Dtype>().is_err());
        assert!("|V2147483647".parse::<Dtype>().is_ok());
        assert!("|V2147483648".parse::<Dtype>().is_err());
        assert!("|V99999999999999999999999".parse::<Dtype>().is_err());
        let huge = Dtype::Array(Box::new(Dtype::Array(Box::new(Dtype::Void(3)), usize::MAX)), 2);
        assert_eq!(huge.item_size(), usize::MAX);
        assert!(huge.check().is_err());
    }
}
