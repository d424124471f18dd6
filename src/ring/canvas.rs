//! Where in a frame a picture lies, for pictures of the crate `image`.
//!
//! A description is only the publisher's word. Everything found by it is checked against the frame,
//! as for planes. The frame's shape supplies what the description leaves unsaid.

use std::ops::{Deref, Range};

use image::ImageBuffer;
use image::flat::{FlatSamples, SampleLayout};

use super::format::{PixelFormat, RowAlignment, misplaced, range_in};
use super::meta::{FrameMeta, Plane};
use super::pixel::ImagePixel;
use crate::error::{Error, ErrorKind, Result};
use crate::npy::Named;
use crate::npy::dtype::Dtype;
use crate::npy::scalar::Scalar;
use crate::typed::element::Element;

const BYTE: Dtype = Dtype::Scalar(Scalar::U8);

/// A frame before a description says that it is a picture: a number of bytes, and items along axes.
pub(super) struct Canvas {
    item: Dtype,
    axes: Vec<usize>,
    len: usize,
}

/// The pixels that are asked for.
pub(super) struct Wanted {
    format: PixelFormat,
    channels: usize,
    sample: Dtype,
}

/// Where a picture lies in a frame that is at least long enough for it, in bytes and pixels.
pub(super) struct Spot {
    pub(super) range: Range<usize>,
    row_len: usize,
    stride: usize,
    width: u32,
    height: u32,
}

impl Canvas {
    pub(super) fn of<T: Element>(shape: &[usize]) -> Self {
        let len = shape.iter().product::<usize>() * size_of::<T>();
        let (item, folded) = T::dtype().fold();
        Self { item, axes: [shape, &folded].concat(), len }
    }

    /// Finds the picture, by its description or by the frame's shape.
    pub(super) fn find(&self, wanted: &Wanted, meta: &FrameMeta) -> Result<Spot> {
        let meta = self.completed(wanted, meta)?;
        let plane = meta.planes[0];
        let row_len = wanted.format.blocks()[0].row_len(meta.width);
        let found = || {
            let range = range_in(self.len, &plane, meta.height, row_len)?;
            let row_len = usize::try_from(row_len).ok()?;
            // A single row has no gap.
            let stride = if meta.height == 1 { row_len } else { plane.stride.try_into().ok()? };
            Some(Spot { range, row_len, stride, width: meta.width, height: meta.height })
        };
        found().ok_or_else(|| misplaced(0, &meta, self.len))
    }

    /// The description, completed with what it leaves unsaid about the first plane.
    fn completed(&self, wanted: &Wanted, meta: &FrameMeta) -> Result<FrameMeta> {
        if meta.fourcc != 0 && meta.fourcc != wanted.format.fourcc() {
            return Err(wanted.other_than(meta));
        }
        if meta.planes[0] == Plane::default() && self.axes.len() != 1 {
            return self.by_shape(wanted, meta);
        }
        if meta.fourcc == 0 {
            return Err(wanted.without_format());
        }
        if self.item != BYTE && self.item != wanted.sample {
            return Err(self.other_items_than(wanted));
        }
        if meta.planes[0] != Plane::default() {
            return Ok(*meta);
        }
        let layout = wanted.format.layout(meta.width, meta.height, RowAlignment::Tight);
        layout.map(|layout| meta.layout(&layout)).map_err(|_| self.other_size_than(meta))
    }

    fn by_shape(&self, wanted: &Wanted, meta: &FrameMeta) -> Result<FrameMeta> {
        if self.item != wanted.sample {
            return Err(self.other_items_than(wanted));
        }
        let size = match self.axes[..] {
            [height, width] if wanted.channels == 1 => [width, height],
            [height, width, channels] if wanted.channels == channels => [width, height],
            _ => return Err(self.other_axes_than(wanted)),
        };
        // A length that does not fit is no frame's length. It is refused with the sizes that no
        // picture has.
        let size = size.map(|len| u32::try_from(len).unwrap_or(u32::MAX));
        let said = [meta.width, meta.height];
        if said != [0, 0] && said != size {
            return Err(self.other_size_than(meta));
        }
        Ok(meta.layout(&wanted.format.layout(size[0], size[1], RowAlignment::Tight)?))
    }

