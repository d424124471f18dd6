//! The lock in every interleaving, with a death before every step.
//!
//! The kernel is a mutex, and a condition variable for each word. Time behaves as badly as it can.
//! While everybody lives, no slice ever ends, so a lost wake is a deadlock, which loom reports.
//! Once somebody has died, slices end at once, so only a neglected death can hold anybody up.
//!
//! In reading order: [`world`] participants and their kernel · [`stripe`] the reader-writer lock ·
//! [`slots`] moving in after the dead · [`bell`] the bell ·
//! [`flag`] going through an event · [`tail`] the end of a log ·
//! [`frames`] a ring's slots · [`observe`] copies without a lock · [`controls`] locks with a
//! mistake.

mod bell;
mod controls;
mod flag;
mod frames;
mod observe;
mod slots;
mod stripe;
mod tail;
pub(crate) mod world;
