//! Receives the picture that `camera` publishes, by name alone, and says what it sees.

use ndshm::Ring2;

fn main() -> ndshm::Result<()> {
    let ring = Ring2::<u8>::open("camera")?;
    let mut subscriber = ring.subscribe();
    for frame in subscriber.iter().take(100) {
        let frame = frame?;
        let meta = frame.meta();
        println!(
            "frame {}: {} × {} {}, published {} µs after it was taken, {} missed, first pixel {}",
            frame.seq(),
            meta.width,
            meta.height,
            meta.fourcc_text(),
            meta.publish_ns.saturating_sub(meta.capture_ns) / 1000,
            frame.missed(),
            frame[[0, 0]]
        );
    }
    println!("received {}, missed {}", subscriber.received(), subscriber.missed());
    Ok(())
}
