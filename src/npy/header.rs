//! The NPY header: a magic number, a version, and the text of a Python dictionary.
//!
//! ```text
//! 0   "\x93NUMPY"
//! 6   version, major and minor
//! 8   length of the text, little-endian: u16 in 1.0, u32 in 2.0 and 3.0
//! 10  or 12: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, spaces, a newline
//! ```
//!
//! Segments carry version 1.0 in one canonical form: what `np.save` writes, with as many spaces as
//! make the header [`HEADER_SIZE`] long, or twice that. Source of the format: `numpy.lib.format`.

use std::fmt::{self, Write};

use super::UNIT;
use super::dtype::Dtype;
use super::text::{Dialect, Literal, MAX_AXES, Parser, Tuple};
use crate::error::{Error, ErrorKind, Result};

/// Size of a canonical header in bytes; long ones take twice as much.
pub(crate) const HEADER_SIZE: usize = UNIT;

/// How many bytes tell how long a header is.
pub(crate) const PRELUDE: usize = 12;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Where the text of version 1.0 begins.
const TEXT_START: usize = 10;
/// The greatest length of text that is read, a hundred times what `np.load` reads unasked.
const MAX_TEXT_LEN: usize = 1 << 20;

/// So many spaces in a row are padding of ours: `np.save` pads to 64 bytes, and leaves room for a longer
/// shape of 21 digits.
const TELLING_SPACES: usize = 128;

/// Which axis runs fastest in memory.
///
/// # Examples
///
/// ```
/// assert_eq!(ndshm::Order::default(), ndshm::Order::C);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// The last axis: rows are contiguous, as in C and Rust.
    #[default]
    C,
    /// The first axis: columns are contiguous, as in Fortran and MATLAB.
    F,
}

/// What a header says, in NumPy's form: it knows no [`bf16`](Dtype::numpy_form).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) dtype: Dtype,
    pub(crate) order: Order,
    pub(crate) shape: Vec<usize>,
    /// Length of the whole header in bytes: where the payload begins.
    pub(crate) data_offset: usize,
}

