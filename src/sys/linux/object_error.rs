//! The errors for objects that cannot be made, found or used.

use std::path::Path;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::mount::Mount;
use super::{DIRECTORY, os_error};
use crate::error::{Error, ErrorKind};
use crate::sys::place::Place;

#[cold]
pub(super) fn lost() -> Error {
    Error::new(
        ErrorKind::DescriptorLost,
        "lost the descriptor this library keeps for it: the program closed it; close only \
         descriptors you opened, or open the segment again",
    )
}

#[cold]
pub(super) fn publish_error(directory: &Path, errno: Errno) -> Error {
    match errno {
        Errno::NOSPC => Mount::at(directory).takes_no_file(),
        Errno::EXIST => Error::new(
            ErrorKind::AlreadyExists,
            "exists already: open it, remove it first, or choose another name",
        ),
        errno => os_error("publish the new segment", errno),
    }
}

#[cold]
pub(super) fn create_error(place: &Place, directory: &Path, errno: Errno) -> Error {
    match (place, errno) {
        (Place::Named(_), Errno::NOENT) => missing_directory(),
        (_, Errno::NOENT) => Error::new(
            ErrorKind::NotFound,
            format!("cannot be created: there is no directory {}, make it", directory.display()),
        ),
        (_, Errno::NOSPC) => Mount::at(directory).takes_no_file(),
        (_, errno) => os_error(&format!("create a file in {}", directory.display()), errno),
    }
}

#[cold]
pub(super) fn missing_directory() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("cannot exist: {DIRECTORY} is missing, mount a tmpfs there"),
    )
}

#[cold]
pub(super) fn open_error(place: &Place, errno: Errno) -> Error {
    match (place, errno) {
        (Place::Named(_), Errno::NOENT) if !Path::new(DIRECTORY).is_dir() => missing_directory(),
        (Place::Named(_), Errno::NOENT) => Error::new(
            ErrorKind::NotFound,
            "does not exist: create it first, or see with `ndshm ls` what there is",
        ),
        (Place::InProcess(path), Errno::NOENT) if process_lives(path) => Error::new(
            ErrorKind::NotFound,
            "is not open in that process any more, which lives: its last handle there was dropped; \
             ask one that still has it for a handle",
        ),
        (Place::InProcess(_), Errno::NOENT) => Error::new(
            ErrorKind::NotFound,
            "is gone with the process that had it open: ask one that still has it for a handle",
        ),
        (_, Errno::NOENT) => Error::new(ErrorKind::NotFound, "does not exist: create it first"),
        (_, Errno::NAMETOOLONG) => Error::new(
            ErrorKind::InvalidName,
            format!("is {} bytes long, names have at most 255", place.as_str().len()),
        ),
        (_, errno) => os_error("open it", errno),
    }
}

/// Whether the process of a path `/proc/PID/fd/N` exists.
fn process_lives(path: &str) -> bool {
    Path::new(path).parent().is_some_and(Path::is_dir)
}

#[cold]
pub(super) fn not_regular(found: FileType) -> Error {
    let found = match found {
        FileType::Symlink => "symbolic link",
        FileType::Directory => "directory",
        FileType::Fifo => "FIFO",
        FileType::Socket => "socket",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        _ => "special file",
    };
    Error::new(
        ErrorKind::NotASegment,
        format!("is a {found}, not a regular file: choose another name"),
    )
}
