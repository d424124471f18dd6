//! The description of a frame: numbers, times, and how its bytes make a picture.

use std::fmt;
use std::ops::BitOr;
use std::time::Duration;

use bytemuck::{Pod, Zeroable};

use crate::atomic::pin;
use crate::npy::dtype::{Dtype, Field};
use crate::npy::scalar::Scalar;
use crate::sys::clock;

/// The description of a frame: 256 bytes beside it in the same slot. NumPy sees the fields by name.
///
/// The default is all zeros, which says nothing. The ring itself writes `seq`, `publish_ns`,
/// `publish_clock` and `dropped`. The publisher fills in the rest, and the subscriber decides
/// whether to believe it.
///
/// # Examples
///
/// ```
/// use ndshm::{Clock, FrameFlags, FrameMeta, Plane};
///
/// let meta = FrameMeta::new()
///     .source_seq(4711)
///     .capture(1_000_000, Clock::MONOTONIC)
///     .picture(u32::from_le_bytes(*b"R8  "), 1920, 1080)
///     .plane(0, Plane { offset: 0, stride: 1920, rows: 1080 })
///     .flags(FrameFlags::DISCONTINUITY);
/// assert_eq!(meta.fourcc_text(), "R8  ");
/// assert!(meta.flags.contains(FrameFlags::DISCONTINUITY));
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct FrameMeta {
    /// Number of the frame in its ring, from 1 on without gaps. Written when the frame is
    /// published.
    pub seq: u64,
    /// Number that the source gave the frame. Gaps show what the source lost.
    pub source_seq: u64,
    /// When the source captured the frame, in nanoseconds by
    /// [`capture_clock`](Self::capture_clock).
    pub capture_ns: u64,
    /// When the frame was published, in nanoseconds by [`publish_clock`](Self::publish_clock).
    /// Written when the frame is published.
    pub publish_ns: u64,
    /// How long the frame was exposed, in nanoseconds; 0 if unknown.
    pub exposure_ns: u64,
    /// How many frames the ring's publishers had dropped before this one. Written when the frame is
    /// published.
    pub dropped: u64,
    /// The clock of `capture_ns`.
    pub capture_clock: Clock,
    /// The clock of `publish_ns`. Written with it.
    pub publish_clock: Clock,
    /// What is wrong with the frame.
    pub flags: FrameFlags,
    /// Format of the pixels, a `DRM_FORMAT_…` code of Linux's `drm_fourcc.h`; 0 if unset.
    pub fourcc: u32,
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// The part of the picture to use: left, top, width and height in pixels; zeros mean all.
    pub crop: [u32; 4],
    /// Where the planes of the picture lie in the frame.
    pub planes: [Plane; 4],
    /// What the numbers mean as colours.
    pub colour: Colour,
    /// How to turn the picture upright: an orientation of Exif 2.3, 1 to 8; 0 if unset.
    pub transform: u32,
    /// Frames a second as a fraction: numerator and denominator; zeros if unset.
    pub rate: [u32; 2],
    /// The source that captured the frame, as publisher and subscribers agree.
    pub source_id: u64,
    /// Words for whatever else publisher and subscribers agree on.
    pub user: [u64; 8],
    /// Zeros.
    pub reserved: [u64; 4],
}

pin!(
    FrameMeta,
    256,
    META_FIELDS {
        seq: 0,
        source_seq: 8,
        capture_ns: 16,
        publish_ns: 24,
        exposure_ns: 32,
        dropped: 40,
        capture_clock: 48,
        publish_clock: 52,
        flags: 56,
        fourcc: 60,
        width: 64,
        height: 68,
        crop: 72,
        planes: 88,
        colour: 136,
        transform: 140,
        rate: 144,
        source_id: 152,
        user: 160,
    }
);

/// Where a plane of a picture lies in its frame. All zeros mean that there is no such plane.
///
/// # Examples
///
/// See [`FrameMeta`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
pub struct Plane {
    /// Bytes from the frame's start.
    pub offset: u32,
    /// Bytes from one row to the next.
    pub stride: u32,
    /// Number of rows.
    pub rows: u32,
}

/// What the numbers mean as colours, in the code points of ITU-T H.273. Code point 2 means
/// *unspecified* there, and here 0 does too.
///
/// # Examples
///
/// ```
/// use ndshm::{Colour, FrameMeta};
///
/// // BT.709, limited range.
/// let colour = Colour { primaries: 1, transfer: 1, matrix: 1, full_range: 0 };
/// assert_eq!(FrameMeta::new().colour(colour).colour.primaries, 1);
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
pub struct Colour {
    /// `ColourPrimaries`, table 2.
    pub primaries: u8,
    /// `TransferCharacteristics`, table 3.
    pub transfer: u8,
    /// `MatrixCoefficients`, table 4.
    pub matrix: u8,
    /// `VideoFullRangeFlag`: 1 when all values of a byte are used.
    pub full_range: u8,
}

