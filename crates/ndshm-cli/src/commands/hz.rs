//! `ndshm hz`.

use serde_json::json;

use crate::args::Hz;
use crate::failure::{Outcome, Result};
use crate::home::Home;
use crate::output::Output;
use crate::rate::Rate;
use crate::table::{Cell, Heading, Side, render};
use crate::units;

pub(crate) fn run(args: &Hz, home: &Home, out: &Output) -> Result<Outcome> {
    let rate = Rate::measure(&args.measure, home)?;
    if out.json {
        out.value(&json!({
            "hz": rate.hz,
            "frames": rate.frames,
            "min_s": rate.least,
            "mean_s": 1.0 / rate.hz,
            "max_s": rate.greatest,
            "dropped": rate.drops,
        }))?;
        return Ok(Outcome::Fine);
    }
    let headings = ["HZ", "FRAMES", "MIN", "MEAN", "MAX", "DROPPED"];
    let interval = |seconds: Option<f64>| seconds.map_or("-".to_owned(), units::interval);
    let row = [
        format!("{:.2}", rate.hz),
        rate.frames.to_string(),
        interval(rate.least),
        interval(Some(1.0 / rate.hz)),
        interval(rate.greatest),
        rate.drops.to_string(),
    ];
    let headings = headings.map(|title| Heading(title, Side::Right));
    out.text(&render(&headings, &[row.map(Cell::new).into()], out))?;
    Ok(Outcome::Fine)
}
