//! Frames as pictures of the crate `image`, in place.

use std::ops::Deref;

use image::ImageBuffer;
use image::flat::FlatSamples;
use ndarray::Dimension;

use super::canvas::{Canvas, Spot, Wanted};
use super::format::{PictureLayout, RowAlignment};
use super::lease::Lease;
use super::meta::FrameMeta;
use super::pixel::ImagePixel;
use super::publisher::{Loan, Publisher};
use crate::error::{Result, ResultExt};
use crate::typed::element::Element;

/// As pictures of the crate `image`, with feature `image`.
impl<T: Element, D: Dimension> Lease<T, D> {
    /// Returns the frame as a picture, in place, valid while this is borrowed.
    ///
    /// If the description says where planes lie, or if the ring has one axis, the description
    /// locates the picture. Otherwise the frame's shape does, which must be `(h, w)` or
    /// `(h, w, channels)`. Everything that the description says must be true of the frame.
    /// [`crop`](FrameMeta::crop) is not applied.
    ///
    /// # Errors
    ///
    /// [`FormatMismatch`](crate::ErrorKind::FormatMismatch) if the description says another format,
    /// or none where one is needed, or that there are gaps between rows: use
    /// [`as_flat_samples`](Self::as_flat_samples) for such rows. [`DtypeMismatch`](crate::ErrorKind::DtypeMismatch)
    /// and [`ShapeMismatch`](crate::ErrorKind::ShapeMismatch) if the frame holds no such pixels.
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if the description contradicts the frame, and
    /// [`Misaligned`](crate::ErrorKind::Misaligned) if it puts pixels of 16 bits at odd bytes.
    ///
    /// # Examples
    ///
    /// See [`ImagePixel`].
    pub fn as_image<P: ImagePixel>(&self) -> Result<ImageBuffer<P, &[P::Subpixel]>> {
        let spot = self.spot::<P>()?;
        spot.image(spot.samples::<P>(self.bytes())?)
    }

    /// Returns the frame as a picture with or without gaps between its rows, in place. Its
    /// `as_view` is an image to the crate `image`.
    ///
    /// # Errors
    ///
    /// Those of [`as_image`](Self::as_image), except for gaps between rows.
    ///
    /// # Examples
    ///
    /// See [`PictureLayout::flat_samples_mut`].
    pub fn as_flat_samples<P: ImagePixel>(&self) -> Result<FlatSamples<&[P::Subpixel]>> {
        let spot = self.spot::<P>()?;
        Ok(spot.flat_samples::<P, _>(spot.samples::<P>(self.bytes())?))
    }

    fn spot<P: ImagePixel>(&self) -> Result<Spot> {
        Canvas::of::<T>(self.shape()).find(&Wanted::of::<P>(), self.meta())
    }
}

/// As a picture of the crate `image`, with feature `image`.
impl<T: Element, D: Dimension> Loan<'_, T, D> {
    /// Returns the frame as a picture to be written, in place. Its size is the frame's shape, which
    /// must be `(h, w)` or `(h, w, channels)`. In a ring of one axis, use
    /// [`PictureLayout::image_mut`].
    ///
    /// Until it is written, it shows what some frame left there.
    ///
    /// # Errors
    ///
    /// [`DtypeMismatch`](crate::ErrorKind::DtypeMismatch), [`ShapeMismatch`](crate::ErrorKind::ShapeMismatch), and
    /// [`FormatMismatch`](crate::ErrorKind::FormatMismatch) in a ring of one axis.
    ///
    /// # Examples
    ///
    /// See [`ImagePixel`].
    pub fn as_image_mut<P: ImagePixel>(&mut self) -> Result<ImageBuffer<P, &mut [P::Subpixel]>> {
        let spot = Canvas::of::<T>(self.shape()).find(&Wanted::of::<P>(), &FrameMeta::new())?;
        spot.image(spot.samples_mut::<P>(self.bytes_mut())?)
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        let items = self.as_slice_mut().expect("frames are contiguous, in C order");
        bytemuck::cast_slice_mut(items)
    }
}

