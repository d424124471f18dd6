//! Writes a shared array ten times a second; run `reader` in another terminal meanwhile.

fn main() -> ndshm::Result<()> {
    let counts = ndshm::Array2::<u64>::open_or_create("counts", (4, 8))?;
    println!(
        "writing \"counts\"; stop with Ctrl-C, remove it with: rm {:?}",
        counts.segment().path()
    );
    for round in 1.. {
        let mut guard = counts.write_recover()?; // a writer killed before us left it suspect, perhaps
        guard.fill(round);
        guard.mark_consistent();
        drop(guard);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    Ok(())
}
