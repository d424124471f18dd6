//! Publishes a moving picture; run `viewer` in other terminals meanwhile.

use std::thread;
use std::time::Duration;

use ndshm::{ErrorKind, FrameMeta, Plane, Ring2};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;

fn main() -> ndshm::Result<()> {
    let shape = (HEIGHT as usize, WIDTH as usize);
    let ring = Ring2::<u8>::open_or_create("camera", shape)?;
    let mut publisher = ring.publisher()?;
    println!(
        "publishing in {:?}; stop with Ctrl-C, start again at any time",
        ring.segment().path()
    );
    // DRM_FORMAT_R8: one byte a pixel.
    let grey = u32::from_le_bytes(*b"R8  ");
    let plane = Plane { offset: 0, stride: WIDTH, rows: HEIGHT };
    for tick in 0_usize.. {
        thread::sleep(Duration::from_millis(33));
        let mut frame = match publisher.loan() {
            // All slots are leased: this frame is dropped, and counted.
            Err(error) if error.kind() == ErrorKind::Full => continue,
            loan => loan?,
        };
        for ((row, column), pixel) in frame.indexed_iter_mut() {
            *pixel = (row / 2 + column / 4 + tick).to_le_bytes()[0];
        }
        let meta = FrameMeta::new().picture(grey, WIDTH, HEIGHT).plane(0, plane).rate(30, 1);
        frame.publish(meta.capture_now());
    }
    Ok(())
}
