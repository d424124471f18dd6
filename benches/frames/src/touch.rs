//! What is done with frames, the same whatever brings them.

use std::hint::black_box;

/// What is done with the bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// All are written by the sender and read by each receiver.
    All,
    /// The same, and the reader does not ask what they are.
    Unchecked,
    /// None.
    Nothing,
}

impl Touch {
    /// Spells it for a command line.
    pub fn spell(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Unchecked => "unchecked",
            Self::Nothing => "nothing",
        }
    }

    /// The one that is spelled so.
    ///
    /// # Panics
    ///
    /// When none is.
    pub fn of(spelled: &str) -> Self {
        let all = [Self::All, Self::Unchecked, Self::Nothing];
        all.into_iter().find(|touch| touch.spell() == spelled).expect("one of these")
    }

    /// Writes a frame.
    pub fn write(self, frame: &mut [u8], number: u64) {
        if self != Self::Nothing {
            frame.fill(value_of(number));
        }
    }

    /// Reads a frame.
    ///
    /// # Panics
    ///
    /// When it is to be checked and not the frame of that number, or not whole.
    pub fn read(self, frame: &[u8], number: u64) {
        if self == Self::Nothing {
            return;
        }
        let (words, rest) = frame.as_chunks::<8>();
        assert!(rest.is_empty(), "frames are of whole words");
        let sum = words.iter().map(|word| u64::from_ne_bytes(*word));
        let sum = black_box(sum.fold(0, u64::wrapping_add));
        if self == Self::All {
            let each = u64::from_ne_bytes([value_of(number); 8]);
            assert_eq!(sum, each.wrapping_mul(words.len() as u64), "frame {number} is another's");
        }
    }
}

/// What each byte of a frame is; differs from one frame to the next.
fn value_of(number: u64) -> u8 {
    number.to_le_bytes()[0]
}
