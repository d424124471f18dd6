//! Numbers as NumPy prints them.
//!
//! The rules are those of `numpy.array2string` with its default options: 8 digits at most, lines of 75
//! characters, and only the edges of what has more than 1000 items.

use ndshm::Datum;

use crate::data::View;

const LINE: usize = 75;
const PRECISION: usize = 8;
const EDGE: usize = 3;
const MOST_ITEMS: usize = 1000;

/// Which indices of each axis are shown. There are none where there are no items, however long
/// other axes are.
pub(crate) fn shown(shape: &[usize]) -> Vec<Vec<usize>> {
    if shape.contains(&0) {
        return vec![Vec::new(); shape.len()];
    }
    let summarised = is_summarised(shape);
    let indices = |&len: &usize| {
        let (before, after, _) = edges(len, summarised);
        (0..before).chain(after..len).collect()
    };
    shape.iter().map(indices).collect()
}

fn is_summarised(shape: &[usize]) -> bool {
    shape.iter().fold(1, |items: usize, &len| items.saturating_mul(len)) > MOST_ITEMS
}

/// Where the gap in an axis begins and ends, and whether there is one.
fn edges(len: usize, summarised: bool) -> (usize, usize, bool) {
    if summarised && 2 * EDGE < len { (EDGE, len - EDGE, true) } else { (len, len, false) }
}

/// The text of a view that has what is [`shown`], without a newline at its end.
pub(crate) fn text(view: &View) -> String {
    let shape = view.shape().to_vec();
    if shape.contains(&0) {
        return "[]".to_owned();
    }
    let printer = Printer { view, summarised: is_summarised(&shape), shape };
    let mut seen = Vec::new();
    printer.visit(&mut Vec::new(), &mut seen);
    let format = Format::of(&seen, printer.shape.is_empty());
    printer.print(&format, &mut Vec::new(), " ", LINE)
}

struct Printer<'a> {
    view: &'a View,
    shape: Vec<usize>,
    summarised: bool,
}

impl Printer<'_> {
    /// Collects the items that are going to be shown.
    fn visit(&self, index: &mut Vec<usize>, seen: &mut Vec<Datum>) {
        let Some(&len) = self.shape.get(index.len()) else {
            seen.push(self.view.at(index));
            return;
        };
        let (before, after, _) = edges(len, self.summarised);
        for at in (0..before).chain(after..len) {
            index.push(at);
            self.visit(index, seen);
            index.pop();
        }
    }

    fn print(&self, format: &Format, index: &mut Vec<usize>, indent: &str, width: usize) -> String {
        let Some(&len) = self.shape.get(index.len()) else {
            return format.show(&self.view.at(index));
        };
        let (before, after, gap) = edges(len, self.summarised);
        let left = self.shape.len() - index.len();
        let mut parts = Vec::new();
        let inner = format!("{indent} ");
        for at in (0..before).chain(after..len) {
            if gap && at == after {
                parts.push("...".to_owned());
            }
            index.push(at);
            parts.push(self.print(format, index, &inner, width.saturating_sub(1)));
            index.pop();
        }
        let body = if left == 1 {
            wrap(&parts, indent, width.saturating_sub(1))
        } else {
            parts.join(&format!("{}{indent}", "\n".repeat(left - 1)))
        };
        format!("[{body}]")
    }
}

/// Words in lines. All lines but the first are indented.
fn wrap(words: &[String], indent: &str, width: usize) -> String {
    let mut lines = Vec::new();
    let mut line = indent.to_owned();
    for (at, word) in words.iter().enumerate() {
        if line.chars().count() + word.chars().count() > width && line.len() > indent.len() {
            lines.push(line.trim_end().to_owned());
            line = indent.to_owned();
        }
        line.push_str(word);
        if at + 1 < words.len() {
            line.push(' ');
        }
    }
    lines.push(line);
    lines.join("\n")[indent.len()..].to_owned()
}

/// How all items of an array are written, so that they stand below each other.
enum Format {
    /// The one item that there is, as Python prints it alone.
    Alone,
    /// As they are, right-aligned.
    Plain {
        width: usize,
    },
    Float(Float),
    Complex {
        re: Float,
        im: Float,
    },
    Array(Box<Format>),
    Struct(Vec<Format>),
}

