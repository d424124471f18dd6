//! Frames as pictures of the crate `image`: in place, and never other colours, sizes or bytes than there are.

use image::{GenericImage, GenericImageView, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba};
use ndarray::Dimension;
use ndshm::{
    Access, Clock, Element, ErrorKind, FrameMeta, PixelFormat, Plane, Ring, Ring1, Ring2, Ring3,
    RowAlignment,
};

use crate::support::{DEADLINE, Role, say};

type Gray16Image = ImageBuffer<Luma<u16>, Vec<u16>>;

/// A picture no two of whose pixels are alike.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([x, y, x ^ y].map(|n| n.to_le_bytes()[0])))
}

/// The role: receives a picture of the ring of that name, and says where it is and what is at its end.
pub(crate) fn look(name: &str) {
    let mut subscriber = Ring3::<u8>::open(name).unwrap().subscribe();
    say("subscribed");
    let frame = subscriber.recv_timeout(DEADLINE).unwrap();
    let image = frame.as_image::<Rgb<u8>>().unwrap();
    let (width, height) = image.dimensions();
    say(&format!("{width} {height} {:?}", image.get_pixel(width - 1, height - 1).0));
}

#[test]
fn a_picture_is_written_and_read_where_it_lies_by_two_processes() {
    let ring = Ring3::<u8>::create_unique("it-picture-", (48, 64, 3)).unwrap();
    let mut looker = Role::start(&format!("look {}", ring.name()));
    assert_eq!(looker.hear(), "subscribed");
    let mut publisher = ring.publisher().unwrap();
    let mut frame = publisher.loan().unwrap();
    let place = frame.as_ptr();
    let mut image = frame.as_image_mut::<Rgb<u8>>().unwrap();
    assert_eq!(image.as_raw().as_ptr(), place);
    image.copy_from(&picture(64, 48), 0, 0).unwrap();
    frame.publish(FrameMeta::new());
    assert_eq!(looker.hear(), "64 48 [63, 47, 16]");

    let frame = ring.subscribe().recv().unwrap();
    let image = frame.as_image::<Rgb<u8>>().unwrap();
    assert_eq!(image.as_raw().as_ptr(), frame.as_ptr());
    assert_eq!(image.as_raw()[..], picture(64, 48).as_raw()[..]);
    assert_eq!(frame[[47, 63, 2]], 16);
}

#[test]
fn a_published_image_says_what_it_is_and_arrives_unchanged() {
    arrives(&Ring3::<u8>::create_unique("it-picture-", (48, 64, 3)).unwrap());
    arrives(&Ring2::<[u8; 3]>::create_unique("it-picture-", (48, 64)).unwrap());
    arrives(&Ring1::<u8>::create_unique("it-picture-", 10_000).unwrap());
}

fn arrives<T: Element, D: Dimension>(ring: &Ring<T, D>) {
    let (image, said) = (picture(64, 48), PixelFormat::Rgb8.layout(64, 48, RowAlignment::Tight));
    let said = FrameMeta::new().source_seq(7).layout(&said.unwrap());
    for access in [Access::ReadWrite, Access::Read, Access::Observe] {
        let stale = Plane { offset: 9, stride: 9, rows: 9 };
        let meta = FrameMeta::new().source_seq(7).plane(0, stale).plane(3, stale);
        let seq = ring.publisher().unwrap().publish_image(&image, meta).unwrap();
        let receiver = Ring::<T, D>::options().access(access).open(ring.name()).unwrap();
        let frame = receiver.subscribe().recv().unwrap();
        let meta = FrameMeta { publish_ns: 0, publish_clock: Clock::UNKNOWN, ..*frame.meta() };
        assert_eq!(meta, FrameMeta { seq, ..said });
        let seen = frame.as_image::<Rgb<u8>>().unwrap();
        assert_eq!((seen.dimensions(), &seen.as_raw()[..]), ((64, 48), &image.as_raw()[..]));
    }
    assert_eq!(ring.published(), 3);
}

#[test]
fn an_image_that_frames_cannot_hold_is_an_error_and_costs_no_frame() {
    let image = picture(64, 48);
    let refused = |error: ndshm::Result<u64>| {
        let error = error.unwrap_err();
        assert!(error.to_string().contains("it-picture-"), "{error}");
        error.kind()
    };
    let wide = Ring3::<u8>::create_unique("it-picture-", (64, 48, 3)).unwrap();
    let error = wide.publisher().unwrap().publish_image(&image, FrameMeta::new());
    assert_eq!(refused(error), ErrorKind::ShapeMismatch);
    let short = Ring1::<u8>::create_unique("it-picture-", 64 * 48 * 3 - 1).unwrap();
    let error = short.publisher().unwrap().publish_image(&image, FrameMeta::new());
    assert_eq!(refused(error), ErrorKind::ShapeMismatch);
    let floats = Ring3::<f32>::create_unique("it-picture-", (48, 64, 3)).unwrap();
    let error = floats.publisher().unwrap().publish_image(&image, FrameMeta::new());
    assert_eq!(refused(error), ErrorKind::ShapeMismatch);
    let error = short.publisher().unwrap().publish_image(&GrayImage::new(0, 9), FrameMeta::new());
    assert_eq!(refused(error), ErrorKind::InvalidArgument);
    for ring in [wide.segment(), short.segment(), floats.segment()] {
        assert_eq!(ndshm::AnyRing::of(ring).unwrap().published(), 0);
    }
}

