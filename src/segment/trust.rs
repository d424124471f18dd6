//! Which users' segments are mapped, and which are removed.
//!
//! A process that may write a segment can write where this process has plain references. It can
//! also cut the file short, so that touching it is a SIGBUS. So a segment is mapped only if it
//! belongs to this user or to root, and nobody else may write it, unless the caller vouches for
//! those who may. The mode's bits say who may write. A POSIX access control list grants no more
//! than its mask, and if there is one, the mode's group bits are that mask (acl(5)).
//!
//! Data that is only read with `pread` needs no trust. An object that is only removed must be one's
//! own.
//!
//! # Safety
//!
//! The unsafe function here does nothing unsafe. With it a caller vouches for what the rest of the
//! library relies on.
#![allow(unsafe_code)]

use super::facts::Trust;
use super::name::Name;
use super::options::{Options, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::names::path_of;
use crate::sys::object::{Facts, Object};
use crate::sys::users::check_owner;

/// The permission bits that let others than the owner write.
const OTHERS_WRITE: u32 = 0o022;

impl<H> Options<H> {
    /// Sets the permission bits of a new segment, like [`mode`](Self::mode), but may let the group
    /// or others write it, as 0o660 does.
    ///
    /// Every process that opens it, including the creator, then needs
    /// [`trust_owner`](Self::trust_owner).
    ///
    /// # Safety
    ///
    /// As for [`trust_owner`](Self::trust_owner): every process that these bits let write the
    /// segment must keep to this library's protocol, as long as this process has it open.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Array1, ErrorKind};
    ///
    /// // SAFETY: the members of this process's group run this program alone.
    /// let options = unsafe { Array1::<f32>::options().mode_for_writers(0o660).trust_owner() };
    /// let shared = options.create_unique("doc-writers-", 8)?;
    /// assert_eq!(options.open(shared.name())?.len(), 8);
    ///
    /// let refused = Array1::<f32>::open(shared.name()).unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::NotTrusted);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub unsafe fn mode_for_writers(self, mode: u32) -> Self {
        self.set_mode(mode, Trust::Anybody)
    }
}

impl Settings {
    /// Fails for a mode that nobody could use, or that lets others write without anybody vouching
    /// for them.
    pub(super) fn check_mode(&self) -> Result<()> {
        let asked = self.mode;
        let problem = if asked & !0o777 != 0 || asked & 0o600 != 0o600 {
            "choose permission bits that let the owner read and write, 0o600 to 0o777"
        } else if asked & OTHERS_WRITE != 0 && self.writers == Trust::Ours {
            "which lets others write it, and whoever may write a segment can break what it promises: leave \
             the bits 0o022 out, or vouch for them with `mode_for_writers`"
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::InvalidArgument, format!("asks for mode {asked:#o}: {problem}")))
    }
}

/// Refuses to map a segment that somebody may write for whom nobody vouched.
pub(super) fn check_trusted(
    name: &Name,
    object: &Object,
    facts: &Facts,
    trust: Trust,
) -> Result<()> {
    if trust == Trust::Anybody {
        return Ok(());
    }
    check_owner(object, facts.owner).map_err(|stranger| {
        not_trusted(format!(
            "{stranger}: whoever may write a segment can break what it promises; use one that you or \
             root created, or vouch for it with `trust_owner`"
        ))
    })?;
    let others = match facts.mode & OTHERS_WRITE {
        0 => return Ok(()),
        0o020 => "its group, or who an access control list names,",
        _ => "everybody",
    };
    let (mode, path) = (facts.mode, path_of(name.place()));
    Err(not_trusted(format!(
        "has mode {mode:#o}, so {others} may write it: whoever may write a segment can break what it \
         promises; take that right away with `chmod go-w {}`, or vouch for them with `trust_owner`",
        path.display()
    )))
}

/// Refuses to remove an object that belongs to another user.
pub(super) fn check_ours_to_remove(object: &Object, facts: &Facts) -> Result<()> {
    check_owner(object, facts.owner).map_err(|stranger| {
        not_trusted(format!("{stranger}: take it away as its owner, or as root"))
    })
}

#[cold]
fn not_trusted(problem: String) -> Error {
    Error::new(ErrorKind::NotTrusted, problem)
}
