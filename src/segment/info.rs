//! A segment's description in words.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::control::Control;
use super::facts::{Kind, Lifetime};
use super::layout::Layout;
use super::name::Name;
use crate::npy::{Dtype, Order};
use crate::sys::object::Facts;

/// Everything that the header and the control block of a segment say, copied out and checked.
///
/// `docs/format.md` tells where each field lies. Its `Display` is a short table.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let array = ndshm::Array2::<f32>::create_unique("doc-info-", (3, 4))?;
/// let info = array.segment().info()?;
/// assert_eq!(info.kind(), ndshm::Kind::Array);
/// assert_eq!(info.dtype().item_size(), 4);
/// assert_eq!(info.shape(), [3, 4]);
/// assert_eq!(info.order(), ndshm::Order::C);
/// assert_eq!((info.data_offset(), info.data_len()), (4096, 48));
/// assert_eq!(info.control_offset(), 8192);
/// assert_eq!(info.creator_pid(), std::process::id());
/// println!("{info}");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Info {
    name: Name,
    control: Control,
    facts: Facts,
}

/// Defines accessors; all share the example on [`Info`].
macro_rules! accessors {
    ($($(#[$doc:meta])* $name:ident: $type:ty = |$info:ident| $value:expr;)*) => {
        impl Info {$(
            $(#[$doc])*
            ///
            /// # Examples
            ///
            /// See [`Info`].
            #[must_use]
            pub fn $name(&self) -> $type {
                let $info = self;
                $value
            }
        )*}
    };
}

accessors! {
    /// Returns the segment's name.
    name: &str = |info| info.name.as_str();
    /// Returns the random id that no other segment has.
    id: [u8; 16] = |info| info.control.id;
    /// Returns what kind of thing the segment holds.
    kind: Kind = |info| info.control.kind;
    /// Returns the dtype of an item.
    dtype: &Dtype = |info| &info.control.dtype;
    /// Returns the lengths of the axes.
    shape: &[usize] = |info| &info.control.shape;
    /// Returns the order of the axes in memory.
    order: Order = |info| info.control.order;
    /// Returns the offset of the data, in bytes.
    data_offset: usize = |info| info.control.layout.data_offset;
    /// Returns the length of the data, in bytes.
    data_len: usize = |info| info.control.layout.data_len;
    /// Returns the offset of the control block, in bytes.
    control_offset: usize = |info| info.control.layout.control_offset;
    /// Returns the length of the control block, in bytes.
    control_len: usize = |info| info.control.layout.control_len;
    /// Returns the length of the whole segment, in bytes.
    file_len: u64 = |info| info.facts.len;
    /// Returns how many processes may take part.
    participants: u32 = |info| info.control.participants;
    /// Returns how many stripes have a lock of their own.
    stripes: u32 = |info| info.control.stripes;
    /// Returns how long the name lasts.
    lifetime: Lifetime = |info| info.control.lifetime;
    /// Returns when it was created, by the creator's clock.
    created: SystemTime =
        |info| SystemTime::UNIX_EPOCH + Duration::from_nanos(info.control.created_ns);
    /// Returns the id of the boot in which it was created; zeros where unknown.
    boot_id: [u8; 16] = |info| info.control.boot_id;
    /// Returns the creator's process id, in the creator's PID namespace.
    creator_pid: u32 = |info| info.control.creator.pid;
    /// Returns the inode number of the creator's PID namespace; 0 where unknown.
    creator_namespace: u64 = |info| info.control.creator.namespace;
    /// Returns the creator's start time, in clock ticks since boot; 0 where unknown.
    creator_started: u64 = |info| info.control.creator.started;
    /// Returns the creator's effective user id.
    creator_user: u32 = |info| info.control.creator_user;
    /// Returns the user id that owns the segment now.
    owner: u32 = |info| info.facts.owner.number();
}

impl Info {
    pub(super) fn control(&self) -> &Control {
        &self.control
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.control.layout
    }

    pub(crate) fn new(name: Name, control: Control, facts: Facts) -> Self {
        Self { name, control, facts }
    }
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("name", self.name().to_owned()),
            ("kind", format!("{:?}", self.kind())),
            ("id", format!("{:032x}", u128::from_be_bytes(self.id()))),
            ("dtype", format!("{} ({} bytes)", self.dtype(), self.dtype().item_size())),
            ("shape", format!("{:?}, order {:?}", self.shape(), self.order())),
            ("data", format!("{} bytes at {}", self.data_len(), self.data_offset())),
            ("control", format!("{} bytes at {}", self.control_len(), self.control_offset())),
            ("file", format!("{} bytes, owner {}", self.file_len(), self.owner())),
            ("locks", format!("{} stripes, {} participants", self.stripes(), self.participants())),
            ("lifetime", format!("{:?}", self.lifetime())),
            ("creator", format!("process {}, user {}", self.creator_pid(), self.creator_user())),
        ];
        for (label, text) in rows {
            writeln!(f, "{label:<9}{text}")?;
        }
        Ok(())
    }
}
