//! The holder of a lock: a slot and the generation of its occupant.

use std::fmt;

/// Generations count from 1 to one less than this, then start again.
pub(crate) const GENERATIONS: u32 = 1 << 20;

/// A participant as lock words name it: `29..20 slot | 19..0 generation`.
///
/// A generation is never 0, so no owner is 0. A slot's generation changes with every occupant. A
/// new occupant first removes the last one's name from all words. So no word that names a dead
/// participant ever comes to mean a live one. A private copy of a word may, after as many occupants
/// as there are generations.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner(u32);

impl Owner {
    /// The bits of a word that name its owner.
    pub(crate) const MASK: u32 = (1 << 30) - 1;

    /// Names the occupant of `slot` with that `generation`, which is not 0.
    pub(crate) fn new(slot: u32, generation: u32) -> Self {
        debug_assert!(slot < 1024 && 0 < generation && generation < GENERATIONS);
        Self(slot << 20 | generation)
    }

    /// The owner that a word names, if it names one.
    #[inline]
    pub(crate) fn in_word(word: u32) -> Option<Self> {
        match word & Self::MASK {
            0 => None,
            bits => Some(Self(bits)),
        }
    }

    #[inline]
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    #[inline]
    pub(crate) fn slot(self) -> u32 {
        self.0 >> 20
    }

    pub(crate) fn generation(self) -> u32 {
        self.0 & (GENERATIONS - 1)
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {} generation {}", self.slot(), self.generation())
    }
}
