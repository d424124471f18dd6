//! Units of time, and the calendar that turns counts of them into dates.

use std::fmt;

use super::spelling::decimal;

/// The count that means *not a time*, as in NumPy.
pub(crate) const NOT_A_TIME: i64 = i64::MIN;

/// The unit that a `datetime64` or a `timedelta64` counts: a multiple of a span, for example 25
/// seconds.
///
/// Its text is what NumPy writes between brackets: `ns` or `25s`, and nothing for the generic unit.
///
/// # Examples
///
/// ```
/// use ndshm::{Dtype, Span, TimeUnit};
///
/// let dtype: Dtype = "<M8[25s]".parse()?;
/// assert_eq!(dtype, Dtype::Datetime(TimeUnit::new(25, Span::Second)));
/// # Ok::<(), ndshm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeUnit {
    count: u32,
    span: Option<Span>,
}

/// A span of time that units are multiples of.
///
/// # Examples
///
/// See [`TimeUnit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// `Y`: a year of the Gregorian calendar.
    Year,
    /// `M`: a month of that calendar.
    Month,
    /// `W`: seven days.
    Week,
    /// `D`: 86,400 seconds; there are no leap seconds.
    Day,
    /// `h`
    Hour,
    /// `m`
    Minute,
    /// `s`
    Second,
    /// `ms`
    Millisecond,
    /// `us`
    Microsecond,
    /// `ns`
    Nanosecond,
    /// `ps`
    Picosecond,
    /// `fs`
    Femtosecond,
    /// `as`
    Attosecond,
}

impl TimeUnit {
    /// No particular unit. NumPy uses this where no unit is given.
    pub const GENERIC: Self = Self { count: 1, span: None };

    /// Returns the unit of `count` spans.
    ///
    /// # Panics
    ///
    /// If `count` is 0 or more than `i32::MAX`. NumPy has no such units.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndshm::{Span, TimeUnit};
    ///
    /// assert_eq!(TimeUnit::new(25, Span::Second).to_string(), "25s");
    /// assert_eq!(TimeUnit::new(1, Span::Nanosecond).to_string(), "ns");
    /// ```
    #[must_use]
    pub const fn new(count: u32, span: Span) -> Self {
        assert!(0 < count && count <= i32::MAX.unsigned_abs(), "a unit is 1 to 2^31 - 1 spans");
        Self { count, span: Some(span) }
    }

    /// Returns how many spans make one unit.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndshm::{Span, TimeUnit};
    ///
    /// let unit = TimeUnit::new(25, Span::Second);
    /// assert_eq!((unit.count(), unit.span()), (25, Some(Span::Second)));
    /// ```
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// Returns the span, or `None` for the generic unit.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ndshm::TimeUnit::GENERIC.span(), None);
    /// ```
    #[must_use]
    pub const fn span(self) -> Option<Span> {
        self.span
    }

    /// Reads what follows the code of a dtype: a unit in brackets, or nothing.
    pub(super) fn in_brackets(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::GENERIC);
        }
        let inside = text.strip_prefix('[')?.strip_suffix(']')?;
        if inside == "generic" {
            return Some(Self::GENERIC);
        }
        let digits = inside.len() - inside.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (count, name) = inside.split_at(digits);
        let count = if count.is_empty() { 1 } else { decimal(count)? };
        let count = i32::try_from(count).ok().filter(|&count| count > 0)?;
        let span = Span::ALL.into_iter().find(|span| span.code() == name);
        let span = span.or_else(|| (name == "μs").then_some(Span::Microsecond))?;
        Some(Self { count: count.unsigned_abs(), span: Some(span) })
    }

    /// The date that is `ticks` units after the beginning of 1970, as NumPy writes it.
    pub(crate) fn date(self, ticks: i64) -> Date {
        Date { unit: self, ticks }
    }

    /// The difference of `ticks` units, as NumPy writes a single one.
    pub(crate) fn lapse(self, ticks: i64) -> Lapse {
        Lapse { unit: self, ticks }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { span: None, .. } => Ok(()),
            Self { span: Some(span), count: 1 } => f.write_str(span.code()),
            Self { span: Some(span), count } => write!(f, "{count}{}", span.code()),
        }
    }
}

