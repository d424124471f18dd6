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

/// How much of a standard library is made.
#[derive(Clone, Copy)]
pub(crate) enum Std {
    /// What type checks need.
    Metadata,
    /// What programs are linked with, by that linker.
    Code(&'static str),
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

    /// Adds the standard library for `target`, unless it is there: from the source that Debian ships
    /// with the compiler. The targets of [`Std::Code`] are others than those of [`Std::Metadata`].
    pub(crate) fn add_std(&self, target: &str, std: Std) -> Result {
        let made = self.root.join("usr/lib/rustlib").join(target).join("lib");
        if made.exists() {
            return Ok(());
        }
        let partial = Partial::beside(&self.root)?;
        let (command, profile) = match std {
            Std::Metadata => ("check", "debug"),
            Std::Code(_) => ("build", "release"),
        };
        let mut cargo = command::cargo([command, "--quiet", "--package", "sysroot", "--offline"]);
        if let Std::Code(linker) = std {
            cargo.args(["--release", "--features", "panic-unwind"]);
            cargo.env(linker_variable(target), linker);
        }
        cargo
            .current_dir(self.root.join("usr/lib/rustlib/src/rust/library"))
            .args(["--config", "source.crates-io.replace-with='vendor'"])
            .args(["--config", "source.vendor.directory='vendor'"])
            // Debian leaves out the crates that only the library's own tests need.
            .arg("-Zavoid-dev-deps")
            .args(["--target", target, "--target-dir"])
            .arg(&partial.0)
            // The standard library is nightly code, and says of itself that it is unstable.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", "-Zforce-unstable-if-unmarked");
        self.compile_with(&mut cargo);
        command::run(&mut cargo)?;
        fs::create_dir_all(made.parent().expect("it was joined to a directory"))?;
        partial.publish(&partial.0.join(target).join(profile).join("deps"), &made)
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

/// Returns the variable that tells Cargo how to link programs for `target`.
pub(crate) fn linker_variable(target: &str) -> String {
    format!("CARGO_TARGET_{}_LINKER", target.replace('-', "_").to_uppercase())
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
