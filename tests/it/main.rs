//! What several processes promise each other, with real processes.
//!
//! A child is this binary again, told by an environment variable which role to play; a test that
//! changes something about its whole process runs alone in one of its own.

mod any;
mod bad_input;
mod block;
#[cfg(feature = "serde")]
mod config;
mod deaths;
mod disks;
mod events;
mod fallback;
mod foreign;
mod forks;
mod frozen;
mod handles;
mod homes;
mod kinds;
mod limits;
mod logs;
mod naming;
mod npy;
mod observers;
mod outside;
mod paging;
mod parts;
#[cfg(feature = "image")]
mod pictures;
mod processes;
mod puppet;
mod reap;
mod reclaim;
mod restarts;
mod rings;
mod sandbox;
mod share;
mod shown;
mod spellings;
mod status;
mod storm;
mod support;
mod threads;
mod unwinding;
mod users;
mod values;

#[test]
fn child_role() {
    let Some(role) = support::role() else { return };
    match *role.split_whitespace().collect::<Vec<_>>() {
        ["first_use"] => forks::first_use(),
        ["frozen", name] => frozen::read(name),
        ["turnstile", name] => events::go_through(name),
        ["interrupted"] => naming::interrupted(),
        ["observer", name] => observers::observe(name),
        ["follow", name] => logs::follow(name),
        ["part", part, end] => parts::work(part, end),
        ["append", name] => logs::append(name),
        ["puppet"] => puppet::obey(),
        ["receive", name] => rings::receive(name),
        ["keep", name, count] => rings::keep(name, count),
        ["feed", name] => rings::feed(name),
        #[cfg(feature = "image")]
        ["look", name] => pictures::look(name),
        ["storm", ref arguments @ ..] => storm::work(arguments),
        _ => panic!("no role is called {role:?}"),
    }
}
