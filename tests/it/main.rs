//! What several processes promise each other, with real processes.
//!
//! A child is this binary again, told by an environment variable which role to play; a test that
//! changes something about its whole process runs alone in one of its own.

mod bad_input;
mod block;
mod deaths;
mod events;
mod fallback;
mod forks;
mod homes;
mod limits;
mod npy;
mod processes;
mod puppet;
mod reap;
mod restarts;
mod sandbox;
mod storm;
mod support;
mod threads;

#[test]
fn child_role() {
    let Some(role) = support::role() else { return };
    match *role.split_whitespace().collect::<Vec<_>>() {
        ["first_use"] => forks::first_use(),
        ["turnstile", name] => events::go_through(name),
        ["puppet"] => puppet::obey(),
        ["storm", ref arguments @ ..] => storm::work(arguments),
        _ => panic!("no role is called {role:?}"),
    }
}
