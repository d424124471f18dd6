//! What processes hold and wait for in a segment: stripes, and events.

mod durable;
mod event;
mod held;
mod hold;
mod rows;

pub(crate) use self::hold::{Demand, Hold, Mode, Regard, acquired};
pub(crate) use self::rows::{default_stripes, rows_of, stripes_over};

pub use self::event::Event;
pub use self::hold::{Poison, PoisonCause};
