//! Runs the benchmarks, and prints the table of `docs/benchmarks.md` and the machine it is from.

use std::process::Command;

use crate::Result;
use crate::command::{cargo, read};

pub(crate) fn run() -> Result {
    let machine = machine()?;
    // The figures on 1 GiB are left out of a plain `cargo bench`.
    let output = read(cargo(["bench", "--bench", "*"]).env("NDSHM_BENCH_GIB", "1"))?;
    println!("{machine}\n");
    println!("| # | work | baseline | baseline | ours | ratio: median (p10–p90) | target ≤ |");
    println!("|---|---|---|---|---|---|---|");
    for row in output.lines().filter(|line| line.starts_with("| ")) {
        println!("{row}");
    }
    Ok(())
}

/// Processor, kernel and commit.
fn machine() -> Result<String> {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism()?;
    let kernel = read(Command::new("uname").arg("-srm"))?;
    let commit = read(Command::new("git").args(["describe", "--always", "--dirty"]))?;
    Ok(format!("{model}, {cores} cores; {}; commit {}", kernel.trim(), commit.trim()))
}