    #[cold]
    pub(super) fn no_place_for(&self, said: &FrameMeta, format: PixelFormat) -> Error {
        Error::new(
            ErrorKind::ShapeMismatch,
            format!(
                "holds frames of shape {:?} of {}, asked to publish a picture of {} × {} pixels ({format:?}): \
                 replace it with a ring for such pictures",
                self.axes,
                Named(&self.item),
                said.width,
                said.height
            ),
        )
    }

    #[cold]
    fn other_items_than(&self, wanted: &Wanted) -> Error {
        Error::new(
            ErrorKind::DtypeMismatch,
            format!(
                "the frame holds {}, asked for {:?}, whose samples are {}: ask for a pixel of that, or have \
                 its description say where the planes of the picture lie",
                Named(&self.item),
                wanted.format,
                wanted.sample
            ),
        )
    }

    #[cold]
    fn other_axes_than(&self, wanted: &Wanted) -> Error {
        Error::new(
            ErrorKind::ShapeMismatch,
            format!(
                "the frame has shape {:?}, asked for {:?}, whose frames have shape (height, width, {}): ask \
                 for the pixel that it has",
                self.axes, wanted.format, wanted.channels
            ),
        )
    }

    #[cold]
    fn other_size_than(&self, meta: &FrameMeta) -> Error {
        Error::new(
            ErrorKind::Corrupt,
            format!(
                "the frame has shape {:?}, and its description says {} × {} pixels: mend its publisher",
                self.axes, meta.width, meta.height
            ),
        )
    }
}

impl Wanted {
    pub(super) fn of<P: ImagePixel>() -> Self {
        Self {
            format: P::FORMAT,
            channels: P::CHANNEL_COUNT.into(),
            sample: <P::Subpixel as Element>::dtype(),
        }
    }

    #[cold]
    fn other_than(&self, meta: &FrameMeta) -> Error {
        let found = match PixelFormat::from_fourcc(meta.fourcc) {
            Some(format) => format!("{format:?}"),
            None => format!("{:?}", meta.fourcc_text()),
        };
        Error::new(
            ErrorKind::FormatMismatch,
            format!(
                "the picture in the frame is {found}, asked for {:?}: ask for what it is, or convert what \
                 `planes` returns",
                self.format
            ),
        )
    }

    #[cold]
    fn without_format(&self) -> Error {
        Error::new(
            ErrorKind::FormatMismatch,
            format!(
                "the frame's description does not name the format of its picture, asked for {:?}: publish it \
                 with `FrameMeta::layout`, and write one of one axis with `PictureLayout::image_mut`",
                self.format
            ),
        )
    }
}

