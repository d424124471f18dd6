//! `ndshm stats`.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::args::Stats;
use crate::data::{Column, Numbers, columns};
use crate::failure::{Failure, Outcome, Result};
use crate::home::Home;
use crate::output::Output;
use crate::table::{Cell, Heading, Side, render};

const BINS: usize = 20;

const BAR: usize = 50;

/// Larger data is not copied, but looked at where it is.
const WORTH_A_COPY: usize = 64 << 20;

pub(crate) fn run(args: &Stats, home: &Home, out: &Output) -> Result<Outcome> {
    let source = home.find(&args.name).numbers(&args.look)?.copied_up_to(WORTH_A_COPY)?;
    let (dtype, columns, figures) = source.read(|numbers| {
        let columns = columns(numbers.dtype());
        let figures = columns.iter().map(|column| Figures::of(column, numbers, args.hist));
        let figures = figures.collect::<ndshm::Result<Vec<_>>>()?;
        Ok((numbers.dtype().clone(), columns, figures))
    })?;
    if columns.is_empty() {
        return Err(Failure::problem(format!(
            "{:?} holds {dtype}, which are no real numbers: look at them with `ndshm show`",
            args.name
        )));
    }
    if out.json {
        let values =
            columns.iter().zip(&figures).map(|(column, Figures { summary, histogram })| {
                json!({
                    "field": column.name,
                    "count": summary.count,
                    "nan": summary.nan,
                    "inf": summary.infinite,
                    "min": summary.least,
                    "max": summary.greatest,
                    "mean": summary.mean,
                    "std": summary.deviation,
                    "histogram": histogram.as_ref().map(Histogram::value),
                })
            });
        out.value(&values.collect())?;
        return Ok(Outcome::Fine);
    }
    out.text(&table(&columns, &figures, out))?;
    for (column, figures) in columns.iter().zip(&figures) {
        if let Some(histogram) = &figures.histogram {
            let name = column.name.as_deref().map(|name| format!(" of {name}")).unwrap_or_default();
            out.plain(&format!("\nhistogram{name}\n{}", histogram.draw()))?;
        }
    }
    Ok(Outcome::Fine)
}

fn table(columns: &[Column], figures: &[Figures], out: &Output) -> String {
    let mut headings = ["COUNT", "NAN", "INF", "MIN", "MAX", "MEAN", "STD"]
        .map(|title| Heading(title, Side::Right))
        .to_vec();
    let named = columns.iter().any(|column| column.name.is_some());
    if named {
        headings.insert(0, Heading("FIELD", Side::Left));
    }
    let rows: Vec<Vec<Cell>> = columns
        .iter()
        .zip(figures)
        .map(|(column, Figures { summary, .. })| {
            let number = |number: Option<f64>| number.map_or("-".to_owned(), short);
            let mut row: Vec<Cell> = [summary.count, summary.nan, summary.infinite]
                .map(|n| Cell::new(n.to_string()))
                .into();
            row.extend(
                [summary.least, summary.greatest, summary.mean, summary.deviation]
                    .map(|value| Cell::new(number(value))),
            );
            if named {
                row.insert(0, Cell::new(column.name.as_deref().unwrap_or("")));
            }
            row
        })
        .collect();
    render(&headings, &rows, out)
}

