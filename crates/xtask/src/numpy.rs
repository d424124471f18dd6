//! A Python with NumPy, for the tests that read and write segments from the other side.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::command;
use crate::paths;

/// Makes the virtual environment unless it is there and works, and returns its interpreter.
pub(crate) fn set_up() -> Result<PathBuf> {
    let venv = paths::target()?.join("numpy-venv");
    let python = venv.join("bin/python");
    if !command::works(Command::new(&python).args(["-c", "import numpy"])) {
        fs::create_dir_all(&venv)?;
        // Standard output is for the path of the interpreter alone.
        command::run(
            Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv).stdout(io::stderr()),
        )
        .map_err(|error| format!("{error}\nOn Debian, `apt-get install python3-venv` helps."))?;
        command::run(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--only-binary=:all:", "numpy>=2"])
                .stdout(io::stderr()),
        )?;
    }
    Ok(python)
}
