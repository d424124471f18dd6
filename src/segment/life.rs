//! The life of a segment: it is created whole, opened by name, and detached.

use std::path::PathBuf;
use std::sync::Arc;

use super::control::{Control, LONGEST_HEADER};
use super::facts::{Access, Claim, Lifetime, Origin, Reserve, Trust};
use super::handle::Handle;
use super::inspect::{check_unsealed, read_control};
use super::name::{Address, Name};
use super::naming::Candidate;
use super::options::{Opening, Settings};
use super::paging;
use super::participants::{Membership, Participant};
use super::plan::Plan;
use super::reap::reap_beside;
use super::reboot;
use super::region::Region;
use super::trust::check_trusted;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::lock::Owner;
use crate::npy::{Header, Order};
use crate::steps::step;
use crate::sys::limits;
use crate::sys::name_lock::{NameLock, unlink_to_leave};
use crate::sys::names;
use crate::sys::object::{Identity, Object};
use crate::sys::place::Place;

/// A segment of any kind: the untyped handle under [`Array`](crate::Array) and
/// [`Value`](crate::Value).
///
/// A clone is the same handle: cheap, and usable from any thread.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let array = ndshm::Array2::<f32>::create_unique("doc-segment-", (3, 4))?;
/// let segment = ndshm::Segment::open(array.name())?;
/// assert_eq!(segment.info()?.shape(), [3, 4]);
/// assert_eq!(segment.id(), array.segment().id());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Segment(Arc<Attached>);

/// One attachment. The clones of a handle share it.
#[derive(Debug)]
struct Attached {
    name: Name,
    control: Control,
    access: Access,
    trust: Trust,
    region: Arc<Region>,
    membership: Arc<Membership>,
    /// The owner that created it through this handle, as lock words name it.
    created_by: Option<Owner>,
}

/// A segment that is complete but has no name yet, so that nobody else sees it.
pub(crate) struct Draft {
    name: Name,
    object: Object,
    control: Control,
    region: Arc<Region>,
    reserve: Reserve,
    trust: Trust,
    claim: Claim,
}

impl Draft {
    /// Makes a segment that is to be called `name`, with data of zeros. Its name lasts for
    /// `lifetime` unless the settings say otherwise. A file lasts until it is removed.
    pub(crate) fn new(
        name: Name,
        plan: Plan,
        settings: &Settings,
        lifetime: Lifetime,
    ) -> Result<Self> {
        let header = Header::encode(&plan.dtype, plan.order, &plan.shape)?;
        if header.len() > LONGEST_HEADER {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "has a dtype that takes {} bytes of header, of {LONGEST_HEADER} at most: use fewer \
                     fields or shorter names",
                    header.len()
                ),
            ));
        }
        let default = if name.is_file() { Lifetime::Persistent } else { lifetime };
        let lifetime = settings.lifetime.unwrap_or(default);
        let mut control = Control::new(plan, lifetime, header.len())?;
        let len = control.layout.total as u64;
        limits::check_file_size(len)?;
        let object = Object::create_unnamed(name.place(), len, settings.mode)?;
        step!("create: sized");
        control.inode = object.identity().inode();
        let region = Region::new(
            &object,
            control.layout,
            control.participants,
            control.stripes,
            settings.opening(),
        )?;
        paging::provide(&name, &object, &region, settings)?;
        step!("create: reserved");
        object.write_all_at(&header, 0)?;
        step!("create: header written");
        object.write_all_at(&control.encode(), control.layout.control_offset as u64)?;
        step!("create: control block written");
        reboot::note(&region);
        let (region, Settings { reserve, trust, claim, .. }) = (Arc::new(region), *settings);
        Ok(Self { name, object, control, region, reserve, trust, claim })
    }

    /// Whether all of it has memory.
    pub(crate) fn is_reserved(&self) -> bool {
        self.reserve == Reserve::Full
    }

    pub(crate) fn order(&self) -> Order {
        self.control.order
    }

    /// The memory, still private to the creator.
    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// Gives the segment its name. From here on everybody sees it, whole.
    pub(crate) fn publish(self) -> Result<Segment> {
        let claim = self.claim;
        self.publish_claiming(claim)
    }

    /// Gives the segment its name. If another segment has the name, that one is replaced.
    pub(crate) fn publish_or_replace(self) -> Result<Segment> {
        if self.name.is_file() {
            reap_beside(&self.name);
        }
        self.publish_claiming(Claim::Any)
    }

    fn publish_claiming(self, claim: Claim) -> Result<Segment> {
        let membership =
            Membership::join(&self.name, self.object, &self.region, self.control.lifetime)?;
        let me = membership.me()?;
        step!("create: registered");
        let (object, id) = (membership.object_unchecked(), self.control.id);
        let candidate = Candidate { object, id, trust: self.trust };
        let name = candidate.publish(&self.name, claim).map(Name::found)?;
        step!("create: published");
        Ok(Segment(Arc::new(Attached {
            name,
            control: self.control,
            access: Access::ReadWrite,
            trust: self.trust,
            region: self.region,
            membership,
            created_by: Some(me),
        })))
    }
}

