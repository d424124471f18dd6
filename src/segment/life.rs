//! The life of a segment: created whole, opened by name, removed under the name lock.

use std::path::PathBuf;
use std::sync::Arc;

use super::control::{Control, FIRST_READ, Plan, SHORTEST_HEAD};
use super::handle::Handle;
use super::info::Info;
use super::name::{Address, Name};
use super::options::{Access, Kind, Lifetime, Origin, Reserve, Settings};
use super::participants::{Membership, Participant};
use super::reboot;
use super::region::Region;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::lock::Owner;
use crate::npy::{Dtype, HEADER_SIZE, Header, Order};
use crate::steps::step;
use crate::sys::lock::{Byte, Locker};
use crate::sys::object::{self, Facts, Object};
use crate::sys::place::Place;
use crate::sys::{limits, process};

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

/// One attachment; its clones share it.
#[derive(Debug)]
struct Attached {
    name: Name,
    control: Control,
    access: Access,
    region: Arc<Region>,
    membership: Arc<Membership>,
    /// Who created it through this handle, as lock words name it.
    created_by: Option<Owner>,
}

/// What the creator of a segment decides.
pub(crate) struct Blueprint<'a> {
    pub(crate) kind: Kind,
    pub(crate) dtype: &'a Dtype,
    pub(crate) shape: &'a [usize],
    pub(crate) stripes: u32,
    pub(crate) shadow_len: usize,
    /// How long its name lasts unless the settings say; a file lasts until it is removed.
    pub(crate) lifetime: Lifetime,
    pub(crate) settings: &'a Settings,
}

/// A segment that is complete but has no name yet, so that nobody else sees it.
pub(crate) struct Draft {
    name: Name,
    object: Object,
    control: Control,
    region: Arc<Region>,
}

impl Draft {
    /// Makes a segment that is going to be called `name`, its data all zeros.
    pub(crate) fn new(name: Name, blueprint: &Blueprint<'_>) -> Result<Self> {
        let settings = blueprint.settings;
        settings.check()?;
        let header = Header::encode(blueprint.dtype, settings.order, blueprint.shape)?;
        let control = Control::new(&Plan {
            kind: blueprint.kind,
            lifetime: settings.lifetime.unwrap_or(if name.is_file() {
                Lifetime::Persistent
            } else {
                blueprint.lifetime
            }),
            dtype: blueprint.dtype,
            order: settings.order,
            shape: blueprint.shape,
            participants: settings.participants,
            stripes: blueprint.stripes,
            shadow_len: blueprint.shadow_len,
            data_offset: header.len(),
        })?;
        let len = control.layout.total as u64;
        limits::check_file_size(len)?;
        let object = Object::create_unnamed(name.place(), len, settings.mode)?;
        step!("create: sized");
        let reserved = match settings.reserve {
            Reserve::Full => 0..len,
            // Locks are touched by everybody, so they have memory in any case.
            Reserve::Lazy => control.layout.control_offset as u64..len,
        };
        if !name.is_file() || object.lies_in_memory()? {
            limits::check_memory(reserved.end - reserved.start)?;
        }
        object.reserve(reserved)?;
        step!("create: reserved");
        object.write_all_at(&header, 0)?;
        step!("create: header written");
        object.write_all_at(&control.encode(), control.layout.control_offset as u64)?;
        step!("create: control block written");
        let region = Region::new(
            &object,
            control.layout,
            control.participants,
            control.stripes,
            Access::ReadWrite,
        )?;
        if name.is_file() {
            reboot::note(&region);
        }
        Ok(Self { name, object, control, region: Arc::new(region) })
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
        let membership = Membership::join(&self.name, self.object, &self.region)?;
        let me = membership.me()?;
        step!("create: registered");
        let place = membership.object_unchecked().publish(self.name.place())?;
        step!("create: published");
        let name = Name::found(place);
        Ok(Segment(Arc::new(Attached {
            name,
            control: self.control,
            access: Access::ReadWrite,
            region: self.region,
            membership,
            created_by: Some(me),
        })))
    }
}

/// Opens what has that name, or creates it when there is nothing; whoever comes second opens.
pub(crate) fn open_or_create<H>(
    name: &Name,
    open: impl Fn() -> Result<H>,
    create: impl Fn(Name) -> Result<H>,
) -> Result<H> {
    loop {
        match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return opened,
        }
        match create(name.clone()) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created,
        }
    }
}

/// Creates something under a name made up of `prefix`.
pub(crate) fn create_unique<H>(prefix: &str, create: impl Fn(Name) -> Result<H>) -> Result<H> {
    loop {
        match create(Name::unique(prefix)?) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created,
        }
    }
}

