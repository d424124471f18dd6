//! Which users the kernel can show to this process.
//!
//! A user namespace need not have an id for every user, nor an id-mapped mount for every owner
//! (user_namespaces(7), mount_setattr(2)). For all users without an id the kernel shows one and the
//! same *overflow id*. That id may also be somebody's true id.

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::object::Object;

/// How many user ids there are. The last one, 2³² − 1, means none.
const IDS: u64 = u32::MAX as u64;

/// The overflow id, unless the kernel was configured otherwise.
const OVERFLOW: u32 = 65534;

/// A user, as the kernel shows it to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserId(pub(super) u32);

impl UserId {
    /// The effective user of this process.
    pub(crate) fn current() -> Self {
        Self(rustix::process::geteuid().as_raw())
    }

    /// The number that control blocks and messages use for it.
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// Fails, with a description, unless the owner of that object is this user or root.
///
/// The kernel shows one overflow id for all users that it cannot show to this process. So that id identifies
/// nobody, not even this process.
pub(crate) fn check_owner(object: &Object, UserId(owner): UserId) -> Result<(), String> {
    if is_overflow(owner) && !are_all_shown(object) {
        return Err(format!(
            "belongs to a user whom this user namespace, or the mount it lies on, may have no id for, so \
             that the kernel shows {owner}, as for all of those"
        ));
    }
    let UserId(me) = UserId::current();
    if owner == me || owner == 0 {
        return Ok(());
    }
    Err(format!("belongs to user {owner}, and this process runs as user {me}"))
}

/// Whether that is the overflow id.
fn is_overflow(user: u32) -> bool {
    /// One more than the id, or zero while it is not known. Read once in each process, without a
    /// lock.
    static KNOWN: AtomicU64 = AtomicU64::new(0);
    let mut known = KNOWN.load(Relaxed);
    if known == 0 {
        let text = std::fs::read_to_string("/proc/sys/kernel/overflowuid");
        let read = text.ok().and_then(|text| text.trim().parse().ok());
        known = u64::from(read.unwrap_or(OVERFLOW)) + 1;
        KNOWN.store(known, Relaxed);
    }
    u64::from(user) + 1 == known
}

/// Whether the owner that is shown for an object is its true owner, whoever that is. This holds if
/// both this process's user namespace and the object's mount have an id for everybody. False when
/// `/proc` does not tell.
fn are_all_shown(object: &Object) -> bool {
    std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| maps_all(&map))
        && mount_shows_all(object)
}

/// Whether the ranges of a `uid_map` cover all ids. The ranges never overlap.
fn maps_all(map: &str) -> bool {
    let len = |line: &str| line.split_ascii_whitespace().nth(2)?.parse::<u64>().ok();
    map.lines().map(len).try_fold(0_u64, |sum, len| sum.checked_add(len?)) == Some(IDS)
}

fn mount_shows_all(object: &Object) -> bool {
    let number = object.borrow().as_raw_fd();
    let own = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"));
    let mounts = std::fs::read_to_string("/proc/self/mountinfo");
    let (Ok(own), Ok(mounts)) = (own, mounts) else { return false };
    !is_id_mapped(&own, &mounts)
}

/// Whether `/proc`'s description of a descriptor names one of the listed mounts that has ids of its
/// own.
///
/// Memory without a name lies on a mount of the kernel's own, which is not listed.
fn is_id_mapped(descriptor: &str, mounts: &str) -> bool {
    let id = descriptor.lines().find_map(|line| line.strip_prefix("mnt_id:")).map(str::trim);
    let mut own = mounts.lines().filter(|line| line.split(' ').next() == id);
    let options = own.next().and_then(|line| line.split(' ').nth(5));
    options.is_some_and(|options| options.split(',').any(|option| option == "idmapped"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_lacks_one_id_may_show_anybody_by_the_overflow_id() {
        assert!(maps_all("         0          0 4294967295\n"));
        assert!(maps_all("0 100000 65536\n65536 0 100000\n165536 165536 4294801759\n"));
        for map in ["", "0 1000 1\n", "0 0 4294967294\n", "0 0 65536\n", "0 0\n", "x"] {
            assert!(!maps_all(map), "{map:?}");
        }
        assert!(is_overflow(OVERFLOW) && !is_overflow(0));
    }

    #[test]
    fn a_mount_with_ids_of_its_own_is_told_from_others() {
        let mounts = "63 43 0:39 / /a rw,relatime - tmpfs tmpfs rw\n\
                      64 43 0:39 / /b rw,relatime,idmapped - tmpfs tmpfs rw,size=1m\n";
        let on = |id: u32| format!("pos:\t0\nflags:\t0100000\nmnt_id:\t{id}\nino:\t2\n");
        assert!(is_id_mapped(&on(64), mounts));
        assert!(!is_id_mapped(&on(63), mounts) && !is_id_mapped(&on(6), mounts));
    }
}
