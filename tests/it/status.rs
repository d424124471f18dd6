//! What goes on in a segment, as seen from outside.

use std::fs;

use ndshm::{AnyArray, AnySnapshot, Array1, ErrorKind, Lifetime, NpyFile, PoisonCause, Status};

use crate::puppet::Puppet;
use crate::support::{FreeName, become_user, fork, is_root, path_of, skip};

const NOBODY: u32 = 65534;

fn striped() -> Array1<u64> {
    Array1::options().stripes(4).create_unique("it-status-", 64).unwrap()
}

fn status(array: &Array1<u64>) -> Status {
    Status::of(array.name()).unwrap()
}

#[test]
fn readers_and_writers_are_named_with_the_stripes_they_hold() {
    let array = striped();
    let (mut writer, mut reader) = (Puppet::on(&array), Puppet::on(&array));
    writer.does("write 16 32");
    reader.does("read 48 64");

    let status = status(&array);
    let writers: Vec<_> =
        status.locks().iter().map(|lock| lock.writer().map(|who| who.pid())).collect();
    assert_eq!(writers, [None, Some(writer.pid()), None, None]);
    let readers: Vec<Vec<_>> = status
        .locks()
        .iter()
        .map(|lock| lock.readers().iter().map(|who| who.pid()).collect())
        .collect();
    assert_eq!(readers, [vec![], vec![], vec![], vec![reader.pid()]]);
    assert!(status.participants().iter().all(|who| who.is_alive()));
    assert!(!status.is_suspect());
}

#[test]
fn a_dead_writers_rows_are_suspect_before_anybody_else_noticed() {
    let array = striped();
    let mut writer = Puppet::on(&array);
    writer.does("write 0 16");
    writer.kill();

    let before = status(&array);
    assert!(before.is_suspect());
    let [first, others @ ..] = before.locks() else { panic!("four stripes") };
    assert!(!first.writer().unwrap().is_alive() && first.poison().is_none());
    assert!(others.iter().all(|lock| !lock.is_suspect()));

    assert_eq!(array.read().unwrap_err().kind(), ErrorKind::OwnerDied);
    let after = status(&array);
    let poison = after.locks()[0].poison().unwrap();
    assert_eq!((poison.cause(), poison.pid()), (PoisonCause::Died, writer.pid()));
}

#[test]
fn looking_changes_not_a_byte() {
    let array = striped();
    let mut writer = Puppet::on(&array);
    writer.does("write");
    writer.kill();
    let bytes = || fs::read(array.segment().path()).unwrap();
    let before = bytes();
    status(&array);
    assert!(before == bytes());
}

#[test]
fn another_users_segment_is_seen_by_who_may_read_it() {
    if !is_root() {
        return skip("only root can be two users");
    }
    let name = FreeName::new();
    fork(|| {
        become_user(NOBODY);
        let options = Array1::<u64>::options().mode(0o644).lifetime(Lifetime::Persistent);
        options.create(name.as_str(), 8).unwrap();
    })
    .pass();
    let status = Status::of(name.as_str()).unwrap();
    assert_eq!((status.info().owner(), status.participants().len()), (NOBODY, 0));
    let copy = AnySnapshot::of_file(&NpyFile::open(path_of(name.as_str())).unwrap()).unwrap();
    assert_eq!(copy.view::<u64>().unwrap().sum(), 0);
}

#[test]
fn a_lock_word_that_names_nobody_is_damage() {
    let array = striped();
    let path = array.segment().path();
    let info = array.segment().info().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let slots = usize::try_from(info.participants()).unwrap();
    // The state line and the slots follow the head, and then come the locks.
    let head = u32::from_le_bytes(bytes[info.control_offset() + 16..][..4].try_into().unwrap());
    let stripes = info.control_offset() + (head as usize).next_multiple_of(64) + 64 + 32 * slots;
    bytes[stripes..stripes + 4].copy_from_slice(&(1000_u32 << 20 | 1).to_le_bytes());
    let name = FreeName::new();
    fs::write(path_of(name.as_str()), bytes).unwrap();
    let error = Status::of(name.as_str()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("names slot 1000"), "{error}");
}

#[test]
fn an_array_that_is_filled_first_appears_filled_or_not_at_all() {
    let name = FreeName::new();
    let (dtype, shape) = ("<u2".parse().unwrap(), [4]);
    let options = AnyArray::options();
    let failed =
        options.create_with(name.as_str(), &dtype, &shape, |_| ndshm::remove("no-such-segment"));
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!path_of(name.as_str()).exists());

    let array = options
        .create_with(name.as_str(), &dtype, &shape, |bytes| {
            bytes[6] = 9;
            assert!(!path_of(name.as_str()).exists());
            Ok(())
        })
        .unwrap();
    assert_eq!(array.read().unwrap().at(&[3]).unwrap().to_string(), "9");
}

#[test]
fn a_frozen_array_says_so() {
    let array = striped();
    let name = array.name().to_owned();
    assert!(!Status::of(&name).unwrap().is_frozen());
    let _frozen = array.freeze().unwrap();
    assert!(Status::of(&name).unwrap().is_frozen());
}
