//! Row 9: publishing a copy of a frame that lies elsewhere, with as many threads as by default and with one.

mod support;

use ndshm::{FrameMeta, Publisher, Result, Ring3};
use support::Row;

fn main() -> Result<()> {
    let mut criterion = support::criterion();
    for (name, shape) in [("1080p", (1080, 1920, 3)), ("4K", (2160, 3840, 3))] {
        let picture = ndarray::Array3::<u8>::from_elem(shape, 7);
        let publish = |publisher: &mut Publisher<u8, _>| {
            publisher.publish_from(&picture, FrameMeta::new()).expect("a slot is free")
        };
        let rings = [(); 2].map(|()| Ring3::<u8>::create_unique("bench-copy-", shape));
        let [one, all] = rings;
        let (mut one, mut all) = (one?.publisher()?.copy_threads(1), all?.publisher()?);
        let work = format!("publish_from, {name}");
        Row { number: 9, work: &work, baseline: "copy_threads(1)", target: 1.0 }.compare(
            &mut criterion,
            || publish(&mut one),
            || publish(&mut all),
        );
    }
    criterion.final_summary();
    Ok(())
}
