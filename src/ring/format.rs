//! Common formats of pictures, and where their planes lie in a frame.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, Dimension, ShapeBuilder, s};

use super::lease::Lease;
use super::meta::{FrameMeta, Plane};
use crate::error::{Error, ErrorKind, Result, size};
use crate::typed::element::Element;

/// How the pixels of a picture lie in memory. These are the common formats among those that
/// [`FrameMeta::fourcc`] can name.
///
/// The names here follow the order of the bytes in memory, as OpenCV's and NumPy's do. Linux's
/// [`drm_fourcc.h`] names packed formats from the most significant byte of a little-endian word, so
/// its names have the opposite order.
///
/// | format | planes, byte by byte | `DRM_FORMAT_…` | code |
/// |---|---|---|---|
/// | [`Gray8`](Self::Gray8) | Y | `R8` | `R8  ` |
/// | [`Gray16`](Self::Gray16) | Y of 2 bytes, little-endian | `R16` | `R16 ` |
/// | [`Rgb8`](Self::Rgb8) | R G B | `BGR888` | `BG24` |
/// | [`Bgr8`](Self::Bgr8) | B G R | `RGB888` | `RG24` |
/// | [`Rgba8`](Self::Rgba8) | R G B A | `ABGR8888` | `AB24` |
/// | [`Yuyv`](Self::Yuyv) | Y Cb Y Cr, for two pixels | `YUYV` | `YUYV` |
/// | [`Nv12`](Self::Nv12) | Y · Cb Cr, for 2 × 2 pixels | `NV12` | `NV12` |
/// | [`I420`](Self::I420) | Y · Cb, for 2 × 2 pixels · Cr, the same | `YUV420` | `YU12` |
///
/// If a width or height is odd, the last pixels still have their Cb and Cr.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{FrameMeta, PixelFormat, Ring1, RowAlignment};
///
/// let picture = PixelFormat::Nv12.layout(640, 480, RowAlignment::Bytes64)?;
/// let ring = Ring1::<u8>::create_unique("doc-nv12-", picture.byte_len())?;
/// let mut publisher = ring.publisher()?;
/// let mut frame = publisher.loan()?;
/// let bytes = frame.as_slice_mut().expect("one axis is contiguous");
/// let mut planes = picture.planes_mut(bytes)?;
/// planes[0].fill(16); // black
/// planes[1].fill(128); // without colour
/// frame.publish(FrameMeta::new().capture_now().layout(&picture));
///
/// // In any other process:
/// let frame = Ring1::<u8>::open(ring.name())?.subscribe().recv()?;
/// let planes = frame.planes()?;
/// assert_eq!((planes[0].dim(), planes[1].dim()), ((480, 640), (240, 640)));
/// assert_eq!((planes[0][[479, 639]], planes[1][[239, 639]]), (16, 128));
/// # Ok(()) }
/// ```
///
/// [`drm_fourcc.h`]: https://github.com/torvalds/linux/blob/master/include/uapi/drm/drm_fourcc.h
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// One byte a pixel.
    Gray8,
    /// Two bytes a pixel, little-endian.
    Gray16,
    /// Red, green, blue: a byte each.
    Rgb8,
    /// Blue, green, red: a byte each.
    Bgr8,
    /// Red, green, blue, alpha: a byte each.
    Rgba8,
    /// The brightness of each pixel, interleaved with the colour of two pixels.
    Yuyv,
    /// A plane of brightness, and a plane with a quarter as many colours.
    Nv12,
    /// A plane of brightness, and two planes with a quarter as many colours.
    I420,
}

/// The alignment of the rows of a picture.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// use ndshm::{PixelFormat, RowAlignment};
///
/// let strides = [RowAlignment::Tight, RowAlignment::Bytes64].map(|alignment| {
///     PixelFormat::Rgb8.layout(99, 10, alignment).unwrap().planes()[0].stride
/// });
/// assert_eq!(strides, [297, 320]);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RowAlignment {
    /// Each row begins right behind the one before.
    #[default]
    Tight,
    /// Rows begin at multiples of 64 bytes, as vector code and hardware prefer.
    Bytes64,
}

/// Where the planes of a picture of some size lie. [`PixelFormat::layout`] makes it.
///
/// # Examples
///
/// See [`PixelFormat`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLayout {
    format: PixelFormat,
    width: u32,
    height: u32,
    /// The planes, one behind the other, and zeros behind the format's last plane.
    planes: [Plane; 4],
    byte_len: usize,
}

