//! The lock algorithms on one thread: what others do happens while that thread sleeps.
//!
//! Loom looks for an interleaving that breaks a promise. These tests fix one interleaving each, and so
//! can also compare what is asked of the kernel: a wake that is lost costs its sleeper a slice only, so
//! no outcome shows it.

mod scene;
mod slots;
mod spins;
mod stripe;
mod waits;