impl Segment {
    /// Opens the segment at `address`, whatever it holds.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when there is none, [`NotASegment`](ErrorKind::NotASegment),
    /// [`Truncated`](ErrorKind::Truncated), [`Corrupt`](ErrorKind::Corrupt) or
    /// [`UnsupportedVersion`](ErrorKind::UnsupportedVersion) when it is something else or damaged,
    /// [`NotTrusted`](ErrorKind::NotTrusted) when another user owns it.
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

    /// Opens the segment that `handle` names, and no other that may have its name by now.
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

    pub(crate) fn attach_handle(handle: &Handle, access: Access) -> Result<Self> {
        let segment = Self::attach(handle.address().clone(), access)?;
        if segment.control().id != handle.id() {
            return Err(Error::new(
                ErrorKind::Replaced,
                "is another segment than the handle means: it was removed and created anew; ask \
                 its creator for a new handle",
            )
            .of(handle.name()));
        }
        Ok(segment)
    }

    pub(crate) fn attach(name: Name, access: Access) -> Result<Self> {
        Self::attach_named(&name, access).of(name.as_str())
    }

    fn attach_named(name: &Name, access: Access) -> Result<Self> {
        let (object, facts) = Object::open(name.place())?;
        step!("attach: opened");
        check_owner(&facts)?;
        let control = read_control(&object, &facts)?;
        let region = Arc::new(Region::new(
            &object,
            control.layout,
            control.participants,
            control.stripes,
            access,
        )?);
        step!("attach: mapped");
        if name.is_file() {
            reboot::settle(&object, &region, &control)?;
        }
        let membership = Membership::join(name, object, &region)?;
        let name = name.clone();
        Ok(Self(Arc::new(Attached { name, control, access, region, membership, created_by: None })))
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

    /// Returns the id that no other segment has, this name's former and later ones included.
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

    /// Returns where other programs find the memory: the argument of `np.load`.
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
        object::path_of(self.0.name.place())
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
            // As this process has it open, whoever created it.
            Place::Descriptor(_) => Name::found(self.0.membership.object_unchecked().as_place()),
            _ => self.0.name.clone(),
        };
        Handle::new(name, self.id())
    }

    /// Returns the processes that registered in the segment and whether they are alive; one that
    /// attached but never locked anything is not among them. Costs two system calls a slot.
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

    /// Returns everything that the header and the control block say.
    ///
    /// # Errors
    ///
    /// [`DescriptorLost`](ErrorKind::DescriptorLost) when the program closed the descriptor this
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
        let facts = self.0.membership.object().and_then(Object::facts).of(self.name())?;
        Ok(Info::new(self.0.name.clone(), self.0.control.clone(), facts))
    }

    /// Whether it is a file, rather than memory.
    pub(crate) fn is_file(&self) -> bool {
        self.0.name.is_file()
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
        // In a forked child the mark differs from what it was, and nothing is removed.
        let creator_here =
            self.created_by.is_some() && self.created_by == self.membership.registered();
        let has_name = !matches!(self.name.place(), Place::Descriptor(_));
        if creator_here && has_name && self.control.lifetime == Lifetime::Creator {
            // The name may be gone, or stand for another segment by now; both are as well.
            let _ = self.membership.object().and_then(|object| unlink_if_still(&self.name, object));
        }
    }
}

/// Removes the name of a segment, or its file; those attached keep their memory until they detach.
///
/// # Errors
///
/// [`NotFound`](ErrorKind::NotFound) when there is none, [`NotASegment`](ErrorKind::NotASegment)
/// when it is not ours, which is left alone, and [`NotTrusted`](ErrorKind::NotTrusted) when another
/// user owns it. A damaged segment is removed.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let value = ndshm::Value::<u8>::create_unique("doc-remove-", 1)?;
/// ndshm::remove(value.name())?;
/// assert!(ndshm::Value::<u8>::open(value.name()).is_err());
/// assert_eq!(value.get()?, 1);
/// # Ok(()) }
/// ```
pub fn remove<'a>(address: impl Into<Address<'a>>) -> Result<()> {
    let name = Name::new(address)?;
    loop {
        let removed = remove_once(&name).of(name.as_str())?;
        if removed {
            return Ok(());
        }
    }
}

/// Removes what has that name now; false when the name changed hands meanwhile.
fn remove_once(name: &Name) -> Result<bool> {
    let (object, facts) = Object::open(name.place())?;
    step!("remove: opened");
    check_owner(&facts)?;
    match read_control(&object, &facts) {
        Err(error) if error.kind() == ErrorKind::NotASegment => return Err(error),
        _ => {}
    }
    unlink_if_still(name, &object)
}

