//! Type checks for the targets that no machine here can run.
//!
//! A target's standard library comes from rustup where it is installed. Where it is not, as on a
//! machine that reaches only Debian's packages, its metadata is made from Debian's source.

use std::process::Command;

use crate::Outcome;
use crate::Result;
use crate::command;
use crate::debian::{Debian, Std};
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
            debian.add_std(target, Std::Metadata)?;
            clippy(&debian)
        };
        clippy.args(["--lib", "--all-features", "--target", target, "--target-dir"]);
        command::run(clippy.arg(paths::target()?.join("cross")).args(["--", "-D", "warnings"]))?;
    }
    Ok(Outcome::Passed)
}

fn clippy(debian: &Debian) -> Command {
    let mut clippy = Command::new(debian.root.join("usr/bin/cargo-clippy"));
    clippy.arg("clippy");
    debian.compile_with(&mut clippy);
    clippy
}
