//! A second compiler with the source of its standard library, for what rustup's cannot do here.

use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::{fs, io};

use crate::Result;
use crate::command;
use crate::paths;

/// Debian's compiler for its web browsers, which follows Rust's releases, unpacked in the cache.
/// Nothing is installed.
pub(crate) struct Debian {
    pub(crate) root: PathBuf,
}

impl Debian {
    /// Unpacks the compiler unless that is done already. `None`: apt does not know it.
    pub(crate) fn unpacked() -> Result<Option<Self>> {
        let root = paths::cache()?.join("debian-rust");
        if !root.exists() {
            let Some(packages) = packages() else { return Ok(None) };
            let partial = Partial::beside(&root)?;
            let mut download = Command::new("apt-get");
            download.args(["download", "-o", "Acquire::Retries=3"]).args(packages);
            command::run(download.current_dir(&partial.0).stdout(io::stderr()))?;
            for entry in fs::read_dir(&partial.0)? {
                let package = entry?.path();
                command::run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&partial.0))?;
                fs::remove_file(package)?;
            }
            partial.publish(&partial.0, &root)?;
        }
        Ok(Some(Self { root }))
    }

    /// Returns the compiler, as a command.
    pub(crate) fn rustc(&self) -> Command {
        let mut rustc = Command::new(self.root.join("usr/bin/rustc"));
        rustc.env("LD_LIBRARY_PATH", self.libraries());
        rustc
    }

    /// Has Cargo compile with it.
    pub(crate) fn compile_with(&self, cargo: &mut Command) {
        cargo.env("RUSTC", self.root.join("usr/bin/rustc"));
        cargo.env("LD_LIBRARY_PATH", self.libraries());
    }

    /// Adds a library to those for `target`, unless it is there.
    pub(crate) fn add_library(&self, target: &str, library: &Path) -> Result {
        let name = library.file_name().ok_or("a library has a name")?;
        let added = self.root.join("usr/lib/rustlib").join(target).join("lib").join(name);
        if !added.exists() {
            let partial = Partial::beside(&self.root)?;
            let copy = partial.0.join(name);
            fs::copy(library, &copy)?;
            partial.publish(&copy, &added)?;
        }
        Ok(())
    }

    fn libraries(&self) -> PathBuf {
        self.root.join("usr/lib/x86_64-linux-gnu")
    }
}

/// Returns the packages that make up the compiler, if apt knows them: the ones we name, and
/// those of their dependencies whose names carry a version.
fn packages() -> Option<Vec<String>> {
    command::run(Command::new("apt-get").args(["update", "-qq"])).ok()?;
    let mut depends = Command::new("apt-cache");
    depends.args(["depends", "--recurse", "--important"]);
    depends.args(["rustc-web", "rust-web-clippy", "rust-web-src"]);
    let depends = command::read(&mut depends).ok()?;
    let wanted = ["rustc-web", "rust-web-", "libstd-rust-web-", "libllvm"];
    let mut packages: Vec<_> = depends
        .lines()
        .filter(|line| wanted.iter().any(|prefix| line.starts_with(prefix)))
        .map(str::to_owned)
        .collect();
    packages.sort();
    packages.dedup();
    Some(packages)
}

/// A directory that becomes, or yields, something complete in one rename; so neither an
/// interrupt nor a second run at the same time leaves a half-made one in its place.
pub(crate) struct Partial(pub(crate) PathBuf);

impl Partial {
    pub(crate) fn beside(path: &Path) -> Result<Self> {
        let partial = path.with_extension(format!("partial-{}", process::id()));
        fs::create_dir_all(&partial)?;
        Ok(Self(partial))
    }

    pub(crate) fn publish(&self, from: &Path, to: &Path) -> Result {
        match fs::rename(from, to) {
            Err(_) if to.exists() => Ok(()),
            renamed => Ok(renamed?),
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It may have been renamed; and what remains in a cache does no harm.
        _ = fs::remove_dir_all(&self.0);
    }
}
