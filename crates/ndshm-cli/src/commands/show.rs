//! `ndshm show`.

use ndshm::Datum;
use serde_json::{Value, json};
use terminal_size::{Height, Width, terminal_size};

use crate::args::{Form, Show};
use crate::data::View;
use crate::failure::{Failure, Outcome, Result};
use crate::home::Home;
use crate::numpy;
use crate::output::Output;
use crate::picture;
use crate::slice;

/// Where the size of a terminal is not known.
const USUAL_SIZE: (usize, usize) = (80, 24);

pub(crate) fn run(args: &Show, home: &Home, out: &Output) -> Result<Outcome> {
    let copy = home.find(&args.name).copy(&args.look)?;
    let view = slice::view(&copy, args.slice.as_deref())?;
    if out.json {
        let data = nested(&view, &mut Vec::new());
        out.value(&json!({
            "dtype": view.dtype().to_string(),
            "shape": view.shape(),
            "data": data,
        }))?;
        return Ok(Outcome::Fine);
    }
    let as_picture = match args.form {
        Form::Numbers => false,
        Form::Picture if picture::fits(&view) => true,
        Form::Picture => {
            return Err(Failure::problem(format!(
                "{} of shape {:?} is no picture: those are |u1 of shape (h, w) or (h, w, 3); take some \
                 of it with --slice",
                view.dtype(),
                view.shape()
            )));
        }
        Form::Auto => out.shows_colors() && picture::looks_like_one(&view),
    };
    if as_picture {
        let (columns, lines) = terminal_size()
            .map_or(USUAL_SIZE, |(Width(width), Height(height))| (width.into(), height.into()));
        let text = picture::text(&view, columns.max(1), lines.max(2) - 1, out.shows_colors());
        out.text(&text)?;
    } else {
        out.text(&format!("{}\n", numpy::text(&view)))?;
    }
    Ok(Outcome::Fine)
}

/// Lists in lists, as JSON has them.
fn nested(view: &View<'_>, index: &mut Vec<usize>) -> Value {
    let Some(axis) = view.axes.get(index.len()) else { return value(&view.at(index)) };
    let mut list = Vec::new();
    for at in 0..axis.len {
        index.push(at);
        list.push(nested(view, index));
        index.pop();
    }
    Value::Array(list)
}

/// One item. JSON has no numbers that are not finite; they become text.
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
        Datum::Array(items) => items.iter().map(value).collect(),
        Datum::Struct(fields) => {
            fields.iter().map(|(name, item)| (name.clone(), value(item))).collect()
        }
        other => Value::String(other.to_string()),
    }
}
