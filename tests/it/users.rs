//! Whose segments are opened: this user's and root's, if nobody else may write them, and those that the
//! caller vouches for. Users are told apart where the kernel can show them, in user namespaces and on
//! id-mapped mounts too.
//!
//! # Safety
//!
//! The unsafe code here is calls of libc with numbers and with structs that live on the stack.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::{self, File, Permissions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

#[cfg(feature = "serde")]
use ndshm::Config;
use ndshm::{
    Access, AnyArray, AnyRing, Array1, Block, ErrorKind::*, Event, Frozen1, Lifetime, Log, Result,
    Ring1, Segment, Status, Value,
};

use crate::bad_input::refused;
use crate::homes::FreeFile;
use crate::share::{save, share};
use crate::support::{
    FreeName, alone, become_user, exists, fork, is_root, mount_tmpfs, skip, unmount, unshare_mounts,
};

/// Somebody, and the one that the kernel shows for whom it cannot show.
const SOMEBODY: u32 = 1002;
const OVERFLOW: u32 = 65534;

/// What unmapped owners are called.
const UNKNOWN: &str = "may have no id for";

/// Has a process of that user do that.
fn as_user(user: u32, work: impl FnOnce()) {
    fork(|| {
        become_user(user);
        work();
    })
    .pass();
}

/// Freezes an array of ones that everybody may read.
fn freeze(name: &str) {
    let options = Array1::<u64>::options().mode(0o644).lifetime(Lifetime::Persistent);
    let array = options.create(name, 4).unwrap();
    array.write().unwrap().fill(1);
    drop(array.freeze().unwrap());
}

fn open_frozen(name: &str) -> Result<u64> {
    Frozen1::<u64>::open(name).map(|frozen| frozen.sum())
}

/// Has a process do that in a user namespace with that map of ids; false when that is not permitted.
fn in_namespace(map: &str, work: impl FnOnce()) -> bool {
    let [apart, mapped] = [(); 2].map(|()| Event::create_anonymous().unwrap());
    let denied = Event::create_anonymous().unwrap();
    let child = fork(|| {
        // SAFETY: takes a number.
        if unsafe { libc::unshare(libc::CLONE_NEWUSER) } != 0 {
            denied.set().unwrap();
            apart.set().unwrap();
            return;
        }
        apart.set().unwrap();
        mapped.wait().unwrap();
        work();
    });
    apart.wait().unwrap();
    let permitted = !denied.is_set();
    if permitted && !map.is_empty() {
        fs::write(format!("/proc/{}/uid_map", child.pid()), map).unwrap();
    }
    mapped.set().unwrap();
    child.pass();
    if !permitted {
        skip("may not make a user namespace");
    }
    permitted
}

#[test]
fn a_user_whom_the_namespace_cannot_show_is_nobody_in_particular() {
    if !is_root() {
        return skip("only root can be two users");
    }
    let name = FreeName::new();
    as_user(SOMEBODY, || freeze(name.as_str()));
    // Without a map this process is shown as it shows that user.
    in_namespace("", || {
        assert_eq!(name.path().metadata().unwrap().uid(), OVERFLOW);
        refused(open_frozen(name.as_str()), NotTrusted, UNKNOWN);
        refused(Block::options().access(Access::Read).open(name.as_str()), NotTrusted, UNKNOWN);
        // What maps nothing needs no trust.
        assert!(Status::of(name.as_str()).unwrap().is_frozen());
        assert!(ndshm::list().unwrap().iter().any(|info| info.name() == name.as_str()));
    });
    // Root of a namespace that has no id for that user.
    in_namespace("0 0 1\n", || refused(open_frozen(name.as_str()), NotTrusted, UNKNOWN));
    // Where another user has the overflow id of the namespace, the two are shown alike.
    in_namespace("0 0 1\n65534 1003 1\n", || {
        refused(open_frozen(name.as_str()), NotTrusted, UNKNOWN);
        become_user(OVERFLOW);
        refused(open_frozen(name.as_str()), NotTrusted, UNKNOWN);
    });
    assert!(exists(name.as_str()));
}

