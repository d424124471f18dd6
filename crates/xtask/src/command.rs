//! Running other programs, and showing what was run.

use std::process::{Command, Stdio};

use crate::Result;

pub(crate) fn cargo<const N: usize>(args: [&str; N]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(args);
    cargo
}

/// Returns the command that runs the tests whose names contain `filter`. That there is such a
/// test is checked first, since Cargo is content with none.
pub(crate) fn cargo_test<const N: usize>(
    args: [&str; N],
    filter: &str,
    env: &[(&str, &str)],
) -> Result<Command> {
    let test = |options: &[&str]| {
        let mut test = cargo(["test"]);
        test.args(args).arg(filter).arg("--").args(options).envs(env.iter().copied());
        test
    };
    let listed = read(&mut test(&["--list"]))?;
    if !listed.lines().any(|line| line.ends_with(": test")) {
        return Err(format!("no test has `{filter}` in its name: {}", show(&test(&[]))).into());
    }
    Ok(test(&["--nocapture"]))
}

/// Runs a command to its end; that it fails is an error.
pub(crate) fn run(command: &mut Command) -> Result {
    eprintln!("$ {}", show(command));
    let status = command.stdin(Stdio::null()).status().map_err(|error| not_run(command, error))?;
    if status.success() { Ok(()) } else { Err(format!("{status}: {}", show(command)).into()) }
}

/// Runs a command to its end and returns what it printed.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| not_run(command, error))?;
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, show(command)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Tells whether a command is there and succeeds; what it prints is of no interest.
pub(crate) fn works(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Tells whether a program is somewhere on the path.
pub(crate) fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Installs Debian's packages, and tells whether that could be done.
pub(crate) fn apt_install(packages: &[&str]) -> bool {
    let apt = |args: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdout(std::io::stderr());
        run(&mut apt).is_ok()
    };
    apt(&["update", "-qq"])
        && apt(&[&["install", "-qq", "--no-install-recommends"], packages].concat())
}

fn not_run(command: &Command, error: std::io::Error) -> String {
    format!("{error}: {}", show(command))
}

/// Spells a command as it would be typed.
fn show(command: &Command) -> String {
    let env = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={:?}", name.to_string_lossy(), value?.to_string_lossy()))
    });
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words = words.map(|word| word.to_string_lossy().into_owned());
    env.chain(words).collect::<Vec<_>>().join(" ")
}
