//! The names of objects: files in a directory of this user. Only the path is written.

use std::env;
use std::path::PathBuf;

pub(crate) use crate::sys::unsupported::names::{
    all, beside_in_process, exchange, flush_name, identity_of, in_process, unlink,
};

use crate::sys::place::Place;

/// Where other programs find the object at that place.
pub(crate) fn path_of(place: &Place) -> PathBuf {
    match place {
        Place::Named(name) => directory().join(&**name),
        place => PathBuf::from(place.as_str()),
    }
}

/// Where named objects live. Every user has another one.
fn directory() -> PathBuf {
    env::var_os("LOCALAPPDATA").map_or_else(env::temp_dir, PathBuf::from).join("ndshm")
}