/// The clock of a time.
///
/// # Examples
///
/// See [`FrameMeta`].
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
pub struct Clock(pub u32);

impl Clock {
    /// The clock is unknown.
    pub const UNKNOWN: Self = Self(0);
    /// `CLOCK_REALTIME`: since 1970. It jumps when somebody sets the clock.
    pub const REALTIME: Self = Self(1);
    /// `CLOCK_MONOTONIC`: since the machine started. It is never set.
    pub const MONOTONIC: Self = Self(2);
    /// `CLOCK_BOOTTIME`: the same, including the time that the machine slept.
    pub const BOOTTIME: Self = Self(3);
    /// `CLOCK_TAI`: since 1970, without leap seconds.
    pub const TAI: Self = Self(4);
    /// The source's own clock, for example the camera's.
    pub const SOURCE: Self = Self(5);
}

/// What is wrong with a frame. Flags are combined with `|`.
///
/// # Examples
///
/// ```
/// use ndshm::FrameFlags;
///
/// let flags = FrameFlags::CORRUPT | FrameFlags::PARTIAL;
/// assert!(flags.contains(FrameFlags::PARTIAL));
/// assert!(!flags.contains(FrameFlags::DISCONTINUITY));
/// ```
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
pub struct FrameFlags(pub u32);

impl FrameFlags {
    /// The frame does not follow the one before: the source lost some, or started anew.
    pub const DISCONTINUITY: Self = Self(1);
    /// Some of the frame is wrong.
    pub const CORRUPT: Self = Self(2);
    /// Some of the frame is missing.
    pub const PARTIAL: Self = Self(4);

    /// Returns whether all of these flags are set.
    ///
    /// # Examples
    ///
    /// See [`FrameFlags`].
    #[must_use]
    pub fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl BitOr for FrameFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Builder methods.
impl FrameMeta {
    /// Returns a description that says nothing.
    ///
    /// # Examples
    ///
    /// See [`FrameMeta`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number that the source gave the frame.
    ///
    /// # Examples
    ///
    /// See [`FrameMeta`].
    #[must_use]
    pub fn source_seq(mut self, number: u64) -> Self {
        self.source_seq = number;
        self
    }

    /// Sets when the source captured the frame, in nanoseconds by `clock`.
    ///
    /// # Examples
    ///
    /// See [`FrameMeta`].
    #[must_use]
    pub fn capture(mut self, ns: u64, clock: Clock) -> Self {
        (self.capture_ns, self.capture_clock) = (ns, clock);
        self
    }

    /// Sets the time of capture to now, by [`Clock::MONOTONIC`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ndshm::{Clock, FrameMeta};
    ///
    /// assert_eq!(FrameMeta::new().capture_now().capture_clock, Clock::MONOTONIC);
    /// ```
    #[must_use]
    pub fn capture_now(self) -> Self {
        self.capture(clock::monotonic_ns(), Clock::MONOTONIC)
    }

    /// Returns how long ago the frame was captured. Returns
    /// `None` if the time is by another clock than [`Clock::MONOTONIC`], or in the future.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndshm::{Clock, FrameMeta};
    ///
    /// assert!(FrameMeta::new().capture_now().age().is_some());
    /// assert_eq!(FrameMeta::new().capture(1, Clock::SOURCE).age(), None);
    /// assert_eq!(FrameMeta::new().capture(u64::MAX, Clock::MONOTONIC).age(), None);
    /// ```
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let taken = (self.capture_clock == Clock::MONOTONIC).then_some(self.capture_ns)?;
        clock::monotonic_ns().checked_sub(taken).map(Duration::from_nanos)
    }

    /// Sets how long the frame was exposed, in nanoseconds.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ndshm::FrameMeta::new().exposure(8_000_000).exposure_ns, 8_000_000);
    /// ```
    #[must_use]
    pub fn exposure(mut self, ns: u64) -> Self {
        self.exposure_ns = ns;
        self
    }

