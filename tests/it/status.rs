//! What goes on in a segment, as seen from outside.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use ndshm::{
    AnyArray, AnySnapshot, Array1, Condition, ErrorKind, FrameMeta, Lifetime, NpyFile, PoisonCause,
    Ring, Ring1, RingStatus, Status,
};

use crate::puppet::Puppet;
use crate::support::{FreeName, Role, Stop, become_user, fork, is_root, path_of, skip};

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

    let failed = options.create_or_replace_with(name.as_str(), &dtype, &shape, |_| {
        ndshm::remove("no-such-segment")
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!array.segment().is_replaced());
    let next = options.create_or_replace_with(name.as_str(), &dtype, &[2], |bytes| {
        bytes[0] = 8;
        Ok(())
    });
    assert!(array.segment().is_replaced());
    assert_eq!(next.unwrap().read().unwrap().at(&[0]).unwrap().to_string(), "8");
}

#[test]
fn a_frozen_array_says_so() {
    let array = striped();
    let name = array.name().to_owned();
    assert!(!Status::of(&name).unwrap().is_frozen());
    let _frozen = array.freeze().unwrap();
    assert!(Status::of(&name).unwrap().is_frozen());
}

#[test]
fn who_publishes_and_who_leases_which_frame_is_told_dead_or_alive() {
    let ring: Ring1<u64> = Ring::options().slots(4).create_unique("it-status-", 5000).unwrap();
    let mut feeder = Role::start(&format!("feed {}", ring.name()));
    assert_eq!(feeder.hear(), "published");
    let held = ring.subscribe().recv().unwrap();
    let status = RingStatus::of(ring.name()).unwrap();
    let publisher = status.publisher().unwrap();
    assert_eq!((publisher.pid(), publisher.is_alive()), (feeder.pid(), true));
    feeder.kill();
    assert!(!RingStatus::of(ring.name()).unwrap().publisher().unwrap().is_alive());

    let mut keeper = Role::start(&format!("keep {} 1", ring.name()));
    assert_eq!((keeper.hear(), keeper.hear()), ("subscribed".to_owned(), "keeps".to_owned()));
    keeper.kill();
    let status = RingStatus::of(ring.name()).unwrap();
    let mut leases: Vec<_> = status
        .leases()
        .iter()
        .map(|lease| (lease.holder().pid(), lease.holder().is_alive(), lease.seq()))
        .collect();
    leases.sort_by_key(|&(.., seq)| seq);
    let newest = status.frames().last().unwrap().seq;
    let mine = (std::process::id(), true, Some(held.seq()));
    assert_eq!(leases, [mine, (keeper.pid(), false, Some(newest))]);
    drop(held);
    assert_eq!(RingStatus::of(ring.name()).unwrap().leases().len(), 1);
}

#[test]
fn what_goes_with_frames_is_whole_while_they_are_written_over() {
    let ring: Ring1<u8> = Ring::options().slots(2).create_unique("it-status-", 1).unwrap();
    let go_on = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut publisher = ring.publisher().unwrap();
            for number in (1..).take_while(|_| go_on.load(Relaxed)) {
                let meta = FrameMeta { user: [number; 8], ..FrameMeta::new() };
                publisher.loan().unwrap().publish(meta);
            }
        });
        let _stop = Stop(&go_on);
        let look = || RingStatus::of(ring.name()).unwrap().frames().to_vec();
        let mut metas = (0..4000).flat_map(|_| look());
        let torn = metas.find(|meta| meta.user != [meta.seq; 8]);
        assert_eq!(torn, None);
    });
}

#[test]
fn a_lease_is_never_told_to_be_of_a_frame_that_nobody_leased() {
    // An odd number of slots, so that odd and even frames take turns in each.
    let ring: Ring1<u8> = Ring::options().slots(3).create_unique("it-status-", 1).unwrap();
    let go_on = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut publisher = ring.publisher().unwrap();
            let mut subscriber = ring.subscribe();
            while go_on.load(Relaxed) {
                let seq = publisher.loan().unwrap().publish(FrameMeta::new());
                let _even = seq.is_multiple_of(2).then(|| subscriber.latest().unwrap());
            }
        });
        let _stop = Stop(&go_on);
        let look = || RingStatus::of(ring.name()).unwrap().leases().to_vec();
        let mut named = (0..4000).flat_map(|_| look()).filter_map(|lease| lease.seq());
        let odd = named.find(|seq| !seq.is_multiple_of(2));
        assert_eq!(odd, None);
    });
}

#[test]
fn another_users_ring_is_seen_by_who_may_read_it() {
    if !is_root() {
        return skip("only root can be two users");
    }
    let name = FreeName::new();
    fork(|| {
        become_user(NOBODY);
        let options = Ring::<u8, _>::options().lifetime(Lifetime::Persistent);
        let ring = options.create(name.as_str(), ndarray::Dim(8)).unwrap();
        ring.publisher().unwrap().loan().unwrap().publish(FrameMeta::new());
    })
    .pass();
    let status = RingStatus::of(name.as_str()).unwrap();
    assert_eq!((status.segment().info().owner(), status.published()), (NOBODY, 1));
    let error = RingStatus::of(striped().name()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KindMismatch);
}

#[test]
fn what_only_the_dead_have_is_stale_and_a_copy_of_a_file_is_not() {
    let (left, copy) = (FreeName::new(), FreeName::new());
    fork(|| std::mem::forget(Array1::<u8>::create(left.as_str(), 4).unwrap())).pass();
    let status = Status::of(left.as_str()).unwrap();
    assert_eq!((status.condition(), status.is_stale()), (Condition::Stale, true));
    fs::copy(path_of(left.as_str()), path_of(copy.as_str())).unwrap();
    let status = Status::of(copy.as_str()).unwrap();
    assert_eq!((status.condition(), status.is_stale()), (Condition::Idle, false));
}
