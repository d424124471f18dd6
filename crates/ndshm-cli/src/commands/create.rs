//! `ndshm create`.

use ndshm::{AnyArray, Dtype, ErrorKind, Status};
use serde_json::json;

use crate::args::Create;
use crate::failure::{Failure, Outcome, Result};
use crate::home::{Home, Target};
use crate::output::Output;

pub(crate) fn run(args: &Create, home: &Home, out: &Output) -> Result<Outcome> {
    let dtype = dtype(&args.dtype)?;
    let target = home.find(&args.name);
    let options = args.mode.options();
    let array = options.create(target.address(), &dtype, &args.shape);
    report(&array.map_err(|error| refused(&target, error))?, out)?;
    Ok(Outcome::Fine)
}

/// Why nothing could be created there, and how this command removes what is in the way.
pub(super) fn refused(target: &Target, error: ndshm::Error) -> Failure {
    let status = match error.kind() {
        ErrorKind::AlreadyExists => Status::of(target.address()).ok(),
        _ => None,
    };
    let Some(stale) = status.filter(Status::is_stale) else { return error.into() };
    let name = stale.info().name();
    let remedy = match target {
        Target::Name(_) => "reap",
        Target::File(_) => "rm",
    };
    Failure::problem(format!(
        "{name:?} exists already, and only the dead have left it: remove it with `ndshm {remedy} {name}`"
    ))
}

/// Says what was created.
pub(super) fn report(array: &AnyArray, out: &Output) -> Result {
    let (name, dtype, shape) = (array.name(), array.dtype(), array.shape());
    if out.json {
        return out.value(&json!({
            "created": name,
            "path": array.segment().path(),
            "dtype": dtype.to_string(),
            "shape": shape,
        }));
    }
    out.note(&format!("created {name}: {dtype} {shape:?}"))
}

/// Reads a dtype as people write it. The order of the bytes may be left out, because only one is
/// possible.
fn dtype(text: &str) -> Result<Dtype> {
    let spellings = [text.to_owned(), format!("<{text}"), format!("|{text}")];
    spellings.iter().find_map(|text| text.parse().ok()).ok_or_else(|| {
        Failure::usage(format!(
            "`{text}` is no dtype that segments hold: write u1, i4, f4, f8, c8, b1 or \
             \"[('id', '<u4'), ('x', '<f4')]\""
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::dtype;

    #[test]
    fn the_order_of_bytes_may_be_left_out() {
        for (typed, meant) in
            [("f4", "<f4"), ("<f4", "<f4"), ("u1", "|u1"), ("b1", "|b1"), ("bf16", "<bf16")]
        {
            assert_eq!(dtype(typed).unwrap().to_string(), meant);
        }
        for typed in ["", "f3", ">f4", "float"] {
            assert!(dtype(typed).is_err(), "{typed}");
        }
    }
}
