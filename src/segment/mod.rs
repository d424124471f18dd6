//! Segments: named memory with a typed header, and who takes part in it.
//!
//! In reading order: [`name`] what a segment may be called · [`options`] what a creator chooses ·
//! [`control`] the immutable description · [`layout`] where everything lies · [`records`] the words
//! that change · [`region`] offsets become references · [`participants`] slots and lifelines ·
//! [`life`] create, open, remove, list · [`growth`] memory for data that grows · [`reboot`] files
//! after a restart · [`reap`] what the dead left · [`info`] the description in words · [`handle`] a
//! segment's address as text.

mod control;
mod growth;
mod handle;
mod info;
mod layout;
mod life;
mod name;
mod options;
mod participants;
mod reap;
mod reboot;
mod records;
mod region;

pub use self::handle::Handle;
pub use self::info::Info;
pub use self::life::{Segment, list, remove};
pub use self::name::Address;
pub use self::options::{Access, Kind, Lifetime, Options, Origin, Reserve};
pub use self::participants::Participant;
pub use self::reap::reap;

pub(crate) use self::layout::data_len;
pub(crate) use self::life::{Blueprint, Draft, create_unique, open_or_create};
pub(crate) use self::name::Name;
pub(crate) use self::options::Settings;
pub(crate) use self::participants::Membership;
pub(crate) use self::reboot::{make_clean, soil};
pub(crate) use self::region::Region;
