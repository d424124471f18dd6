//! The tests as 32-bit programs, which every 64-bit x86 machine runs. A test that cannot hold for these says
//! that it is skipped, and why.
//!
//! Words of 32 bits tell apart what 64 bits let one mix up: lengths of files and of address space,
//! the alignment of a `u64` in a structure (4 on this target) and of an atomic one (8), and the two
//! `struct flock` of the C library.

use crate::Outcome;
use crate::Result;
use crate::command;
use crate::debian::{self, Debian, Std};
use crate::paths;

const TARGET: &str = "i686-unknown-linux-gnu";

/// Debian's C compiler for the target, which links; and what its programs need when they run.
const PACKAGES: [&str; 4] =
    ["gcc-i686-linux-gnu", "libc6-dev-i386-cross", "libc6-i386", "lib32gcc-s1"];
const LINKER: &str = "i686-linux-gnu-gcc";

pub(crate) fn run() -> Result<Outcome> {
    if !command::is_there(LINKER) && !command::apt_install(&PACKAGES) {
        let wanted = format!("no {LINKER}: apt-get install {}, as root", PACKAGES.join(" "));
        return Ok(Outcome::Skipped(wanted));
    }
    let Some(debian) = Debian::unpacked()? else {
        let wanted = "32-bit programs want Debian's package rustc-web, and root to list it";
        return Ok(Outcome::Skipped(wanted.into()));
    };
    debian.add_std(TARGET, Std::Code(LINKER))?;
    let mut test = command::cargo(["test", "--package", "ndshm", "--lib", "--test", "it"]);
    test.args(["--all-features", "--no-fail-fast"]);
    test.args(["--target", TARGET, "--target-dir"]).arg(paths::target()?.join("i686"));
    test.env(debian::linker_variable(TARGET), LINKER);
    test.env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
    debian.compile_with(&mut test);
    command::run(&mut test)?;
    Ok(Outcome::Passed)
}
