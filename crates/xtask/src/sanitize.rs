//! The tests with every access to memory watched, by AddressSanitizer or ThreadSanitizer.

use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::Result;
use crate::command;
use crate::debian::Debian;
use crate::paths;
use crate::tool;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sanitizer {
    /// Accesses outside what is allocated or after it was freed, and leaks.
    Address,
    /// Accesses by two threads that nothing orders.
    Thread,
}

/// The one target that there are sanitizers for here. Naming it keeps them out of build scripts.
const TARGET: &str = "x86_64-unknown-linux-gnu";

pub(crate) fn run(sanitizer: Sanitizer) -> Result<Outcome> {
    match sanitizer {
        Sanitizer::Address => address(),
        Sanitizer::Thread => thread(),
    }
}

/// What cannot be tested beside AddressSanitizer: it claims most of the address space for itself, and does not
/// let programs lock memory.
const SKIPPED: [&str; 2] = [
    "limits::who_is_out_of_address_space_is_told_so",
    "limits::more_than_may_be_locked_is_told_from_no_address_space",
];

/// All unit and integration tests but two; rustup's nightly has all that is needed.
fn address() -> Result<Outcome> {
    if !tool::has_nightly()? {
        let wanted = "AddressSanitizer wants `rustup toolchain install nightly`";
        return Ok(Outcome::Skipped(wanted.into()));
    }
    let mut test = command::cargo(["test", "--lib", "--test", "it", "--all-features"]);
    test.args(["--target", TARGET, "--target-dir"]).arg(paths::target()?.join("asan"));
    test.arg("--").args(SKIPPED.iter().flat_map(|skipped| ["--skip", skipped]));
    test.env("RUSTUP_TOOLCHAIN", tool::NIGHTLY).env("RUSTFLAGS", "-Zsanitizer=address");
    test.env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
    command::run(&mut test)?;
    Ok(Outcome::Passed)
}

/// Those of the integration tests whose threads share one mapping. In others processes share
/// memory, of which ThreadSanitizer knows nothing, and they fork while threads run.
const THREADED: &str = "threads::";

/// The integration tests of threads; unit tests have none.
///
/// ThreadSanitizer knows only what it compiled, so the standard library is compiled too: from
/// Debian's source of it, by the compiler of that release. The runtime, which Debian leaves out,
/// is rustup's.
fn thread() -> Result<Outcome> {
    let sysroot = command::read(Command::new("rustc").args(["--print", "sysroot"]))?;
    let runtime = PathBuf::from(sysroot.trim())
        .join("lib/rustlib")
        .join(TARGET)
        .join("lib/librustc-stable_rt.tsan.a");
    if !runtime.exists() {
        return Ok(Outcome::Skipped(format!("no ThreadSanitizer at {}", runtime.display())));
    }
    let Some(debian) = Debian::unpacked()? else {
        let wanted = "ThreadSanitizer wants Debian's package rustc-web, and root to list it";
        return Ok(Outcome::Skipped(wanted.into()));
    };
    let runtimes = llvm(Command::new("rustc"))?;
    let compilers = llvm(debian.rustc())?;
    if runtimes != compilers {
        return Ok(Outcome::Skipped(format!(
            "the ThreadSanitizer at hand is LLVM {runtimes}'s, the compiler is LLVM {compilers}'s"
        )));
    }
    debian.add_library(TARGET, &runtime)?;
    let mut test = command::cargo(["test", "--test", "it", "--all-features", "--target", TARGET]);
    test.arg("-Zbuild-std=std,panic_abort,panic_unwind,proc_macro,test");
    test.arg("--target-dir").arg(paths::target()?.join("tsan")).arg(THREADED);
    // Building the standard library is for nightly, which this compiler is told to be.
    test.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=thread");
    test.env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
    debian.compile_with(&mut test);
    command::run(&mut test)?;
    Ok(Outcome::Passed)
}

/// Returns the major version of the LLVM that a compiler is made with.
fn llvm(mut rustc: Command) -> Result<String> {
    let version = command::read(rustc.arg("-vV"))?;
    let version = version.lines().find_map(|line| line.strip_prefix("LLVM version: "));
    let major = version.and_then(|version| version.split('.').next());
    Ok(major.ok_or("rustc does not tell its LLVM")?.to_owned())
}
