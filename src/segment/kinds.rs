//! What each kind of segment defines for itself. Everything else is the same for all kinds.
//!
//! A kind says in [`Opens`] how it checks a segment, and in [`Creates`] what its creator gives.
//! `methods` writes its public methods.

use super::facts::{Access, Lifetime};
use super::handle::Handle;
use super::life::{Draft, Segment};
use super::name::{Address, Name};
use super::options::{Opening, Options, Settings};
use super::plan::Plan;
use crate::error::{ErrorKind, Result, ResultExt};

/// A handle that opens segments of some kind.
pub trait Opens: Sized {
    /// Checks that a segment is of that kind.
    #[doc(hidden)]
    fn check(segment: Segment) -> Result<Self>;

    /// The access with which to open when the caller asks for `access`.
    #[doc(hidden)]
    #[must_use]
    fn access(access: Access) -> Access {
        access
    }

    /// The options with which opening begins.
    #[doc(hidden)]
    #[must_use]
    fn default_options() -> Options<Self> {
        Options::new()
    }

    /// Does the same as `check`. Its error names the segment.
    #[doc(hidden)]
    fn from_segment(segment: Segment) -> Result<Self> {
        let name = segment.name().to_owned();
        Self::check(segment).of(&name)
    }
}

/// A handle that creates segments of some kind.
pub(crate) trait Creates: Opens {
    /// What a creator gives: a shape, a value, a capacity.
    type Start;

    /// Plans the segment that results.
    fn plan(settings: &Settings, start: &Self::Start) -> Result<Plan>;

    /// Writes what the creator gave. Nobody else sees the segment yet.
    fn fill(_draft: &mut Draft, _start: &Self::Start) -> Result<()> {
        Ok(())
    }

    /// Refuses an existing segment that is not what `open_or_create` asked for.
    fn check_same(&self, _start: &Self::Start) -> Result<()> {
        Ok(())
    }
}

impl<H: Opens> Options<H> {
    /// Opens the segment at `address`, as `open` of the handle's type does. An example is
    /// [`Array::open`](crate::Array::open).
    ///
    /// # Errors
    ///
    /// Those of the type's `open`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, ErrorKind, Event};
    ///
    /// let made = Event::create_unique("doc-open-")?;
    /// let looked_at = Event::options().access(Access::Observe).open(made.name())?;
    /// made.set()?;
    /// looked_at.wait()?;
    /// assert_eq!(looked_at.clear().unwrap_err().kind(), ErrorKind::ReadOnly);
    /// # Ok(()) }
    /// ```
    pub fn open<'a>(&self, address: impl Into<Address<'a>>) -> Result<H> {
        H::from_segment(Segment::attach(Name::new(address)?, self.opening_as::<H>())?)
    }

    /// Opens the segment that `handle` means, and never another one of the same name.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), and [`Replaced`](ErrorKind::Replaced).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> ndshm::Result<()> {
    /// use ndshm::{Access, Value};
    ///
    /// let made = Value::create_unique("doc-open-handle-", 1_u8)?;
    /// let same = Value::<u8>::options().access(Access::Read).open_handle(&made.handle())?;
    /// assert_eq!(same.get()?, 1);
    /// # Ok(()) }
    /// ```
    pub fn open_handle(&self, handle: &Handle) -> Result<H> {
        H::from_segment(Segment::attach_handle(handle, self.opening_as::<H>())?)
    }

    fn opening_as<K: Opens>(&self) -> Opening {
        let opening = self.settings().opening();
        Opening { access: K::access(opening.access), ..opening }
    }
}

#[expect(private_bounds, reason = "nothing here is public")]
impl<H: Creates> Options<H> {
    /// Creates a segment and gives it its name.
    pub(crate) fn make(&self, name: Name, start: &H::Start, lifetime: Lifetime) -> Result<H> {
        self.make_with(name, start, lifetime, |draft| H::fill(draft, start), Draft::publish)
    }

    /// Creates a segment. If another segment has the name, it is replaced.
    pub(crate) fn make_or_replace(&self, name: Name, start: &H::Start) -> Result<H> {
        let fill = |draft: &mut Draft| H::fill(draft, start);
        self.make_with(name, start, Lifetime::Creator, fill, Draft::publish_or_replace)
    }

    /// Creates a segment under a name made up of `prefix`.
    pub(crate) fn make_unique(&self, prefix: &str, start: &H::Start) -> Result<H> {
        create_unique(prefix, |name| self.make(name, start, Lifetime::Creator))
    }

    /// Opens the segment at `address`, or creates it if there is none. Of two processes that try
    /// this at once, the second one opens.
    pub(crate) fn open_or_make(&self, address: Address<'_>, start: &H::Start) -> Result<H> {
        loop {
            match self.open(address) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                opened => {
                    let opened = opened?;
                    opened.check_same(start).of(Name::new(address)?.as_str())?;
                    return Ok(opened);
                }
            }
            match self.make(Name::new(address)?, start, Lifetime::LastUser) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return made,
            }
        }
    }

    /// Creates a segment whose first contents `fill` writes.
    pub(crate) fn make_with(
        &self,
        name: Name,
        start: &H::Start,
        lifetime: Lifetime,
        fill: impl FnOnce(&mut Draft) -> Result<()>,
        publish: impl FnOnce(Draft) -> Result<Segment>,
    ) -> Result<H> {
        let text = name.as_str().to_owned();
        let make = || {
            let settings = self.settings();
            settings.check()?;
            let plan = H::plan(settings, start)?;
            let mut draft = Draft::new(name, plan, settings, lifetime)?;
            fill(&mut draft)?;
            H::check(publish(draft)?)
        };
        make().of(&text)
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
