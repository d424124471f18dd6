//! Writes a shared array; run `reader` in another terminal meanwhile.

fn main() -> ndshm::Result<()> {
    let counts = ndshm::Array2::<u64>::create("counts", (4, 8))?;
    println!("writing \"counts\"; now run: cargo run --example reader");
    for round in 1.. {
        counts.write()?.fill(round);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    Ok(())
}
