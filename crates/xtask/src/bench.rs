//! Runs the benchmarks, and prints the table of `docs/benchmarks.md` and the machine it is from.

use std::path;
use std::process::Command;

use crate::Result;
use crate::command::{self, cargo, read};
use crate::paths;

/// Which benchmarks to run.
#[derive(Debug, PartialEq)]
pub(crate) enum Choice {
    All,
    /// Those of rings, which are a package of their own.
    Frames,
    /// None: how fast frames of many sizes go over, into a picture beside the table.
    Chart,
}

/// Where the picture is.
const CHART: &str = "docs/frame-throughput.svg";

pub(crate) fn run(choice: Choice) -> Result {
    if choice == Choice::Chart {
        let mut draw = frames("bench")?;
        draw.args(["--bench", "throughput"]).env("NDSHM_BENCH_CHART", path::absolute(CHART)?);
        return command::run(&mut draw);
    }
    let machine = machine()?;
    let mut output = String::new();
    if choice == Choice::All {
        // The figures on 1 GiB are left out of a plain `cargo bench`.
        output = read(cargo(["bench", "--bench", "*"]).env("NDSHM_BENCH_GIB", "1"))?;
    }
    output += &read(&mut frames("bench")?)?;
    println!("{machine}\n");
    println!("| # | work | baseline | baseline | ours | ratio: median (p10–p90) | target ≤ |");
    println!("|---|---|---|---|---|---|---|");
    for row in output.lines().filter(|line| line.starts_with("| ")) {
        println!("{row}");
    }
    Ok(())
}

/// Returns the command that has Cargo do that with the benchmarks of rings.
pub(crate) fn frames(what: &str) -> Result<Command> {
    let mut cargo = cargo([what, "--manifest-path", "benches/frames/Cargo.toml", "--target-dir"]);
    cargo.arg(paths::target()?.join("frames"));
    Ok(cargo)
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