    /// Sets what is wrong with the frame.
    ///
    /// # Examples
    ///
    /// See [`FrameMeta`].
    #[must_use]
    pub fn flags(mut self, flags: FrameFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Sets format, width and height of the picture. [`layout`](Self::layout) sets the planes too.
    ///
    /// # Examples
    ///
    /// See [`FrameMeta`].
    #[must_use]
    pub fn picture(mut self, fourcc: u32, width: u32, height: u32) -> Self {
        (self.fourcc, self.width, self.height) = (fourcc, width, height);
        self
    }

    /// Sets the part of the picture to use: left, top, width and height in pixels.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ndshm::FrameMeta::new().crop([8, 8, 640, 480]).crop[2], 640);
    /// ```
    #[must_use]
    pub fn crop(mut self, crop: [u32; 4]) -> Self {
        self.crop = crop;
        self
    }

    /// Sets where one of the four planes lies. A fifth is ignored.
    ///
    /// # Examples
    ///
    /// See [`FrameMeta`].
    #[must_use]
    pub fn plane(mut self, index: usize, plane: Plane) -> Self {
        if let Some(there) = self.planes.get_mut(index) {
            *there = plane;
        }
        self
    }

    /// Sets what the numbers mean as colours.
    ///
    /// # Examples
    ///
    /// See [`Colour`].
    #[must_use]
    pub fn colour(mut self, colour: Colour) -> Self {
        self.colour = colour;
        self
    }

    /// Sets how to turn the picture upright, as Exif does.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ndshm::FrameMeta::new().transform(6).transform, 6);
    /// ```
    #[must_use]
    pub fn transform(mut self, orientation: u32) -> Self {
        self.transform = orientation;
        self
    }

    /// Sets how many frames come in a second, as a fraction.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ndshm::FrameMeta::new().rate(30_000, 1001).rate, [30_000, 1001]);
    /// ```
    #[must_use]
    pub fn rate(mut self, numerator: u32, denominator: u32) -> Self {
        self.rate = [numerator, denominator];
        self
    }

    /// Sets the source that captured the frame.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ndshm::FrameMeta::new().source(7).source_id, 7);
    /// ```
    #[must_use]
    pub fn source(mut self, id: u64) -> Self {
        self.source_id = id;
        self
    }

    /// Sets the words that have a meaning only to publisher and subscribers.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ndshm::FrameMeta::new().user([7; 8]).user[3], 7);
    /// ```
    #[must_use]
    pub fn user(mut self, words: [u64; 8]) -> Self {
        self.user = words;
        self
    }

    /// Returns the format's four characters as text. Characters that are not printable ASCII show
    /// as `.`.
    ///
    /// # Examples
    ///
    /// See [`FrameMeta`].
    #[must_use]
    pub fn fourcc_text(&self) -> String {
        let printable =
            |byte: u8| if byte == b' ' || byte.is_ascii_graphic() { byte } else { b'.' };
        self.fourcc.to_le_bytes().map(|byte| char::from(printable(byte))).iter().collect()
    }

    /// The dtype that NumPy sees.
    pub(super) fn dtype() -> Dtype {
        let [word, half, byte] = [Scalar::U64, Scalar::U32, Scalar::U8].map(Dtype::Scalar);
        let several = |dtype: &Dtype, len| Dtype::Array(Box::new(dtype.clone()), len);
        let fields = |names: &[&str], dtype: &Dtype| -> Vec<Field> {
            names.iter().map(|&name| Field::new(name, dtype.clone())).collect()
        };
        let plane = Dtype::Struct(fields(&["offset", "stride", "rows"], &half));
        let colour =
            Dtype::Struct(fields(&["primaries", "transfer", "matrix", "full_range"], &byte));
        let mut all = fields(
            &["seq", "source_seq", "capture_ns", "publish_ns", "exposure_ns", "dropped"],
            &word,
        );
        all.extend(fields(
            &["capture_clock", "publish_clock", "flags", "fourcc", "width", "height"],
            &half,
        ));
        all.extend([
            Field::new("crop", several(&half, 4)),
            Field::new("planes", several(&plane, 4)),
            Field::new("colour", colour),
            Field::new("transform", half.clone()),
            Field::new("rate", several(&half, 2)),
            Field::new("source_id", word.clone()),
            Field::new("user", several(&word, 8)),
            Field::padding(32),
        ]);
        Dtype::Struct(all)
    }
}

impl fmt::Display for FrameFlags {
    /// Writes the names of the flags that are set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::DISCONTINUITY, "discontinuity"),
            (Self::CORRUPT, "corrupt"),
            (Self::PARTIAL, "partial"),
        ];
        let set: Vec<_> =
            names.iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, name)| *name).collect();
        f.write_str(&set.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numpy_sees_every_field_where_it_lies() {
        let dtype = FrameMeta::dtype();
        assert_eq!(dtype.item_size(), size_of::<FrameMeta>());
        for &(field, offset) in META_FIELDS {
            assert_eq!(dtype.offset_of(field), Some(offset), "{field}");
        }
    }

    #[test]
    fn the_format_page_says_where_every_field_lies() {
        let pinned: Vec<_> =
            META_FIELDS.iter().map(|&(field, offset)| (field.to_owned(), offset)).collect();
        assert_eq!(crate::segment::format_table("A frame's description"), pinned);
    }

    #[test]
    fn flags_say_their_names() {
        assert_eq!((FrameFlags::CORRUPT | FrameFlags::PARTIAL).to_string(), "corrupt, partial");
        assert_eq!(FrameFlags::default().to_string(), "");
    }
}