impl Header {
    /// Writes the canonical header, of one or two times [`HEADER_SIZE`] bytes.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if NPY 1.0 cannot say it in that many bytes, the dtype is an array, which
    /// is to be [folded](Dtype::fold), or has no bytes, or there are too many axes.
    pub(crate) fn encode(dtype: &Dtype, order: Order, shape: &[usize]) -> Result<Vec<u8>> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidArgument, message);
        if matches!(dtype, Dtype::Array(..)) {
            return Err(invalid(format!("elements of {dtype} must become axes of the array")));
        }
        if shape.len() > MAX_AXES {
            return Err(invalid(format!("{} axes asked for, {MAX_AXES} at most", shape.len())));
        }
        dtype.check()?;

        let text = Text { dtype: &dtype.numpy_form(), order, shape }.to_string();
        let latin1: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
        let text = latin1
            .ok_or_else(|| invalid("a field's name is not Latin-1, which NPY asks for".into()))?;
        let needed = TEXT_START + text.len() + 1;
        let size = if needed <= HEADER_SIZE { HEADER_SIZE } else { 2 * HEADER_SIZE };
        if needed > size {
            return Err(invalid(format!(
                "the dtype takes {needed} bytes of header, of {size} at most: use fewer fields"
            )));
        }

        let mut bytes = Vec::with_capacity(size);
        bytes.extend(canonical_start(size));
        bytes.extend(text);
        bytes.resize(size - 1, b' ');
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Returns how long the header is that begins with `start`, of [`PRELUDE`] bytes or more unless
    /// the file is shorter.
    ///
    /// # Errors
    ///
    /// The first three of [`parse`](Self::parse), and `Unsupported` for more text than is ever read.
    pub(crate) fn len_of(start: &[u8]) -> Result<usize> {
        Ok(Prelude::of(start)?.data_offset)
    }

    /// Reads the header at the beginning of `bytes`, in any version.
    ///
    /// # Errors
    ///
    /// - `NotASegment`: this is not NPY.
    /// - `UnsupportedVersion`: it is of a version that does not exist yet.
    /// - `Truncated`: it ends before the header does.
    /// - `Corrupt`: the text is not a header's.
    /// - `ForeignByteOrder`: the elements are big-endian.
    /// - `Unsupported`: the header is sound, but its elements or axes are not for segments.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let Prelude { text_start, dialect, data_offset } = Prelude::of(bytes)?;
        let text = bytes
            .get(text_start..data_offset)
            .ok_or_else(|| truncated(bytes.len(), data_offset))?;
        let mut parser = Parser::new(text, dialect);
        let (mut dtype, mut order, mut shape) = (None, None, None);

        parser.expect(b'{')?;
        while !parser.eat(b'}') {
            let key = parser.string()?;
            parser.expect(b':')?;
            match key {
                b"descr" if dtype.is_none() => dtype = Some(parser.dtype()?),
                b"fortran_order" if order.is_none() => {
                    order = Some(parser.word(&[("False", Order::C), ("True", Order::F)])?);
                }
                b"shape" if shape.is_none() => shape = Some(parser.tuple()?),
                _ => return Err(parser.expected("the value of another key")),
            }
            if !parser.eat(b',') {
                parser.expect(b'}')?;
                break;
            }
        }
        if !is_padding(parser.rest()) {
            return Err(parser.expected("padding"));
        }

        let (Some(dtype), Some(order), Some(shape)) = (dtype, order, shape) else {
            return Err(parser.expected("'descr', 'fortran_order' and 'shape' before it"));
        };
        if matches!(dtype, Dtype::Array(..)) {
            return Err(parser.refuse(format_args!("elements of {dtype} instead of axes")));
        }
        match dtype.fault() {
            Some(fault) => Err(Error::new(ErrorKind::Unsupported, fault)),
            None => Ok(Self { dtype, order, shape, data_offset }),
        }
    }

    /// Tells whether `bytes` begin as only segments do, sound or not: with a header of their size, mostly
    /// spaces, of which `np.save` never writes a hundred in a row.
    pub(crate) fn is_as_padded_for_segments(bytes: &[u8]) -> bool {
        [HEADER_SIZE, 2 * HEADER_SIZE].into_iter().any(|size| {
            let header = &bytes[..size.min(bytes.len())];
            header.starts_with(&canonical_start(size))
                && header.split(|&byte| byte != b' ').any(|spaces| spaces.len() >= TELLING_SPACES)
        })
    }

    /// Tells whether `bytes` begin with what [`Header::encode`] writes for the same contents.
    pub(crate) fn is_canonical(&self, bytes: &[u8]) -> bool {
        let size = self.data_offset;
        if size != HEADER_SIZE && size != 2 * HEADER_SIZE {
            return false;
        }
        let Some(header) = bytes.get(..size) else { return false };
        let (start, text) = header.split_at(TEXT_START);
        let mut rest = Remainder(text);
        let same = start == canonical_start(size)
            && write!(
                rest,
                "{}",
                Text { dtype: &self.dtype, order: self.order, shape: &self.shape }
            )
            .is_ok()
            && is_padding(rest.0);
        let needed = size.saturating_sub(rest.0.len()) + 1;
        same && (size == HEADER_SIZE || needed > HEADER_SIZE)
    }
}

/// The first bytes of a canonical header of that size.
fn canonical_start(size: usize) -> [u8; TEXT_START] {
    let mut start = [0; TEXT_START];
    start[..6].copy_from_slice(MAGIC);
    start[6..8].copy_from_slice(&[1, 0]);
    let len = u16::try_from(size - TEXT_START).expect("a canonical header is at most 8192 bytes");
    start[8..].copy_from_slice(&len.to_le_bytes());
    start
}

/// The dictionary as `np.save` writes it.
struct Text<'a> {
    dtype: &'a Dtype,
    order: Order,
    shape: &'a [usize],
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fortran_order = match self.order {
            Order::C => "False",
            Order::F => "True",
        };
        let (descr, shape) = (Literal(self.dtype), Tuple(self.shape));
        write!(f, "{{'descr': {descr}, 'fortran_order': {fortran_order}, 'shape': {shape}, }}")
    }
}

/// What is left of Latin-1 bytes when text that is written into it is taken from their start; an
/// error at the first difference.
struct Remainder<'a>(&'a [u8]);

impl Write for Remainder<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            let (first, rest) = self.0.split_first().ok_or(fmt::Error)?;
            if char::from(*first) != c {
                return Err(fmt::Error);
            }
            self.0 = rest;
        }
        Ok(())
    }
}

/// What comes before the text, and what follows from it.
struct Prelude {
    text_start: usize,
    dialect: Dialect,
    data_offset: usize,
}

