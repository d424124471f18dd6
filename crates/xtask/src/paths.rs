//! Where things are: the workspace, what it builds, and what outlives a checkout.

use std::env;
use std::path::{self, PathBuf};

use crate::Result;

/// Returns the root of the workspace. Cargo tells at run time, since a target directory may be
/// shared between checkouts.
pub(crate) fn workspace() -> PathBuf {
    let manifest_dir = env::var_os("CARGO_MANIFEST_DIR").expect("run this as `cargo xtask`");
    PathBuf::from(manifest_dir).join("../..")
}

/// Returns Cargo's target directory, as an absolute path.
pub(crate) fn target() -> Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    Ok(path::absolute(target)?)
}

/// Returns the directory for what is slow to make and does not depend on the checkout.
pub(crate) fn cache() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(env::var_os("HOME").ok_or("HOME is not set")?).join(".cache"),
    };
    Ok(base.join("ndshm"))
}
