//! `ndshm man`.

use clap::CommandFactory;

use crate::args::{Args, Man};
use crate::failure::{Failure, Outcome, Result, about};
use crate::output::Output;

pub(crate) fn run(args: &Man, out: &Output) -> Result<Outcome> {
    if out.json {
        return Err(Failure::usage("manual pages are no JSON: leave --json out"));
    }
    match &args.directory {
        Some(directory) => {
            clap_mangen::generate_to(Args::command(), directory)
                .map_err(about(directory.display()))?;
            out.note(&format!("wrote the pages to {}", directory.display()))?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Args::command()).render(&mut page).map_err(about("the page"))?;
            out.raw(&page)?;
        }
    }
    Ok(Outcome::Fine)
}
