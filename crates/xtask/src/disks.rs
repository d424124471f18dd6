//! The programs that make filesystems, for the tests of disks that are full.

use crate::command;

/// Programs, and Debian's packages that have them.
const MAKERS: [(&str, &str); 4] = [
    ("mkfs.ext4", "e2fsprogs"),
    ("mkfs.xfs", "xfsprogs"),
    ("mkfs.btrfs", "btrfs-progs"),
    ("mkfs.f2fs", "f2fs-tools"),
];

/// Installs what is missing, if that is permitted. What is missing afterwards the tests say, and skip.
pub(crate) fn set_up() {
    let missing = MAKERS.iter().filter(|(program, _)| !command::is_there(program));
    let packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    if !packages.is_empty() && !command::apt_install(&packages) {
        eprintln!(
            "SKIPPED: could not install {}; some tests of full disks do nothing",
            packages.join(", ")
        );
    }
}