impl Spot {
    pub(super) fn samples<'bytes, P: ImagePixel>(
        &self,
        bytes: &'bytes [u8],
    ) -> Result<&'bytes [P::Subpixel]> {
        self.check_stride::<P>()?;
        bytemuck::try_cast_slice(&bytes[self.range.clone()]).map_err(|_| self.misaligned())
    }

    pub(super) fn samples_mut<'bytes, P: ImagePixel>(
        &self,
        bytes: &'bytes mut [u8],
    ) -> Result<&'bytes mut [P::Subpixel]> {
        self.check_stride::<P>()?;
        bytemuck::try_cast_slice_mut(&mut bytes[self.range.clone()]).map_err(|_| self.misaligned())
    }

    fn check_stride<P: ImagePixel>(&self) -> Result<()> {
        let fits = self.stride.is_multiple_of(size_of::<P::Subpixel>());
        if fits { Ok(()) } else { Err(self.misaligned()) }
    }

    pub(super) fn image<P, C>(&self, samples: C) -> Result<ImageBuffer<P, C>>
    where
        P: ImagePixel,
        C: Deref<Target = [P::Subpixel]>,
    {
        let is_tight = self.stride == self.row_len;
        let image = is_tight.then(|| ImageBuffer::from_raw(self.width, self.height, samples));
        image.flatten().ok_or_else(|| self.apart())
    }

    pub(super) fn flat_samples<P: ImagePixel, C>(&self, samples: C) -> FlatSamples<C> {
        let layout = SampleLayout {
            channels: P::CHANNEL_COUNT,
            channel_stride: 1,
            width: self.width,
            width_stride: P::CHANNEL_COUNT.into(),
            height: self.height,
            height_stride: self.stride / size_of::<P::Subpixel>(),
        };
        FlatSamples { samples, layout, color_hint: P::COLOR_TYPE.color_type() }
    }

    #[cold]
    fn apart(&self) -> Error {
        Error::new(
            ErrorKind::FormatMismatch,
            format!(
                "the rows of the picture have {} bytes and begin {} apart, asked for rows right behind each \
                 other: take its flat samples",
                self.row_len, self.stride
            ),
        )
    }

    #[cold]
    fn misaligned(&self) -> Error {
        Error::new(
            ErrorKind::Misaligned,
            format!(
                "the picture begins at byte {} and its rows {} bytes apart, which puts samples of 2 bytes at \
                 odd addresses: have it published at even ones",
                self.range.start, self.stride
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use image::{GenericImageView, Luma, Rgb, Rgba};

    use super::*;

    const SHORT: Dtype = Dtype::Scalar(Scalar::U16);

    fn canvas(item: &Dtype, axes: &[usize]) -> Canvas {
        let len = axes.iter().product::<usize>() * item.item_size();
        Canvas { item: item.clone(), axes: axes.to_vec(), len }
    }

    fn said(code: &[u8; 4], width: u32, height: u32) -> FrameMeta {
        FrameMeta::new().picture(u32::from_le_bytes(*code), width, height)
    }

    fn plane(offset: u32, stride: u32, rows: u32) -> Plane {
        Plane { offset, stride, rows }
    }

    #[test]
    fn a_picture_is_where_shape_and_description_agree_that_it_is() {
        let found = |canvas: Canvas, wanted: Wanted, meta: FrameMeta| {
            let spot = canvas.find(&wanted, &meta).unwrap();
            (spot.range, spot.stride, [spot.width, spot.height])
        };
        let (rgb, silent) = (Wanted::of::<Rgb<u8>>, FrameMeta::new);
        let bytes = |axes| canvas(&BYTE, axes);
        let whole = (0..60, 15, [5, 4]);
        assert_eq!(found(bytes(&[4, 5, 3]), rgb(), silent()), whole);
        assert_eq!(found(bytes(&[4, 5, 3]), rgb(), said(b"BG24", 0, 0)), whole);
        assert_eq!(found(bytes(&[4, 5, 3]), rgb(), said(b"BG24", 5, 4)), whole);
        assert_eq!(found(bytes(&[60]), rgb(), said(b"BG24", 5, 4)), whole);
        assert_eq!(found(bytes(&[4, 5, 4]), Wanted::of::<Rgba<u8>>(), silent()).0, 0..80);
        for axes in [&[4, 5][..], &[4, 5, 1]] {
            assert_eq!(found(bytes(axes), Wanted::of::<Luma<u8>>(), silent()).0, 0..20);
            let shorts = canvas(&SHORT, axes);
            assert_eq!(found(shorts, Wanted::of::<Luma<u16>>(), silent()), (0..40, 10, [5, 4]));
        }
        let part = said(b"BG24", 2, 3).plane(0, plane(10, 15, 3));
        assert_eq!(found(bytes(&[4, 5, 3]), rgb(), part), (10..46, 15, [2, 3]));
        let row = said(b"BG24", 2, 1).plane(0, plane(0, 64, 1));
        assert_eq!(found(bytes(&[6]), rgb(), row), (0..6, 6, [2, 1]), "one row is no other's");
    }

    #[test]
    fn every_contradiction_is_an_error_that_says_both_sides() {
        use ErrorKind::{Corrupt, DtypeMismatch, FormatMismatch, ShapeMismatch};
        let whole = said(b"BG24", 5, 4).plane(0, plane(0, 15, 4));
        let at = |offset, stride, rows| whole.plane(0, plane(offset, stride, rows));
        let unnamed = FrameMeta::new().plane(0, plane(0, 15, 4));
        let float = Dtype::Scalar(Scalar::F32);
        for (item, axes, meta, kind, words) in [
            (&BYTE, &[4, 5, 3][..], said(b"RG24", 5, 4), FormatMismatch, "is Bgr8, asked for Rgb8"),
            (&BYTE, &[60], said(b"MJPG", 5, 4), FormatMismatch, "is \"MJPG\", asked for Rgb8"),
            (&BYTE, &[60], FrameMeta::new(), FormatMismatch, "does not name the format"),
            (&BYTE, &[4, 5, 3], unnamed, FormatMismatch, "does not name the format"),
            (
                &SHORT,
                &[4, 5, 3],
                FrameMeta::new(),
                DtypeMismatch,
                "holds <u2 (u16), asked for Rgb8",
            ),
            (&float, &[4, 5, 3], whole, DtypeMismatch, "holds <f4 (f32), asked for Rgb8"),
            (&BYTE, &[4, 5, 4], FrameMeta::new(), ShapeMismatch, "has shape [4, 5, 4]"),
            (&BYTE, &[4, 5], FrameMeta::new(), ShapeMismatch, "(height, width, 3)"),
            (&BYTE, &[2, 2, 5, 3], FrameMeta::new(), ShapeMismatch, "has shape [2, 2, 5, 3]"),
            (&BYTE, &[], FrameMeta::new(), ShapeMismatch, "has shape []"),
            (&BYTE, &[4, 5, 3], said(b"BG24", 4, 5), Corrupt, "says 4 × 5 pixels"),
            (&BYTE, &[4, 5, 3], said(b"BG24", 5, 0), Corrupt, "says 5 × 0 pixels"),
            (&BYTE, &[60], said(b"BG24", 0, 0), Corrupt, "says 0 × 0 pixels"),
            (&BYTE, &[60], said(b"BG24", u32::MAX, 4), Corrupt, "says 4294967295 × 4 pixels"),
            (&BYTE, &[59], said(b"BG24", 5, 4), Corrupt, "does not fit a frame of 59 bytes"),
            (&BYTE, &[60], at(1, 15, 4), Corrupt, "from byte 1 on"),
            (&BYTE, &[60], at(0, 16, 4), Corrupt, "16 bytes apart"),
            (&BYTE, &[60], at(0, 14, 4), Corrupt, "14 bytes apart"),
            (&BYTE, &[60], at(0, 15, 3), Corrupt, "have 3 rows"),
            (&BYTE, &[60], at(0, 15, 0), Corrupt, "have 0 rows"),
            (&BYTE, &[60], at(u32::MAX, u32::MAX, 4), Corrupt, "does not fit a frame"),
        ] {
            let error = canvas(item, axes).find(&Wanted::of::<Rgb<u8>>(), &meta).err().unwrap();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn no_description_however_wrong_leads_out_of_the_frame() {
        let mut found = 0;
        let bytes = [7; 96];
        let numbers = [0, 1, 2, 24, 94, 95, 96, 97, 1 << 31, u32::MAX];
        let sizes = [(0, 0), (1, 1), (4, 8), (8, 12), (u32::MAX, 1), (1, u32::MAX)];
        let all = || numbers.into_iter().flat_map(|a| numbers.map(|b| (a, b)));
        for axes in [&[96][..], &[4, 8, 3], &[8, 12]] {
            for ((offset, stride), (rows, _)) in
                all().flat_map(|a| all().step_by(10).map(move |b| (a, b)))
            {
                for (width, height) in sizes {
                    for code in [Wanted::of::<Rgb<u8>>().format.fourcc(), 0, u32::MAX] {
                        let meta = FrameMeta::new().picture(code, width, height);
                        let meta = meta.plane(0, plane(offset, stride, rows));
                        let spot = canvas(&BYTE, axes).find(&Wanted::of::<Rgb<u8>>(), &meta);
                        let Ok(spot) = spot else { continue };
                        let samples = spot.samples::<Rgb<u8>>(&bytes).unwrap();
                        let flat = spot.flat_samples::<Rgb<u8>, _>(samples);
                        let view = flat.as_view::<Rgb<u8>>().unwrap();
                        assert!(view.pixels().all(|it| it.2 == Rgb([7; 3])));
                        let _ = spot.image::<Rgb<u8>, _>(samples);
                        found += 1;
                    }
                }
            }
        }
        assert!(found > 10, "only {found} were pictures");
    }

    #[test]
    fn samples_of_two_bytes_begin_at_even_places() {
        let bytes: Vec<u8> = bytemuck::cast_slice(&[[7_u8; 8]; 8]).to_vec();
        let wanted = Wanted::of::<Luma<u16>>();
        for (offset, stride, fits) in [(0, 8, true), (2, 10, true), (1, 8, false), (0, 9, false)] {
            let meta = said(b"R16 ", 4, 3).plane(0, plane(offset, stride, 3));
            let spot = canvas(&BYTE, &[64]).find(&wanted, &meta).unwrap();
            let aligned = spot.samples::<Luma<u16>>(&bytes).map_err(|error| error.kind());
            match fits {
                true => assert_eq!(aligned.unwrap()[0], 0x0707),
                false => assert_eq!(aligned.unwrap_err(), ErrorKind::Misaligned),
            }
        }
    }
}