/// Pictures of the crate `image`, with feature `image`.
impl<T: Element, D: Dimension> Publisher<T, D> {
    /// Publishes a copy of `image` and returns its number. This fills in format, size and plane of
    /// the description.
    ///
    /// In a ring of frames `(h, w)` or `(h, w, channels)`, the image must have their size. In a
    /// ring of bytes with one axis, it may have any size that fits.
    ///
    /// # Errors
    ///
    /// Those of [`loan`](Self::loan), [`ShapeMismatch`](crate::ErrorKind::ShapeMismatch) if frames
    /// of this ring cannot hold the picture, and
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if it has no pixels.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use image::{GrayImage, Luma};
    /// use ndshm::{FrameMeta, Ring1};
    ///
    /// let ring = Ring1::<u8>::create_unique("doc-image-", 640 * 480)?;
    /// let mut publisher = ring.publisher()?;
    /// let mut subscriber = ring.subscribe();
    /// for (width, height) in [(640, 480), (320, 200)] {
    ///     publisher.publish_image(&GrayImage::new(width, height), FrameMeta::new())?;
    ///     let frame = subscriber.recv()?;
    ///     assert_eq!(frame.as_image::<Luma<u8>>()?.dimensions(), (width, height));
    /// }
    /// # Ok(()) }
    /// ```
    pub fn publish_image<P, C>(&mut self, image: &ImageBuffer<P, C>, meta: FrameMeta) -> Result<u64>
    where
        P: ImagePixel,
        C: Deref<Target = [P::Subpixel]>,
    {
        let (width, height) = image.dimensions();
        let layout = P::FORMAT.layout(width, height, RowAlignment::Tight).of(self.ring().name())?;
        let canvas = Canvas::of::<T>(self.ring().shape());
        let said = FrameMeta::new().picture(P::FORMAT.fourcc(), width, height);
        let spot = canvas.find(&Wanted::of::<P>(), &said);
        // An image may have more samples than its pixels need.
        let samples =
            bytemuck::cast_slice::<P::Subpixel, u8>(image.as_raw()).get(..layout.byte_len());
        let (Ok(spot), Some(samples)) = (spot, samples) else {
            return Err(canvas.no_place_for(&said, P::FORMAT).of(self.ring().name()));
        };
        let mut loan = self.loan()?;
        loan.bytes_mut()[spot.range].copy_from_slice(samples);
        Ok(loan.publish(meta.layout(&layout)))
    }
}

/// As pictures of the crate `image`, with feature `image`.
impl PictureLayout {
    /// Returns the picture in `bytes` for writing. [`Lease::as_image`] returns it for reading.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`](crate::ErrorKind::OutOfBounds) if there are too few bytes,
    /// [`FormatMismatch`](crate::ErrorKind::FormatMismatch) if this is the layout of another format
    /// or has gaps between rows, and [`Misaligned`](crate::ErrorKind::Misaligned) if pixels of 16
    /// bits would begin at odd addresses.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use image::Rgb;
    /// use ndshm::{FrameMeta, PixelFormat, Ring1, RowAlignment};
    ///
    /// let picture = PixelFormat::Rgb8.layout(640, 480, RowAlignment::Tight)?;
    /// let ring = Ring1::<u8>::create_unique("doc-image-", picture.byte_len())?;
    /// let mut publisher = ring.publisher()?;
    /// let mut frame = publisher.loan()?;
    /// let bytes = frame.as_slice_mut().expect("one axis is contiguous");
    /// picture.image_mut::<Rgb<u8>>(bytes)?.put_pixel(7, 5, Rgb([255, 128, 0]));
    /// frame.publish(FrameMeta::new().layout(&picture)); // says that it is one
    ///
    /// let frame = ring.subscribe().recv()?;
    /// assert_eq!(frame.as_image::<Rgb<u8>>()?[(7, 5)], Rgb([255, 128, 0]));
    /// # Ok(()) }
    /// ```
    pub fn image_mut<'bytes, P: ImagePixel>(
        &self,
        bytes: &'bytes mut [u8],
    ) -> Result<ImageBuffer<P, &'bytes mut [P::Subpixel]>> {
        let spot = self.spot::<P>(bytes.len())?;
        spot.image(spot.samples_mut::<P>(bytes)?)
    }

    /// Returns the picture in `bytes` for writing, with or without gaps between its rows.
    /// [`Lease::as_flat_samples`] returns it for reading.
    ///
    /// # Errors
    ///
    /// Those of [`image_mut`](Self::image_mut), except for gaps between rows.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use image::{GenericImage, GenericImageView, Rgb};
    /// use ndshm::{FrameMeta, PixelFormat, Ring1, RowAlignment};
    ///
    /// let picture = PixelFormat::Rgb8.layout(99, 10, RowAlignment::Bytes64)?;
    /// let ring = Ring1::<u8>::create_unique("doc-image-", picture.byte_len())?;
    /// let mut publisher = ring.publisher()?;
    /// let mut frame = publisher.loan()?;
    /// let bytes = frame.as_slice_mut().expect("one axis is contiguous");
    /// let mut samples = picture.flat_samples_mut::<Rgb<u8>>(bytes)?;
    /// samples.as_view_mut()?.put_pixel(98, 9, Rgb([255, 128, 0]));
    /// frame.publish(FrameMeta::new().layout(&picture));
    ///
    /// let frame = ring.subscribe().recv()?;
    /// let samples = frame.as_flat_samples::<Rgb<u8>>()?;
    /// assert_eq!(samples.layout.height_stride, 320);
    /// assert_eq!(samples.as_view::<Rgb<u8>>()?.get_pixel(98, 9), Rgb([255, 128, 0]));
    /// # Ok(()) }
    /// ```
    pub fn flat_samples_mut<'bytes, P: ImagePixel>(
        &self,
        bytes: &'bytes mut [u8],
    ) -> Result<FlatSamples<&'bytes mut [P::Subpixel]>> {
        let spot = self.spot::<P>(bytes.len())?;
        Ok(spot.flat_samples::<P, _>(spot.samples_mut::<P>(bytes)?))
    }

    fn spot<P: ImagePixel>(&self, len: usize) -> Result<Spot> {
        if len < self.byte_len() {
            return Err(self.too_long_for(len));
        }
        Canvas::of::<u8>(&[len]).find(&Wanted::of::<P>(), &FrameMeta::new().layout(self))
    }
}
