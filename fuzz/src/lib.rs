//! What the targets have in common: whole segments, and the damage done to them.

use std::fs;
use std::ops::Range;

use ndshm::Segment;

/// Offset of the control block in every segment that is damaged: header and data fit two pages.
pub const CONTROL: usize = 8192;
const HEAD: Range<usize> = CONTROL..CONTROL + 576;
const CHECKSUM: Range<usize> = CONTROL + 20..CONTROL + 24;
const INODE: Range<usize> = CONTROL + 504..CONTROL + 512;

/// Returns the whole file.
///
/// # Panics
///
/// If it cannot be read.
pub fn bytes_of(segment: &Segment) -> Vec<u8> {
    fs::read(segment.path()).unwrap()
}

/// Returns the whole file as if nobody had noted which file it is, so that no copy is told from it.
///
/// # Panics
///
/// If it cannot be read.
pub fn original_of(segment: &Segment) -> Vec<u8> {
    let mut bytes = bytes_of(segment);
    bytes[INODE].fill(0);
    seal(&mut bytes);
    bytes
}

/// Makes the head's checksum match.
fn seal(bytes: &mut [u8]) {
    bytes[CHECKSUM].fill(0);
    let sum = crc32fast::hash(&bytes[HEAD]);
    bytes[CHECKSUM].copy_from_slice(&sum.to_le_bytes());
}

/// What becomes of a whole segment.
#[derive(Clone, Copy, Debug)]
pub struct Damage<'a> {
    /// How many 256ths of it are left; all if 0.
    pub cut: u8,
    /// Even: the head's checksum is made to match again.
    pub checksum: u8,
    /// Three bytes each: two say where, one says what.
    pub overwrites: &'a [u8],
}

impl Damage<'_> {
    /// Damages all but the length.
    pub fn overwrite(&self, bytes: &mut [u8]) {
        for overwrite in self.overwrites.chunks_exact(3) {
            let place = usize::from(u16::from_le_bytes([overwrite[0], overwrite[1]]));
            let place = if place < 128 { place } else { CONTROL + place % (bytes.len() - CONTROL) };
            bytes[place] = overwrite[2];
        }
        if self.checksum % 2 == 0 {
            seal(bytes);
        }
    }

    /// Returns a damaged copy.
    #[must_use]
    pub fn copy(&self, whole: &[u8]) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        self.overwrite(&mut bytes);
        if self.cut != 0 {
            bytes.truncate(bytes.len() * usize::from(self.cut) / 256);
        }
        bytes
    }
}