/// What a plane stores: the number of bytes for a block of pixels, and the size of the block.
#[derive(Clone, Copy)]
pub(super) struct Blocks {
    bytes: u64,
    across: u32,
    down: u32,
}

impl Blocks {
    const fn pixels(bytes: u64) -> Self {
        Self { bytes, across: 1, down: 1 }
    }

    const fn quarters(bytes: u64) -> Self {
        Self { bytes, across: 2, down: 2 }
    }

    pub(super) fn row_len(self, width: u32) -> u64 {
        u64::from(width.div_ceil(self.across)) * self.bytes
    }

    fn rows(self, height: u32) -> u32 {
        height.div_ceil(self.down)
    }
}

impl PixelFormat {
    const ALL: [Self; 8] = [
        Self::Gray8,
        Self::Gray16,
        Self::Rgb8,
        Self::Bgr8,
        Self::Rgba8,
        Self::Yuyv,
        Self::Nv12,
        Self::I420,
    ];

    /// Returns the format's `DRM_FORMAT_…` code.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ndshm::PixelFormat::Rgb8.fourcc().to_le_bytes(), *b"BG24");
    /// ```
    #[must_use]
    pub const fn fourcc(self) -> u32 {
        u32::from_le_bytes(match self {
            Self::Gray8 => *b"R8  ",
            Self::Gray16 => *b"R16 ",
            Self::Rgb8 => *b"BG24",
            Self::Bgr8 => *b"RG24",
            Self::Rgba8 => *b"AB24",
            Self::Yuyv => *b"YUYV",
            Self::Nv12 => *b"NV12",
            Self::I420 => *b"YU12",
        })
    }

    /// Returns the format with that `DRM_FORMAT_…` code, or `None` if it has no name here.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndshm::PixelFormat;
    ///
    /// let code = u32::from_le_bytes(*b"YU12");
    /// assert_eq!(PixelFormat::from_fourcc(code), Some(PixelFormat::I420));
    /// assert_eq!(PixelFormat::from_fourcc(0), None);
    /// ```
    #[must_use]
    pub fn from_fourcc(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.fourcc() == code)
    }

    /// Returns where the planes of a picture lie, one behind the other. `width` and `height` are in
    /// pixels.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for pictures without pixels, or of 2 GiB or more.
    ///
    /// # Examples
    ///
    /// See [`PixelFormat`].
    pub fn layout(self, width: u32, height: u32, alignment: RowAlignment) -> Result<PictureLayout> {
        self.lay_out(width, height, alignment).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "asks for a picture of {width} × {height} pixels ({self:?}): it must have some, and \
                     less than 2 GiB"
                ),
            )
        })
    }

    fn lay_out(self, width: u32, height: u32, alignment: RowAlignment) -> Option<PictureLayout> {
        if width == 0 || height == 0 {
            return None;
        }
        let mut planes = [Plane::default(); 4];
        let mut offset = 0_u32;
        for (plane, blocks) in planes.iter_mut().zip(self.blocks()) {
            let row_len = blocks.row_len(width);
            let stride = u32::try_from(match alignment {
                RowAlignment::Tight => row_len,
                RowAlignment::Bytes64 => row_len.next_multiple_of(64),
            })
            .ok()?;
            *plane = Plane { offset, stride, rows: blocks.rows(height) };
            offset = offset.checked_add(stride.checked_mul(plane.rows)?)?;
        }
        let byte_len = i32::try_from(offset).ok().and_then(|len| usize::try_from(len).ok())?;
        Some(PictureLayout { format: self, width, height, planes, byte_len })
    }

    pub(super) const fn blocks(self) -> &'static [Blocks] {
        match self {
            Self::Gray8 => const { &[Blocks::pixels(1)] },
            Self::Gray16 => const { &[Blocks::pixels(2)] },
            Self::Rgb8 | Self::Bgr8 => const { &[Blocks::pixels(3)] },
            Self::Rgba8 => const { &[Blocks::pixels(4)] },
            Self::Yuyv => const { &[Blocks { bytes: 4, across: 2, down: 1 }] },
            Self::Nv12 => const { &[Blocks::pixels(1), Blocks::quarters(2)] },
            Self::I420 => const { &[Blocks::pixels(1), Blocks::quarters(1), Blocks::quarters(1)] },
        }
    }
}

