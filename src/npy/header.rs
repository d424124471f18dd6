//! The NPY header: a magic number, a version, and the text of a Python dictionary.
//!
//! ```text
//! 0   "\x93NUMPY"
//! 6   version, major and minor
//! 8   length of the text, little-endian: u16 in 1.0, u32 in 2.0 and 3.0
//! 10  or 12: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, spaces, a newline
//! ```
//!
//! Segments carry one canonical form: what `np.save` writes, padded with spaces to a multiple of
//! [`HEADER_SIZE`]. Its version is 1.0 where that suffices, 2.0 where the text is too long, and 3.0
//! where it is not Latin-1. Source of the format: `numpy.lib.format`.

use std::fmt;

use super::UNIT;
use super::descr::{self, Dialect};
use super::dtype::Dtype;
use super::literal::{Flaw, Literal, Node, Value};
use super::prelude::{MAX_TEXT_LEN, Prelude, Version, truncated};
use super::swap::Swap;
use super::text::{Dictionary, MAX_AXES, excerpt};
use crate::error::{Error, ErrorKind, Result};

/// The length of a canonical header is a multiple of this many bytes.
pub(crate) const HEADER_SIZE: usize = UNIT;

/// This many spaces in a row are our padding. `np.save` pads to 64 bytes, and leaves room for a
/// longer shape of 21 digits.
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

/// The contents of a header, in NumPy's form, which has no [`bf16`](Dtype::numpy_form).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) dtype: Dtype,
    pub(crate) order: Order,
    pub(crate) shape: Vec<usize>,
    /// Length of the whole header in bytes. The payload begins there.
    pub(crate) data_offset: usize,
    /// The swap that turns the items in the file, any number of them, into little-endian ones.
    pub(crate) swap: Swap,
}