#[test]
fn a_user_whom_the_namespace_shows_is_who_it_is() {
    if !is_root() {
        return skip("only root can be two users");
    }
    let (name, of_root) = (FreeName::new(), FreeName::new());
    as_user(SOMEBODY, || freeze(name.as_str()));
    freeze(of_root.as_str());
    in_namespace(&format!("0 {SOMEBODY} 1\n"), || {
        assert_eq!(open_frozen(name.as_str()).unwrap(), 4, "root of this namespace made it");
        refused(open_frozen(of_root.as_str()), NotTrusted, UNKNOWN);
    });
    in_namespace(&format!("0 0 1\n1 {SOMEBODY} 1\n"), || {
        refused(
            open_frozen(name.as_str()),
            NotTrusted,
            "belongs to user 1, and this process runs as",
        );
        assert_eq!(open_frozen(of_root.as_str()).unwrap(), 4);
        become_user(1);
        assert_eq!(open_frozen(name.as_str()).unwrap(), 4);
        assert_eq!(open_frozen(of_root.as_str()).unwrap(), 4);
    });
    // All ids, and so all users.
    in_namespace("0 0 4294967295\n", || {
        refused(open_frozen(name.as_str()), NotTrusted, "belongs to user 1002");
    });
}

#[test]
fn who_runs_as_the_overflow_user_of_the_whole_system_has_segments_of_its_own() {
    if !is_root() {
        return skip("only root can become another user");
    }
    let name = FreeName::new();
    as_user(OVERFLOW, || {
        freeze(name.as_str());
        assert_eq!(open_frozen(name.as_str()).unwrap(), 4);
        ndshm::remove(name.as_str()).unwrap();
    });
}

/// Mounts one directory at another, with the owners from 0 to 9 shown as others and no others shown.
fn mount_with_ids(from: &Path, at: &Path) -> std::io::Result<()> {
    let ready = Event::create_anonymous().unwrap();
    let holder = fork(|| {
        // SAFETY: takes a number.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWUSER) }, 0);
        ready.set().unwrap();
        // Until it is killed.
        let _ = Event::create_anonymous().unwrap().wait();
    });
    ready.wait().unwrap();
    let process = format!("/proc/{}", holder.pid());
    fs::write(format!("{process}/uid_map"), "0 5000 10\n")?;
    fs::write(format!("{process}/gid_map"), "0 5000 10\n")?;
    let namespace = File::open(format!("{process}/ns/user"))?;

    let path = |path: &Path| CString::new(path.to_str().unwrap()).unwrap();
    let number = |result: libc::c_long| match i32::try_from(result) {
        Ok(number) if number >= 0 => Ok(number),
        _ => Err(std::io::Error::last_os_error()),
    };
    let (from, at, here) = (path(from), path(at), libc::AT_FDCWD);
    // SAFETY: takes numbers, and a C string that outlives the call.
    let tree =
        unsafe { libc::syscall(libc::SYS_open_tree, here, from.as_ptr(), libc::OPEN_TREE_CLONE) };
    // SAFETY: the number was just given to us.
    let tree = unsafe { OwnedFd::from_raw_fd(number(tree)?) };
    let ids = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: namespace.as_raw_fd().unsigned_abs().into(),
    };
    let (number_of_tree, itself) = (tree.as_raw_fd(), libc::AT_EMPTY_PATH);
    // SAFETY: takes numbers, a C string, and a struct of that size on the stack.
    let set = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            number_of_tree,
            c"".as_ptr(),
            itself,
            &raw const ids,
            size_of_val(&ids),
        )
    };
    number(set)?;
    // SAFETY: takes numbers, and C strings that outlive the call.
    let moved = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            number_of_tree,
            c"".as_ptr(),
            here,
            at.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    };
    number(moved).map(drop)
}

#[test]
fn an_owner_whom_a_mount_cannot_show_is_nobody_in_particular() {
    if !is_root() {
        return skip("only root may mount");
    }
    alone(|| {
        if !unshare_mounts() {
            return skip("may not make a mount namespace");
        }
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(FreeName::new().as_str());
        let (plain, mapped) = (root.join("plain"), root.join("mapped"));
        fs::create_dir_all(&plain).unwrap();
        fs::create_dir(&mapped).unwrap();
        mount_tmpfs(plain.to_str().unwrap(), "size=8m,mode=0777");
        if let Err(error) = mount_with_ids(&plain, &mapped) {
            skip(&format!("no id-mapped mounts here: {error}"));
        } else {
            let path = plain.join("x");
            as_user(SOMEBODY, || {
                let options = Array1::<u64>::options().mode(0o644);
                drop(options.create(&path, 4).unwrap().freeze().unwrap());
            });
            let path = mapped.join("x");
            assert_eq!(path.metadata().unwrap().uid(), OVERFLOW);
            as_user(OVERFLOW, || {
                refused(Frozen1::<u64>::open(&path).map(drop), NotTrusted, UNKNOWN);
            });
            unmount(&mapped);
        }
        unmount(&plain);
        for directory in [&plain, &mapped, &root] {
            fs::remove_dir(directory).unwrap();
        }
    });
}

