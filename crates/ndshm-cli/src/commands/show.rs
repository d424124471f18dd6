//! `ndshm show`.

use ndshm::{Datum, Dtype};
use serde_json::{Value, json};
use terminal_size::{Height, Width, terminal_size};

use crate::args::{Form as Wanted, Show};
use crate::data::View;
use crate::failure::{Failure, Outcome, Result};
use crate::home::Home;
use crate::numpy;
use crate::output::Output;
use crate::picture::{self, Scaled};
use crate::slice;
use crate::words;

/// The size where that of a terminal is not known.
const USUAL_SIZE: (usize, usize) = (80, 24);

/// Lists without items take room in JSON and none in the array.
const MOST_EMPTY_LISTS: usize = 1 << 20;

/// What is shown of a selection.
enum Form {
    Json,
    Numbers,
    Picture(Scaled),
}

pub(crate) fn run(args: &Show, home: &Home, out: &Output) -> Result<Outcome> {
    let source = home.find(&args.name).numbers(&args.look)?;
    // Only what is shown is copied, so little of a large array costs little.
    let (form, view) = source.read(|numbers| {
        let chosen = slice::select(numbers.shape(), args.slice.as_deref())
            .and_then(|items| Ok((form(args, numbers.dtype(), &items.shape(), out)?, items)));
        let (form, items) = match chosen {
            Ok(chosen) => chosen,
            Err(failure) => return Ok(Err(failure)),
        };
        let shape = items.shape();
        let picked = match &form {
            Form::Json => match check_lists(&shape) {
                Ok(()) => items.everything(),
                Err(failure) => return Ok(Err(failure)),
            },
            Form::Numbers => numpy::shown(&shape),
            Form::Picture(scaled) => scaled.shown(),
        };
        Ok(items.copy(numbers, picked)?.map(|view| (form, view)))
    })??;
    match form {
        Form::Json => out.value(&json!({
            "dtype": view.dtype().to_string(),
            "shape": view.shape(),
            "data": nested(&view, &mut Vec::new()),
        }))?,
        Form::Numbers => out.plain(&format!("{}\n", numpy::text(&view)))?,
        Form::Picture(scaled) => out.text(&picture::text(&view, &scaled, out.shows_colors()))?,
    }
    Ok(Outcome::Fine)
}

/// Refuses to list data without items in more lists than anybody reads.
fn check_lists(shape: &[usize]) -> Result {
    let Some(empty) = shape.iter().position(|&len| len == 0) else { return Ok(()) };
    let lists = shape[..empty].iter().fold(1_usize, |lists, &len| lists.saturating_mul(len));
    if lists <= MOST_EMPTY_LISTS {
        return Ok(());
    }
    Err(Failure::problem(format!(
        "an array of shape {} has no items, in {lists} lists: take some of them with --slice",
        words::tuple(shape)
    )))
}

/// How to show items of that dtype and shape.
fn form(args: &Show, dtype: &Dtype, shape: &[usize], out: &Output) -> Result<Form> {
    let is_picture = match args.form {
        _ if out.json => return Ok(Form::Json),
        Wanted::Numbers => false,
        Wanted::Picture if picture::fits(dtype, shape) => true,
        Wanted::Picture => {
            return Err(Failure::problem(format!(
                "{dtype} of shape {shape:?} is no picture: those are |u1 of shape (h, w) or (h, w, 3); take \
                 some of it with --slice"
            )));
        }
        Wanted::Auto => out.shows_colors() && picture::looks_like_one(dtype, shape),
    };
    if !is_picture {
        return Ok(Form::Numbers);
    }
    let (columns, lines) = terminal_size()
        .map_or(USUAL_SIZE, |(Width(width), Height(height))| (width.into(), height.into()));
    Ok(Form::Picture(Scaled::new(shape, columns.max(1), lines.max(2) - 1)))
}

/// Lists in lists, as JSON has them.
fn nested(view: &View, index: &mut Vec<usize>) -> Value {
    let Some(&len) = view.shape().get(index.len()) else { return value(&view.at(index)) };
    let mut list = Vec::new();
    for at in 0..len {
        index.push(at);
        list.push(nested(view, index));
        index.pop();
    }
    Value::Array(list)
}

/// One item. JSON has no numbers that are not finite, and no dates; they become text.
fn value(item: &Datum) -> Value {
    let float = |number: f64, text: String| {
        if number.is_finite() { json!(number) } else { Value::String(text) }
    };
    match item {
        Datum::Bool(value) => json!(value),
        Datum::Signed(value) => json!(value),
        Datum::Unsigned(value) => json!(value),
        Datum::F32(number) => match number.to_string().parse::<f64>() {
            // The shortest text of the narrow number, and not all the digits of the wide one.
            Ok(wide) => float(wide, number.to_string()),
            Err(_) => Value::String(number.to_string()),
        },
        Datum::F64(number) => float(*number, number.to_string()),
        Datum::Complex64 { re, im } => json!([value(&Datum::F32(*re)), value(&Datum::F32(*im))]),
        Datum::Complex128 { re, im } => json!([value(&Datum::F64(*re)), value(&Datum::F64(*im))]),
        Datum::Text(text) => json!(text),
        Datum::ByteString(bytes) => match str::from_utf8(bytes) {
            Ok(text) => json!(text),
            Err(_) => Value::String(item.to_string()),
        },
        Datum::Timedelta { ticks, .. } if *ticks != i64::MIN => json!(ticks),
        Datum::Array(items) => items.iter().map(value).collect(),
        Datum::Struct(fields) => {
            fields.iter().map(|(name, item)| (name.clone(), value(item))).collect()
        }
        other => Value::String(other.to_string()),
    }
}