impl Prelude {
    fn of(bytes: &[u8]) -> Result<Self> {
        let truncated = |needed| truncated(bytes.len(), needed);
        if !bytes.starts_with(MAGIC) {
            return Err(if !bytes.is_empty() && MAGIC.starts_with(bytes) {
                truncated(TEXT_START)
            } else {
                Error::new(ErrorKind::NotASegment, "is not NPY: it does not begin with \\x93NUMPY")
            });
        }
        let (text_start, dialect) = match bytes.get(6..8) {
            Some([1, 0]) => (TEXT_START, Dialect::Latin1),
            Some([2, 0]) => (TEXT_START + 2, Dialect::Latin1),
            Some([3, 0]) => (TEXT_START + 2, Dialect::Utf8),
            Some(version) => {
                let message = format!("is NPY {}.{}, not 1.0, 2.0 or 3.0", version[0], version[1]);
                return Err(Error::new(ErrorKind::UnsupportedVersion, message));
            }
            None => return Err(truncated(TEXT_START)),
        };
        let len = bytes.get(8..text_start).ok_or_else(|| truncated(text_start))?;
        let len = len.iter().rev().fold(0_u32, |len, byte| len << 8 | u32::from(*byte));
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > MAX_TEXT_LEN {
            let message = format!("has an NPY header of {len} bytes, more than {MAX_TEXT_LEN}");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        Ok(Self { text_start, dialect, data_offset: text_start + len })
    }
}

#[cold]
fn truncated(len: usize, needed: usize) -> Error {
    let message = format!("ends after {len} bytes; its NPY header has {needed}");
    Error::new(ErrorKind::Truncated, message)
}

/// Tells whether this is spaces, any number of them, and a newline.
fn is_padding(bytes: &[u8]) -> bool {
    const SPACES: [u8; HEADER_SIZE] = [b' '; HEADER_SIZE];
    match bytes.split_last() {
        Some((b'\n', spaces)) => {
            spaces.chunks(HEADER_SIZE).all(|chunk| chunk == &SPACES[..chunk.len()])
        }
        _ => false,
    }
}

/// For the fuzzer: what parses must say the same when it is written and read again.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_round_trip(bytes: &[u8]) {
    let Ok(header) = Header::parse(bytes) else { return };
    let start = &bytes[..PRELUDE.min(bytes.len())];
    assert_eq!(Header::len_of(start).unwrap(), header.data_offset);
    assert_eq!(header.dtype.to_string().parse::<Dtype>().unwrap(), header.dtype);
    assert_eq!(header.dtype.numpy_form(), header.dtype);
    let Ok(canonical) = Header::encode(&header.dtype, header.order, &header.shape) else {
        assert!(!header.is_canonical(bytes));
        return;
    };
    assert_eq!(header.is_canonical(bytes), bytes.starts_with(&canonical));
    let again = Header::parse(&canonical).unwrap();
    assert!(again.is_canonical(&canonical));
    assert_eq!(again, Header { data_offset: canonical.len(), ..header });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dtype::Field;
    use super::super::dtype::tests::any_dtype;
    use super::super::scalar::Scalar;
    use super::*;

    const F4: Dtype = Dtype::Scalar(Scalar::F32);

    /// A header of version 1.0, padded as `np.save` does it.
    fn npy(text: &str) -> Vec<u8> {
        padded(text, 64)
    }

