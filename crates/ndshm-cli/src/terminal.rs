//! What a terminal makes of text.

use unicode_width::UnicodeWidthChar;

/// Text that does to a terminal what it shows: nothing moves the cursor, or hides or turns characters.
pub(crate) fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        let is_hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if c.is_control() || is_hidden { clean.extend(c.escape_default()) } else { clean.push(c) }
    }
    clean
}

/// A line cut where a terminal of that width would break it; colours take no room.
pub(crate) fn cut(line: &str, width: usize) -> String {
    let (mut cut, mut room) = (String::with_capacity(line.len()), width);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            cut.push(c);
            for c in chars.by_ref() {
                cut.push(c);
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
            continue;
        }
        let wide = c.width().unwrap_or(0);
        if wide > room {
            // What is left out may have ended the colour.
            if line.contains('\x1b') {
                cut.push_str("\x1b[0m");
            }
            break;
        }
        room -= wide;
        cut.push(c);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_where_a_terminal_breaks_them() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "abc");
        assert_eq!(cut("\x1b[31mabcd\x1b[0m", 3), "\x1b[31mabc\x1b[0m");
        assert_eq!(cut("\x1b[31mabc\x1b[0m", 3), "\x1b[31mabc\x1b[0m");
        assert_eq!(cut("日本", 3), "日");
    }

    #[test]
    fn what_turns_or_hides_text_is_spelt_out() {
        assert_eq!(printable("a\u{202e}b\u{200b}\n"), "a\\u{202e}b\\u{200b}\\n");
        assert_eq!(printable("größe 日本"), "größe 日本");
    }
}
