//! Files that appear whole, or replace another at once; and pictures to read.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags};

use crate::failure::{Failure, Result, about};

/// A file in the making. Nobody sees it before it is whole, and it is gone if it is not finished.
pub(crate) struct Making {
    pub(crate) file: File,
    target: PathBuf,
    /// Its path meanwhile, if it cannot be without a name.
    temporary: Option<Temporary>,
}

/// A name that nobody could know before. It is taken away when this is dropped.
struct Temporary(PathBuf);

impl Making {
    /// Begins a file for that path, in its directory.
    pub(crate) fn begin(target: &Path) -> Result<Self> {
        if target.file_name().is_none() {
            return Err(Failure::usage(format!("{}: is no file's name", target.display())));
        }
        // A device or a pipe is to be written to, and not to be replaced by a file.
        if fs::metadata(target).is_ok_and(|found| !found.is_file()) {
            return Err(Failure::problem(format!(
                "{}: is no regular file: choose another name, or write to standard output with -o -",
                target.display()
            )));
        }
        let (file, temporary) = match nameless(target) {
            Some(file) => (file, None),
            None => {
                let (file, name) = named(target).map_err(about(target.display()))?;
                (file, Some(name))
            }
        };
        Ok(Self { file, target: target.to_owned(), temporary })
    }

    /// Gives it its name, in place of the file that had it.
    pub(crate) fn finish(self) -> Result {
        self.show().map_err(about(self.target.display()))
    }

    fn show(&self) -> io::Result<()> {
        let linked;
        let temporary = match &self.temporary {
            Some(temporary) => temporary,
            None => {
                linked = self.link()?;
                &linked
            }
        };
        // After this there is nothing of that name to take away.
        fs::rename(&temporary.0, &self.target)
    }

    /// Gives it a temporary name, because only a file with a name can be renamed.
    fn link(&self) -> io::Result<Temporary> {
        let from = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        loop {
            let name = beside(&self.target);
            match rustix::fs::linkat(CWD, from.as_str(), CWD, &name, AtFlags::SYMLINK_FOLLOW) {
                Err(rustix::io::Errno::EXIST) => {}
                linked => return Ok(linked.map(|()| Temporary(name))?),
            }
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Makes a file that has no name yet, so a killed process leaves nothing of it. `None` where that
/// cannot be.
fn nameless(target: &Path) -> Option<File> {
    rustix::fs::access("/proc/self/fd", Access::EXISTS).ok()?;
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file =
        rustix::fs::open(directory.unwrap_or(Path::new(".")), flags, Mode::from_raw_mode(0o666));
    Some(File::from(file.ok()?))
}

/// Makes a file under a name that nobody had.
fn named(target: &Path) -> io::Result<(File, Temporary)> {
    loop {
        let name = beside(target);
        // This follows no link.
        match OpenOptions::new().write(true).create_new(true).open(&name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return Ok((made?, Temporary(name))),
        }
    }
}

/// A random name in the same directory.
fn beside(target: &Path) -> PathBuf {
    target.with_file_name(format!(".{:016x}.part", RandomState::new().hash_one(target)))
}

/// Opens a file for reading. What is no regular file is refused without being opened.
pub(crate) fn open(path: &Path) -> Result<File> {
    let check = |found: io::Result<fs::Metadata>| match found.map_err(about(path.display()))? {
        found if found.is_file() => Ok(()),
        _ => Err(Failure::problem(format!("{}: is no regular file", path.display()))),
    };
    check(fs::metadata(path))?;
    // If it is another file by now, opening it does not wait.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(about(path.display()))?;
    check(file.metadata())?;
    Ok(file)
}