impl Segment {
    /// Opens the segment at `address`, whatever it holds.
    ///
    /// This assumes the same of other processes as [`Array::open`](crate::Array::open) does.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when there is none, [`NotASegment`](ErrorKind::NotASegment),
    /// [`Truncated`](ErrorKind::Truncated), [`Corrupt`](ErrorKind::Corrupt) or
    /// [`UnsupportedVersion`](ErrorKind::UnsupportedVersion) when it is something else or damaged,
    /// [`NotTrusted`](ErrorKind::NotTrusted) when another user owns it, or the group or others may write it.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let value = ndshm::Value::<u8>::create_unique("doc-open-", 1)?;
    /// let segment = ndshm::Segment::open(value.name())?;
    /// assert_eq!(segment.info()?.kind(), ndshm::Kind::Value);
    /// # Ok(()) }
    /// ```
    pub fn open<'a>(address: impl Into<Address<'a>>) -> Result<Self> {
        Self::attach(Name::new(address)?, Access::ReadWrite)
    }

    /// Opens the segment that `handle` means, and never another one that has its name by now.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), and [`Replaced`](ErrorKind::Replaced) when the name has come to
    /// mean another segment.
    ///
    /// # Examples
    ///
    /// See [`Handle`].
    pub fn open_handle(handle: &Handle) -> Result<Self> {
        Self::attach_handle(handle, Access::ReadWrite)
    }

    pub(crate) fn attach_handle(handle: &Handle, opening: impl Into<Opening>) -> Result<Self> {
        let opening = opening.into();
        let found = match Self::attach(handle.address().clone(), opening) {
            Ok(segment) if segment.control().id == handle.id() => return Ok(segment),
            found => found,
        };
        if let Some(name) = handle.moved() {
            return Self::attach(name, opening);
        }
        Err(found.err().unwrap_or_else(|| {
            Error::new(
                ErrorKind::Replaced,
                "is another segment than the handle means: it was removed and created anew; ask \
                 its creator for a new handle",
            )
            .of(handle.name())
        }))
    }

    pub(crate) fn attach(name: Name, opening: impl Into<Opening>) -> Result<Self> {
        let opening = opening.into();
        loop {
            if let Some(segment) = Self::attach_once(&name, opening).of(name.as_str())? {
                return Ok(segment);
            }
        }
    }

    /// Attaches to the segment that has that name now. Returns `None` when the name changed hands
    /// meanwhile.
    fn attach_once(name: &Name, opening: Opening) -> Result<Option<Self>> {
        let access = opening.access;
        let (object, facts) = match access {
            Access::ReadWrite | Access::Read => Object::open(name.place())?,
            Access::Observe => Object::open_to_observe(name.place())?,
        };
        step!("attach: opened");
        check_trusted(name, &object, &facts, opening.trust)?;
        check_unsealed(&object, name, access)?;
        let control = read_control(&object, &facts)?;
        // Otherwise the last user could remove the name before this one is known to be a user.
        let is_user = control.lifetime == Lifetime::LastUser && access != Access::Observe;
        let lock = if is_user && name.is_shown() {
            let Some(lock) = NameLock::take(name.place(), &object)? else { return Ok(None) };
            Some(lock)
        } else {
            None
        };
        let region = Arc::new(Region::new(
            &object,
            control.layout,
            control.participants,
            control.stripes,
            opening,
        )?);
        step!("attach: mapped");
        if access != Access::Observe {
            paging::reserve_again(&object, &region, &facts)?;
        }
        paging::prefault(&object, &region, opening, &facts)?;
        let membership = match access {
            Access::Observe => {
                reboot::check_settled(&object, region.state(), &control)?;
                Membership::observe(name, object, &region)?
            }
            Access::ReadWrite | Access::Read => {
                reboot::settle(name, &object, &region, &control)?;
                Membership::join(name, object, &region, control.lifetime)?
            }
        };
        if lock.is_some() || opening.eager && access != Access::Observe {
            membership.me()?;
        }
        let name = match name.place() {
            Place::InProcess(_) => Name::found(membership.object_unchecked().as_place()),
            _ => name.clone(),
        };
        let created_by = None;
        let trust = opening.trust;
        let attached = Attached { name, control, access, trust, region, membership, created_by };
        Ok(Some(Self(Arc::new(attached))))
    }

    /// Returns the segment's name, the absolute path of its file, or `/proc/PID/fd/N` when it is
    /// anonymous.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let value = ndshm::Value::<u8>::create_unique("doc-name-", 1)?;
    /// assert!(value.segment().name().starts_with("doc-name-"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// Returns the segment's id. No other segment has it, not even an earlier or later one of the
    /// same name.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let one = ndshm::Value::<u8>::create_unique("doc-id-", 1)?;
    /// let two = ndshm::Value::<u8>::create_unique("doc-id-", 1)?;
    /// assert_ne!(one.segment().id(), two.segment().id());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        self.0.control.id
    }

    /// Returns where other programs find the memory. This is the argument of `np.load`, with
    /// `mmap_mode` `"r"` or `"r+"`. Never use `"w+"`: it truncates the file to nothing first, and
    /// every process that has it mapped is killed by SIGBUS.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<f32>::create_unique("doc-path-", 8)?;
    /// println!("np.load({:?}, mmap_mode='r+')", array.segment().path());
    /// # assert!(array.segment().path().exists());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn path(&self) -> PathBuf {
        names::path_of(self.0.name.place())
    }

    /// Returns whether this handle created the segment or found it.
    ///
    /// # Examples
    ///
    /// See [`Origin`].
    #[must_use]
    pub fn origin(&self) -> Origin {
        if self.0.created_by.is_some() { Origin::Created } else { Origin::Opened }
    }

    /// Returns what this handle may do with the data.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<f32>::create_unique("doc-may-", 8)?;
    /// assert_eq!(array.segment().access(), ndshm::Access::ReadWrite);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn access(&self) -> Access {
        self.0.access
    }

    /// Returns the segment's address as text, to be given to another process.
    ///
    /// # Examples
    ///
    /// See [`Handle`].
    #[must_use]
    pub fn handle(&self) -> Handle {
        let name = match self.0.name.place() {
            // The place where this process has it open, whoever created it.
            Place::InProcess(_) => Name::found(self.0.membership.object_unchecked().as_place()),
            _ => self.0.name.clone(),
        };
        Handle::new(name, self.id())
    }

    /// Returns the processes that registered in the segment, and whether they are alive. A process
    /// that attached but never locked anything is not among them. Costs two system calls per slot.
    ///
    /// # Errors
    ///
    /// [`ForeignLock`](ErrorKind::ForeignLock) when another program's lock lies on the segment.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let array = ndshm::Array1::<u8>::create_unique("doc-participants-", 4)?;
    /// let [creator] = &array.segment().participants()?[..] else { panic!("one, its creator") };
    /// assert_eq!(creator.pid(), std::process::id());
    /// assert!(creator.is_alive());
    /// # Ok(()) }
    /// ```
    pub fn participants(&self) -> Result<Vec<Participant>> {
        self.0.membership.census().of(self.name())
    }

    /// Returns whether another segment has the name by now: see
    /// [`Array::create_or_replace`](crate::Array::create_or_replace). This one goes on working for
    /// the processes that have it. [`reopen`](Self::reopen) opens the other one. Costs a system
    /// call.
    ///
    /// # Examples
    ///
    /// See [`Array::create_or_replace`](crate::Array::create_or_replace).
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        // The mark is missing if a replacer was killed before it could set it.
        self.region().state().is_replaced()
            || self.0.name.is_shown()
                && names::identity_of(self.0.name.place())
                    .is_ok_and(|other| other.is_some_and(|other| other != self.identity()))
    }

    /// Returns whether nothing has the segment's name any more: it was removed, and nothing was
    /// created under it since. This one goes on working for the processes that have it, and the
    /// last of them gives the memory back. Returns false for a segment that never had a name. Costs
    /// a system call.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// let value = ndshm::Value::create_unique("doc-removed-", 7)?;
    /// assert!(!value.segment().is_removed());
    /// ndshm::remove(value.name())?;
    /// assert!(value.segment().is_removed() && !value.segment().is_replaced());
    /// assert_eq!(value.get()?, 7);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.0.name.is_shown()
            && names::identity_of(self.0.name.place()).is_ok_and(|there| there.is_none())
    }

    /// Opens the segment that has the name now, with the access of this handle. It opens segments
    /// that others may write if this handle was opened with
    /// [`trust_owner`](crate::Options::trust_owner).
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    ///
    /// # Examples
    ///
    /// See [`Array::create_or_replace`](crate::Array::create_or_replace).
    pub fn reopen(&self) -> Result<Self> {
        Self::attach(self.0.name.clone(), Opening::new(self.0.access, self.0.trust))
    }

    fn identity(&self) -> Identity {
        self.0.membership.object_unchecked().identity()
    }

    pub(crate) fn address(&self) -> &Name {
        &self.0.name
    }

    /// Whether it was opened by the path of a file. That file may lie in memory too.
    pub(crate) fn is_file(&self) -> bool {
        self.0.name.is_file()
    }

    /// Whether it lies on a disk, and so outlives a restart of the machine.
    pub(crate) fn is_durable(&self) -> Result<bool> {
        // An object with a name in shared memory, or without any name, lies on a tmpfs. That was
        // checked when it was opened.
        Ok(self.is_file() && !self.membership().object()?.lies_in_memory()?)
    }

    pub(crate) fn control(&self) -> &Control {
        &self.0.control
    }

    pub(crate) fn region(&self) -> &Region {
        &self.0.region
    }

    #[inline]
    pub(crate) fn membership(&self) -> &Membership {
        &self.0.membership
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // In a forked child the mark differs from its former value, so nothing is removed.
        let creator_here =
            self.created_by.is_some() && self.created_by == self.membership.registered();
        if creator_here && self.name.is_shown() && self.control.lifetime == Lifetime::Creator {
            // The name may be gone by now, or stand for another segment. Either is fine.
            let place = self.name.place();
            let _ = self.membership.object().and_then(|object| unlink_to_leave(place, object));
        }
    }
}
