//! Type checks for the targets that no machine here can run.
//!
//! A target's standard library comes from rustup where it is installed. Where it is not, as on a
//! machine that reaches only Debian's packages, it is made: Debian ships the compiler with the
//! matching source of the library, and checking that source for the target yields the metadata
//! that checking a crate needs. Nothing is installed; all of it lies in the cache.

use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::{fs, io};

use crate::Outcome;
use crate::Result;
use crate::command;
use crate::paths;

const TARGETS: [&str; 2] = ["x86_64-pc-windows-gnu", "aarch64-apple-darwin"];

pub(crate) fn run() -> Result<Outcome> {
    let installed = command::read(Command::new("rustup").args(["target", "list", "--installed"]))?;
    for target in TARGETS {
        let mut clippy = if installed.lines().any(|line| line == target) {
            command::cargo(["clippy"])
        } else {
            let Some(debian) = Debian::unpacked()? else {
                return Ok(Outcome::Skipped(format!(
                    "no standard library for {target}: `rustup target add {target}` adds it; \
                     else Debian's package rustc-web is wanted, and root to list it"
                )));
            };
            debian.make_std(target)?;
            debian.clippy()
        };
        clippy.args(["--lib", "--all-features", "--target", target, "--target-dir"]);
        command::run(clippy.arg(paths::target()?.join("cross")).args(["--", "-D", "warnings"]))?;
    }
    Ok(Outcome::Passed)
}

/// Debian's compiler for its web browsers, which follows Rust's releases, unpacked in the cache.
struct Debian {
    root: PathBuf,
}

impl Debian {
    /// Unpacks the compiler unless that is done already. `None`: apt does not know it.
    fn unpacked() -> Result<Option<Self>> {
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

    /// Makes the metadata of `target`'s standard library unless it is there.
    fn make_std(&self, target: &str) -> Result {
        let made = self.root.join("usr/lib/rustlib").join(target).join("lib");
        if made.exists() {
            return Ok(());
        }
        let partial = Partial::beside(&self.root)?;
        let source = self.root.join("usr/lib/rustlib/src/rust/library");
        let mut check = command::cargo(["check", "--quiet", "--package", "sysroot", "--offline"]);
        check
            .current_dir(source)
            .args(["--config", "source.crates-io.replace-with='vendor'"])
            .args(["--config", "source.vendor.directory='vendor'"])
            // Debian leaves out the crates that only the library's own tests need.
            .arg("-Zavoid-dev-deps")
            .args(["--target", target, "--target-dir"])
            .arg(&partial.0)
            // The standard library is nightly code, and says of itself that it is unstable.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", "-Zforce-unstable-if-unmarked");
        self.compile_with(&mut check);
        command::run(&mut check)?;
        fs::create_dir_all(made.parent().expect("it was joined to a directory"))?;
        partial.publish(&partial.0.join(target).join("debug/deps"), &made)
    }

    fn clippy(&self) -> Command {
        let mut clippy = Command::new(self.root.join("usr/bin/cargo-clippy"));
        clippy.arg("clippy");
        self.compile_with(&mut clippy);
        clippy
    }

    fn compile_with(&self, cargo: &mut Command) {
        cargo
            .env("RUSTC", self.root.join("usr/bin/rustc"))
            .env("LD_LIBRARY_PATH", self.root.join("usr/lib/x86_64-linux-gnu"));
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
struct Partial(PathBuf);

impl Partial {
    fn beside(path: &Path) -> Result<Self> {
        let partial = path.with_extension(format!("partial-{}", process::id()));
        fs::create_dir_all(&partial)?;
        Ok(Self(partial))
    }

    fn publish(&self, from: &Path, to: &Path) -> Result {
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
