//! The participants of a segment: slots, lifelines, and cleaning up after the dead.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::facts::{Access, Lifetime};
use super::name::Name;
use super::region::Region;
use crate::atomic::AtomicU32;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Occupant, Owner, Slot, Slots, Stripe, StripePeers};
use crate::steps::step;
use crate::sys::lifeline::{self, Lifeline, Mark, Registration, registration};
use crate::sys::name_lock::NameLock;
use crate::sys::object::{Identity, Object};
use crate::sys::process;
use crate::sys::wait::{self, Woken};

/// The segments that this process has attached: one membership per segment, however often it is
/// opened.
///
/// It is only touched under [`registration`], so that no fork catches it locked.
static ATTACHED: Mutex<BTreeMap<Identity, Weak<Membership>>> = Mutex::new(BTreeMap::new());

/// Number of memberships that this process ever had, including those of its parent before the fork.
static MEMBERSHIPS: AtomicU64 = AtomicU64::new(0);

/// A process that registered in a segment: see
/// [`Segment::participants`](crate::Segment::participants).
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let array = ndshm::Array1::<u8>::create_unique("doc-participant-", 4)?;
/// for who in array.segment().participants()? {
///     let state = if who.is_alive() { "alive" } else { "dead" };
///     println!("slot {}: process {} is {state}", who.slot(), who.pid());
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    slot: u32,
    pid: u32,
    namespace: u64,
    alive: bool,
}

impl Participant {
    /// What the record of a slot says about its occupant.
    pub(crate) fn of(slot: u32, record: &Slot, alive: bool) -> Self {
        let (pid, namespace) = (record.pid(), record.namespace());
        Self { slot, pid, namespace, alive }
    }

    /// Returns its slot in the control block.
    ///
    /// # Examples
    ///
    /// See [`Participant`].
    #[must_use]
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Returns its process id, in its own PID namespace.
    ///
    /// # Examples
    ///
    /// See [`Participant`].
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the inode number of its PID namespace, or 0 if unknown.
    ///
    /// # Examples
    ///
    /// See [`Participant`].
    #[must_use]
    pub fn namespace(&self) -> u64 {
        self.namespace
    }

    /// Returns whether it was alive a moment ago, according to the kernel.
    ///
    /// # Examples
    ///
    /// See [`Participant`].
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.alive
    }
}

/// What a process may do in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Register, and then lock.
    Participant,
    /// The same, and remove the name when it is the last one to leave.
    User,
    /// Look.
    Observer,
}

/// This process's part in one segment.
#[derive(Debug)]
pub(crate) struct Membership {
    serial: u64,
    standing: Standing,
    name: Name,
    object: Object,
    region: Arc<Region>,
    /// Our [`Owner`] bits. Zero while not registered, and in a forked child.
    mark: Mark,
    /// Only touched under [`registration`].
    lifeline: Mutex<Option<Lifeline>>,
}

impl Membership {
    /// Joins the object behind `region`, or returns the membership that this process has in it
    /// already.
    pub(crate) fn join(
        name: &Name,
        object: Object,
        region: &Arc<Region>,
        lifetime: Lifetime,
    ) -> Result<Arc<Self>> {
        let proof = registration();
        let mut attached = ATTACHED.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = object.identity();
        if let Some(membership) = attached.get(&identity).and_then(Weak::upgrade) {
            return Ok(membership);
        }
        let standing = match lifetime {
            Lifetime::LastUser => Standing::User,
            Lifetime::Creator | Lifetime::Persistent => Standing::Participant,
        };
        let membership = Self::new(standing, name, object, region, &proof)?;
        attached.insert(identity, Arc::downgrade(&membership));
        Ok(membership)
    }

    /// Looks at the object behind `region` without taking part. An observer never registers. It
    /// shares nothing with the participants of this process, because its mappings are read-only.
    pub(crate) fn observe(name: &Name, object: Object, region: &Arc<Region>) -> Result<Arc<Self>> {
        Self::new(Standing::Observer, name, object, region, &registration())
    }

