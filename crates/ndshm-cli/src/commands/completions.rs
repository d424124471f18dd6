//! `ndshm completions`.

use clap::CommandFactory;

use crate::args::{Args, Completions};
use crate::failure::{Outcome, Result};
use crate::output::Output;

pub(crate) fn run(args: &Completions, out: &Output) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "ndshm", &mut script);
    out.raw(&script)?;
    Ok(Outcome::Fine)
}
