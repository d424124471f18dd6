//! Ways to hand over frames from one process to others, all used alike.
//!
//! Whatever the [`transport`], the same code writes a frame and the same code reads it; where a transport
//! has frames in shared memory both work in place, and where it has none, on a buffer that its system
//! calls copy from and to. Frames that come torn, or in any but the order of sending, fail the
//! benchmark.

pub mod alone;
pub mod chart;
pub mod credits;
pub mod form;
pub mod iceoryx2;
pub mod ipc_channel;
pub mod ours;
pub mod pipe;
pub mod places;
pub mod processor;
pub mod raw;
pub mod socket;
pub mod touch;
pub mod transport;