    fn new(
        standing: Standing,
        name: &Name,
        object: Object,
        region: &Arc<Region>,
        proof: &Registration,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            serial: MEMBERSHIPS.fetch_add(1, Relaxed),
            standing,
            name: name.clone(),
            object,
            region: Arc::clone(region),
            mark: Mark::new(proof)?,
            lifeline: Mutex::new(None),
        }))
    }

    /// A number that no other membership of this process has, before or after.
    #[inline]
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// The name of this process in lock words. Registers the process at the first call, and again
    /// after a fork.
    #[inline]
    pub(crate) fn me(&self) -> Result<Owner> {
        match self.registered() {
            Some(me) => Ok(me),
            None => self.register(),
        }
    }

    /// The name of this process in lock words, if it has registered since it was forked.
    #[inline]
    pub(crate) fn registered(&self) -> Option<Owner> {
        Owner::in_word(self.mark.load(Acquire))
    }

    /// The object. Its descriptor is opened again if the program closed it.
    pub(crate) fn object(&self) -> Result<&Object> {
        self.object.revive(self.name.place())?;
        Ok(&self.object)
    }

    /// The object, for a caller that has just opened it.
    pub(crate) fn object_unchecked(&self) -> &Object {
        &self.object
    }

    /// The lock's view of the other participants, for one stripe.
    #[inline]
    pub(crate) fn peers(&self, stripe: u32) -> StripePeers<'_, Self> {
        Slots::peers(self, stripe)
    }

    /// Whether the occupant of `slot` is alive, as far as the kernel knows.
    pub(crate) fn is_alive(&self, slot: u32) -> Result<bool> {
        let me = self.registered();
        if me.is_some_and(|me| me.slot() == slot) {
            return Ok(true);
        }
        lifeline::is_alive(self.object()?, slot)
    }

    /// The participants that registered and have not left in order.
    pub(crate) fn census(&self) -> Result<Vec<Participant>> {
        (0..self.region.participants())
            .filter(|&slot| self.region.slot(slot).is_in_use())
            .map(|slot| Ok(Participant::of(slot, self.region.slot(slot), self.is_alive(slot)?)))
            .collect()
    }

    /// Describes the participant in `slot` for an error: its process id, and whether it is alive.
    pub(crate) fn describe(&self, slot: u32) -> String {
        if slot >= self.region.participants() {
            return format!("slot {slot}, which does not exist");
        }
        let pid = self.region.slot(slot).pid();
        // The pid would not do: another PID namespace may have given out the same one.
        let is_ours = self.registered().is_some_and(|me| me.slot() == slot);
        match self.is_alive(slot) {
            Ok(true) if is_ours => format!("this process ({pid})"),
            Ok(true) => format!("process {pid}, which is alive"),
            Ok(false) => format!("process {pid}, which is dead"),
            Err(_) => format!("process {pid}"),
        }
    }

    #[cold]
    fn register(&self) -> Result<Owner> {
        if self.standing == Standing::Observer {
            return Err(Access::Observe.refusal());
        }
        let proof = registration();
        if let Some(me) = self.registered() {
            return Ok(me);
        }
        let mut lifeline = self.lifeline.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parents) = lifeline.take() {
            parents.forget();
        }
        let object = self.object()?;
        let slots = 0..self.region.participants();
        let Some(claimed) = lifeline::claim(object, self.name.place(), slots)? else {
            return Err(self.out_of_slots());
        };
        let slot = claimed.slot();
        step!("register: slot locked");
        let this = process::current(&proof);
        let (pid, namespace, started) = (this.pid, this.namespace, this.started);
        let me = self.occupy(slot, Occupant { pid, namespace, started });
        match claimed.keep(object) {
            Ok(line) => *lifeline = Some(line),
            Err(error) => {
                self.vacate(me);
                return Err(error);
            }
        }
        self.mark.store(me.bits(), Release);
        step!("register: done");
        Ok(me)
    }

    /// Leaves the segment. If a forgotten guard still holds something, the next occupant cleans it
    /// up.
    fn leave(&self, proof: &Registration) {
        // This is dropped at the end of the function, after the slot is in order.
        let lifeline = self.lifeline.lock().unwrap_or_else(PoisonError::into_inner).take();
        match self.registered() {
            Some(me) => self.vacate(me),
            None => lifeline.into_iter().for_each(Lifeline::forget),
        }
        step!("detach: slot free");
        self.mark.release(proof);
        step!("detach: mark given back");
    }

    #[cold]
    fn out_of_slots(&self) -> Error {
        let count = self.region.participants();
        let pids: Vec<String> =
            (0..count.min(16)).map(|slot| self.region.slot(slot).pid().to_string()).collect();
        let more = if count > 16 { ", …" } else { "" };
        Error::new(
            ErrorKind::OutOfSlots,
            format!(
                "has {count} participants already, all alive (pids {}{more}): end one, or create it \
                 with more `participants`",
                pids.join(", ")
            ),
        )
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // This is taken before the registration mutex, in the same order as when attaching.
        let farewell = self.take_name_as_user();
        self.detach();
        if let Some(lock) = farewell
            && self.nobody_is_left()
        {
            // There is nobody to report an error to. A leftover is reaped later.
            let _ = lock.unlink();
        }
    }
}

