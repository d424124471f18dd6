//! Who a participant is, as far as `/proc` tells.

use std::fs;

use ndshm::{Participant, pid_namespace};
use serde_json::{Value, json};

/// The name of its command. `None` when it is dead, or in a PID namespace where its number means
/// another process.
pub(crate) fn command(who: &Participant) -> Option<String> {
    if !who.is_alive() || pid_namespace() != Some(who.namespace()) {
        return None;
    }
    let name = fs::read_to_string(format!("/proc/{}/comm", who.pid())).ok()?;
    Some(name.trim_end().to_owned())
}

/// In a word or two: `4711 python3`, `4711 dead`, `12 elsewhere`.
pub(crate) fn short(who: &Participant) -> String {
    let pid = who.pid();
    if !who.is_alive() {
        return format!("{pid} dead");
    }
    match command(who) {
        Some(command) => format!("{pid} {command}"),
        None => format!("{pid} elsewhere"),
    }
}

/// In a phrase.
pub(crate) fn long(who: &Participant) -> String {
    let pid = who.pid();
    let state = if who.is_alive() { "alive" } else { "dead" };
    match command(who) {
        Some(command) => format!("process {pid} ({command}), {state}"),
        None if pid_namespace() == Some(who.namespace()) => format!("process {pid}, {state}"),
        None => format!("process {pid} of PID namespace {}, {state}", who.namespace()),
    }
}

/// For programs.
pub(crate) fn value(who: &Participant) -> Value {
    json!({
        "slot": who.slot(),
        "pid": who.pid(),
        "pid_namespace": who.namespace(),
        "alive": who.is_alive(),
        "command": command(who),
    })
}
