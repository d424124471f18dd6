//! Locks over segments: which stripes cover which rows, what a thread holds, and for how long.

mod held;
mod hold;
mod rows;

pub(crate) use self::hold::{Demand, Hold, Mode, Regard, acquired};
pub(crate) use self::rows::{default_stripes, rows_of, stripes_over};

pub use self::hold::{Poison, PoisonCause};
