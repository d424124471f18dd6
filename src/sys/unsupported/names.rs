//! Names of objects, of which there are none.

#[cfg(not(target_os = "windows"))]
use std::path::PathBuf;

use super::object::Identity;
use super::unsupported;
use crate::error::Result;
use crate::sys::place::Place;

pub(crate) fn identity_of(_place: &Place) -> Result<Option<Identity>> {
    Err(unsupported())
}

pub(crate) fn unlink(_place: &Place) -> Result<()> {
    Err(unsupported())
}

pub(crate) fn exchange(_one: &Place, _other: &Place) -> Result<()> {
    Err(unsupported())
}

pub(crate) fn flush_name(_place: &Place) -> Result<()> {
    Err(unsupported())
}

pub(crate) fn all() -> Result<Vec<String>> {
    Err(unsupported())
}

pub(crate) fn in_process(_text: &str) -> Option<Place> {
    None
}

pub(crate) fn beside_in_process(_place: &Place) -> Vec<Place> {
    Vec::new()
}

#[cfg(not(target_os = "windows"))]
pub(crate) fn path_of(place: &Place) -> PathBuf {
    PathBuf::from(place.as_str())
}
