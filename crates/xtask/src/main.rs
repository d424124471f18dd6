//! `cargo xtask`: the checks, storms and set-ups of this repository.

fn main() {}
