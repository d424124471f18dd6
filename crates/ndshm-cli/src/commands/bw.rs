//! `ndshm bw`.

use serde_json::json;

use crate::args::Bw;
use crate::failure::{Outcome, Result};
use crate::home::Home;
use crate::output::Output;
use crate::rate::Rate;
use crate::table::{Cell, Heading, Side, render};

pub(crate) fn run(args: &Bw, home: &Home, out: &Output) -> Result<Outcome> {
    let rate = Rate::measure(&args.measure, home)?;
    if out.json {
        out.value(&json!({
            "bytes_per_second": rate.bytes_per_second,
            "frame_bytes": rate.frame_len,
            "hz": rate.hz,
            "frames": rate.frames,
        }))?;
        return Ok(Outcome::Fine);
    }
    let headings = ["PER SECOND", "FRAME", "HZ", "FRAMES"];
    let row = [
        out.size(rate.bytes_per_second),
        out.size(rate.frame_len as u64),
        format!("{:.2}", rate.hz),
        rate.frames.to_string(),
    ];
    let headings = headings.map(|title| Heading(title, Side::Right));
    out.text(&render(&headings, &[row.map(Cell::new).into()], out))?;
    Ok(Outcome::Fine)
}
