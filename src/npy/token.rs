//! The tokens of Python: strings, numbers, and the space between them.

use std::borrow::Cow;

use super::literal::{Flaw, Node, Writer};

type Result<T> = std::result::Result<T, Flaw>;

/// A place in a text.
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) writer: Writer,
}

impl<'a> Cursor<'a> {
    /// The letters, digits and underscores that come next.
    pub(super) fn name(&self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.bytes().position(|byte| byte != b'_' && !byte.is_ascii_alphanumeric());
        &rest[..end.unwrap_or(rest.len())]
    }

    /// Reads the byte if it comes next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Skips space and comments between literals, and returns the byte after them.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at)? {
                // A segment's header ends with thousands of spaces.
                b' ' if bytes[self.at..].starts_with(&[b' '; 64]) => self.at += 64,
                b' ' | b'\t' | b'\x0c' | b'\n' | b'\r' => self.at += 1,
                b'\\' if bytes[self.at + 1..].starts_with(b"\n") => self.at += 2,
                b'\\' if bytes[self.at + 1..].starts_with(b"\r\n") => self.at += 3,
                b'#' => {
                    let line = bytes[self.at..].iter().position(|&byte| byte == b'\n');
                    self.at = line.map_or(bytes.len(), |line| self.at + line);
                }
                &byte => return Some(byte),
            }
        }
    }

    pub(super) fn broken(&self, wanted: &'static str) -> Flaw {
        Flaw::Broken { at: self.at, wanted }
    }

    /// An integer, or a number of another kind.
    pub(super) fn number(&mut self) -> Result<Node<'a>> {
        if self.text[self.at..].starts_with("...") {
            self.at += 3;
            return Ok(Node::Other("an ellipsis"));
        }
        let negative = match self.peek() {
            Some(sign @ (b'+' | b'-')) => {
                self.at += 1;
                self.peek();
                sign == b'-'
            }
            _ => false,
        };
        let start = self.at;
        let word = self.name();
        self.at += word.len();
        let is_decimal = word.starts_with(|c: char| c.is_ascii_digit()) || word.is_empty();
        if is_decimal && matches!(self.text.as_bytes().get(self.at), Some(b'.')) {
            self.at += 1;
            self.at += self.name().len();
            self.exponent();
            return self.no_integer(start);
        }
        let radix = match word.get(..2) {
            Some("0x" | "0X") => 16,
            Some("0o" | "0O") => 8,
            Some("0b" | "0B") => 2,
            _ => 10,
        };
        let digits = if radix == 10 { word } else { &word[2..] };
        // The letters that end a number of another kind, and the one that Python 2 wrote after long
        // integers.
        if radix == 10 && digits.contains(['e', 'E', 'j', 'J']) {
            self.exponent();
            return self.no_integer(start);
        }
        let digits = match digits.strip_suffix('L') {
            Some(digits) if self.writer == Writer::Python2 => digits,
            _ => digits,
        };
        let Some(number) = integer(digits, radix) else {
            self.at = start;
            return Err(self.broken("a number"));
        };
        if self.writer == Writer::Python2 && self.peek() == Some(b'L') && self.name() == "L" {
            self.at += 1;
        }
        Ok(if negative && number != Some(0) {
            Node::Other("a negative number")
        } else {
            Node::Number(number)
        })
    }

    /// The rest of a power of ten whose sign comes next.
    fn exponent(&mut self) {
        let before = &self.text.as_bytes()[..self.at];
        if matches!(before.last(), Some(b'e' | b'E')) && matches!(self.peek(), Some(b'+' | b'-')) {
            self.at += 1;
            self.at += self.name().len();
        }
    }

    /// A float or a complex number. No header has one, so its digits do not matter.
    fn no_integer(&mut self, start: usize) -> Result<Node<'a>> {
        if !self.text[start..self.at].contains(|c: char| c.is_ascii_digit()) {
            self.at = start;
            return Err(self.broken("a value"));
        }
        Ok(Node::Other("a number that is no integer"))
    }

    /// Strings in a row, which form one string.
    pub(super) fn string(&mut self) -> Result<Node<'a>> {
        let mut whole: Option<Cow<'a, str>> = None;
        let mut is_text = true;
        while let (Some(_), Some(start)) = (self.peek(), self.quote()) {
            let prefix = &self.text[self.at..start];
            is_text &= !prefix.contains(['b', 'B']);
            let is_raw = prefix.contains(['r', 'R']);
            self.at = start;
            let part = self.quoted(is_raw)?;
            whole = Some(match whole {
                None => part,
                Some(before) => Cow::Owned(before.into_owned() + &part),
            });
        }
        Ok(match whole {
            Some(text) if is_text => Node::Text(text),
            _ => Node::Other("a string of bytes"),
        })
    }

    /// The place of the quote that comes next, with or without a prefix before it.
    pub(super) fn quote(&self) -> Option<usize> {
        let rest = &self.text.as_bytes()[self.at..];
        let prefix = rest.iter().take(2).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let known = matches!(
            rest[..prefix],
            [] | [b'u' | b'U' | b'r' | b'R' | b'b' | b'B']
                | [b'b' | b'B', b'r' | b'R']
                | [b'r' | b'R', b'b' | b'B']
        );
        (known && matches!(rest.get(prefix), Some(b'\'' | b'"'))).then_some(self.at + prefix)
    }

    /// The text between the quotes, the first of which comes next.
    fn quoted(&mut self, is_raw: bool) -> Result<Cow<'a, str>> {
        let bytes = self.text.as_bytes();
        let quote = bytes[self.at];
        let is_triple = bytes[self.at..].starts_with(&[quote; 3]);
        let start = self.at;
        self.at += if is_triple { 3 } else { 1 };
        let mut whole = Cow::Borrowed("");
        loop {
            let rest = &bytes[self.at..];
            let plain = rest.iter().position(|&byte| matches!(byte, b'\'' | b'"' | b'\\' | b'\n'));
            let Some(plain) = plain else {
                self.at = start;
                return Err(self.broken("a string with an end"));
            };
            append(&mut whole, &self.text[self.at..self.at + plain]);
            self.at += plain;
            match bytes[self.at] {
                b'\\' if is_raw => {
                    // The backslash stays, and so does the character after it, which ends nothing.
                    let after = self.text[self.at + 1..].chars().next().map_or(0, char::len_utf8);
                    append(&mut whole, &self.text[self.at..self.at + 1 + after]);
                    self.at += 1 + after;
                }
                b'\\' => self.escape(whole.to_mut())?,
                b'\n' if !is_triple => {
                    self.at = start;
                    return Err(self.broken("a string with an end"));
                }
                byte if byte == quote && !is_triple => {
                    self.at += 1;
                    return Ok(whole);
                }
                byte if byte == quote && bytes[self.at..].starts_with(&[quote; 3]) => {
                    self.at += 3;
                    return Ok(whole);
                }
                _ => {
                    append(&mut whole, &self.text[self.at..=self.at]);
                    self.at += 1;
                }
            }
        }
    }

    /// Reads an escape, whose backslash comes next.
    fn escape(&mut self, whole: &mut String) -> Result<()> {
        let rest = &self.text[self.at + 1..];
        let Some(letter) = rest.chars().next() else {
            return Err(self.broken("a string with an end"));
        };
        let plain = match letter {
            '\n' => None,
            '\\' | '\'' | '"' => Some(letter),
            'a' => Some('\x07'),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            'x' => return self.code(whole, 2, 2, 16),
            'u' => return self.code(whole, 2, 4, 16),
            'U' => return self.code(whole, 2, 8, 16),
            '0'..='7' => {
                let digits = rest.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7'));
                return self.code(whole, 1, digits.count(), 8);
            }
            'N' => return Err(Flaw::Strange("a character that is told by its name".into())),
            _ => {
                whole.push('\\');
                Some(letter)
            }
        };
        whole.extend(plain);
        self.at += 1 + letter.len_utf8();
        Ok(())
    }

    /// Reads a character named by `digits` digits, which begin `skip` bytes behind the backslash.
    fn code(&mut self, whole: &mut String, skip: usize, digits: usize, radix: u32) -> Result<()> {
        let start = self.at + skip;
        let text = self.text.get(start..start + digits);
        let code = text
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|text| u32::from_str_radix(text, radix).ok());
        match code {
            None => Err(self.broken("an escape with all its digits")),
            Some(code) => match char::from_u32(code) {
                Some(character) => {
                    whole.push(character);
                    self.at = start + digits;
                    Ok(())
                }
                None => Err(Flaw::Strange("half of a surrogate pair".into())),
            },
        }
    }
}

