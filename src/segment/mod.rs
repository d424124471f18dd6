//! Segments: named memory with a typed header, and the processes that take part in it.
//!
//! In reading order: [`name`] what a segment may be called · [`facts`] its kind, lifetime and
//! access · [`kinds`] what each kind defines · [`options`] what a creator chooses · [`plan`] what a
//! creation follows · [`control`] the immutable description · [`layout`] where everything lies ·
//! [`records`] the words that change · [`region`] offsets become references · [`participants`]
//! slots and lifelines · [`inspect`] descriptions read without mapping · [`trust`] which users'
//! segments are mapped · [`life`] create, open, detach · [`methods`] the public methods of every
//! handle · [`access`] what a handle may do · [`copy`] copies without a lock · [`paging`] where
//! pages come from · [`growth`] memory that a handle requests · [`naming`] names change hands ·
//! [`reboot`] files after a restart · [`reap`] what the dead left · [`set`] segments that go
//! together · [`handle`] a segment's address as text · [`npy_file`] ordinary `.npy` files ·
//! [`share`] such files become segments · [`shown`] handles as text · [`block`] memory without a
//! header · [`memory`] its bytes.

mod access;
mod block;
mod control;
mod copy;
mod facts;
mod growth;
mod handle;
mod inspect;
mod kinds;
mod layout;
mod life;
mod memory;
mod methods;
mod name;
mod naming;
mod npy_file;
mod options;
mod paging;
mod participants;
mod plan;
mod reap;
mod reboot;
mod records;
mod region;
mod set;
mod share;
mod shown;
mod trust;

pub use self::block::Block;
pub use self::facts::{Access, Kind, Lifetime, Origin, Reserve};
pub use self::handle::Handle;
pub use self::inspect::Info;
pub use self::life::Segment;
pub use self::name::Address;
pub use self::naming::remove;
pub use self::npy_file::NpyFile;
pub use self::options::Options;
pub use self::participants::Participant;
pub use self::reap::{reap, reap_prefix};
pub use self::set::SegmentSet;

pub(crate) use self::inspect::{is_to_go, read_control};
pub(crate) use self::kinds::{Creates, Opens};
pub(crate) use self::layout::data_len;
#[cfg(test)]
pub(crate) use self::layout::tests::table as format_table;
pub(crate) use self::life::Draft;
pub(crate) use self::methods::handle;
pub(crate) use self::name::Name;
pub(crate) use self::options::Settings;
pub(crate) use self::participants::Membership;
pub(crate) use self::plan::Plan;
pub(crate) use self::reboot::{check_settled, make_clean, soil};
pub(crate) use self::records::{RingState, State};
pub(crate) use self::region::Region;
pub(crate) use self::shown::Items;
