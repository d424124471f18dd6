//! The tests as on a machine whose pages are longer than 4 KiB, which aarch64 and others may have.

use crate::Result;
use crate::command;
use crate::paths;

/// Lengths of pages that Linux has, in bytes.
const SIZES: [&str; 2] = ["16384", "65536"];

/// Integration tests that say nothing about pages and take long, or take the place of the same library.
const SKIPPED: [&str; 2] = ["storm::", "disks::"];

/// Runs the integration tests with each length, the C library's word for it being the one of
/// `crates/large-pages`.
pub(crate) fn run() -> Result {
    command::run(&mut command::cargo(["build", "--package", "large-pages"]))?;
    let library = paths::target()?.join("debug/liblarge_pages.so");
    for size in SIZES {
        let mut test = command::cargo(["test", "--all-features", "--test", "it", "--"]);
        test.args(SKIPPED.iter().flat_map(|skipped| ["--skip", skipped]));
        let runner = format!("env LD_PRELOAD={} NDSHM_PAGE_SIZE={size}", library.display());
        test.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", runner);
        command::run(&mut test)?;
    }
    Ok(())
}