/// Everything that opens the segment at a path or a name and maps it, as one result each.
fn opened(name: &FreeName) -> Vec<(&'static str, Result<()>)> {
    let (text, path) = (name.as_str(), &name.path());
    let observed = Segment::options().access(Access::Observe);
    let handle = Status::of(text).map(|status| {
        let id = u128::from_be_bytes(status.info().id());
        format!("{text}#{id:032x}").parse().unwrap()
    });
    vec![
        ("segment", Segment::open(text).map(drop)),
        ("segment by path", Segment::open(path).map(drop)),
        ("segment by handle", handle.and_then(|handle| Segment::open_handle(&handle)).map(drop)),
        ("observer", observed.open(text).map(drop)),
        ("array", Array1::<u64>::open(text).map(drop)),
        ("array, or a new one", Array1::<u64>::open_or_create(text, 4).map(drop)),
        ("array of any dtype", AnyArray::open(text).map(drop)),
        ("value", Value::<u64>::open(text).map(drop)),
        ("log", Log::<u64>::open(text).map(drop)),
        ("ring", Ring1::<u64>::open(text).map(drop)),
        ("ring of any dtype", AnyRing::open(text).map(drop)),
        ("event", Event::open(text).map(drop)),
        ("frozen array", Frozen1::<u64>::open(text).map(drop)),
        #[cfg(feature = "serde")]
        ("configuration", Config::<Vec<f64>>::open(text).map(drop)),
        ("block", Block::open(text).map(drop)),
        ("new array in its place", Array1::<u64>::create_or_replace(text, 4).map(drop)),
    ]
}

#[test]
fn what_others_may_write_is_opened_by_nobody_who_does_not_vouch_for_them() {
    let name = FreeName::new();
    let array = Array1::<u64>::create(name.as_str(), 4).unwrap();
    for (mode, who) in [(0o620, "its group"), (0o602, "everybody"), (0o666, "everybody")] {
        fs::set_permissions(name.path(), Permissions::from_mode(mode)).unwrap();
        for (what, result) in opened(&name) {
            let error = result.expect_err(what);
            assert_eq!(error.kind(), NotTrusted, "{what}: {error}");
            let path = name.path();
            let remedies = [
                format!("has mode {mode:#o}, so {who}"),
                format!("`chmod go-w {}`", path.display()),
                "`trust_owner`".to_owned(),
            ];
            for words in remedies {
                assert!(error.to_string().contains(&words), "{what}: {error}");
            }
        }
        refused(array.reopen(), NotTrusted, "`trust_owner`");
        // What maps nothing needs no trust, and what is one's own may be taken away.
        assert_eq!(Status::of(name.as_str()).unwrap().participants().len(), 1);
        // SAFETY: nobody but this process writes it.
        let options = unsafe { Array1::<u64>::options().trust_owner() };
        let trusting = options.open(name.as_str()).unwrap();
        trusting.write().unwrap()[0] = 1;
        assert_eq!(trusting.reopen().unwrap().read().unwrap()[0], 1);
    }
    fs::set_permissions(name.path(), Permissions::from_mode(0o644)).unwrap();
    drop(Array1::<u64>::open(name.as_str()).unwrap());
    fs::set_permissions(name.path(), Permissions::from_mode(0o666)).unwrap();
    ndshm::remove(name.as_str()).unwrap();
    assert!(!exists(name.as_str()));
}