/// Appends to a text, which is copied only if it was not empty.
fn append<'a>(whole: &mut Cow<'a, str>, part: &'a str) {
    if whole.is_empty() {
        *whole = Cow::Borrowed(part);
    } else if !part.is_empty() {
        whole.to_mut().push_str(part);
    }
}

/// The number that these digits spell, if they are digits. The inner `None` means that it is larger
/// than any length.
fn integer(digits: &str, radix: u32) -> Option<Option<usize>> {
    let bytes = digits.as_bytes();
    let apart = if radix == 10 { bytes } else { bytes.strip_prefix(b"_").unwrap_or(bytes) };
    let (&first, rest) = apart.split_first()?;
    let (_, is_sound) = rest.iter().fold((first, first != b'_'), |(last, sound), &byte| {
        (byte, sound && (last != b'_' || byte != b'_'))
    });
    let zeros =
        radix == 10 && first == b'0' && apart.iter().any(|byte| matches!(byte, b'1'..=b'9'));
    if !is_sound || zeros || apart.ends_with(b"_") {
        return None;
    }
    let mut number = Some(0_usize);
    for &byte in apart.iter().filter(|&&byte| byte != b'_') {
        let digit = usize::try_from(char::from(byte).to_digit(radix)?).ok()?;
        let shifted = number.and_then(|number| number.checked_mul(usize::try_from(radix).ok()?));
        number = shifted.and_then(|number| number.checked_add(digit));
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::super::literal::Literal;
    use super::*;

    fn text(text: &str) -> String {
        let literal = Literal::read(text, Writer::Python3);
        literal.unwrap_or_else(|flaw| panic!("{text}: {flaw:?}")).value().text().unwrap().to_owned()
    }

    fn number(text: &str) -> Node<'_> {
        let mut cursor = Cursor { text, at: 0, writer: Writer::Python3 };
        let node = cursor.number().unwrap_or_else(|flaw| panic!("{text}: {flaw:?}"));
        assert_eq!(cursor.peek(), None, "{text}");
        node
    }

    #[test]
    fn strings_are_read_as_python_reads_them() {
        for (literal, expected) in [
            (r"'a'", "a"),
            (r#""it's""#, "it's"),
            (r"u'a'", "a"),
            (r"'a' U'b' R'\n'", r"ab\n"),
            ("'a'\n  # more\n'b'", "ab"),
            (r"'\x41\u0394\U00000042\101\0'", "A\u{394}BA\0"),
            (r"'\t\\\'\q'", "\t\\'\\q"),
            ("'one\\\ntwo'", "onetwo"),
            ("'''it's\n''two'''", "it's\n''two"),
            (r"r'\''", r"\'"),
            (r"''", ""),
            ("\"\"\"\"x\"\"\"", "\"x"),
            ("'Δ'", "Δ"),
        ] {
            assert_eq!(text(literal), expected, "{literal}");
        }
    }

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        for (literal, expected) in [
            ("0", 0),
            ("1_000", 1000),
            ("0x1F", 31),
            ("0o17", 15),
            ("0b_11", 3),
            ("00", 0),
            ("+ 3", 3),
        ] {
            assert_eq!(number(literal), Node::Number(Some(expected)), "{literal}");
        }
        assert_eq!(number("99999999999999999999999"), Node::Number(None));
        for literal in ["-3", "1.", ".5", "1e3", "1E-3", "1.5e+3", "3j", "0.5J"] {
            assert!(matches!(number(literal), Node::Other(_)), "{literal}");
        }
        for literal in ["10L", "10 L", "0xaL"] {
            let read = Literal::read(literal, Writer::Python2).unwrap();
            assert_eq!(*read.value().node(), Node::Number(Some(10)));
            assert!(Literal::read(literal, Writer::Python3).is_err());
        }
    }
}