impl Membership {
    /// The name lock, for a user that may be the last one.
    fn take_name_as_user(&self) -> Option<NameLock> {
        // A forked child that never registered is no user.
        let is_user = self.standing == Standing::User && self.registered().is_some();
        if !is_user || !self.name.is_shown() {
            return None;
        }
        NameLock::take_to_leave(self.name.place(), self.object().ok()?).ok()?
    }

    /// Whether no user is alive. The caller holds the name lock, under which users come and go.
    ///
    /// The slots are checked first. A user that left in order may still seem to hold its lifeline:
    /// a program that it is starting has its descriptors until `exec`.
    fn nobody_is_left(&self) -> bool {
        let Ok(object) = self.object() else { return false };
        (0..self.region.participants()).all(|slot| {
            !self.region.slot(slot).is_in_use()
                || lifeline::is_alive(object, slot).is_ok_and(|alive| !alive)
        })
    }

    fn detach(&self) {
        let proof = registration();
        let mut attached = ATTACHED.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = self.object.identity();
        // Another thread may have attached anew since our last reference was dropped.
        if attached.get(&identity).is_some_and(|other| other.strong_count() == 0) {
            attached.remove(&identity);
        }
        self.leave(&proof);
    }
}

impl Slots for Membership {
    #[inline]
    fn participants(&self) -> u32 {
        self.region.participants()
    }

    fn stripes(&self) -> u32 {
        self.region.stripes()
    }

    fn slot(&self, slot: u32) -> &Slot {
        self.region.slot(slot)
    }

    fn stripe(&self, stripe: u32) -> &Stripe {
        self.region.stripe(stripe)
    }

    #[inline]
    fn cell(&self, slot: u32, stripe: u32) -> &AtomicU32 {
        self.region.cell(slot, stripe)
    }

    #[inline]
    fn high_water(&self) -> &AtomicU32 {
        &self.region.state().high_water
    }

    fn leases(&self) -> u32 {
        self.region.leases()
    }

    #[inline]
    fn lease(&self, slot: u32, lease: u32) -> &AtomicU32 {
        self.region.lease(slot, lease)
    }

    fn leases_ended(&self) {
        self.region.frames().returns.ring(&self.peers(0));
    }

    fn is_held(&self, slot: u32) -> Result<bool> {
        self.is_alive(slot)
    }

    fn try_hold(&self, slot: u32) -> Result<Option<impl Sized>> {
        lifeline::claim(&self.object, self.name.place(), slot..slot + 1)
    }

    fn wait(&self, word: &AtomicU32, expected: u32, slice: Duration) -> bool {
        wait::wait(word, expected, slice) == Woken::TimedOut
    }

    fn wake(&self, word: &AtomicU32) {
        wait::wake_all(word);
    }

    fn spins(&self) -> u32 {
        wait::spins()
    }
}
