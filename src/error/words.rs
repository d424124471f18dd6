//! How messages show numbers, ranges and text.

use std::fmt::{self, Write};
use std::ops::{Bound, RangeBounds};

/// Shows a number of bytes as people write it: `24.9 MB (24,900,000 bytes)`.
pub(crate) struct Size(u64);

/// Shows a number of bytes as people write it, and exactly.
pub(crate) fn size(bytes: impl TryInto<u64>) -> Size {
    // No file is larger.
    Size(bytes.try_into().unwrap_or(u64::MAX))
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
        let Self(bytes) = *self;
        if bytes < 1000 {
            return write!(f, "{bytes} {}", if bytes == 1 { "byte" } else { "bytes" });
        }
        // Tenths of the unit, rounded. So 999,999 is 1.0 MB.
        let (mut scale, mut unit) = (1000_u128, 0);
        let tenths = |scale: u128| (u128::from(bytes) * 10 + scale / 2) / scale;
        while tenths(scale) >= 10_000 {
            (scale, unit) = (scale * 1000, unit + 1);
        }
        let (whole, tenth) = (tenths(scale) / 10, tenths(scale) % 10);
        write!(f, "{whole}.{tenth} {} ({} bytes)", UNITS[unit], Grouped(bytes))
    }
}

/// A number with a comma before every three digits.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// Shows a range as Rust spells it: `60..=70`.
pub(crate) struct Spelt<R>(pub(crate) R);

impl<R: RangeBounds<usize>> fmt::Display for Spelt<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.start_bound() {
            Bound::Included(start) => write!(f, "{start}")?,
            // No range syntax of Rust excludes its start.
            Bound::Excluded(before) => write!(f, "{}", before.saturating_add(1))?,
            Bound::Unbounded => {}
        }
        match self.0.end_bound() {
            Bound::Included(last) => write!(f, "..={last}"),
            Bound::Excluded(end) => write!(f, "..{end}"),
            Bound::Unbounded => f.write_str(".."),
        }
    }
}

/// Shows text in which no character moves a terminal's cursor, or hides or reverses the text beside
/// it. Names and headers may come from anybody.
pub(crate) struct Visible<'a>(pub(crate) &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if is_seen(c) { f.write_char(c) } else { write!(f, "{}", c.escape_unicode()) }
        })
    }
}

/// Whether `{:?}` of the standard library shows this character as it is. It escapes all characters
/// that control or format.
fn is_seen(c: char) -> bool {
    // Marks that combine with the letter before them are escaped where there is none.
    let pair: String = ['a', c].into_iter().collect();
    matches!(c, '"' | '\'' | '\\' | '\n') || pair.escape_debug().nth(2).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_people_write_them_and_exact() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.0 kB (1,000 bytes)"),
            (999_949, "999.9 kB (999,949 bytes)"),
            (999_950, "1.0 MB (999,950 bytes)"),
            (24_900_000, "24.9 MB (24,900,000 bytes)"),
            (1 << 40, "1.1 TB (1,099,511,627,776 bytes)"),
            (u64::MAX, "18.4 EB (18,446,744,073,709,551,615 bytes)"),
        ] {
            assert_eq!(size(bytes).to_string(), text);
        }
    }

    #[test]
    fn ranges_are_as_rust_spells_them() {
        assert_eq!(Spelt(60..=70).to_string(), "60..=70");
        assert_eq!(Spelt(60..70).to_string(), "60..70");
        assert_eq!(Spelt(60..).to_string(), "60..");
        assert_eq!(Spelt(..=70).to_string(), "..=70");
        assert_eq!(Spelt(..).to_string(), "..");
        assert_eq!(Spelt((Bound::Excluded(3), Bound::Excluded(5))).to_string(), "4..5");
    }

    #[test]
    fn what_is_not_seen_is_spelt_out() {
        let text = "a\u{9b}31m\u{202e}\u{ad}\u{2028}\u{e0041}\x1b\r";
        let spelt = "a\\u{9b}31m\\u{202e}\\u{ad}\\u{2028}\\u{e0041}\\u{1b}\\u{d}";
        assert_eq!(Visible(text).to_string(), spelt);
        assert_eq!(
            Visible("größe \"日本\" u\u{308}\n'\\'").to_string(),
            "größe \"日本\" u\u{308}\n'\\'"
        );
    }
}