#[test]
fn frozen_arrays_configurations_and_parts_are_vouched_for_too() {
    let name = FreeName::new();
    // SAFETY: nobody but this process writes it, here and below.
    let options = unsafe { Array1::<u64>::options().mode_for_writers(0o666) };
    let array = options.clone().stripes(2).create(name.as_str(), 4).unwrap();
    let [part, _] = &array.split_stripes(2)[..] else { panic!("two stripes") };
    refused(part.open::<u64, ndarray::Ix1>().map(drop), NotTrusted, "`trust_owner`");
    // SAFETY: see above.
    let trusting = unsafe { Array1::<u64>::options().trust_owner() };
    drop(part.open_with(&trusting).unwrap().write().unwrap());
    drop(array.freeze().unwrap());
    assert!(!exists(name.as_str()), "its creator let go of it");

    let anonymous = options.create_anonymous(4).unwrap();
    let frozen = anonymous.freeze().unwrap();
    assert!(frozen.is_sealed());
    refused(Frozen1::<u64>::open_handle(&frozen.handle()), NotTrusted, "`trust_owner`");
    // SAFETY: see above.
    let trusting = unsafe { Frozen1::<u64>::options().trust_owner() };
    assert_eq!(trusting.open_handle(&frozen.handle()).unwrap(), frozen);

    #[cfg(feature = "serde")]
    {
        let config = Config::create(name.as_str(), vec![1.5]).unwrap();
        fs::set_permissions(name.path(), Permissions::from_mode(0o666)).unwrap();
        // SAFETY: see above.
        let trusting = unsafe { Config::<Vec<f64>>::options().trust_owner() };
        assert_eq!(*trusting.open(name.as_str()).unwrap(), *config);
        assert_eq!(*trusting.open_handle(&config.handle()).unwrap(), *config);
    }
}

#[test]
fn a_plain_file_that_others_may_write_is_not_shared() {
    let file = FreeFile::in_memory();
    save(file.path(), 10);
    fs::set_permissions(file.path(), Permissions::from_mode(0o664)).unwrap();
    let before = fs::read(file.path()).unwrap();
    let refusal = share(&Array1::<u64>::options(), file.path());
    refused(refusal, NotTrusted, "`chmod go-w");
    assert!(fs::read(file.path()).unwrap() == before, "it was changed");
    // SAFETY: nobody but this process writes it.
    let options = unsafe { Array1::<u64>::options().trust_owner() };
    assert_eq!(share(&options, file.path()).unwrap().read().unwrap().sum(), 45);
}

#[test]
fn a_mode_that_lets_others_write_is_asked_for_by_who_vouches_for_them() {
    for mode in [0o660, 0o602, 0o666, 0o777] {
        let refusal = Array1::<u64>::options().mode(mode).create_unique("it-users-", 4);
        refused(refusal, InvalidArgument, "`mode_for_writers`");
        refused(
            Block::options().mode(mode).create_unique("it-users-", 4),
            InvalidArgument,
            "0o022",
        );
        // SAFETY: nobody but this process writes it.
        let options = unsafe { Array1::<u64>::options().mode_for_writers(mode) };
        let array = options.create_unique("it-users-", 4).unwrap();
        assert_eq!(array.segment().path().metadata().unwrap().mode() & 0o777, mode);
        refused(options.open(array.name()), NotTrusted, "`trust_owner`");
        // The last word counts.
        let refusal = options.mode(mode).create_unique("it-users-", 4);
        refused(refusal, InvalidArgument, "`mode_for_writers`");
    }
}

#[test]
fn what_an_access_control_list_lets_others_write_shows_in_the_mode() {
    let Some(file) = FreeFile::on_disk() else { return };
    drop(Array1::<u64>::create(file.path(), 4).unwrap());
    // acl(5) as the kernel keeps it: version 2; owner rw, user 1002 rw, group none, mask rw, others none.
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in [
        (1_u16, 6_u16, u32::MAX),
        (2, 6, SOMEBODY),
        (4, 0, u32::MAX),
        (16, 6, u32::MAX),
        (32, 0, u32::MAX),
    ] {
        list.extend(tag.to_le_bytes());
        list.extend(permissions.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    let path = CString::new(file.path().to_str().unwrap()).unwrap();
    // SAFETY: takes C strings, and bytes of that length, which outlive the call.
    let result = unsafe {
        libc::setxattr(
            path.as_ptr(),
            c"system.posix_acl_access".as_ptr(),
            list.as_ptr().cast(),
            list.len(),
            0,
        )
    };
    if result != 0 {
        return skip(&format!("no access control lists here: {}", std::io::Error::last_os_error()));
    }
    let refusal = Array1::<u64>::open(file.path());
    refused(refusal, NotTrusted, "or who an access control list names");
}
