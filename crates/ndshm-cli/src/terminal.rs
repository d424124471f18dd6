//! What a terminal makes of text.

use unicode_width::UnicodeWidthChar;

/// Text in which nothing moves the cursor of a terminal, or hides or turns characters.
pub(crate) fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) { clean.extend(c.escape_default()) } else { clean.push(c) }
    }
    clean
}

/// The same for several lines, which stay lines.
pub(crate) fn printable_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

/// JSON that says the same, and in which a terminal finds nothing to obey either.
pub(crate) fn printable_json(json: &str) -> String {
    let mut clean = String::with_capacity(json.len());
    for c in json.chars() {
        // Everything but the ends of lines stands in strings.
        if c != '\n' && is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                clean.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            clean.push(c);
        }
    }
    clean
}

/// Whether a character is not seen. The standard library spells such characters out in `{:?}`:
/// those that control or format, in all their ranges, separators of lines, and what has no meaning
/// yet. A letter or mark that looks like nothing is not seen either.
fn is_hidden(c: char) -> bool {
    // Marks that combine with the letter before them are spelt out where there is none.
    let pair: String = ['a', c].into_iter().collect();
    let is_blank = matches!(
        c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}'
    );
    is_blank || !matches!(c, '"' | '\'' | '\\') && pair.escape_debug().nth(2).is_some()
}

/// A line, cut where a terminal of that width would break it. Colours take no room.
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

    /// Of the categories Cc and Cf, the separators of lines, and a letter that looks like nothing.
    const HIDDEN: &[char] = &[
        '\x00',
        '\x1b',
        '\x7f',
        '\u{80}',
        '\u{9b}',
        '\u{9f}',
        '\u{ad}',
        '\u{600}',
        '\u{61c}',
        '\u{6dd}',
        '\u{70f}',
        '\u{8e2}',
        '\u{180e}',
        '\u{200b}',
        '\u{200f}',
        '\u{2028}',
        '\u{202e}',
        '\u{2066}',
        '\u{feff}',
        '\u{fff9}',
        '\u{110bd}',
        '\u{1d173}',
        '\u{e0001}',
        '\u{e0041}',
    ];

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
        assert_eq!(printable("größe 日本 u\u{308} \"'\\"), "größe 日本 u\u{308} \"'\\");
        for hidden in HIDDEN {
            assert_eq!(printable(&hidden.to_string()), hidden.escape_default().to_string());
        }
    }

    #[test]
    fn json_means_the_same_without_them() {
        let text: String = HIDDEN.iter().collect();
        let json = serde_json::json!({ (text.as_str()): [text, "日本\n"] });
        let clean = printable_json(&format!("{json:#}"));
        assert!(!clean.chars().any(|c| c != '\n' && is_hidden(c)), "{clean}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&clean).unwrap(), json);
    }
}
