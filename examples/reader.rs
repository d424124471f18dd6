//! Reads the array that `writer` shares, by name alone.

fn main() -> ndshm::Result<()> {
    let counts = ndshm::Array2::<u64>::open("counts")?;
    for _ in 0..10 {
        let guard = counts.read()?;
        println!("every cell is {}, the sum is {}", guard[[0, 0]], guard.sum());
        drop(guard);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    Ok(())
}
