//! `ndshm completions`.

use clap::CommandFactory;

use crate::args::{Args, Completions};
use crate::failure::{Failure, Outcome, Result};
use crate::output::Output;

pub(crate) fn run(args: &Completions, out: &Output) -> Result<Outcome> {
    if out.json {
        return Err(Failure::usage("completions are no JSON: leave --json out"));
    }
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "ndshm", &mut script);
    out.raw(&script)?;
    Ok(Outcome::Fine)
}
