//! Appends market ticks to a log in one process, and follows them in several others.
//!
//! `cargo run --release --example ticks -- [FOLLOWERS] [TICKS]`
//!
//! The log has room for far more rows than there is memory. A spawned writer appends quotes,
//! a few at a time with pauses between; each follower reads them in place as they are committed, and
//! prints how many a second it saw and how long they took to reach it. Ends by itself.

use std::env;
use std::error::Error;
use std::process::{Child, Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ndshm::{Element, Log};

/// One quote.
#[derive(Clone, Copy, Element)]
#[repr(C)]
struct Tick {
    /// When it was appended, in nanoseconds since 1970.
    sent_ns: u64,
    instrument: u32,
    size: u32,
    price: f64,
}

/// How many ticks are appended at once.
const BURST: u32 = 16;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", log, ticks] => write(log, ticks),
        ["follow", log, ticks] => follow(log, ticks),
        others => run(others),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ticks: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the parent does: makes the log, and starts and awaits the others.
fn run(arguments: &[&str]) -> Result {
    let followers: u32 = arguments.first().map_or(Ok(3), |text| text.parse())?;
    let ticks: u32 = arguments.get(1).map_or(Ok(100_000), |text| text.parse())?;
    let log = Log::<Tick>::create_unique("ticks-", 1 << 32)?;
    let start = |role: &str| -> Result<Child> {
        let mut program = Command::new(env::current_exe()?);
        program.args([role, &log.handle().to_string(), &ticks.to_string()]);
        Ok(program.spawn()?)
    };
    let mut children = (0..followers).map(|_| start("follow")).collect::<Result<Vec<_>>>()?;
    children.push(start("write")?);
    for mut child in children {
        let status = child.wait()?;
        if !status.success() {
            return Err(format!("a child ended with {status}").into());
        }
    }
    let rows = log.rows();
    let mean = rows.iter().map(|tick| tick.price).sum::<f64>() / rows.len().max(1) as f64;
    println!(
        "{} ticks of {} are in {:?}, mean price {mean:.3}",
        rows.len(),
        log.capacity(),
        log.name()
    );
    Ok(())
}

/// Appends so many ticks, a burst at a time.
fn write(log: &str, ticks: &str) -> Result {
    let log = Log::<Tick>::open_handle(&log.parse()?)?;
    let ticks: u32 = ticks.parse()?;
    let mut number = 0;
    while number < ticks {
        let burst: Vec<Tick> = (number..ticks.min(number + BURST)).map(tick).collect();
        log.extend(&burst)?;
        number += BURST;
        if number % 4096 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}

fn tick(number: u32) -> Tick {
    let wave = f64::from(number % 1000) / 1000.0;
    Tick { sent_ns: now_ns(), instrument: number % 8, size: 1 + number % 100, price: 100.0 + wave }
}

/// Reads so many ticks from the first on, and prints what it took.
fn follow(log: &str, ticks: &str) -> Result {
    let mut follower = Log::<Tick>::open_handle(&log.parse()?)?.follow_from(0);
    let ticks: usize = ticks.parse()?;
    let mut latencies_ns = Vec::with_capacity(ticks);
    let mut first = None;
    while follower.position() < ticks {
        let rows = follower.wait_timeout(Duration::from_secs(30))?;
        let now = now_ns();
        first.get_or_insert_with(Instant::now);
        latencies_ns.extend(rows.iter().map(|tick| now.saturating_sub(tick.sent_ns)));
    }
    let seconds = first.map_or(0.0, |first| first.elapsed().as_secs_f64());
    latencies_ns.sort_unstable();
    let quantile_us = |part: usize| {
        latencies_ns.get(latencies_ns.len() * part / 100).map_or(0.0, |&ns| ns as f64 / 1000.0)
    };
    println!(
        "follower {}: {ticks} ticks, {:.0} a second; latency {:.1} µs median, {:.1} µs at 99 %",
        std::process::id(),
        ticks as f64 / seconds.max(1e-9),
        quantile_us(50),
        quantile_us(99),
    );
    Ok(())
}

fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
