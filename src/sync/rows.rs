//! Which rows belong to which stripe. The split is as even as whole rows allow.

use std::ops::Range;

/// Arrays of at least this many bytes are worth several stripes.
const WORTH_STRIPES: usize = 64 << 10;

/// How many stripes such an array has.
const STRIPES: u32 = 16;

/// Default number of stripes of an array of `data_len` bytes in `rows` rows.
pub(crate) fn default_stripes(data_len: usize, rows: usize) -> u32 {
    if data_len >= WORTH_STRIPES && rows >= STRIPES as usize { STRIPES } else { 1 }
}

/// The rows of a stripe, of `rows` rows in `stripes` stripes. Some are empty when there are more
/// stripes than rows.
pub(crate) fn rows_of(stripe: u32, rows: usize, stripes: u32) -> Range<usize> {
    let stripes = stripes as usize;
    // ⌊index·rows / stripes⌋ without a product that could overflow.
    let edge = |index: usize| index * (rows / stripes) + index * (rows % stripes) / stripes;
    edge(stripe as usize)..edge(stripe as usize + 1)
}

/// The stripes that hold those rows. None when there are no rows in the range.
pub(crate) fn stripes_over(range: &Range<usize>, rows: usize, stripes: u32) -> Range<u32> {
    if range.is_empty() {
        return 0..0;
    }
    stripe_of(range.start, rows, stripes)..stripe_of(range.end - 1, rows, stripes) + 1
}

/// The last stripe k with k·rows/stripes ≤ row, that is k·rows < (row + 1)·stripes.
fn stripe_of(row: usize, rows: usize, stripes: u32) -> u32 {
    let stripe = match (row + 1).checked_mul(stripes as usize) {
        Some(product) => (product - 1) / rows,
        None => {
            return (0..stripes).rfind(|&k| rows_of(k, rows, stripes).start <= row).unwrap_or(0);
        }
    };
    u32::try_from(stripe).expect("less than the number of stripes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn stripes_split_the_rows(rows in 1usize..5000, stripes in 1u32..100) {
            let mut next = 0;
            for stripe in 0..stripes {
                let range = rows_of(stripe, rows, stripes);
                prop_assert_eq!(range.start, next);
                prop_assert!(range.len().abs_diff(rows / stripes as usize) <= 1);
                for row in range.clone() {
                    prop_assert_eq!(stripes_over(&(row..row + 1), rows, stripes), stripe..stripe + 1);
                }
                next = range.end;
            }
            prop_assert_eq!(next, rows);
        }

        #[test]
        fn ranges_are_covered(rows in 1usize.., a: usize, b: usize, stripes in 1u32..=1024) {
            let (a, b) = (a % rows, b % rows);
            let range = a.min(b)..a.max(b) + 1;
            let covering = stripes_over(&range, rows, stripes);
            prop_assert!(rows_of(covering.start, rows, stripes).contains(&range.start));
            prop_assert!(rows_of(covering.end - 1, rows, stripes).contains(&(range.end - 1)));
        }
    }

    #[test]
    fn no_rows_need_no_stripe() {
        assert_eq!(stripes_over(&(3..3), 10, 4), 0..0);
        assert_eq!(stripes_over(&(0..0), 0, 4), 0..0);
    }

    #[test]
    fn small_arrays_have_one_stripe() {
        assert_eq!(default_stripes(64 << 10, 16), 16);
        assert_eq!(default_stripes((64 << 10) - 1, 16), 1);
        assert_eq!(default_stripes(1 << 30, 15), 1);
    }
}