impl Span {
    /// All of them, the longest first.
    pub(super) const ALL: [Self; 13] = [
        Self::Year,
        Self::Month,
        Self::Week,
        Self::Day,
        Self::Hour,
        Self::Minute,
        Self::Second,
        Self::Millisecond,
        Self::Microsecond,
        Self::Nanosecond,
        Self::Picosecond,
        Self::Femtosecond,
        Self::Attosecond,
    ];

    /// NumPy's name for the span.
    const fn code(self) -> &'static str {
        match self {
            Self::Year => "Y",
            Self::Month => "M",
            Self::Week => "W",
            Self::Day => "D",
            Self::Hour => "h",
            Self::Minute => "m",
            Self::Second => "s",
            Self::Millisecond => "ms",
            Self::Microsecond => "us",
            Self::Nanosecond => "ns",
            Self::Picosecond => "ps",
            Self::Femtosecond => "fs",
            Self::Attosecond => "as",
        }
    }

    /// How the span divides a day, if it does, and how many digits after the second that takes.
    const fn parts(self) -> Parts {
        match self {
            Self::Year => Parts::Months(12),
            Self::Month => Parts::Months(1),
            Self::Week => Parts::Days(7),
            Self::Day => Parts::Days(1),
            Self::Hour => Parts::Hours,
            Self::Minute => Parts::Minutes,
            Self::Second => Parts::Seconds(0),
            Self::Millisecond => Parts::Seconds(3),
            Self::Microsecond => Parts::Seconds(6),
            Self::Nanosecond => Parts::Seconds(9),
            Self::Picosecond => Parts::Seconds(12),
            Self::Femtosecond => Parts::Seconds(15),
            Self::Attosecond => Parts::Seconds(18),
        }
    }
}

/// A span as a multiple of months or days, or as a part of a day.
enum Parts {
    Months(i128),
    Days(i128),
    Hours,
    Minutes,
    /// A part of a second, as a power of ten.
    Seconds(u32),
}

/// A date to be written. See [`TimeUnit::date`].
pub(crate) struct Date {
    unit: TimeUnit,
    ticks: i64,
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(span) = self.unit.span.filter(|_| self.ticks != NOT_A_TIME) else {
            return self.unit.lapse(self.ticks).fmt(f);
        };
        let spans = i128::from(self.ticks) * i128::from(self.unit.count);
        let of_day = |in_day: i128| (civil(spans.div_euclid(in_day)), spans.rem_euclid(in_day));
        match span.parts() {
            Parts::Months(months) => {
                let months = spans * months;
                write!(f, "{:04}", 1970 + months.div_euclid(12))?;
                match span {
                    Span::Year => Ok(()),
                    _ => write!(f, "-{:02}", 1 + months.rem_euclid(12)),
                }
            }
            Parts::Days(days) => civil(spans * days).fmt(f),
            Parts::Hours => {
                let (day, hour) = of_day(24);
                write!(f, "{day}T{hour:02}")
            }
            Parts::Minutes => {
                let (day, minute) = of_day(24 * 60);
                write!(f, "{day}T{:02}:{:02}", minute / 60, minute % 60)
            }
            Parts::Seconds(digits) => {
                let parts = 10_i128.pow(digits);
                let (day, part) = of_day(86_400 * parts);
                let second = part / parts;
                let (hour, minute) = (second / 3600, second / 60 % 60);
                write!(f, "{day}T{hour:02}:{minute:02}:{:02}", second % 60)?;
                match digits {
                    0 => Ok(()),
                    _ => write!(f, ".{:0width$}", part % parts, width = digits as usize),
                }
            }
        }
    }
}

/// A day of the Gregorian calendar, extended to the time before it was introduced, with a year 0.
struct Civil {
    year: i128,
    month: i128,
    day: i128,
}