impl Header {
    /// Writes the canonical header, a multiple of [`HEADER_SIZE`] long.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the dtype's text is too long, if the dtype has no bytes or is an array
    /// (which must be [folded](Dtype::fold)), or if there are too many axes.
    pub(crate) fn encode(dtype: &Dtype, order: Order, shape: &[usize]) -> Result<Vec<u8>> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidArgument, message);
        if matches!(dtype, Dtype::Array(..)) {
            return Err(invalid(format!("elements of {dtype} must become axes of the array")));
        }
        if shape.len() > MAX_AXES {
            return Err(invalid(format!("{} axes asked for, {MAX_AXES} at most", shape.len())));
        }
        dtype.check()?;

        let text = Dictionary { dtype: &dtype.numpy_form(), order, shape }.to_string();
        let size = |version: Version, len: usize| {
            (version.text_start() + len + 1).next_multiple_of(HEADER_SIZE)
        };
        let is_latin1 = text.chars().all(|c| u8::try_from(c).is_ok());
        let fits_in_one = || size(Version::One, text.chars().count()) <= usize::from(u16::MAX) + 1;
        let version = match is_latin1 {
            true if fits_in_one() => Version::One,
            true => Version::Two,
            false => Version::Three,
        };
        let text = version.encode(&text);
        let size = size(version, text.len());
        if size > MAX_TEXT_LEN {
            return Err(invalid(format!(
                "the dtype takes {} bytes of header, of {MAX_TEXT_LEN} at most: use fewer fields",
                text.len()
            )));
        }

        let mut bytes = version.prelude(size);
        bytes.extend(text);
        bytes.resize(size - 1, b' ');
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Returns the length of the header that begins with `start`. `start` has
    /// [`PRELUDE`](super::PRELUDE) bytes or more, unless the file is shorter.
    ///
    /// # Errors
    ///
    /// The first three of [`parse`](Self::parse), and `Unsupported` for text longer than any that
    /// is read.
    pub(crate) fn len_of(start: &[u8]) -> Result<usize> {
        Ok(Prelude::of(start)?.data_offset)
    }

    /// Reads the header at the beginning of `bytes`, in any version.
    ///
    /// # Errors
    ///
    /// - `NotASegment`: this is not NPY.
    /// - `UnsupportedVersion`: its version does not exist yet.
    /// - `Truncated`: the bytes end before the header does.
    /// - `Corrupt`: the text is not that of a header, and NumPy refuses it as well.
    /// - `Unsupported`: the header is sound, but no segment can hold its elements or axes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let Prelude { version, data_offset } = Prelude::of(bytes)?;
        let text = bytes
            .get(version.text_start()..data_offset)
            .ok_or_else(|| truncated(bytes.len(), data_offset))?;
        let text = version.decode(text)?;
        let literal = Literal::read(&text, version.writer()).map_err(|flaw| match flaw {
            Flaw::Broken { at, wanted } => {
                let found = excerpt(&text[at..]);
                // In Latin-1, each character is one byte of the file.
                let at = if version == Version::Three { at } else { text[..at].chars().count() };
                Error::new(
                    ErrorKind::Corrupt,
                    format!("has {found} at byte {at} of its header text, where {wanted} belongs"),
                )
            }
            Flaw::Strange(what) => unsupported(what),
        })?;
        let Some(Entries { descr, order, shape }) = Entries::of(literal.value()) else {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "has a header text that is no dictionary of 'descr', 'fortran_order', which is True or \
                 False, and 'shape', which is a tuple",
            ));
        };
        let mut shape = descr::axes(shape).map_err(unsupported)?;
        let described = Dialect::NumPy.read(descr).map_err(unsupported)?;
        if let Some(fault) = described.dtype.fault() {
            return Err(Error::new(ErrorKind::Unsupported, fault));
        }
        let (dtype, axes) = described.dtype.fold();
        if order == Order::F && !axes.is_empty() {
            return Err(unsupported("elements that are arrays, in Fortran order"));
        }
        shape.extend(axes);
        if shape.len() > MAX_AXES {
            return Err(unsupported(format!("more than {MAX_AXES} axes")));
        }
        let swap = described.swap.each(dtype.item_size());
        Ok(Self { dtype, order, shape, data_offset, swap })
    }

    /// Fails with `ForeignByteOrder` unless the items have memory's byte order, so that they can be
    /// used in place.
    pub(crate) fn check_in_place(&self) -> Result<()> {
        if self.swap.is_nothing() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::ForeignByteOrder,
            format!(
                "holds big-endian elements, which can be copied and not used in place: convert them to \
                 {}, in NumPy with a.astype(a.dtype.newbyteorder('<'))",
                excerpt(&self.dtype.to_string())
            ),
        ))
    }

    /// Returns whether `bytes` begin as only segments do, sound or not: with a header of a
    /// segment's size that is mostly spaces. `np.save` never writes a hundred spaces in a row.
    pub(crate) fn is_as_padded_for_segments(bytes: &[u8]) -> bool {
        Prelude::of(bytes).is_ok_and(|Prelude { data_offset, .. }| {
            let header = &bytes[..data_offset.min(bytes.len())];
            data_offset.is_multiple_of(HEADER_SIZE)
                && header.split(|&byte| byte != b' ').any(|spaces| spaces.len() >= TELLING_SPACES)
        })
    }

    /// Returns whether `bytes` begin with what [`Header::encode`] writes for the same contents.
    pub(crate) fn is_canonical(&self, bytes: &[u8]) -> bool {
        self.data_offset.is_multiple_of(HEADER_SIZE)
            && self.swap.is_nothing()
            && Self::encode(&self.dtype, self.order, &self.shape)
                .is_ok_and(|canonical| bytes.starts_with(&canonical))
    }
}

/// The error for text that NumPy understands and this crate does not.
#[cold]
fn unsupported(what: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Unsupported, format!("holds {what}"))
}

/// The entries of the dictionary.
struct Entries<'t> {
    descr: Value<'t>,
    order: Order,
    shape: Value<'t>,
}

impl<'t> Entries<'t> {
    /// Splits a dictionary of these keys. If a key comes twice, the last value counts, as in
    /// Python.
    fn of(dictionary: Value<'t>) -> Option<Self> {
        if !matches!(dictionary.node(), Node::Dict(_)) {
            return None;
        }
        let (mut descr, mut order, mut shape) = (None, None, None);
        let mut items = dictionary.items();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            match key.text()? {
                "descr" => descr = Some(value),
                "fortran_order" => order = Some(value),
                "shape" => shape = Some(value),
                _ => return None,
            }
        }
        let order = match order?.node() {
            Node::Truth(false) => Order::C,
            Node::Truth(true) => Order::F,
            _ => return None,
        };
        let shape = shape.filter(|shape| matches!(shape.node(), Node::Tuple(_)))?;
        Some(Self { descr: descr?, order, shape })
    }
}

