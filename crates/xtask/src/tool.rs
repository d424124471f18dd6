//! Cargo's subcommands and toolchains that do not come with it.

use std::process::Command;

use crate::Result;
use crate::command;
use crate::paths;

/// The toolchain of what only an unstable compiler does.
pub(crate) const NIGHTLY: &str = "nightly";

/// Tells whether rustup has that toolchain.
pub(crate) fn has_nightly() -> Result<bool> {
    let list = command::read(Command::new("rustup").args(["toolchain", "list"]))?;
    Ok(list.contains(NIGHTLY))
}

/// Returns `cargo NAME`. Where it is missing it is installed into the cache.
pub(crate) fn cargo(name: &str) -> Result<Command> {
    if command::works(&mut command::cargo([name, "--version"])) {
        return Ok(command::cargo([name]));
    }
    let root = paths::cache()?;
    let package = format!("cargo-{name}");
    let cached = root.join("bin").join(&package);
    if !cached.exists() {
        // A driver of other programs gains nothing from being optimised.
        let mut install = command::cargo(["install", &package, "--locked", "--debug", "--root"]);
        command::run(install.arg(root).env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    }
    let mut cargo = Command::new(cached);
    cargo.arg(name);
    Ok(cargo)
}