    fn padded(text: &str, multiple: usize) -> Vec<u8> {
        let len = (TEXT_START + text.len() + 1).next_multiple_of(multiple) - TEXT_START;
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(len).unwrap().to_le_bytes());
        bytes.extend(text.chars().map(|c| u8::try_from(c).unwrap()));
        bytes.resize(TEXT_START + len - 1, b' ');
        bytes.push(b'\n');
        bytes
    }

    fn kind_of(bytes: &[u8]) -> ErrorKind {
        Header::parse(bytes).unwrap_err().kind()
    }

    #[test]
    fn the_text_is_the_one_np_save_writes() {
        let record = Dtype::Struct(vec![
            Field::new("x", Dtype::Scalar(Scalar::U8)),
            Field::padding(3),
            Field::new("pos", Dtype::Array(Box::new(Dtype::Array(Box::new(F4), 3)), 2)),
        ]);
        for (dtype, order, shape, text) in [
            (
                &F4,
                Order::C,
                &[3, 4][..],
                "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }",
            ),
            (&F4, Order::F, &[3, 4], "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }"),
            (&F4, Order::C, &[], "{'descr': '<f4', 'fortran_order': False, 'shape': (), }"),
            (&F4, Order::C, &[0], "{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }"),
            (
                &Dtype::Scalar(Scalar::Bf16),
                Order::C,
                &[3],
                "{'descr': '|V2', 'fortran_order': False, 'shape': (3,), }",
            ),
            (
                &record,
                Order::C,
                &[1],
                "{'descr': [('x', '|u1'), ('', '|V3'), ('pos', '<f4', (2, 3))], \
                 'fortran_order': False, 'shape': (1,), }",
            ),
        ] {
            let bytes = Header::encode(dtype, order, shape).unwrap();
            assert_eq!(bytes.len(), HEADER_SIZE);
            assert_eq!(&bytes[..TEXT_START], b"\x93NUMPY\x01\x00\xf6\x0f");
            assert_eq!(str::from_utf8(&bytes[TEXT_START..]).unwrap().trim_end(), text);
            assert_eq!(bytes.last(), Some(&b'\n'));
        }
    }

    #[test]
    fn what_np_save_writes_is_read() {
        for text in [
            "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }",
            "{\"shape\":(3,4),\"fortran_order\":True,'descr':'<f4'}",
            "{'fortran_order': True, 'shape': (3, 4,), 'descr': '<f4'}",
        ] {
            let bytes = npy(text);
            let data_offset = bytes.len();
            let expected = Header { dtype: F4, order: Order::F, shape: vec![3, 4], data_offset };
            assert_eq!(Header::parse(&bytes).unwrap(), expected, "{text}");
        }
        for descr in [
            "'<V2'",
            "[('é', '|b1')]",
            "[('a', ('<f4', (2,)), (3,))]",
            "[('a', [('x', '|u1'), ('y', '<f8')]), ('', '|V4'), ('b', '|V2', (3,))]",
        ] {
            let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (), }}");
            Header::parse(&npy(&text)).unwrap();
        }
    }

    #[test]
    fn what_old_and_foreign_writers_write_is_read() {
        let old = "{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 4L), }";
        for multiple in [1, 16] {
            let header = Header::parse(&padded(old, multiple)).unwrap();
            assert_eq!((header.dtype, header.shape), (F4, vec![3, 4]));
        }
        for (code, scalar) in
            [("<u1", Scalar::U8), (">i1", Scalar::I8), ("<b1", Scalar::Bool), ("|b1", Scalar::Bool)]
        {
            let text = format!("{{'descr': '{code}', 'fortran_order': False, 'shape': (), }}");
            let bytes = npy(&text);
            assert_eq!(Header::parse(&bytes).unwrap().dtype, Dtype::Scalar(scalar));
            assert!(code.parse::<Dtype>().is_err() || code.starts_with('|'));
        }
        let len = u32::try_from(old.len()).unwrap().to_le_bytes();
        let utf8 = [&b"\x93NUMPY\x03\x00"[..], &len, old.as_bytes()].concat();
        assert_eq!(kind_of(&utf8), ErrorKind::Corrupt, "no Python 2 wrote version 3.0");
    }

    #[test]
    fn headers_that_only_version_2_can_hold_are_read() {
        let field = |index: usize| Field::new(format!("a field with a long name {index:05}"), F4);
        let dtype = Dtype::Struct((0..2000).map(field).collect());
        let text = Text { dtype: &dtype, order: Order::C, shape: &[2] }.to_string() + "\n";
        assert!(text.len() > 0xffff);
        let len = u32::try_from(text.len()).unwrap().to_le_bytes();
        let bytes = [&b"\x93NUMPY\x02\x00"[..], &len, text.as_bytes()].concat();
        assert_eq!(Header::len_of(&bytes[..PRELUDE]).unwrap(), bytes.len());
        assert_eq!(Header::parse(&bytes).unwrap().dtype, dtype);
        check_round_trip(&bytes);
    }

    #[test]
    fn later_versions_are_read() {
        let text = "{'descr': [('é', '<f4')], 'fortran_order': False, 'shape': (), }\n";
        let latin1: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
        for (version, text) in [(2, latin1.as_slice()), (3, text.as_bytes())] {
            let len = u32::try_from(text.len()).unwrap().to_le_bytes();
            let bytes = [&b"\x93NUMPY"[..], &[version, 0], &len, text, b"data"].concat();
            let header = Header::parse(&bytes).unwrap();
            assert_eq!(header.dtype, Dtype::Struct(vec![Field::new("é", F4)]));
            assert_eq!(header.data_offset, bytes.len() - 4);
            assert!(!header.is_canonical(&bytes));
        }
        assert_eq!(kind_of(b"\x93NUMPY\x04\x00\x00\x00\x00\x00"), ErrorKind::UnsupportedVersion);
        assert_eq!(kind_of(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"), ErrorKind::Unsupported);
    }

    #[test]
    fn every_cut_is_noticed() {
        let bytes = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }");
        assert_eq!(kind_of(b""), ErrorKind::NotASegment);
        assert_eq!(kind_of(b"\x7fELF"), ErrorKind::NotASegment);
        for len in 1..bytes.len() {
            assert_eq!(kind_of(&bytes[..len]), ErrorKind::Truncated, "{len}");
        }
    }

    #[test]
    fn malformed_text_is_corrupt_and_says_where() {
        for text in [
            "",
            "{}",
            "{'descr': '<f4', 'fortran_order': False, }",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'more': (), }",
            "{'descr': '<f4', 'fortran_order': false, 'shape': (), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (03,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': [3], }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }}",
            "{'descr': <f4, 'fortran_order': False, 'shape': (3,), }",
            "{'descr': '<f4",
            "{'descr': [('a' '<f4')], 'fortran_order': False, 'shape': (3,), }",
        ] {
            let error = Header::parse(&npy(text)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}: {error}");
        }
        let error = Header::parse(&npy("{'descr': '<f4', 'shape': [3], }")).unwrap_err();
        let message = "has \"[3], }\" at byte 26 of its header text, where '(' belongs";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn what_segments_cannot_hold_is_told_from_what_is_broken() {
        let big = "{'descr': [('a', '>f4')], 'fortran_order': False, 'shape': (3,), }";
        assert_eq!(kind_of(&npy(big)), ErrorKind::ForeignByteOrder);
        for descr in [
            "'|O'",
            "'<U3'",
            "'<M8[s]'",
            "'<bf16'",
            "'|V0'",
            "('<f4', (2,))",
            "[(('t', 'n'), '<f4')]",
        ] {
            let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (3,), }}");
            assert_eq!(kind_of(&npy(&text)), ErrorKind::Unsupported, "{descr}");
        }
        for shape in [format!("({})", "1, ".repeat(33)), "(99999999999999999999,)".into()] {
            let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
            assert_eq!(kind_of(&npy(&text)), ErrorKind::Unsupported, "{shape}");
        }
    }

    #[test]
    fn long_headers_take_two_pages_and_longer_ones_are_refused() {
        let encode = |name_len| {
            let dtype = Dtype::Struct(vec![Field::new("n".repeat(name_len), F4)]);
            Header::encode(&dtype, Order::C, &[])
        };
        let header = encode(1).unwrap();
        let spaces = header.iter().rev().skip(1).take_while(|&&byte| byte == b' ').count();
        for (name_len, size) in [
            (1 + spaces, HEADER_SIZE),
            (2 + spaces, 2 * HEADER_SIZE),
            (1 + spaces + HEADER_SIZE, 2 * HEADER_SIZE),
        ] {
            let header = encode(name_len).unwrap();
            assert_eq!(header.len(), size);
            assert!(Header::parse(&header).unwrap().is_canonical(&header));
        }
        let error = encode(2 + spaces + HEADER_SIZE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }

    #[test]
    fn what_version_1_cannot_say_is_refused() {
        let kanji = Dtype::Struct(vec![Field::new("高", F4)]);
        let nested = Dtype::Array(Box::new(F4), 3);
        let many = [1; MAX_AXES + 1];
        for (dtype, shape) in
            [(&kanji, &[][..]), (&nested, &[]), (&F4, &many), (&Dtype::Void(0), &[])]
        {
            let error = Header::encode(dtype, Order::C, shape).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }

    #[test]
    fn one_changed_byte_is_not_canonical() {
        let bytes = Header::encode(&F4, Order::C, &[3, 4]).unwrap();
        let header = Header::parse(&bytes).unwrap();
        assert!(header.is_canonical(&bytes));
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            assert!(!header.is_canonical(&bytes), "{at}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_parsed(
            dtype in any_dtype(),
            order in prop::sample::select(&[Order::C, Order::F]),
            shape in prop::collection::vec(any::<usize>(), 0..=MAX_AXES),
        ) {
            if let Ok(bytes) = Header::encode(&dtype, order, &shape) {
                let header = Header::parse(&bytes)?;
                prop_assert!(header.is_canonical(&bytes));
                let data_offset = bytes.len();
                prop_assert_eq!(header, Header { dtype: dtype.numpy_form(), order, shape, data_offset });
            }
        }

        #[test]
        fn no_damage_makes_it_panic(
            dtype in any_dtype(),
            damage in prop::collection::vec((0_usize..200, any::<u8>()), 1..4),
        ) {
            let mut bytes = Header::encode(&dtype, Order::C, &[3, 4])?;
            damage.into_iter().for_each(|(at, byte)| bytes[at] = byte);
            check_round_trip(&bytes);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\{('(descr|shape|fortran_order)': [\\[('<f4|V2,)\\] True]{0,12}, ){0,4}\\}") {
            check_round_trip(&npy(&text));
        }
    }
}
