//! What is seen of segments from outside, and copies of what they hold.

mod capacity;
mod frame;
mod info;
mod outside;
mod peek;
mod ring;
mod snapshot;
mod status;
mod words;

pub use self::capacity::{Capacity, capacity};
pub use self::frame::AnyFrame;
pub use self::info::list;
pub use self::peek::{Peek, peek};
pub use self::ring::{LeaseStatus, RingStatus};
pub use self::snapshot::AnySnapshot;
pub use self::status::{Status, StripeStatus};
