//! Sizes, ages and permissions, as people say them.

use std::time::{Duration, SystemTime};

const PREFIXES: [&str; 5] = ["K", "M", "G", "T", "P"];

/// A number of bytes in at most five characters: `768`, `1.5K`, `24M`.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return bytes.to_string();
    }
    let mut unit = 0;
    let mut scale = 1024_u64;
    while unit + 1 < PREFIXES.len() && bytes / scale >= 1000 {
        unit += 1;
        scale *= 1024;
    }
    let tenths = (u128::from(bytes) * 10 + u128::from(scale) / 2) / u128::from(scale);
    let prefix = PREFIXES[unit];
    if tenths < 100 {
        format!("{}.{}{prefix}", tenths / 10, tenths % 10)
    } else {
        format!("{}{prefix}", (tenths + 5) / 10)
    }
}

/// A number of segments, in words.
pub(crate) fn segments(count: usize) -> String {
    if count == 1 { "1 segment".to_owned() } else { format!("{count} segments") }
}

/// Reads a size: bytes, or a number with K, M, G or T, which count in 1024s.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size: write 1500, 64K, 2G or 1.5GiB");
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.trim_end_matches("ib").trim_end_matches('b');
    let (number, power) = match lower.strip_suffix(['k', 'm', 'g', 't']) {
        Some(number) => {
            let suffix = &lower[number.len()..];
            (number, 1 + "kmgt".find(suffix).unwrap_or(0))
        }
        None => (lower, 0),
    };
    let scale = 1_u64 << (10 * power);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(scale).ok_or_else(wrong);
    }
    let (whole, fraction) = number.split_once('.').ok_or_else(wrong)?;
    let digits = u32::try_from(fraction.len()).map_err(|_| wrong())?;
    let parts = 10_u64.checked_pow(digits).ok_or_else(wrong)?;
    let whole = whole.parse::<u64>().map_err(|_| wrong())?;
    let fraction = fraction.parse::<u64>().map_err(|_| wrong())?;
    let fraction = u128::from(fraction) * u128::from(scale) / u128::from(parts);
    let fraction = u64::try_from(fraction).map_err(|_| wrong())?;
    whole.checked_mul(scale).and_then(|whole| whole.checked_add(fraction)).ok_or_else(wrong)
}

/// How long ago that was, in its largest unit: `0s`, `12m`, `3h`, `40d`.
pub(crate) fn age(then: SystemTime) -> String {
    let seconds = then.elapsed().unwrap_or_default().as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Seconds since 1970, as JSON has them.
pub(crate) fn timestamp(then: SystemTime) -> f64 {
    then.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// A moment in UTC, to the second: `2026-03-01 12:00:00`.
pub(crate) fn moment(then: SystemTime) -> String {
    let seconds = then.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for len in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < len {
            break;
        }
        days -= len;
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02}", days + 1)
}

/// Reads permissions in octal.
pub(crate) fn mode(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    u32::from_str_radix(digits, 8).map_err(|_| format!("`{text}` is no mode: write 0600 or 0660"))
}

/// Reads a number of seconds.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds =
        text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds
        .filter(|seconds| *seconds >= Duration::from_millis(10))
        .ok_or_else(|| format!("`{text}` is no interval: write seconds, 0.01 or more"))
}

/// A time between frames, in its usual unit: `850us`, `33.3ms`, `1.20s`.
pub(crate) fn interval(seconds: f64) -> String {
    if seconds < 1e-3 {
        format!("{:.0}us", seconds * 1e6)
    } else if seconds < 1.0 {
        format!("{:.1}ms", seconds * 1e3)
    } else {
        format!("{seconds:.2}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (1536, "1.5K"),
            (10_239, "10K"),
            (24_900_000, "24M"),
            (1_047_552, "1.0M"),
            (u64::MAX, "16384P"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("1500", 1500),
            ("64K", 65_536),
            ("2G", 2 << 30),
            ("1.5GiB", 3 << 29),
            ("10MB", 10 << 20),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "-1", "1e3", "99999999999T", "1.x", "1.99999999999999999999K"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn intervals_have_their_usual_unit() {
        for (seconds, text) in [(850e-6, "850us"), (1.0 / 30.0, "33.3ms"), (1.2, "1.20s")] {
            assert_eq!(interval(seconds), text);
        }
    }

    #[test]
    fn moments_follow_the_calendar() {
        let at = |seconds| moment(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00:00");
        assert_eq!(at(951_782_399), "2000-02-28 23:59:59");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(at(1_735_689_600), "2025-01-01 00:00:00");
    }
}
