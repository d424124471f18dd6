//! Who this process is, as far as the standard library knows.

use super::lifeline::Registration;

/// This process, as others are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) namespace: u64,
    pub(crate) started: u64,
}

pub(crate) fn current(_proof: &Registration) -> Process {
    Process { pid: std::process::id(), namespace: 0, started: 0 }
}

pub(crate) fn boot_id(_proof: &Registration) -> [u8; 16] {
    [0; 16]
}

pub(crate) fn random_id() -> [u8; 16] {
    [0; 16]
}