impl PictureLayout {
    /// Returns how many bytes the picture takes.
    ///
    /// # Examples
    ///
    /// See [`PixelFormat`].
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.byte_len
    }

    /// Returns where each plane lies.
    ///
    /// # Examples
    ///
    /// See [`RowAlignment`].
    #[must_use]
    pub fn planes(&self) -> &[Plane] {
        &self.planes[..self.format.blocks().len()]
    }

    /// Returns the planes in `bytes` for writing. [`Lease::planes`] returns them for reading.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`](ErrorKind::OutOfBounds) if there are too few bytes.
    ///
    /// # Examples
    ///
    /// See [`PixelFormat`].
    pub fn planes_mut<'bytes>(
        &self,
        bytes: &'bytes mut [u8],
    ) -> Result<Vec<ArrayViewMut2<'bytes, u8>>> {
        let found = bytes.len();
        self.split(bytes).ok_or_else(|| self.too_long_for(found))
    }

    #[cold]
    pub(super) fn too_long_for(&self, frame_len: usize) -> Error {
        Error::new(
            ErrorKind::OutOfBounds,
            format!("the picture needs {}, the frame has {}", size(self.byte_len), size(frame_len)),
        )
    }

    fn split<'bytes>(&self, mut rest: &'bytes mut [u8]) -> Option<Vec<ArrayViewMut2<'bytes, u8>>> {
        let mut views = Vec::with_capacity(self.planes().len());
        for (plane, blocks) in self.planes().iter().zip(self.format.blocks()) {
            let shape = (usize::try_from(plane.rows).ok()?, usize::try_from(plane.stride).ok()?);
            let whole;
            (whole, rest) = rest.split_at_mut_checked(shape.0 * shape.1)?;
            let row_len = usize::try_from(blocks.row_len(self.width)).ok()?;
            let view = ArrayViewMut2::from_shape(shape, whole).ok()?;
            views.push(view.slice_move(s![.., ..row_len]));
        }
        Some(views)
    }
}

impl FrameMeta {
    /// Sets format, width, height and planes of the picture.
    ///
    /// # Examples
    ///
    /// See [`PixelFormat`].
    #[must_use]
    pub fn layout(mut self, layout: &PictureLayout) -> Self {
        self.planes = layout.planes;
        self.picture(layout.format.fourcc(), layout.width, layout.height)
    }
}

impl<T: Element, D: Dimension> Lease<T, D> {
    /// Returns the planes of the picture, where its description says they lie. Each is an array of
    /// bytes with two axes: rows, and the bytes of a row, without padding.
    ///
    /// The shapes follow from width, height and [`PixelFormat`]. In other formats, all planes that
    /// have rows count, with all bytes of a row.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](ErrorKind::Corrupt) if the description contradicts itself, or if a plane does
    /// not lie in the frame. A description that does not mention planes has none, which is no
    /// error.
    ///
    /// # Examples
    ///
    /// See [`PixelFormat`].
    pub fn planes(&self) -> Result<Vec<ArrayView2<'_, u8>>> {
        planes_in(self.bytes(), self.meta())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self.as_slice().expect("frames are contiguous, in C order"))
    }
}

fn planes_in<'bytes>(bytes: &'bytes [u8], meta: &FrameMeta) -> Result<Vec<ArrayView2<'bytes, u8>>> {
    let said = meta.planes.iter().take_while(|plane| plane.rows > 0).count();
    let blocks = PixelFormat::from_fourcc(meta.fourcc).map(PixelFormat::blocks);
    let count = match blocks {
        Some(blocks) if said > 0 => blocks.len(),
        _ => said,
    };
    let view = |(index, plane): (usize, &Plane)| {
        let (rows, row_len) = match blocks {
            Some(blocks) => (blocks[index].rows(meta.height), blocks[index].row_len(meta.width)),
            None => (plane.rows, u64::from(plane.stride)),
        };
        view_in(bytes, plane, rows, row_len).ok_or_else(|| misplaced(index, meta, bytes.len()))
    };
    meta.planes[..count].iter().enumerate().map(view).collect()
}

