//! The Python literals that headers and dtypes are written in.

use std::fmt;

use super::dtype::{Dtype, Field, MAX_DEPTH, is_plain};
use super::scalar::Scalar;
use crate::error::{Error, ErrorKind, Result};

/// Greatest number of axes.
pub(crate) const MAX_AXES: usize = 32;

/// A dtype as Python's `repr` writes its description.
pub(super) struct Literal<'a>(pub(super) &'a Dtype);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Dtype::Scalar(_) | Dtype::Void(_) => write!(f, "'{}'", self.0),
            Dtype::Array(..) => {
                let Folded { base, axes } = Folded::of(self.0);
                write!(f, "({}, {})", Literal(base), Tuple(&axes))
            }
            Dtype::Struct(fields) => {
                f.write_str("[")?;
                for (index, field) in fields.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    let Folded { base, axes } = Folded::of(field.dtype());
                    write!(f, "{comma}('{}', {}", field.name(), Literal(base))?;
                    if !axes.is_empty() {
                        write!(f, ", {}", Tuple(&axes))?;
                    }
                    f.write_str(")")?;
                }
                f.write_str("]")
            }
        }
    }
}

/// The innermost dtype of nested arrays, and their lengths, outermost first.
struct Folded<'a> {
    base: &'a Dtype,
    axes: Vec<usize>,
}

impl<'a> Folded<'a> {
    fn of(mut base: &'a Dtype) -> Self {
        let mut axes = Vec::new();
        while let Dtype::Array(item, len) = base {
            axes.push(*len);
            base = item;
        }
        Self { base, axes }
    }
}

/// Numbers as a Python tuple: `()`, `(3,)`, `(3, 4)`.
pub(super) struct Tuple<'a>(pub(super) &'a [usize]);

impl fmt::Display for Tuple<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("()"),
            [one] => write!(f, "({one},)"),
            [first, rest @ ..] => {
                write!(f, "({first}")?;
                rest.iter().try_for_each(|len| write!(f, ", {len}"))?;
                f.write_str(")")
            }
        }
    }
}

/// Whose text is read, and in which encoding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// A dtype in our spelling, which knows `bf16`; UTF-8.
    Ours,
    /// A header of NPY 1.0 or 2.0.
    Latin1,
    /// A header of NPY 3.0.
    Utf8,
}

