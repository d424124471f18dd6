//! The lock algorithms on one thread. Others act while that thread sleeps.
//!
//! Loom looks for an interleaving that breaks a promise. Each of these tests fixes one
//! interleaving, and so can also compare the calls to the kernel. A lost wake costs its sleeper
//! only a slice, so no outcome shows it.

mod scene;
mod slots;
mod spins;
mod stripe;
mod waits;
