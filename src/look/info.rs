//! A segment's description in words.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::error::{Result, ResultExt};
use crate::npy::{Dtype, Order};
use crate::segment::{Info, Kind, Lifetime, Segment};
use crate::sys::lifeline::registration;
use crate::sys::object::Object;
use crate::sys::process;

/// Returns the inode number of this process's PID namespace, or `None` where `/proc` does not tell.
/// [`Info::creator_namespace`] and [`Participant::namespace`](crate::Participant::namespace) are
/// compared with it, because process ids mean something in their own namespace alone.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let array = ndshm::Array1::<u8>::create_unique("doc-namespace-", 4)?;
/// let creators = array.segment().info()?.creator_namespace();
/// assert_eq!(creators, ndshm::pid_namespace().unwrap_or(0));
/// # Ok(()) }
/// ```
#[must_use]
pub fn pid_namespace() -> Option<u64> {
    let namespace = process::current(&registration()).namespace;
    (namespace > 0).then_some(namespace)
}

/// What it is.
impl Segment {
    /// Returns everything that the header and the control block say.
    ///
    /// # Errors
    ///
    /// [`DescriptorLost`](crate::ErrorKind::DescriptorLost) when the program closed the descriptor this
    /// library keeps and the name is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array2::<f32>::create_unique("doc-info-", (3, 4))?;
    /// let info = array.segment().info()?;
    /// assert_eq!((info.dtype().to_string().as_str(), info.shape()), ("<f4", &[3, 4][..]));
    /// println!("{info}");
    /// # Ok(()) }
    /// ```
    pub fn info(&self) -> Result<Info> {
        let facts = self.membership().object().and_then(Object::facts).of(self.name())?;
        Ok(Info::new(self.address().clone(), self.control().clone(), facts))
    }
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