impl Format {
    fn of(items: &[Datum], is_single: bool) -> Self {
        let floats: Vec<Number> = items.iter().filter_map(Number::of).collect();
        match items.first() {
            Some(Datum::F32(_) | Datum::F64(_)) => Self::Float(Float::of(&floats, "")),
            Some(Datum::Complex64 { .. } | Datum::Complex128 { .. }) => {
                let (re, im): (Vec<_>, Vec<_>) = items.iter().filter_map(Number::parts).unzip();
                Self::Complex { re: Float::of(&re, ""), im: Float::of(&im, "+") }
            }
            Some(Datum::Array(_)) => {
                let inner: Vec<Datum> = items.iter().flat_map(parts_of).cloned().collect();
                Self::Array(Box::new(Self::of(&inner, false)))
            }
            Some(Datum::Struct(fields)) => Self::Struct(
                (0..fields.len())
                    .map(|at| {
                        let column: Vec<Datum> =
                            items.iter().filter_map(|item| parts_at(item, at)).cloned().collect();
                        Self::of(&column, false)
                    })
                    .collect(),
            ),
            _ if is_single => Self::Alone,
            Some(Datum::Text(_) | Datum::ByteString(_)) => Self::Plain { width: 0 },
            _ => {
                let widths = items.iter().map(|item| plain(item).len());
                Self::Plain { width: widths.max().unwrap_or(0) }
            }
        }
    }

    fn show(&self, item: &Datum) -> String {
        match self {
            Self::Alone => match item {
                Datum::Text(text) => text.clone(),
                Datum::Bytes(_) => plain(item),
                item => item.to_string(),
            },
            Self::Plain { width } => format!("{:>width$}", plain(item)),
            Self::Float(float) => {
                Number::of(item).map(|number| float.show(number)).unwrap_or_default()
            }
            Self::Complex { re, im } => {
                let Some((real, imaginary)) = Number::parts(item) else { return String::new() };
                let im = im.show(imaginary);
                let digits = im.trim_end().len();
                // The unit follows the digits, and the padding follows the unit.
                format!("{}{}j{}", re.show(real), &im[..digits], &im[digits..])
            }
            Self::Array(inner) => {
                let items: Vec<String> =
                    parts_of(item).iter().map(|part| inner.show(part)).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Struct(formats) => {
                let fields = formats.iter().enumerate();
                let shown: Vec<String> = fields
                    .filter_map(|(at, format)| parts_at(item, at).map(|part| format.show(part)))
                    .collect();
                let comma = if shown.len() == 1 { "," } else { "" };
                format!("({}{comma})", shown.join(", "))
            }
        }
    }
}

fn parts_of(item: &Datum) -> &[Datum] {
    match item {
        Datum::Array(parts) => parts,
        _ => &[],
    }
}

fn parts_at(item: &Datum, at: usize) -> Option<&Datum> {
    match item {
        Datum::Struct(fields) => fields.get(at).map(|(_, part)| part),
        _ => None,
    }
}

fn plain(item: &Datum) -> String {
    match item {
        Datum::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("\\x{byte:02X}")).collect();
            format!("b'{digits}'")
        }
        Datum::Datetime { .. } => format!("'{item}'"),
        Datum::Timedelta { ticks: i64::MIN, .. } => "'NaT'".to_owned(),
        Datum::Timedelta { ticks, .. } => ticks.to_string(),
        item => item.to_string(),
    }
}

/// A float that knows its width, on which its shortest text depends.
#[derive(Clone, Copy)]
enum Number {
    F32(f32),
    F64(f64),
}

impl Number {
    fn of(item: &Datum) -> Option<Self> {
        match item {
            Datum::F32(value) => Some(Self::F32(*value)),
            Datum::F64(value) => Some(Self::F64(*value)),
            _ => None,
        }
    }

    fn parts(item: &Datum) -> Option<(Self, Self)> {
        match item {
            Datum::Complex64 { re, im } => Some((Self::F32(*re), Self::F32(*im))),
            Datum::Complex128 { re, im } => Some((Self::F64(*re), Self::F64(*im))),
            _ => None,
        }
    }

    fn value(self) -> f64 {
        match self {
            Self::F32(value) => value.into(),
            Self::F64(value) => value,
        }
    }