/// A number in six digits, as C's `%g`.
fn short(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e6).contains(&magnitude) {
        let text = format!("{number:.5e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'));
    }
    // The integer part's digits count as well.
    let before = format!("{:.0}", magnitude.floor()).len();
    let text = format!("{number:.*}", 6_usize.saturating_sub(before));
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// All that is said of a column.
struct Figures {
    summary: Summary,
    histogram: Option<Histogram>,
}

impl Figures {
    fn of(column: &Column, numbers: &Numbers<'_>, with_histogram: bool) -> ndshm::Result<Self> {
        let summary = Summary::of(column, numbers)?;
        let histogram = with_histogram.then(|| Histogram::of(column, numbers, &summary));
        Ok(Self { histogram: histogram.transpose()?, summary })
    }
}

/// Figures of finite numbers. They are `None` where there are no such numbers.
struct Summary {
    count: usize,
    nan: usize,
    infinite: usize,
    least: Option<f64>,
    greatest: Option<f64>,
    mean: Option<f64>,
    /// Of the whole population, as `np.std`.
    deviation: Option<f64>,
}

impl Summary {
    fn of(column: &Column, numbers: &Numbers<'_>) -> ndshm::Result<Self> {
        let (mut count, mut nan, mut infinite, mut finite) = (0, 0, 0, 0_usize);
        let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut mean, mut squares) = (0.0, 0.0);
        // In one pass, after B. P. Welford, "Note on a method for calculating corrected sums of
        // squares and products" (1962).
        column.for_each(numbers, |number| {
            count += 1;
            if number.is_finite() {
                finite += 1;
                least = least.min(number);
                greatest = greatest.max(number);
                let off = number - mean;
                mean += off / finite as f64;
                squares += off * (number - mean);
            } else if number.is_nan() {
                nan += 1;
            } else {
                infinite += 1;
            }
        })?;
        let some = |value: f64| (finite > 0).then_some(value);
        Ok(Self {
            count,
            nan,
            infinite,
            least: some(least),
            greatest: some(greatest),
            mean: some(mean),
            deviation: some((squares / finite as f64).sqrt()),
        })
    }
}

/// How many finite numbers lie in each of equal ranges.
struct Histogram {
    low: f64,
    high: f64,
    counts: [usize; BINS],
}

impl Histogram {
    fn of(column: &Column, numbers: &Numbers<'_>, summary: &Summary) -> ndshm::Result<Self> {
        let (mut low, mut high) = (summary.least.unwrap_or(0.0), summary.greatest.unwrap_or(0.0));
        if low == high {
            // As NumPy does.
            (low, high) = (low - 0.5, high + 0.5);
        }
        let mut counts = [0; BINS];
        // Halves, because the difference of two finite numbers need not be finite.
        let span = high / 2.0 - low / 2.0;
        column.for_each(numbers, |number| {
            if number.is_finite() {
                let part = (number / 2.0 - low / 2.0) / span;
                // The greatest number belongs to the last range.
                let at = (1..BINS).filter(|&edge| part >= edge as f64 / BINS as f64).count();
                counts[at] += 1;
            }
        })?;
        Ok(Self { low, high, counts })
    }

    fn edge(&self, index: usize) -> f64 {
        let part = index as f64 / BINS as f64;
        self.low * (1.0 - part) + self.high * part
    }

    fn draw(&self) -> String {
        let most = self.counts.iter().max().copied().unwrap_or(0).max(1);
        let edges: Vec<String> = (0..=BINS).map(|index| short(self.edge(index))).collect();
        let width = edges.iter().map(String::len).max().unwrap_or(0);
        let mut text = String::new();
        for (index, &count) in self.counts.iter().enumerate() {
            // Eighths of a character. What is there at all is seen.
            let eighths = (count * BAR * 8).div_ceil(most);
            let mut bar = "█".repeat(eighths / 8);
            bar.extend(" ▏▎▍▌▋▊▉".chars().nth(eighths % 8).filter(|&part| part != ' '));
            let line =
                format!("{:>width$} .. {:>width$}  {bar} {count}", edges[index], edges[index + 1]);
            writeln!(text, "{line}").expect("memory takes all");
        }
        text
    }

    fn value(&self) -> Value {
        let edges: Vec<f64> = (0..=BINS).map(|index| self.edge(index)).collect();
        json!({ "edges": edges, "counts": self.counts })
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn numbers_have_six_digits() {
        for (number, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (123_456.7, "123457"),
            (1_234_567.0, "1.23457e6"),
            (0.000_012_345, "1.2345e-5"),
            (1.0 / 3.0, "0.33333"),
        ] {
            assert_eq!(short(number), text);
        }
    }
}
