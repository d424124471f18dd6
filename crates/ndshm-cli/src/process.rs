//! Who a participant is, as far as `/proc` tells.

use std::fs;
use std::sync::OnceLock;

use ndshm::Participant;
use serde_json::{Value, json};

/// Inode number of this process's PID namespace; `None` where `/proc` does not tell.
pub(crate) fn own_namespace() -> Option<u64> {
    static OWN: OnceLock<Option<u64>> = OnceLock::new();
    *OWN.get_or_init(|| {
        let link = fs::read_link("/proc/self/ns/pid").ok()?;
        link.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok()
    })
}

/// What its command is called; `None` when it is dead, or in a PID namespace where its number means
/// another process.
pub(crate) fn command(who: &Participant) -> Option<String> {
    if !who.is_alive() || own_namespace() != Some(who.namespace()) {
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
        None if own_namespace() == Some(who.namespace()) => format!("process {pid}, {state}"),
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