/// Describes every segment there is, in no order; what is not a segment, is damaged, or may not be
/// read is left out. Opens each file and reads its headers.
///
/// # Errors
///
/// [`Os`](ErrorKind::Os) when the directory cannot be listed.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let value = ndshm::Value::<u8>::create_unique("doc-list-", 1)?;
/// assert!(ndshm::list()?.iter().any(|info| info.name() == value.name()));
/// # Ok(()) }
/// ```
pub fn list() -> Result<Vec<Info>> {
    let names = object::names()?;
    Ok(names.iter().filter_map(|name| describe(name).ok()).collect())
}

fn describe(name: &str) -> Result<Info> {
    let name = Name::new(name)?;
    let (object, facts) = Object::open_to_look(name.place())?;
    let control = read_control(&object, &facts)?;
    Ok(Info::new(name, control, facts))
}

/// Unlinks the name under its lock if it still is this object's; false when it is another's now.
pub(super) fn unlink_if_still(name: &Name, object: &Object) -> Result<bool> {
    let place = name.place();
    let Some(locker) = Locker::at(object, place)? else { return Ok(false) };
    locker.lock(Byte::Name)?;
    step!("remove: name locked");
    if object::identity_of(place)? != Some(object.identity()) {
        return Ok(false);
    }
    object::unlink(place)?;
    step!("remove: name gone");
    Ok(true)
}

/// Refuses what belongs to another user, unless that user is root.
pub(super) fn check_owner(facts: &Facts) -> Result<()> {
    let me = process::user();
    if facts.owner == me || facts.owner == 0 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::NotTrusted,
        format!(
            "belongs to user {}, and this process runs as user {me}: whoever may write a segment \
             can break what it promises; use one that you or root created",
            facts.owner
        ),
    ))
}

/// Reads and checks both descriptions of a segment, without mapping it.
pub(super) fn read_control(object: &Object, facts: &Facts) -> Result<Control> {
    let mut buffer = [0; 2 * HEADER_SIZE];
    let mut bytes = read_start(object, facts, &mut buffer[..HEADER_SIZE])?;
    let header = match Header::parse(bytes) {
        Err(error) if error.kind() == ErrorKind::Truncated && bytes.len() == HEADER_SIZE => {
            bytes = read_start(object, facts, &mut buffer)?;
            Header::parse(bytes)?
        }
        parsed => parsed?,
    };
    let data_len = super::layout::data_len(&header.shape, header.dtype.item_size())?;
    let control_offset = header
        .data_offset
        .checked_add(data_len)
        .and_then(|end| end.checked_next_multiple_of(4096))
        .map_or(u64::MAX, |offset| offset as u64);
    let rest = facts.len.saturating_sub(control_offset);
    if rest < SHORTEST_HEAD {
        return Err(no_control_block(&header, bytes, facts));
    }
    let mut first = [0; FIRST_READ];
    let first_len = usize::try_from(rest).map_or(FIRST_READ, |rest| rest.min(FIRST_READ));
    let first = &mut first[..first_len];
    object.read_exact_at(first, control_offset)?;
    let head_len = Control::head_len(first)?;
    if head_len as u64 > rest {
        return Err(truncated(facts));
    }
    if let Some(head) = first.get(..head_len) {
        return Control::decode(head, &header, facts.len);
    }
    let mut head = vec![0; head_len];
    object.read_exact_at(&mut head, control_offset)?;
    Control::decode(&head, &header, facts.len)
}

/// Reads the first bytes of an object, as many as there are and as `buffer` holds.
fn read_start<'a>(object: &Object, facts: &Facts, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    let len = usize::try_from(facts.len).map_or(buffer.len(), |len| len.min(buffer.len()));
    let bytes = &mut buffer[..len];
    object.read_exact_at(bytes, 0)?;
    Ok(bytes)
}

/// The file ends before or in its control block: ours, cut short, or a plain `.npy`.
fn no_control_block(header: &Header, bytes: &[u8], facts: &Facts) -> Error {
    if header.is_canonical(bytes) {
        return truncated(facts);
    }
    Error::new(
        ErrorKind::NotASegment,
        "is a plain .npy file, not a segment: it has no control block after the data",
    )
}

fn truncated(facts: &Facts) -> Error {
    Error::new(
        ErrorKind::Truncated,
        format!(
            "is {} bytes long and ends before its control block: it was cut short, remove it",
            facts.len
        ),
    )
}
