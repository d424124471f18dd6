//! Which bytes of an item to reverse if the writer had the other byte order.

/// The change that turns the items of a `.npy` file into little-endian ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Swap {
    /// No change: the items are little-endian.
    #[default]
    Nothing,
    /// Numbers of this many bytes, one after the other. Each is reversed.
    Numbers(usize),
    /// Items of this many bytes, one after the other. Each is changed in the same way.
    Items(Box<Swap>, usize),
    /// Some of the fields of one item.
    Fields(Vec<Field>),
}

/// A field to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Where it begins in the item, in bytes.
    pub(super) offset: usize,
    /// How many bytes it has.
    pub(super) len: usize,
    pub(super) swap: Swap,
}

impl Swap {
    /// Applies the change for one item to all items of `item_size` bytes that follow one another.
    #[must_use]
    pub(crate) fn each(self, item_size: usize) -> Self {
        match self {
            Self::Fields(_) => Self::Items(Box::new(self), item_size),
            uniform => uniform,
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }

    /// Makes the bytes of whole items little-endian.
    pub(crate) fn apply(&self, bytes: &mut [u8]) {
        match self {
            Self::Nothing => {}
            Self::Numbers(2) => reverse::<2>(bytes),
            Self::Numbers(4) => reverse::<4>(bytes),
            Self::Numbers(8) => reverse::<8>(bytes),
            Self::Numbers(len) => bytes.chunks_exact_mut(*len).for_each(<[u8]>::reverse),
            Self::Items(swap, item_size) => {
                bytes.chunks_exact_mut(*item_size).for_each(|item| swap.apply(item));
            }
            Self::Fields(fields) => {
                for Field { offset, len, swap } in fields {
                    swap.apply(&mut bytes[*offset..offset + len]);
                }
            }
        }
    }
}

/// Reverses numbers of a length that the compiler knows.
fn reverse<const N: usize>(bytes: &mut [u8]) {
    bytes.as_chunks_mut::<N>().0.iter_mut().for_each(|number| number.reverse());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_the_other_order_is_reversed() {
        let field = |offset, len, swap| Field { offset, len, swap };
        let inner = Swap::Fields(vec![field(1, 2, Swap::Numbers(2))]);
        let item = Swap::Fields(vec![field(0, 4, Swap::Numbers(2)), field(5, 6, inner.each(3))]);
        let mut bytes: Vec<u8> = (0..22).collect();
        item.each(11).apply(&mut bytes);
        assert_eq!(bytes[..11], [1, 0, 3, 2, 4, 5, 7, 6, 8, 10, 9]);
        assert_eq!(bytes[11..], [12, 11, 14, 13, 15, 16, 18, 17, 19, 21, 20]);

        for len in [2, 4, 8, 16] {
            let mut bytes: Vec<u8> = (0..2 * len).map(|n| u8::try_from(n).unwrap()).collect();
            Swap::Numbers(len).apply(&mut bytes);
            assert_eq!(usize::from(bytes[0]), len - 1);
            assert_eq!(usize::from(bytes[len]), 2 * len - 1);
        }
        let mut bytes = [1, 2];
        Swap::Nothing.each(2).apply(&mut bytes);
        assert_eq!(bytes, [1, 2]);
    }
}
