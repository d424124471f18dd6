//! Named points between the steps of a protocol, at which a test kills the process.
//!
//! A step says what has just been done. `tests/steps` finds all steps in the source, lets a child
//! die at every one of them, and looks at what it leaves; see `cargo xtask step-kill`. Only built
//! with `--cfg ndshm_steps` is there anything behind them. `sys` kills the process.

/// A point at which a test may kill this process; nothing at all in an ordinary build.
#[cfg(not(ndshm_steps))]
macro_rules! step {
    ($name:literal) => {};
}

/// A point at which a test may kill this process.
#[cfg(ndshm_steps)]
macro_rules! step {
    ($name:literal) => {
        $crate::sys::death::at($name)
    };
}

pub(crate) use step;
