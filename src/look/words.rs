//! The words of a segment that is looked at from outside.
//!
//! They are read with `pread` into private memory, each as it was at some moment. So a file that is
//! cut short meanwhile is an error, and no signal.

use super::Look;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::lock::{Owner, Slot, Stripe};
use crate::segment::{Participant, RingState, State, check_settled, is_to_go};
use crate::sys::lifeline;

/// A participant, and which of its slot's occupants it is.
pub(super) struct Registered {
    pub(super) participant: Participant,
    pub(super) generation: u32,
}

impl Look {
    pub(super) fn state(&self) -> Result<State> {
        let mut bytes = [0; State::LEN];
        self.read(&mut bytes, self.info.control.layout.state)?;
        Ok(State::copied(bytes))
    }

    /// The words of a ring.
    pub(super) fn ring_state(&self) -> Result<RingState> {
        let mut bytes = [0; RingState::LEN];
        self.read(&mut bytes, self.info.control.layout.ring)?;
        Ok(RingState::copied(bytes))
    }

    /// The number of the frame in each slot of a ring.
    pub(super) fn sequences(&self) -> Result<Vec<u64>> {
        let layout = &self.info.control.layout;
        let mut numbers = vec![0_u64; layout.frames as usize];
        self.read(bytemuck::cast_slice_mut(&mut numbers), layout.sequences)?;
        Ok(numbers)
    }

    /// The leases of the participant in `slot`.
    pub(super) fn leases(&self, slot: u32) -> Result<Vec<u32>> {
        let layout = &self.info.control.layout;
        let mut words = vec![0_u32; layout.lease_count as usize];
        let offset = layout.leases + slot as usize * layout.lease_row;
        self.read(bytemuck::cast_slice_mut(&mut words), offset)?;
        Ok(words)
    }

    /// How many rows of a log are committed.
    pub(super) fn committed_rows(&self, state: &State) -> usize {
        let capacity = self.info.shape().first().copied().unwrap_or(0);
        usize::try_from(state.tail().len()).map_or(capacity, |rows| rows.min(capacity))
    }

    /// Reads some of the payload.
    pub(super) fn payload(&self, bytes: &mut [u8], offset: usize) -> Result<()> {
        let start = self.info.data_offset() + offset;
        self.object.read_exact_at(bytes, start as u64).of(self.info.name())
    }

    /// Reads the shadow of a value that is no word.
    pub(super) fn shadow(&self, bytes: &mut [u8]) -> Result<()> {
        self.read(bytes, self.info.control.layout.shadow)
    }

    /// Fails when the machine stopped before the segment was synced, and nobody settled it since.
    pub(super) fn check_settled(&self) -> Result<()> {
        check_settled(&self.object, &self.state()?, &self.info.control).of(self.info.name())
    }

    /// Whether the segment goes with those who take part in it.
    pub(super) fn is_to_go(&self) -> bool {
        is_to_go(&self.object, &self.info.control)
    }

    /// The lock of one stripe.
    pub(super) fn stripe(&self, stripe: u32) -> Result<Stripe> {
        let offset = self.info.control.layout.stripes + stripe as usize * size_of::<[u32; 8]>();
        let mut bytes = [0; 32];
        self.read(&mut bytes, offset)?;
        Ok(Stripe::copied(bytes))
    }

    /// The locks of all stripes.
    pub(super) fn stripes(&self) -> Result<Vec<Stripe>> {
        let bytes = self.read_rows(self.info.control.layout.stripes, self.info.stripes())?;
        Ok(bytes.into_iter().map(Stripe::copied).collect())
    }

    /// The processes that registered, in the slots that were ever claimed, and have not left in
    /// order.
    pub(super) fn registered(&self, high_water: u32) -> Result<Vec<Registered>> {
        let slots = high_water.min(self.info.participants());
        let records = self.read_rows(self.info.control.layout.slots, slots)?;
        let mut registered = Vec::new();
        for (slot, bytes) in (0..slots).zip(records) {
            let record = Slot::copied(bytes);
            if record.is_in_use() {
                let alive = self.is_alive(slot)?;
                let participant = Participant::of(slot, &record, alive);
                registered.push(Registered { participant, generation: record.generation() });
            }
        }
        Ok(registered)
    }

    /// How many threads of the participant in `slot` read each stripe.
    pub(super) fn cells(&self, slot: u32) -> Result<Vec<u32>> {
        let layout = &self.info.control.layout;
        let mut cells = vec![0_u32; self.info.stripes() as usize];
        let offset = layout.cells + slot as usize * layout.cell_row;
        self.read(bytemuck::cast_slice_mut(&mut cells), offset)?;
        Ok(cells)
    }

    /// Fails when a lock word names a slot that does not exist.
    pub(super) fn check_owner(&self, owner: Owner) -> Result<()> {
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
