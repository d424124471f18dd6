//! Pixels of the crate `image` that frames hold.

use image::{Luma, Pixel, PixelWithColorType, Rgb, Rgba};

use super::format::PixelFormat;
use crate::typed::element::Element;

/// A pixel of the crate `image`, with feature `image`. Frames can hold pictures of such pixels.
///
/// | pixel | [`PixelFormat`] | shape of a frame |
/// |---|---|---|
/// | `Luma<u8>` | [`Gray8`](PixelFormat::Gray8) | `(h, w)` or `(h, w, 1)` of `u8` |
/// | `Luma<u16>` | [`Gray16`](PixelFormat::Gray16) | `(h, w)` or `(h, w, 1)` of `u16` |
/// | `Rgb<u8>` | [`Rgb8`](PixelFormat::Rgb8) | `(h, w, 3)` of `u8` |
/// | `Rgba<u8>` | [`Rgba8`](PixelFormat::Rgba8) | `(h, w, 4)` of `u8` |
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use image::{Rgb, RgbImage};
/// use ndshm::{FrameMeta, Ring3};
///
/// let ring = Ring3::<u8>::create("doc-image", (480, 640, 3))?;
/// let mut publisher = ring.publisher()?;
/// let mut frame = publisher.loan()?;
/// let mut image = frame.as_image_mut::<Rgb<u8>>()?; // the frame itself, in shared memory
/// image.put_pixel(7, 5, Rgb([255, 128, 0]));
/// frame.publish(FrameMeta::new().capture_now());
///
/// // In any other process:
/// let frame = Ring3::<u8>::open("doc-image")?.subscribe().recv()?;
/// let image = frame.as_image::<Rgb<u8>>()?; // no copy either
/// assert_eq!((image.dimensions(), image[(7, 5)]), ((640, 480), Rgb([255, 128, 0])));
///
/// // Or a picture that there is already:
/// publisher.publish_image(&RgbImage::new(640, 480), FrameMeta::new().capture_now())?;
/// # Ok(()) }
/// ```
pub trait ImagePixel: PixelWithColorType + Pixel<Subpixel: Element> {
    /// How such pixels lie in memory.
    const FORMAT: PixelFormat;
}

impl ImagePixel for Luma<u8> {
    const FORMAT: PixelFormat = PixelFormat::Gray8;
}

impl ImagePixel for Luma<u16> {
    const FORMAT: PixelFormat = PixelFormat::Gray16;
}

impl ImagePixel for Rgb<u8> {
    const FORMAT: PixelFormat = PixelFormat::Rgb8;
}

impl ImagePixel for Rgba<u8> {
    const FORMAT: PixelFormat = PixelFormat::Rgba8;
}