    /// The shortest digits that mean it, cut at so many behind the point. There is a point, and
    /// there are no trailing zeros.
    fn fixed(self) -> String {
        let (mut text, cut) = match self {
            Self::F32(value) => (format!("{value}"), format!("{value:.PRECISION$}")),
            Self::F64(value) => (format!("{value}"), format!("{value:.PRECISION$}")),
        };
        if text.split_once('.').is_some_and(|(_, digits)| digits.len() > PRECISION) {
            text = cut.trim_end_matches('0').to_owned();
        }
        if !text.contains('.') {
            text.push('.');
        }
        text
    }

    /// The same with an exponent: digits, and the power of ten.
    fn scientific(self) -> (String, i32) {
        let (text, cut) = match self {
            Self::F32(value) => (format!("{value:e}"), format!("{value:.PRECISION$e}")),
            Self::F64(value) => (format!("{value:e}"), format!("{value:.PRECISION$e}")),
        };
        let split = |text: &str| {
            let (digits, power) = text.split_once('e').expect("such a format has one");
            (digits.to_owned(), power.parse().expect("a power is a number"))
        };
        let (mut digits, mut power) = split(&text);
        if digits.split_once('.').is_some_and(|(_, digits)| digits.len() > PRECISION) {
            (digits, power) = split(&cut);
            digits = digits.trim_end_matches('0').to_owned();
        }
        if !digits.contains('.') {
            digits.push('.');
        }
        (digits, power)
    }
}

/// How all floats of an array are written.
struct Float {
    left: usize,
    right: usize,
    /// How many digits its exponents have, if there are any.
    exponent: Option<usize>,
    /// What stands before those that are not negative.
    plus: &'static str,
}

impl Float {
    fn of(numbers: &[Number], plus: &'static str) -> Self {
        let finite = || numbers.iter().copied().filter(|number| number.value().is_finite());
        let sizes = || finite().map(|number| number.value().abs()).filter(|&size| size != 0.0);
        let (least, most) = (sizes().fold(f64::INFINITY, f64::min), sizes().fold(0.0, f64::max));
        let is_wide = most >= 1e8 || (most > 0.0 && (least < 1e-4 || most / least > 1000.0));
        let mut format = Self { left: 0, right: 0, exponent: is_wide.then_some(2), plus };
        for number in finite() {
            let text = if is_wide {
                let (digits, power) = number.scientific();
                format.exponent = format.exponent.max(Some(power.unsigned_abs().to_string().len()));
                digits
            } else {
                number.fixed()
            };
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let sign = if number.value().is_sign_negative() { "" } else { plus };
            format.left = format.left.max(sign.len() + whole.len());
            format.right = format.right.max(fraction.len());
        }
        let tail = format.tail();
        for number in numbers.iter().filter(|number| !number.value().is_finite()) {
            format.left = format.left.max(special(*number, plus).len().saturating_sub(tail));
        }
        format
    }

    /// Width from the point on.
    fn tail(&self) -> usize {
        1 + self.right + self.exponent.map_or(0, |digits| digits + 2)
    }

    fn show(&self, number: Number) -> String {
        let width = self.left + self.tail();
        if !number.value().is_finite() {
            return format!("{:>width$}", special(number, self.plus));
        }
        let sign = if number.value().is_sign_negative() { "" } else { self.plus };
        let (text, power) = match self.exponent {
            None => (number.fixed(), None),
            Some(digits) => {
                let (text, power) = number.scientific();
                (text, Some((power, digits)))
            }
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let whole = format!("{sign}{whole}");
        let (left, right) = (self.left, self.right);
        match power {
            None => format!("{whole:>left$}.{fraction:<right$}"),
            Some((power, digits)) => {
                let sign = if power < 0 { '-' } else { '+' };
                format!(
                    "{whole:>left$}.{fraction:0<right$}e{sign}{:0digits$}",
                    power.unsigned_abs()
                )
            }
        }
    }
}

fn special(number: Number, plus: &str) -> String {
    let value = number.value();
    if value.is_nan() {
        "nan".to_owned()
    } else if value < 0.0 {
        "-inf".to_owned()
    } else {
        format!("{plus}inf")
    }
}