/// The rows of a plane in `bytes`, with the given number of rows and bytes a row. Returns
/// `None` unless the plane has them, within `bytes`.
fn view_in<'bytes>(
    bytes: &'bytes [u8],
    plane: &Plane,
    rows: u32,
    row_len: u64,
) -> Option<ArrayView2<'bytes, u8>> {
    let bytes = &bytes[range_in(bytes.len(), plane, rows, row_len)?];
    let shape = (usize::try_from(rows).ok()?, usize::try_from(row_len).ok()?);
    let strides = (usize::try_from(plane.stride).ok()?, 1);
    ArrayView2::from_shape(shape.strides(strides), bytes).ok()
}

/// The range of the rows of a plane, with the given number of rows and bytes a row, from the first
/// byte of the first row to the last byte of the last. Returns `None` unless the plane has them,
/// within a frame of `frame_len` bytes.
pub(super) fn range_in(
    frame_len: usize,
    plane: &Plane,
    rows: u32,
    row_len: u64,
) -> Option<Range<usize>> {
    if row_len == 0 || row_len > u64::from(plane.stride) || rows > plane.rows {
        return None;
    }
    // No overflow: the result is less than the product of two 32-bit numbers plus one.
    let len = u64::from(rows.checked_sub(1)?) * u64::from(plane.stride) + row_len;
    let start = usize::try_from(plane.offset).ok()?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    (end <= frame_len).then_some(start..end)
}

