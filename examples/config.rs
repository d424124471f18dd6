//! Workers that read one data set and one configuration, which nobody writes any more.
//!
//! `cargo run --example config --features serde`
//!
//! The parent fills a table, freezes it, and creates a configuration. It hands the handles of both
//! to workers as text; a worker is this program again. Each computes what the configuration asks for
//! over its share of the rows, without taking a lock.

use std::env;
use std::error::Error;
use std::process::{Command, Stdio};

use ndarray::Axis;
use ndshm::{Array2, Config, Frozen2};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Settings {
    workers: usize,
    scale: f64,
    label: String,
}

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &arguments[..] {
        [table, config, worker] => work(table, config, worker.parse()?),
        _ => run(),
    }
}

fn run() -> Result {
    let table = Array2::<f64>::create_unique("table-", (1200, 100))?;
    table.write()?.indexed_iter_mut().for_each(|((row, _), item)| *item = row as f64);
    let table = table.freeze()?;

    let settings = Settings { workers: 4, scale: 0.5, label: "scaled mean".into() };
    let config = Config::create(&format!("{}-config", table.name()), settings)?;

    let (table_handle, config_handle) = (table.handle().to_string(), config.handle().to_string());
    let workers = (0..config.workers).map(|worker| {
        Command::new(env::current_exe()?)
            .args([&table_handle, &config_handle, &worker.to_string()])
            .stdout(Stdio::inherit())
            .spawn()
    });
    for mut worker in workers.collect::<std::io::Result<Vec<_>>>()? {
        if !worker.wait()?.success() {
            return Err("a worker failed".into());
        }
    }
    println!("{} of all: {}", config.label, table.mean().unwrap_or(0.0) * config.scale);
    Ok(())
}

fn work(table: &str, config: &str, worker: usize) -> Result {
    let table = Frozen2::<f64>::open_handle(&table.parse()?)?;
    let config = Config::<Settings>::open_handle(&config.parse()?)?;
    let share = table.nrows().div_ceil(config.workers);
    let rows = table.axis_chunks_iter(Axis(0), share).nth(worker).ok_or("no rows are left")?;
    let mean = rows.mean().unwrap_or(0.0) * config.scale;
    println!("{} of {} rows by worker {worker}: {mean}", config.label, rows.nrows());
    Ok(())
}
