//! The names of objects: looked up, exchanged, removed, listed.
//!
//! A name that stands for something changes only under its [lock](super::name_lock).

use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::object::{Identity, directory_of, facts};
use super::object_error::publish_error;
use super::open::c_path;
use super::{DIRECTORY, os_error};
use crate::error::Result;
use crate::sys::place::Place;

/// How `/proc` shows descriptors of memory without a name that this library made.
const MEMORY: &str = "/memfd:ndshm ";

/// The identity of the file at that place now, if there is one.
pub(crate) fn identity_of(place: &Place) -> Result<Option<Identity>> {
    match rustix::fs::lstat(c_path(place)?.as_c_str()) {
        Ok(stat) => Ok(Some(facts(&stat).identity)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(os_error("look its name up", errno)),
    }
}

/// Removes the name. Attached processes keep their memory.
pub(crate) fn unlink(place: &Place) -> Result<()> {
    rustix::fs::unlink(c_path(place)?.as_c_str())
        .map_err(|errno| os_error("remove its name", errno))
}

/// Exchanges the objects at two places, in one step.
pub(crate) fn exchange(one: &Place, other: &Place) -> Result<()> {
    let (cwd, flags) = (rustix::fs::CWD, RenameFlags::EXCHANGE);
    rustix::fs::renameat_with(cwd, c_path(one)?, cwd, c_path(other)?, flags)
        .map_err(|errno| os_error("give its name to the new segment", errno))
}

/// Moves the object at one place to another. Fails with `AlreadyExists` when something is there.
pub(super) fn rename(from: &Place, to: &Place) -> Result<()> {
    let (cwd, flags) = (rustix::fs::CWD, RenameFlags::NOREPLACE);
    rustix::fs::renameat_with(cwd, c_path(from)?, cwd, c_path(to)?, flags)
        .map_err(|errno| publish_error(directory_of(to), errno))
}

/// Waits until the disk holds the name. Returns at once for a name in memory.
pub(crate) fn flush_name(place: &Place) -> Result<()> {
    if !matches!(place, Place::File(_)) {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(directory_of(place), flags, Mode::empty())
        .and_then(rustix::fs::fsync)
        .map_err(|errno| os_error("flush its directory to the disk", errno))
}

/// Names of all named objects, ours or not, in no order.
pub(crate) fn all() -> Result<Vec<String>> {
    let entries = std::fs::read_dir(DIRECTORY).map_err(|error| os_error("list /dev/shm", error))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// Parses the path at which a process shows memory without a name: `/proc/PID/fd/N`.
pub(crate) fn in_process(text: &str) -> Option<Place> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = text.split('/').collect();
    let is_shown = matches!(
        parts[..],
        ["", "proc", pid, "fd", descriptor] if number(pid) && number(descriptor)
    );
    is_shown.then(|| Place::InProcess(text.into()))
}

/// Finds this library's memory without a name in the process to which a place belongs.
pub(crate) fn beside_in_process(place: &Place) -> Vec<Place> {
    let Place::InProcess(path) = place else { return Vec::new() };
    let entries = Path::new(&**path).parent().and_then(|parent| std::fs::read_dir(parent).ok());
    let paths = entries.into_iter().flatten().flatten().map(|entry| entry.path());
    paths
        .filter(|path| {
            std::fs::read_link(path).is_ok_and(|what| what.to_string_lossy().starts_with(MEMORY))
        })
        .filter_map(|path| Some(Place::InProcess(path.to_str()?.into())))
        .collect()
}

/// Where other programs find the object at that place.
pub(crate) fn path_of(place: &Place) -> PathBuf {
    match place {
        Place::Named(name) => Path::new(DIRECTORY).join(&**name),
        place => PathBuf::from(place.as_str()),
    }
}
