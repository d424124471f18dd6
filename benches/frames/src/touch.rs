//! What is done with frames, the same whatever brings them.

/// What is done with the bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// All are written by the sender and read by each receiver.
    All,
    /// None.
    Nothing,
}

impl Touch {
    /// Writes a frame.
    pub fn write(self, frame: &mut [u8], number: u64) {
        if self == Self::All {
            frame.fill(value_of(number));
        }
    }

    /// Reads a frame.
    ///
    /// # Panics
    ///
    /// When it is not the frame of that number, or not whole.
    pub fn read(self, frame: &[u8], number: u64) {
        if self == Self::All {
            let (words, rest) = frame.as_chunks::<8>();
            assert!(rest.is_empty(), "frames are of whole words");
            let sum = words.iter().map(|word| u64::from_ne_bytes(*word));
            let sum = sum.fold(0, u64::wrapping_add);
            let each = u64::from_ne_bytes([value_of(number); 8]);
            assert_eq!(sum, each.wrapping_mul(words.len() as u64), "frame {number} is another's");
        }
    }
}

/// What each byte of a frame is; differs from one frame to the next.
fn value_of(number: u64) -> u8 {
    number.to_le_bytes()[0]
}
