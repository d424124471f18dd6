//! Holding parts of a segment and waiting for it: stripes, and events.

mod change;
mod durable;
mod event;
mod held;
mod hold;
mod observe;
mod rows;
mod unwinding;

pub(crate) use self::change::wait_for_change;
pub(crate) use self::hold::{Demand, Hold, Mode, Regard, acquired, frozen};
pub(crate) use self::observe::{Pass, Unlocked, check_sound, copy_out, died, observe, suspect};
pub(crate) use self::rows::{default_stripes, rows_of, stripes_over};

pub use self::event::Event;
pub use self::hold::{Poison, PoisonCause};