#[test]
fn an_image_with_more_samples_than_pixels_is_published_without_them() {
    let ring = Ring2::<u16>::create_unique("it-picture-", (2, 3)).unwrap();
    let samples: Vec<u16> = (0..9).collect();
    let image = ImageBuffer::<Luma<u16>, _>::from_raw(3, 2, &samples[..]).unwrap();
    ring.publisher().unwrap().publish_image(&image, FrameMeta::new()).unwrap();
    let frame = ring.subscribe().recv().unwrap();
    assert_eq!(frame.as_image::<Luma<u16>>().unwrap().as_raw()[..], [0, 1, 2, 3, 4, 5]);
    assert_eq!(frame.as_image::<Luma<u8>>().err().unwrap().kind(), ErrorKind::FormatMismatch);
}

#[test]
fn a_loan_is_a_picture_of_its_own_shape_or_none() {
    let ring = Ring3::<u8>::create_unique("it-picture-", (48, 64, 4)).unwrap();
    let mut publisher = ring.publisher().unwrap();
    let mut frame = publisher.loan().unwrap();
    frame.as_image_mut::<Rgba<u8>>().unwrap().put_pixel(63, 47, Rgba([1, 2, 3, 4]));
    assert_eq!(frame[[47, 63, 3]], 4);
    let error = frame.as_image_mut::<Rgb<u8>>().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ShapeMismatch);
    let error = frame.as_image_mut::<Luma<u16>>().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::DtypeMismatch);

    let layout = PixelFormat::Gray8.layout(10, 10, RowAlignment::Tight).unwrap();
    let bytes = Ring1::<u8>::create_unique("it-picture-", 99).unwrap();
    let mut publisher = bytes.publisher().unwrap();
    let mut frame = publisher.loan().unwrap();
    let error = frame.as_image_mut::<Luma<u8>>().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::FormatMismatch);
    let error = layout.image_mut::<Luma<u8>>(frame.as_slice_mut().unwrap()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::OutOfBounds);
}

#[test]
fn colours_are_never_swapped_in_silence() {
    let ring = Ring3::<u8>::create_unique("it-picture-", (48, 64, 3)).unwrap();
    let mut publisher = ring.publisher().unwrap();
    let bgr = PixelFormat::Bgr8.layout(64, 48, RowAlignment::Tight).unwrap();
    publisher.loan().unwrap().publish(FrameMeta::new().layout(&bgr));
    let frame = ring.subscribe().recv().unwrap();
    for error in [
        frame.as_image::<Rgb<u8>>().err().unwrap(),
        frame.as_flat_samples::<Rgb<u8>>().err().unwrap(),
    ] {
        assert_eq!(error.kind(), ErrorKind::FormatMismatch);
        assert!(error.to_string().contains("is Bgr8, asked for Rgb8"), "{error}");
    }
    let mut bytes = vec![0; bgr.byte_len()];
    let error = bgr.image_mut::<Rgb<u8>>(&mut bytes).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::FormatMismatch);
}

#[test]
fn rows_that_are_apart_are_flat_samples_and_no_image() {
    let layout = PixelFormat::Gray16.layout(33, 5, RowAlignment::Bytes64).unwrap();
    let ring = Ring1::<u8>::create_unique("it-picture-", layout.byte_len()).unwrap();
    let mut publisher = ring.publisher().unwrap();
    let mut frame = publisher.loan().unwrap();
    let bytes = frame.as_slice_mut().unwrap();
    let error = layout.image_mut::<Luma<u16>>(bytes).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::FormatMismatch);
    assert!(error.to_string().contains("66 bytes and begin 128 apart"), "{error}");
    let image = Gray16Image::from_fn(33, 5, |x, y| Luma([u16::try_from(x + 1000 * y).unwrap()]));
    let mut samples = layout.flat_samples_mut::<Luma<u16>>(bytes).unwrap();
    samples.as_view_mut::<Luma<u16>>().unwrap().copy_from(&image, 0, 0).unwrap();
    frame.publish(FrameMeta::new().layout(&layout));

    let frame = ring.subscribe().recv().unwrap();
    assert_eq!(frame.as_image::<Luma<u16>>().err().unwrap().kind(), ErrorKind::FormatMismatch);
    let samples = frame.as_flat_samples::<Luma<u16>>().unwrap();
    assert_eq!(samples.color_hint, Some(image::ColorType::L16));
    let view = samples.as_view::<Luma<u16>>().unwrap();
    assert!(view.pixels().eq(GenericImageView::pixels(&image)));
    let planes = frame.planes().unwrap();
    assert_eq!(planes[0].row(4).as_slice().unwrap()[64..], 4032_u16.to_le_bytes());
}
