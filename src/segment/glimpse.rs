//! A segment looked at from outside: nothing is mapped, nobody registers, nothing is written.
//!
//! Its words are read with `pread` into private memory, each as it was at some moment. So it takes no
//! more than permission to read, and a file that is cut short meanwhile is an error.

use super::facts::Kind;
use super::info::Info;
use super::inspect::read_control;
use super::name::{Address, Name};
use super::participants::Participant;
use super::reboot;
use super::records::{RingState, State, Tally};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::lock::{Owner, Slot, Stripe};
use crate::sys::lifeline;
use crate::sys::object::Object;

/// A segment that is open for a look.
#[derive(Debug)]
pub(crate) struct Glimpse {
    object: Object,
    info: Info,
}

/// A participant, and which of its slot's occupants it is.
pub(crate) struct Occupied {
    pub(crate) participant: Participant,
    pub(crate) generation: u32,
}

impl Glimpse {
    pub(crate) fn of<'a>(address: impl Into<Address<'a>>) -> Result<Self> {
        let name = Name::new(address)?;
        let text = name.as_str().to_owned();
        let open = || {
            let (object, facts) = Object::open_to_look(name.place())?;
            let control = read_control(&object, &facts)?;
            Ok(Self { object, info: Info::new(name, control, facts) })
        };
        open().of(&text)
    }

    pub(crate) fn info(&self) -> &Info {
        &self.info
    }

    pub(crate) fn state(&self) -> Result<State> {
        let mut bytes = [0; State::LEN];
        self.read(&mut bytes, self.info.layout().state)?;
        Ok(State::copied(bytes))
    }

    /// How many frames of a ring were published, and how many dropped; `None` for other kinds.
    pub(crate) fn tally(&self) -> Result<Option<Tally>> {
        if self.info.kind() != Kind::Ring {
            return Ok(None);
        }
        let mut bytes = [0; RingState::LEN];
        self.read(&mut bytes, self.info.layout().ring)?;
        Ok(Some(RingState::tally_in(bytes)))
    }

    /// The number of the frame in each slot of a ring.
    pub(crate) fn sequences(&self) -> Result<Vec<u64>> {
        let layout = self.info.layout();
        let mut numbers = vec![0_u64; layout.frames as usize];
        self.read(bytemuck::cast_slice_mut(&mut numbers), layout.sequences)?;
        Ok(numbers)
    }

    /// The leases of the participant in `slot`.
    pub(crate) fn leases(&self, slot: u32) -> Result<Vec<u32>> {
        let layout = self.info.layout();
        let mut words = vec![0_u32; layout.lease_count as usize];
        let offset = layout.leases + slot as usize * layout.lease_row;
        self.read(bytemuck::cast_slice_mut(&mut words), offset)?;
        Ok(words)
    }

    /// Reads some of the payload.
    pub(crate) fn payload(&self, bytes: &mut [u8], offset: usize) -> Result<()> {
        let start = self.info.data_offset() + offset;
        self.object.read_exact_at(bytes, start as u64).of(self.info.name())
    }

    /// Reads the shadow of a value that is no word.
    pub(crate) fn shadow(&self, bytes: &mut [u8]) -> Result<()> {
        self.read(bytes, self.info.layout().shadow)
    }

    /// Fails when the machine stopped before the segment was synced, and nobody settled it since.
    pub(crate) fn check_settled(&self) -> Result<()> {
        reboot::check_settled(&self.object, &self.state()?, self.info.control())
            .of(self.info.name())
    }

    /// The lock of one stripe.
    pub(crate) fn stripe(&self, stripe: u32) -> Result<Stripe> {
        let offset = self.info.layout().stripes + stripe as usize * size_of::<[u32; 8]>();
        let mut bytes = [0; 32];
        self.read(&mut bytes, offset)?;
        Ok(Stripe::copied(bytes))
    }

    /// The locks of all stripes.
    pub(crate) fn stripes(&self) -> Result<Vec<Stripe>> {
        let bytes = self.read_rows(self.info.layout().stripes, self.info.stripes())?;
        Ok(bytes.into_iter().map(Stripe::copied).collect())
    }

    /// Who registered, in the slots that were ever claimed, and has not left in order.
    pub(crate) fn participants(&self, high_water: u32) -> Result<Vec<Occupied>> {
        let slots = high_water.min(self.info.participants());
        let records = self.read_rows(self.info.layout().slots, slots)?;
        let mut occupied = Vec::new();
        for (slot, bytes) in (0..slots).zip(records) {
            let record = Slot::copied(bytes);
            if record.is_in_use() {
                let alive = self.is_alive(slot)?;
                let participant = Participant::of(slot, &record, alive);
                occupied.push(Occupied { participant, generation: record.generation() });
            }
        }
        Ok(occupied)
    }

    /// How many threads of the participant in `slot` read each stripe.
    pub(crate) fn cells(&self, slot: u32) -> Result<Vec<u32>> {
        let layout = self.info.layout();
        let mut cells = vec![0_u32; self.info.stripes() as usize];
        let offset = layout.cells + slot as usize * layout.cell_row;
        self.read(bytemuck::cast_slice_mut(&mut cells), offset)?;
        Ok(cells)
    }

    /// Fails when a lock word names a slot that there is not.
    pub(crate) fn check_owner(&self, owner: Owner) -> Result<()> {
        let participants = self.info.participants();
        if owner.slot() < participants {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Corrupt,
            format!(
                "is damaged: a lock word names slot {} of {participants}; somebody wrote over its \
                 control block",
                owner.slot()
            ),
        )
        .of(self.info.name()))
    }

    fn is_alive(&self, slot: u32) -> Result<bool> {
        lifeline::is_alive(&self.object, slot).of(self.info.name())
    }

    /// Reads records of 32 bytes that follow one another.
    fn read_rows(&self, offset: usize, count: u32) -> Result<Vec<[u8; 32]>> {
        let mut rows = vec![[0; 32]; count as usize];
        self.read(rows.as_flattened_mut(), offset)?;
        Ok(rows)
    }

    /// Reads from the control block on.
    fn read(&self, bytes: &mut [u8], offset: usize) -> Result<()> {
        let start = self.info.control_offset() + offset;
        self.object.read_exact_at(bytes, start as u64).of(self.info.name())
    }
}