/// The day that is `days` days after 1 January 1970.
fn civil(days: i128) -> Civil {
    // Years begin in March here, so that a leap day is the last day of a year. 400 such years have
    // 146,097 days. Counting starts 719,468 days before 1970.
    let since = days + 719_468;
    let (era, day_of_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March on, every five months have 153 days.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let is_new_year = month >= 10;
    Civil {
        year: era * 400 + year_of_era + i128::from(is_new_year),
        month: if is_new_year { month - 9 } else { month + 3 },
        day,
    }
}

impl fmt::Display for Civil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A time difference to be written. See [`TimeUnit::lapse`].
pub(crate) struct Lapse {
    unit: TimeUnit,
    ticks: i64,
}

impl fmt::Display for Lapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ticks == NOT_A_TIME {
            return f.write_str("NaT");
        }
        let spans = i128::from(self.ticks) * i128::from(self.unit.count);
        let name = match self.unit.span {
            None => "generic time units",
            Some(Span::Year) => "years",
            Some(Span::Month) => "months",
            Some(Span::Week) => "weeks",
            Some(Span::Day) => "days",
            Some(Span::Hour) => "hours",
            Some(Span::Minute) => "minutes",
            Some(Span::Second) => "seconds",
            Some(Span::Millisecond) => "milliseconds",
            Some(Span::Microsecond) => "microseconds",
            Some(Span::Nanosecond) => "nanoseconds",
            Some(Span::Picosecond) => "picoseconds",
            Some(Span::Femtosecond) => "femtoseconds",
            Some(Span::Attosecond) => "attoseconds",
        };
        write!(f, "{spans} {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_as_numpy_writes_them() {
        for text in
            ["", "[Y]", "[M]", "[W]", "[D]", "[h]", "[m]", "[25s]", "[as]", "[2147483647ns]"]
        {
            let unit = TimeUnit::in_brackets(text).unwrap();
            let inside = text.trim_start_matches('[').trim_end_matches(']');
            assert_eq!(unit.to_string(), inside);
        }
        for text in ["[", "[]", "[s", "s", "[0s]", "[01s]", "[2147483648s]", "[B]", "[s]]", "[-1s]"]
        {
            assert_eq!(TimeUnit::in_brackets(text), None, "{text}");
        }
    }

    /// What `numpy.datetime_as_string` makes of the same counts.
    #[test]
    fn dates_are_those_of_numpy() {
        for (unit, ticks, date) in [
            ("[Y]", 0, "1970"),
            ("[Y]", -3000, "-1030"),
            ("[Y]", -1970, "0000"),
            ("[Y]", -1971, "-001"),
            ("[Y]", 8030, "10000"),
            ("[10Y]", 123_456_789, "1234569860"),
            ("[M]", -1, "1969-12"),
            ("[M]", -987_654_321, "-82302557-04"),
            ("[3M]", 123_456_789, "30866167-04"),
            ("[W]", -1, "1969-12-25"),
            ("[D]", 123_456_789, "339983-03-18"),
            ("[D]", -987_654_321, "-2702136-04-25"),
            ("[D]", 11_016, "2000-02-29"),
            ("[D]", -25_508, "1900-03-01"),
            ("[h]", -987_654_321, "-110702-12-05T15"),
            ("[m]", -987_654_321, "0092-02-23T22:39"),
            ("[s]", i64::MAX, "292277026596-12-04T15:30:07"),
            ("[25s]", -987_654_321, "1187-07-25T09:26:15"),
            ("[ms]", -1, "1969-12-31T23:59:59.999"),
            ("[us]", 123_456_789, "1970-01-01T00:02:03.456789"),
            ("[ns]", -987_654_321, "1969-12-31T23:59:59.012345679"),
            ("[ps]", 5, "1970-01-01T00:00:00.000000000005"),
            ("[fs]", 5, "1970-01-01T00:00:00.000000000000005"),
            ("[as]", -i64::MAX, "1969-12-31T23:59:50.776627963145224193"),
            ("[s]", NOT_A_TIME, "NaT"),
            ("", 5, "5 generic time units"),
            ("", NOT_A_TIME, "NaT"),
        ] {
            let unit = TimeUnit::in_brackets(unit).unwrap();
            assert_eq!(unit.date(ticks).to_string(), date);
        }
    }

    #[test]
    fn no_count_of_any_unit_overflows() {
        for span in Span::ALL {
            for ticks in [i64::MIN, -i64::MAX, -1, i64::MAX] {
                let unit = TimeUnit::new(i32::MAX.unsigned_abs(), span);
                assert!(!format!("{}{}", unit.date(ticks), unit.lapse(ticks)).is_empty());
            }
        }
        let seconds = TimeUnit::new(25, Span::Second);
        assert_eq!(seconds.lapse(5).to_string(), "125 seconds");
    }
}
