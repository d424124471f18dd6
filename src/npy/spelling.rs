//! Dtypes spelled as one word, as `np.save` writes them and as people do.

use super::dtype::Dtype;
use super::scalar::Scalar;
use super::swap::Swap;
use super::time::TimeUnit;

/// The meaning of a word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spelled {
    pub(super) dtype: Dtype,
    /// The swap that turns the numbers that the word means into little-endian ones.
    pub(super) swap: Swap,
}

/// Reads a word. Returns `None` for a dtype that this crate does not know, or whose width differs
/// between machines.
pub(super) fn read(word: &str) -> Option<Spelled> {
    let (order, code) = match word.as_bytes().first() {
        Some(order @ (b'<' | b'>' | b'=' | b'|')) => (Some(order), &word[1..]),
        _ => (None, word),
    };
    let dtype = match scalar(code).or_else(|| order.map_or_else(|| named(code), |_| None)) {
        Some(scalar) => Dtype::Scalar(scalar),
        None => sized(code)?,
    };
    let swap = if order == Some(&b'>') { swapped(&dtype) } else { Swap::Nothing };
    Some(Spelled { dtype, swap })
}

/// Returns the reason why a word is refused.
pub(super) fn refusal(word: &str) -> String {
    let code = word.trim_start_matches(['<', '>', '=', '|']);
    match code {
        "O" | "O8" | "O4" | "object" | "T" => {
            "Python objects, which mean nothing in another process: convert them to a dtype of \
             fixed size"
                .into()
        }
        "g" | "G" | "f12" | "f16" | "c24" | "c32" | "longdouble" | "clongdouble" | "float96"
        | "float128" | "complex192" | "complex256" => format!(
            "elements of dtype {}, which differs between machines: convert them to <f8 or <c16",
            quoted(word)
        ),
        _ => format!(
            "elements of dtype {}, which np.save does not write so: save the array anew, with \
             np.save(path, np.load(path))",
            quoted(word)
        ),
    }
}

/// An untrusted word, for a message.
fn quoted(word: &str) -> String {
    let start: String = word.chars().take(24).collect();
    format!("{start:?}")
}

/// Codes that go with any byte order.
fn scalar(code: &str) -> Option<Scalar> {
    Some(match code {
        "?" | "b1" => Scalar::Bool,
        "b" | "i1" => Scalar::I8,
        "h" | "i2" => Scalar::I16,
        "i" | "i4" => Scalar::I32,
        "q" | "i8" => Scalar::I64,
        "B" | "u1" => Scalar::U8,
        "H" | "u2" => Scalar::U16,
        "I" | "u4" => Scalar::U32,
        "Q" | "u8" => Scalar::U64,
        "e" | "f2" => Scalar::F16,
        "f" | "f4" => Scalar::F32,
        "d" | "f8" => Scalar::F64,
        "F" | "c8" => Scalar::Complex64,
        "D" | "c16" => Scalar::Complex128,
        _ => return None,
    })
}

/// Names, which go with no byte order.
fn named(name: &str) -> Option<Scalar> {
    Some(match name {
        "bool" | "bool_" => Scalar::Bool,
        "int8" | "byte" => Scalar::I8,
        "int16" | "short" => Scalar::I16,
        "int32" | "intc" => Scalar::I32,
        "int64" | "longlong" => Scalar::I64,
        "uint8" | "ubyte" => Scalar::U8,
        "uint16" | "ushort" => Scalar::U16,
        "uint32" | "uintc" => Scalar::U32,
        "uint64" | "ulonglong" => Scalar::U64,
        "float16" | "half" => Scalar::F16,
        "float32" | "single" => Scalar::F32,
        "float64" | "double" | "float" => Scalar::F64,
        "complex64" | "csingle" => Scalar::Complex64,
        "complex128" | "cdouble" | "complex" => Scalar::Complex128,
        _ => return None,
    })
}