/// For the fuzzer: a header that parses must have the same contents when it is written and read
/// again.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_round_trip(bytes: &[u8]) {
    let Ok(header) = Header::parse(bytes) else { return };
    let start = &bytes[..super::PRELUDE.min(bytes.len())];
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
    assert_eq!(again, Header { data_offset: canonical.len(), swap: Swap::Nothing, ..header });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::PRELUDE;
    use super::super::dtype::Field;
    use super::super::dtype::tests::any_dtype;
    use super::super::scalar::Scalar;
    use super::*;

    const F4: Dtype = Dtype::Scalar(Scalar::F32);
    const TEXT_START: usize = Version::One.text_start();

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
            let expected = Header {
                dtype: F4,
                order: Order::F,
                shape: vec![3, 4],
                data_offset,
                swap: Swap::Nothing,
            };
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
    fn what_old_writers_and_people_write_is_read() {
        let old = "{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 4L), }";
        for multiple in [1, 16] {
            let header = Header::parse(&padded(old, multiple)).unwrap();
            assert_eq!((header.dtype, header.shape), (F4, vec![3, 4]));
        }
        let len = u32::try_from(old.len()).unwrap().to_le_bytes();
        let utf8 = [&b"\x93NUMPY\x03\x00"[..], &len, old.as_bytes()].concat();
        assert_eq!(kind_of(&utf8), ErrorKind::Corrupt, "no Python 2 wrote version 3.0");

        for text in [
            "{'descr':\t'<f4',\n'fortran_order':\tFalse,\n'shape':\t(3, 4)}",
            "\n{u'descr': u'<f' '4', u'fortran_order': (False), u'shape': ((3), 4,)} # a comment",
            "{'descr': '=f4', 'descr': 'float32', 'fortran_order': False, 'shape': (0x3, 4)}\n\n",
            "{'\\x64escr': ('f4', ()), 'fortran_order': False, \\\n'shape': (3, 4)}\n",
        ] {
            let len = u16::try_from(text.len()).unwrap().to_le_bytes();
            let bytes = [&b"\x93NUMPY\x01\x00"[..], &len, text.as_bytes(), b"data"].concat();
            let header = Header::parse(&bytes).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((header.dtype, header.shape), (F4, vec![3, 4]), "{text}");
            assert_eq!(header.data_offset, bytes.len() - 4);
        }
    }

    #[test]
    fn elements_that_are_arrays_are_axes_at_the_end() {
        let file = |descr: &str, order: &str| {
            let text = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': (6,), }}");
            Header::parse(&npy(&text))
        };
        let header = file("('>f4', (2, 3))", "False").unwrap();
        assert_eq!((header.dtype, header.shape), (F4, vec![6, 2, 3]));
        assert_eq!(header.swap, Swap::Numbers(4));
        let columns = file("('<f4', (2,))", "True").unwrap_err();
        assert_eq!(columns.kind(), ErrorKind::Unsupported);
        let axes = "1, ".repeat(MAX_AXES);
        assert_eq!(
            file(&format!("('<f4', ({axes}))"), "False").unwrap_err().kind(),
            ErrorKind::Unsupported
        );
    }

    #[test]
    fn big_endian_elements_are_read_and_not_used_in_place() {
        for (descr, dtype) in [
            ("'>f4'", "<f4"),
            ("[('a', '|u1'), ('b', '>M8[s]')]", "[('a', '|u1'), ('b', '<M8[s]')]"),
        ] {
            let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (3,), }}");
            let header = Header::parse(&npy(&text)).unwrap();
            assert_eq!(header.dtype.to_string(), dtype);
            assert!(!header.swap.is_nothing());
            let error = header.check_in_place().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ForeignByteOrder);
            assert!(error.to_string().contains("newbyteorder"), "{error}");
        }
        let little = Header::parse(&npy("{'descr': '>u1', 'fortran_order': False, 'shape': (), }"));
        little.unwrap().check_in_place().unwrap();
    }

    #[test]
    fn headers_that_only_version_2_can_hold_are_read() {
        let field = |index: usize| Field::new(format!("a field with a long name {index:05}"), F4);
        let dtype = Dtype::Struct((0..2000).map(field).collect());
        let text = Dictionary { dtype: &dtype, order: Order::C, shape: &[2] }.to_string() + "\n";
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
            "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'more': (), }",
            "{'descr': '<f4', 'fortran_order': false, 'shape': (), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (03,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': [3], }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }}",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (3,), }",
            "['descr', '<f4', 'fortran_order', False, 'shape', (3,)]",
            "{'descr': <f4, 'fortran_order': False, 'shape': (3,), }",
            "{'descr': '<f4",
            "{'descr': [('a' 5)], 'fortran_order': False, 'shape': (3,), }",
        ] {
            let error = Header::parse(&npy(text)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}: {error}");
        }
        let error = Header::parse(&npy("{'é': '<f4', 'shape': [3 4], }")).unwrap_err();
        let message =
            "has \"4], }\" at byte 25 of its header text, where ',' or a closing bracket belongs";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn what_segments_cannot_hold_is_told_from_what_is_broken() {
        for descr in [
            "'|O'",
            "'<f16'",
            "'<bf16'",
            "'|V0'",
            "'|S0'",
            "('<f4', (0,))",
            "[('', '<f4')]",
            "[('a\\n', '<f4')]",
            "[('a', '<f4'), ('a', '<f4')]",
            "{'names': ['a'], 'formats': ['<f4']}",
            "None",
            "1.5",
            "'\\N{DIGIT ONE}'",
        ] {
            let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (3,), }}");
            assert_eq!(kind_of(&npy(&text)), ErrorKind::Unsupported, "{descr}");
        }
        let many = format!("({})", "1, ".repeat(33));
        for shape in [&many, "(99999999999999999999,)", "(-3,)", "(True,)", "(1.5,)"] {
            let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
            assert_eq!(kind_of(&npy(&text)), ErrorKind::Unsupported, "{shape}");
        }
    }

    #[test]
    fn a_header_is_as_many_pages_as_its_text_takes_and_of_the_least_version_that_can_say_it() {
        let encode = |first: char, name_len| {
            let name = first.to_string() + &"n".repeat(name_len);
            Header::encode(&Dtype::Struct(vec![Field::new(name, F4)]), Order::C, &[])
        };
        let header = encode('n', 0).unwrap();
        let spaces = header.iter().rev().skip(1).take_while(|&&byte| byte == b' ').count();
        for (name_len, pages, version) in [
            (spaces, 1, 1),
            (spaces + 1, 2, 1),
            (spaces + HEADER_SIZE + 1, 3, 1),
            (spaces + 15 * HEADER_SIZE, 16, 1),
            (spaces + 15 * HEADER_SIZE + 1, 17, 2),
        ] {
            let header = encode('n', name_len).unwrap();
            assert_eq!((header.len(), header[6]), (pages * HEADER_SIZE, version));
            let read = Header::parse(&header).unwrap();
            assert!(read.is_canonical(&header));
            assert_eq!(read.data_offset, header.len());
        }
        for name_len in [0, 2 * HEADER_SIZE] {
            let header = encode('Δ', name_len).unwrap();
            assert_eq!((header[6], header.len() % HEADER_SIZE), (3, 0));
            assert!(Header::parse(&header).unwrap().is_canonical(&header));
        }
        assert!(encode('n', MAX_TEXT_LEN - 200).is_ok());
        let error = encode('n', MAX_TEXT_LEN).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains("use fewer fields"), "{error}");
    }

    #[test]
    fn what_no_version_can_say_is_refused() {
        let nested = Dtype::Array(Box::new(F4), 3);
        let many = [1; MAX_AXES + 1];
        for (dtype, shape) in [(&nested, &[][..]), (&F4, &many), (&Dtype::Void(0), &[])] {
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
                let (dtype, swap) = (dtype.numpy_form(), Swap::Nothing);
                prop_assert_eq!(header, Header { dtype, order, shape, data_offset, swap });
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
        fn no_text_makes_it_panic(text in "\\{('(descr|shape|fortran_order)': [\\[('<>f4|V2SUM,)\\] True]{0,12}, ){0,4}\\}") {
            check_round_trip(&npy(&text));
        }
    }
}