#[cold]
pub(super) fn misplaced(index: usize, meta: &FrameMeta, frame_len: usize) -> Error {
    let plane = meta.planes[index];
    Error::new(
        ErrorKind::Corrupt,
        format!(
            "plane {index} of the picture ({}, {} × {} pixels) is said to have {} rows, {} bytes apart, from \
             byte {} on, which does not fit a frame of {frame_len} bytes: mend its publisher",
            meta.fourcc_text(),
            meta.width,
            meta.height,
            plane.rows,
            plane.stride,
            plane.offset
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [(u32, u32); 6] = [(1, 1), (2, 2), (5, 3), (3, 5), (64, 1), (65, 7)];
    const ALIGNMENTS: [RowAlignment; 2] = [RowAlignment::Tight, RowAlignment::Bytes64];

    fn for_all_layouts(check: impl Fn(PictureLayout)) {
        for format in PixelFormat::ALL {
            for (width, height) in SIZES {
                for alignment in ALIGNMENTS {
                    check(format.layout(width, height, alignment).unwrap());
                }
            }
        }
    }

    #[test]
    fn codes_lead_back_to_their_formats() {
        for format in PixelFormat::ALL {
            assert_eq!(PixelFormat::from_fourcc(format.fourcc()), Some(format));
        }
    }

    #[test]
    fn tight_pictures_of_odd_sizes_have_colour_for_their_last_pixels() {
        let planes = |format: PixelFormat| {
            let layout = format.layout(5, 3, RowAlignment::Tight).unwrap();
            let planes: Vec<_> = layout
                .planes()
                .iter()
                .map(|plane| [plane.offset, plane.stride, plane.rows])
                .collect();
            (layout.byte_len(), planes)
        };
        assert_eq!(planes(PixelFormat::Gray8), (15, vec![[0, 5, 3]]));
        assert_eq!(planes(PixelFormat::Gray16), (30, vec![[0, 10, 3]]));
        assert_eq!(planes(PixelFormat::Rgb8), (45, vec![[0, 15, 3]]));
        assert_eq!(planes(PixelFormat::Bgr8), (45, vec![[0, 15, 3]]));
        assert_eq!(planes(PixelFormat::Rgba8), (60, vec![[0, 20, 3]]));
        assert_eq!(planes(PixelFormat::Yuyv), (36, vec![[0, 12, 3]]));
        assert_eq!(planes(PixelFormat::Nv12), (27, vec![[0, 5, 3], [15, 6, 2]]));
        assert_eq!(planes(PixelFormat::I420), (27, vec![[0, 5, 3], [15, 3, 2], [21, 3, 2]]));
    }

    #[test]
    fn aligned_rows_all_begin_at_multiples_of_64() {
        for format in PixelFormat::ALL {
            for (width, height) in SIZES {
                let layout = format.layout(width, height, RowAlignment::Bytes64).unwrap();
                for plane in layout.planes() {
                    assert_eq!((plane.offset % 64, plane.stride % 64), (0, 0), "{layout:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_written_to_the_planes_is_read_from_them() {
        for_all_layouts(|layout| {
            let mut bytes = vec![0; layout.byte_len()];
            for (plane, mark) in layout.planes_mut(&mut bytes).unwrap().iter_mut().zip(1..) {
                plane.fill(mark);
            }
            let planes = planes_in(&bytes, &FrameMeta::new().layout(&layout)).unwrap();
            assert_eq!(planes.len(), layout.planes().len());
            let mut marked = 0;
            for (plane, mark) in planes.iter().zip(1..) {
                assert!(plane.iter().all(|&byte| byte == mark), "{layout:?}");
                marked += plane.len();
            }
            assert_eq!(bytes.iter().filter(|&&byte| byte != 0).count(), marked, "{layout:?}");
        });
    }

    #[test]
    fn a_frame_one_byte_short_of_its_picture_is_an_error() {
        for_all_layouts(|layout| {
            let last = layout.planes()[layout.planes().len() - 1];
            let row_len = layout.format.blocks()[layout.planes().len() - 1].row_len(layout.width);
            let end = u64::from(last.offset) + u64::from((last.rows - 1) * last.stride) + row_len;
            let bytes = vec![0; usize::try_from(end).unwrap()];
            let meta = FrameMeta::new().layout(&layout);
            assert!(planes_in(&bytes, &meta).is_ok(), "{layout:?}");
            let error = planes_in(&bytes[1..], &meta).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{layout:?}");
            let mut short = vec![0; layout.byte_len() - 1];
            let error = layout.planes_mut(&mut short).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutOfBounds);
        });
    }

    #[test]
    fn no_description_however_wrong_leads_out_of_the_frame() {
        let bytes = [7; 100];
        let numbers = [0, 1, 2, 50, 99, 100, 101, 1 << 31, u32::MAX];
        for code in PixelFormat::ALL.map(PixelFormat::fourcc).into_iter().chain([0, u32::MAX]) {
            for (width, height) in [(0, 0), (1, 1), (10, 9), (u32::MAX, 1), (1, u32::MAX)] {
                for offset in numbers {
                    for stride in numbers {
                        for rows in numbers {
                            let mut meta = FrameMeta::new().picture(code, width, height);
                            meta.planes = [Plane { offset, stride, rows }; 4];
                            for plane in planes_in(&bytes, &meta).into_iter().flatten() {
                                assert!(plane.iter().all(|&byte| byte == 7));
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_description_without_planes_has_none() {
        let code = PixelFormat::Gray8.fourcc();
        let meta = FrameMeta::new().picture(code, 10, 10);
        assert!(planes_in(&[0; 100], &meta).unwrap().is_empty());
    }

    #[test]
    fn a_known_format_wants_all_its_planes() {
        let layout = PixelFormat::Nv12.layout(4, 4, RowAlignment::Tight).unwrap();
        let meta = FrameMeta::new().layout(&layout).plane(1, Plane::default());
        assert_eq!(planes_in(&[0; 24], &meta).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_plane_smaller_than_its_picture_is_an_error() {
        let layout = PixelFormat::Gray8.layout(4, 4, RowAlignment::Tight).unwrap();
        let whole = layout.planes()[0];
        for plane in [Plane { rows: 3, ..whole }, Plane { stride: 3, ..whole }] {
            let meta = FrameMeta::new().layout(&layout).plane(0, plane);
            assert_eq!(planes_in(&[0; 16], &meta).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn planes_of_an_unknown_format_are_all_that_is_said_to_be_there() {
        let meta = FrameMeta::new()
            .plane(0, Plane { offset: 0, stride: 4, rows: 3 })
            .plane(1, Plane { offset: 12, stride: 2, rows: 2 });
        let planes = planes_in(&[0; 16], &meta).unwrap();
        assert_eq!(planes.iter().map(|plane| plane.dim()).collect::<Vec<_>>(), [(3, 4), (2, 2)]);
    }

    #[test]
    fn pictures_that_no_frame_can_hold_are_errors() {
        let sizes = [(0, 1), (1, 0), (u32::MAX, 1), (u32::MAX, u32::MAX), (1 << 16, 1 << 15)];
        for format in PixelFormat::ALL {
            for (width, height) in sizes {
                for alignment in ALIGNMENTS {
                    let error = format.layout(width, height, alignment).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
                }
            }
        }
        assert!(PixelFormat::Gray8.layout((1 << 31) - 1, 1, RowAlignment::Tight).is_ok());
    }
}