/// Codes of dtypes that come in many sizes, or with a unit.
fn sized(code: &str) -> Option<Dtype> {
    let after = |prefixes: [&str; 2]| prefixes.into_iter().find_map(|p| code.strip_prefix(p));
    if let Some(unit) = after(["M8", "datetime64"]) {
        return TimeUnit::in_brackets(unit).map(Dtype::Datetime);
    }
    if let Some(unit) = after(["m8", "timedelta64"]) {
        return TimeUnit::in_brackets(unit).map(Dtype::Timedelta);
    }
    let size = |digits| if matches!(digits, "") { Some(0) } else { decimal(digits) };
    match code {
        "M" => return Some(Dtype::Datetime(TimeUnit::GENERIC)),
        "m" => return Some(Dtype::Timedelta(TimeUnit::GENERIC)),
        "c" => return Some(Dtype::Bytes(1)),
        _ => {}
    }
    match code.split_at_checked(1)? {
        ("S" | "a", digits) => size(digits).map(Dtype::Bytes),
        ("U", digits) => size(digits).map(Dtype::Text),
        ("V", digits) => size(digits).map(Dtype::Void),
        _ => None,
    }
}

/// The swap that turns big-endian items into little-endian ones.
fn swapped(dtype: &Dtype) -> Swap {
    let width = match dtype {
        Dtype::Scalar(scalar) => scalar.alignment(),
        Dtype::Datetime(_) | Dtype::Timedelta(_) => 8,
        Dtype::Text(_) => 4,
        _ => 1,
    };
    if width > 1 { Swap::Numbers(width) } else { Swap::Nothing }
}

/// A number as NumPy writes it, without sign or leading zeros.
pub(super) fn decimal(digits: &str) -> Option<usize> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let has_zeros = digits.len() > 1 && digits.starts_with('0');
    if is_plain && !has_zeros { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_dtype_are_that_dtype() {
        for (words, dtype) in [
            (&["f4", "<f4", "=f4", "|f4", "f", "<f", "float32", "single"][..], "<f4"),
            (&["?", "|b1", "<b1", ">b1", "bool", "|?"], "|b1"),
            (&["<u1", ">u1", "B", "uint8"], "|u1"),
            (&["<d", "float64", "float", "=d"], "<f8"),
            (&["D", "c16", "complex128"], "<c16"),
            (&["S5", "<S5", ">S5", "|S5", "a5"], "|S5"),
            (&["c", "S1"], "|S1"),
            (&["U5", "=U5", "<U5"], "<U5"),
            (&["V5", "<V5", ">V5"], "|V5"),
            (&["M8[25s]", "datetime64[25s]", "=M8[25s]", "<datetime64[25s]"], "<M8[25s]"),
            (&["m8", "m", "timedelta64", "m8[generic]"], "<m8"),
            (&["M8[1us]", "M8[μs]"], "<M8[us]"),
        ] {
            for word in words {
                let read = read(word).unwrap_or_else(|| panic!("{word} is not read"));
                assert_eq!((read.dtype.to_string().as_str(), read.swap), (dtype, Swap::Nothing));
            }
        }
        for (word, width) in [
            (">f4", 4),
            (">i2", 2),
            (">c16", 8),
            (">c8", 4),
            (">U3", 4),
            (">M8[s]", 8),
            (">m8", 8),
            (">d", 8),
        ] {
            assert_eq!(read(word).unwrap().swap, Swap::Numbers(width), "{word}");
        }
    }

    #[test]
    fn other_words_are_told_why_they_are_not_read() {
        for (word, why) in [
            ("|O", "objects"),
            ("<f16", "differs between machines"),
            ("l", "save the array anew"),
            ("i4,f4", "save the array anew"),
            ("U05", "save the array anew"),
            ("<float32", "save the array anew"),
            ("M8[0s]", "save the array anew"),
            ("M8[", "save the array anew"),
            ("<bf16", "save the array anew"),
            ("é", "save the array anew"),
            ("", "save the array anew"),
        ] {
            assert_eq!(read(word), None, "{word}");
            assert!(refusal(word).contains(why), "{word}: {}", refusal(word));
        }
    }
}
