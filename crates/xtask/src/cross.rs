//! Type checks for the targets that no machine here can run.
//!
//! A target's standard library comes from rustup where it is installed. Where it is not, as on a
//! machine that reaches only Debian's packages, it is made: Debian ships the compiler with the
//! matching source of the library, and checking that source for the target yields the metadata
//! that checking a crate needs.

use std::fs;
use std::process::Command;

use crate::Outcome;
use crate::Result;
use crate::command;
use crate::debian::{Debian, Partial};
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
            make_std(&debian, target)?;
            clippy(&debian)
        };
        clippy.args(["--lib", "--all-features", "--target", target, "--target-dir"]);
        command::run(clippy.arg(paths::target()?.join("cross")).args(["--", "-D", "warnings"]))?;
    }
    Ok(Outcome::Passed)
}

/// Makes the metadata of `target`'s standard library unless it is there.
fn make_std(debian: &Debian, target: &str) -> Result {
    let made = debian.root.join("usr/lib/rustlib").join(target).join("lib");
    if made.exists() {
        return Ok(());
    }
    let partial = Partial::beside(&debian.root)?;
    let source = debian.root.join("usr/lib/rustlib/src/rust/library");
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
    debian.compile_with(&mut check);
    command::run(&mut check)?;
    fs::create_dir_all(made.parent().expect("it was joined to a directory"))?;
    partial.publish(&partial.0.join(target).join("debug/deps"), &made)
}

fn clippy(debian: &Debian) -> Command {
    let mut clippy = Command::new(debian.root.join("usr/bin/cargo-clippy"));
    clippy.arg("clippy");
    debian.compile_with(&mut clippy);
    clippy
}
