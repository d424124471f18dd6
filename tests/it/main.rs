//! What several processes promise each other, with real processes.
//!
//! A child is this binary again, told by an environment variable which role to play; a test that
//! changes something about its whole process runs alone in one of its own.

mod deaths;
mod forks;
mod processes;
mod puppet;
mod support;

#[test]
fn child_role() {
    match support::role().as_deref() {
        None => {}
        Some("first_use") => forks::first_use(),
        Some("puppet") => puppet::obey(),
        Some(other) => panic!("no role is called {other}"),
    }
}