/// A cursor over literals. It reads each byte once and allocates no more than it has read.
pub(super) struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    dialect: Dialect,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a [u8], dialect: Dialect) -> Self {
        Self { text, at: 0, dialect }
    }

    /// Reads a text that is one dtype, a scalar's without quotes.
    pub(super) fn whole_dtype(mut self) -> Result<Dtype> {
        if !matches!(self.text.first(), Some(b'[' | b'(')) {
            return self.code(self.text);
        }
        let dtype = self.dtype()?;
        if self.rest().is_empty() { Ok(dtype) } else { Err(self.expected("the end")) }
    }

    /// Reads a dtype: a string, a list of fields, or a pair of dtype and shape.
    pub(super) fn dtype(&mut self) -> Result<Dtype> {
        self.nested_dtype(MAX_DEPTH)
    }

    /// Reads a tuple of at most [`MAX_AXES`] numbers.
    pub(super) fn tuple(&mut self) -> Result<Vec<usize>> {
        self.expect(b'(')?;
        let mut numbers = Vec::new();
        while !self.eat(b')') {
            if numbers.len() == MAX_AXES {
                return Err(self.refuse(format!("more than {MAX_AXES} axes")));
            }
            numbers.push(self.number()?);
            let comma = self.eat(b',');
            if !comma && (numbers.len() == 1 || self.peek() != Some(b')')) {
                return Err(self.expected("','"));
            }
        }
        Ok(numbers)
    }

    /// Reads a string without escapes and returns what is between the quotes.
    pub(super) fn string(&mut self) -> Result<&'a [u8]> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return Err(self.expected("a string"));
        };
        let inside = &self.text[self.at + 1..];
        match inside.iter().position(|&byte| byte == quote || byte == b'\\') {
            Some(len) if inside[len] == quote => {
                self.at += len + 2;
                Ok(&inside[..len])
            }
            Some(_) => Err(self.refuse("a name with quotes, backslashes or control characters")),
            None => Err(self.expected("a string with an end")),
        }
    }

    /// Reads one of these words.
    pub(super) fn word<T: Copy>(&mut self, words: &[(&str, T)]) -> Result<T> {
        self.peek();
        let found = words.iter().find(|(word, _)| self.rest().starts_with(word.as_bytes()));
        let (word, meaning) = found.ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.expected(&words.join(" or "))
        })?;
        self.at += word.len();
        Ok(*meaning)
    }

    /// Reads the byte if it comes next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Reads the byte, which must come next.
    pub(super) fn expect(&mut self, byte: u8) -> Result<()> {
        if self.eat(byte) { Ok(()) } else { Err(self.expected(&format!("{:?}", char::from(byte)))) }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    /// The error of text that breaks the grammar here.
    #[cold]
    pub(super) fn expected(&self, what: &str) -> Error {
        let (found, at) = (excerpt(self.rest()), self.at);
        match self.dialect {
            Dialect::Ours => Error::new(
                ErrorKind::InvalidArgument,
                format!("the dtype has {found} at byte {at}, where {what} belongs"),
            ),
            Dialect::Latin1 | Dialect::Utf8 => Error::new(
                ErrorKind::Corrupt,
                format!("has {found} at byte {at} of its header text, where {what} belongs"),
            ),
        }
    }

    /// The error of text that NumPy understands and this crate does not.
    #[cold]
    pub(super) fn refuse(&self, what: impl fmt::Display) -> Error {
        let kind = match self.dialect {
            Dialect::Ours => ErrorKind::InvalidArgument,
            Dialect::Latin1 | Dialect::Utf8 => ErrorKind::Unsupported,
        };
        Error::new(kind, format!("holds {what}, which cannot be shared"))
    }

    fn nested_dtype(&mut self, depth: usize) -> Result<Dtype> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.refuse(format!("a dtype nested deeper than {MAX_DEPTH} levels")));
        };
        if self.eat(b'(') {
            let base = self.nested_dtype(depth)?;
            self.expect(b',')?;
            let axes = self.tuple()?;
            self.eat(b',');
            self.expect(b')')?;
            return Ok(array(base, &axes));
        }
        if !self.eat(b'[') {
            let code = self.string()?;
            return self.code(code);
        }
        let mut fields = Vec::new();
        while !self.eat(b']') {
            fields.push(self.field(depth)?);
            if !self.eat(b',') && self.peek() != Some(b']') {
                return Err(self.expected("',' or ']'"));
            }
        }
        Ok(Dtype::Struct(fields))
    }

    fn field(&mut self, depth: usize) -> Result<Field> {
        self.expect(b'(')?;
        if self.peek() == Some(b'(') {
            return Err(self.refuse("a field with a title"));
        }
        let name = self.string()?;
        let name = self.name(name)?;
        self.expect(b',')?;
        let base = self.nested_dtype(depth)?;
        let axes = if self.eat(b',') && self.peek() == Some(b'(') { self.tuple()? } else { vec![] };
        self.eat(b',');
        self.expect(b')')?;
        Ok(Field::new(name, array(base, &axes)))
    }

    fn name(&self, bytes: &[u8]) -> Result<String> {
        let name = match self.dialect {
            Dialect::Latin1 => bytes.iter().copied().map(char::from).collect(),
            Dialect::Ours | Dialect::Utf8 => str::from_utf8(bytes)
                .map_err(|_| self.expected("a name in UTF-8 before it"))?
                .to_owned(),
        };
        if name.chars().all(is_plain) {
            Ok(name)
        } else {
            Err(self.refuse("a name with quotes, backslashes or control characters"))
        }
    }

    fn code(&self, code: &[u8]) -> Result<Dtype> {
        let spelled = |scalar: &Scalar| match code {
            // One byte has no order, but some writers state one.
            [b'<' | b'>', rest @ ..]
                if scalar.item_size() == 1 && self.dialect != Dialect::Ours =>
            {
                scalar.code().as_bytes()[1..] == *rest
            }
            code => scalar.code().as_bytes() == code,
        };
        let known = |scalar: &Scalar| *scalar != Scalar::Bf16 || self.dialect == Dialect::Ours;
        if let Some(scalar) = Scalar::ALL.into_iter().find(spelled).filter(known) {
            return Ok(Dtype::Scalar(scalar));
        }
        if let [b'|' | b'<', b'V', digits @ ..] = code
            && let Some(size) = decimal(digits)
        {
            return Ok(Dtype::Void(size));
        }
        let foreign = |scalar: &Scalar| {
            code.first() == Some(&b'>') && code[1..] == scalar.code().as_bytes()[1..]
        };
        if self.dialect != Dialect::Ours && Scalar::ALL.iter().any(foreign) {
            let message = format!(
                "holds big-endian elements, {}: convert them, in NumPy with \
                 a.astype(a.dtype.newbyteorder('<'))",
                excerpt(code)
            );
            return Err(Error::new(ErrorKind::ForeignByteOrder, message));
        }
        Err(self.refuse(format!("elements of dtype {}", excerpt(code))))
    }

    fn number(&mut self) -> Result<usize> {
        self.peek();
        let rest = self.rest();
        let len = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let digits = &rest[..len];
        let number = decimal(digits).ok_or_else(|| match digits {
            [] | [b'0', ..] => self.expected("a number"),
            _ => self.refuse(format!("an axis of length {}", excerpt(digits))),
        })?;
        self.at += len;
        // Python 2 wrote some numbers so.
        if self.dialect == Dialect::Latin1 && self.rest().first() == Some(&b'L') {
            self.at += 1;
        }
        Ok(number)
    }

    /// Skips spaces and returns the byte after them.
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }
}

fn array(base: Dtype, axes: &[usize]) -> Dtype {
    axes.iter().rev().fold(base, |item, &len| Dtype::Array(Box::new(item), len))
}

/// A number as Python writes it, without sign or leading zeros.
fn decimal(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    digits.iter().try_fold(0_usize, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// The beginning of bytes that are not to be trusted, for a message.
fn excerpt(bytes: &[u8]) -> String {
    let start = bytes[..bytes.len().min(24)].trim_ascii_end();
    match start {
        [] => "nothing".into(),
        _ => format!("{:?}", String::from_utf8_lossy(start)),
    }
}
