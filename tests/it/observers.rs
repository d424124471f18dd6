//! Observers, who need no more than permission to read, and write nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use ndshm::{
    Access, AnyArray, AnySnapshot, Array1, Array2, Element, ErrorKind::*, Event, Log, Order,
    Segment, Value,
};

use crate::bad_input::refused;
use crate::puppet::Puppet;
use crate::support::{
    DEADLINE, Forked, FreeName, Role, become_user, eventually, fork, is_root, path_of, say, skip,
};

const NOBODY: u32 = 65534;
const SHORT: Duration = Duration::from_millis(20);
const NO_LOCKS: &str = "copy it out with `snapshot` or `get`";

/// A value that is no machine word.
type Large = [u32; 5];

fn seen<T: Element>(array: &Array1<T>) -> Array1<T> {
    Array1::options().access(Access::Observe).open(array.name()).unwrap()
}

fn striped() -> Array1<u64> {
    Array1::options().stripes(4).create_unique("it-observers-", 64).unwrap()
}

/// What belongs to one name: an array, two values and an event, which anybody may read.
struct Things {
    array: Array2<f32>,
    word: Value<u64>,
    large: Value<Large>,
    event: Event,
}

impl Things {
    fn create(name: &str) -> Self {
        let of = |what: &str| format!("{name}-{what}");
        let array = Array2::options().mode(0o644).order(Order::F).stripes(3);
        let word = Value::options().mode(0o644).create(&of("word"), 7).unwrap();
        let large = Value::options().mode(0o644).create(&of("large"), [1, 2, 3, 4, 5]).unwrap();
        Self {
            array: array.create(&of("array"), (5, 3)).unwrap(),
            word,
            large,
            event: Event::options().mode(0o644).create(&of("event")).unwrap(),
        }
    }

    fn observe(name: &str) -> Self {
        let of = |what: &str| format!("{name}-{what}");
        Self {
            array: Array2::options().access(Access::Observe).open(&of("array")).unwrap(),
            word: Value::options().access(Access::Observe).open(&of("word")).unwrap(),
            large: Value::options().access(Access::Observe).open(&of("large")).unwrap(),
            event: Event::options().access(Access::Observe).open(&of("event")).unwrap(),
        }
    }

    fn segments(&self) -> [&Segment; 4] {
        let Self { array, word, large, event } = self;
        [array.segment(), word.segment(), large.segment(), event.segment()]
    }

    fn bytes(&self) -> Vec<Vec<u8>> {
        self.segments().map(|segment| fs::read(segment.path()).unwrap()).to_vec()
    }
}

#[test]
fn who_may_only_read_sees_everything_and_writes_nothing() {
    if !is_root() {
        return skip("only root can become another user");
    }
    let name = FreeName::new();
    let things = Things::create(name.as_str());
    things.array.write().unwrap().indexed_iter_mut().for_each(|((row, column), item)| {
        *item = (row * 3 + column) as f32;
    });
    things.event.set().unwrap();
    let path = things.word.segment().path();
    fs::set_permissions(path, Permissions::from_mode(0o444)).unwrap();
    let before = things.bytes();

    let mut role = Role::start(&format!("observer {}", name.as_str()));
    assert_eq!(role.hear(), "seen");
    assert!(role.wait().success());
    assert_eq!(things.bytes(), before, "an observer wrote something");
}

/// The role: does whatever an observer can, as a user who may only read.
pub(crate) fn observe(name: &str) {
    become_user(NOBODY);
    refused(Array2::<f32>::open(&format!("{name}-array")), PermissionDenied, "run as its owner");
    let Things { array, word, large, event } = &Things::observe(name);

    let expected =
        ndarray::Array2::from_shape_fn((5, 3), |(row, column)| (row * 3 + column) as f32);
    for copy in [array.snapshot(), array.snapshot_timeout(SHORT)] {
        let copy = copy.unwrap();
        assert_eq!((&copy, copy.strides()), (&expected, &[1, 5][..]));
    }
    assert_eq!(array.raw_view().dim(), (5, 3));
    assert_eq!((word.get().unwrap(), large.get().unwrap()), (7, [1, 2, 3, 4, 5]));
    assert_eq!(word.wait_changed(0).unwrap(), 7);
    refused(word.wait_changed_timeout(7, SHORT), Timeout, "did not change in time");
    refused(large.wait_changed_timeout([1, 2, 3, 4, 5], SHORT), Timeout, "did not change");
    assert!(event.is_set() && event.try_wait().unwrap());
    event.wait().unwrap();
    event.wait_timeout(SHORT).unwrap();

    refused(array.read(), ReadOnly, NO_LOCKS);
    refused(array.try_read(), ReadOnly, NO_LOCKS);
    refused(array.read_rows(2..2), ReadOnly, NO_LOCKS);
    refused(array.read_owned(), ReadOnly, NO_LOCKS);
    refused(array.read_recover(), ReadOnly, NO_LOCKS);
    refused(array.write(), ReadOnly, NO_LOCKS);
    refused(array.write_recover(), ReadOnly, NO_LOCKS);
    refused(array.try_write_stripe(0), ReadOnly, NO_LOCKS);
    refused(array.raw_view_mut(), ReadOnly, NO_LOCKS);
    refused(word.set(1), ReadOnly, NO_LOCKS);
    refused(word.fetch_add(1), ReadOnly, NO_LOCKS);
    refused(word.update(|old| old + 1), ReadOnly, NO_LOCKS);
    refused(large.set([0; 5]), ReadOnly, NO_LOCKS);
    refused(large.edit(), ReadOnly, NO_LOCKS);
    refused(large.try_edit(), ReadOnly, NO_LOCKS);
    refused(event.set(), ReadOnly, NO_LOCKS);
    refused(event.clear(), ReadOnly, NO_LOCKS);

    for segment in Things::observe(name).segments() {
        let info = segment.info().unwrap();
        assert_eq!(info.creator_user(), 0);
        let participants = segment.participants().unwrap();
        assert!(participants.iter().any(|who| who.pid() == info.creator_pid() && who.is_alive()));
        assert_eq!(open_for(segment), [libc::O_RDONLY; 2], "here and in the outer handle");
        assert!(!mapped_for_writing(segment));
    }
    say("seen");
}

/// What each descriptor of the segment's file in this process was opened for.
pub(crate) fn open_for(segment: &Segment) -> Vec<i32> {
    let file = fs::metadata(segment.path()).unwrap();
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    let of_segment = descriptors.flatten().filter(|descriptor| {
        let is_same = |found: fs::Metadata| (found.dev(), found.ino()) == (file.dev(), file.ino());
        fs::metadata(descriptor.path()).is_ok_and(is_same)
    });
    let access = of_segment.map(|descriptor| {
        let number = descriptor.file_name().into_string().unwrap();
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        i32::from_str_radix(flags.trim(), 8).unwrap() & libc::O_ACCMODE
    });
    access.collect()
}

fn mapped_for_writing(segment: &Segment) -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let path = segment.path();
    let mut of_segment = maps.lines().filter(|line| line.ends_with(path.to_str().unwrap()));
    of_segment.any(|line| line.split(' ').nth(1).unwrap().contains('w'))
}

#[test]
fn an_event_that_resets_itself_is_not_passed_by_an_observer() {
    let event = Event::options().auto_reset().create_unique("it-observers-").unwrap();
    event.set().unwrap();
    let looked_at = Event::options().access(Access::Observe).open(event.name()).unwrap();
    refused(looked_at.wait(), ReadOnly, NO_LOCKS);
    refused(looked_at.try_wait(), ReadOnly, NO_LOCKS);
    refused(looked_at.wait_timeout(SHORT), ReadOnly, NO_LOCKS);
    assert!(looked_at.is_set() && event.is_set());
}

#[test]
fn an_observer_is_trusted_by_nobody_else_than_owners_are() {
    if !is_root() {
        return skip("only root can become another user");
    }
    let name = FreeName::new();
    fork(|| {
        become_user(NOBODY);
        let options = Array1::<u8>::options().mode(0o644);
        options.lifetime(ndshm::Lifetime::Persistent).create(name.as_str(), 8).unwrap();
    })
    .pass();
    let opened = Array1::<u8>::options().access(Access::Observe).open(name.as_str());
    refused(opened, NotTrusted, "belongs to user 65534");
}

#[test]
fn a_change_reaches_an_observer_who_waits_for_it() {
    let value = Value::<u64>::create_unique("it-observers-", 0).unwrap();
    let observer = fork(|| {
        let seen = Value::<u64>::options().access(Access::Observe).open(value.name()).unwrap();
        let mut last = 0;
        while last < 3 {
            last = seen.wait_changed_timeout(last, DEADLINE).unwrap();
        }
    });
    for number in 1..=3 {
        value.set(number).unwrap();
    }
    observer.pass();
}

#[test]
fn an_observer_of_a_stopped_writer_is_told_whom_it_waits_for() {
    let array = striped();
    let mut writer = Puppet::on(&array);
    writer.does("write 16 32");
    writer.does("put 0 1");
    writer.signal(libc::SIGSTOP);
    let seen = seen(&array);
    let says = format!("process {}, which is alive, writes it", writer.pid());
    refused(seen.snapshot_timeout(Duration::ZERO), Timeout, &says);
    refused(seen.snapshot_timeout(SHORT), Timeout, &says);
    refused(seen.snapshot(), Timeout, &says);
    writer.signal(libc::SIGCONT);
    writer.does("drop");
    assert_eq!(seen.snapshot().unwrap().sum(), 1);
}

#[test]
fn an_observer_of_a_killed_writer_is_told_until_somebody_vouches() {
    let array = striped();
    let seen = seen(&array);
    let mut writer = Puppet::on(&array);
    writer.does("write 16 32");
    writer.does("put 0 1");
    writer.kill();
    let pid = writer.pid();
    for _ in 0..2 {
        refused(seen.snapshot(), OwnerDied, &format!("process {pid} died while writing"));
    }
    refused(array.write(), OwnerDied, &format!("process {pid} died while writing"));
    for _ in 0..2 {
        refused(seen.snapshot(), Poisoned, &format!("process {pid} died while writing"));
    }
    let mut mender = array.write_recover().unwrap();
    refused(seen.snapshot_timeout(SHORT), Timeout, "writes it");
    mender.mark_consistent();
    drop(mender);
    assert_eq!(seen.snapshot().unwrap().sum(), 1);
}

#[test]
fn a_writer_killed_with_a_lock_it_never_wrote_under_keeps_no_observer_waiting() {
    let array = striped();
    let mut reader = Puppet::on(&array);
    reader.does("read 0 16");
    let waiting = fork(|| drop(array.write().unwrap()));
    eventually("it holds the word", || array.try_read_rows(0..16).unwrap().is_none());
    drop(waiting);
    assert_eq!(seen(&array).snapshot().unwrap().sum(), 0);
}

#[test]
fn no_copy_is_torn_while_many_write_all_the_time() {
    const COPIES: usize = 100;
    let options = Array1::<u64>::options().stripes(16);
    let array = options.create_unique("it-observers-", 4096).unwrap();
    let over = Value::<u8>::create_unique("it-observers-", 0).unwrap();
    let writers: Vec<Forked> = (1..=3)
        .map(|step| {
            let (array, over) = (array.clone(), over.clone());
            fork(move || {
                while over.get().unwrap() == 0 {
                    let mut guard = array.write().unwrap();
                    let next = guard[0] + step;
                    guard.fill(next);
                }
            })
        })
        .collect();
    let observe = || {
        let seen = seen(&array);
        let mut last = 0;
        for _ in 0..COPIES {
            let copy = seen.snapshot_timeout(DEADLINE).unwrap();
            assert!(copy.iter().all(|&item| item == copy[0]), "torn: {copy}");
            assert!(copy[0] >= last, "went back from {last} to {}", copy[0]);
            last = copy[0];
        }
    };
    let observers = [fork(observe), fork(observe)];
    observe();
    observers.into_iter().for_each(Forked::pass);
    over.set(1).unwrap();
    writers.into_iter().for_each(Forked::pass);
}

#[test]
fn an_observer_in_the_process_of_a_writer_shares_nothing_with_it() {
    let name = FreeName::new();
    let created = Array1::<u64>::create(name.as_str(), 8).unwrap();
    let seen = seen(&created);
    drop(created);
    let array = Array1::<u64>::create(name.as_str(), 8).unwrap();
    assert_eq!(seen.snapshot().unwrap().sum(), 0);
    let seen = self::seen(&array);
    array.write().unwrap().fill(1);
    assert_eq!(seen.snapshot().unwrap().sum(), 8);
    drop(seen);
    array.write().unwrap().fill(2);
    assert!(path_of(name.as_str()).exists());
}

#[test]
fn an_observer_follows_a_log_and_copies_what_it_does_not_know() {
    let log = Log::<u64>::create_unique("it-observers-", 100).unwrap();
    let seen = Log::<u64>::options().access(Access::Observe).open(log.name()).unwrap();
    assert_eq!(seen.append(&1).unwrap_err().kind(), ReadOnly);
    let mut follower = seen.follow();
    refused(follower.wait_timeout(SHORT), Timeout, "still has 0 rows");
    let appender = fork(|| assert_eq!(log.append(&7).unwrap(), 0));
    assert_eq!(follower.wait_timeout(DEADLINE).unwrap().as_slice(), [7]);
    appender.pass();

    let array = Array1::<u64>::create_unique("it-observers-", 3).unwrap();
    array.write().unwrap().fill(5);
    let any = AnyArray::options().access(Access::Observe).open(array.name()).unwrap();
    assert_eq!(any.snapshot().unwrap().view::<u64>().unwrap().sum(), 15);
    assert_eq!(AnySnapshot::of(any.segment()).unwrap().at(&[2]).unwrap().to_string(), "5");
    assert_eq!(any.read().unwrap_err().kind(), ReadOnly);
}

/// Bytes from `offset` on, as an observer of the segment of that name looks at them.
fn peeked(name: &str, offset: usize, len: usize) -> ndshm::Result<Vec<u8>> {
    let segment = Segment::options().access(Access::Observe).open(name)?;
    segment.peek(|data| {
        let mut bytes = vec![0; len];
        data.read_at(&mut bytes, offset)?;
        Ok(bytes)
    })
}

#[test]
fn an_observer_looks_at_some_rows_while_others_are_written() {
    let array = striped();
    array.write().unwrap()[48] = 9;
    let mut writer = Puppet::on(&array);
    writer.does("write 16 32");
    assert_eq!(peeked(array.name(), 48 * 8, 8).unwrap(), 9_u64.to_le_bytes());
    let says = format!("process {}, which is alive, writes it", writer.pid());
    refused(peeked(array.name(), 31 * 8, 16), Timeout, &says);
    writer.kill();
    assert_eq!(peeked(array.name(), 32 * 8, 8).unwrap(), [0; 8]);
    refused(peeked(array.name(), 15 * 8, 16), OwnerDied, "died while writing");
    refused(peeked(array.name(), 64 * 8 - 1, 2), OutOfBounds, "has 512 bytes of data");
}

#[test]
fn an_observer_sees_any_bytes_as_they_lie_in_memory() {
    for (order, kind) in [(Order::C, "<u2"), (Order::F, "<u2"), (Order::F, "|u1")] {
        let options = AnyArray::options().order(order).stripes(3);
        let array =
            options.create_unique("it-observers-", &kind.parse().unwrap(), &[5, 3, 2]).unwrap();
        let len = array.snapshot().unwrap().bytes().len();
        let bytes: Vec<u8> = (1..).take(len).collect();
        fs::File::options()
            .write(true)
            .open(array.segment().path())
            .and_then(|file| std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 4096))
            .unwrap();
        for start in 0..=len {
            for end in start..=len {
                let seen = peeked(array.name(), start, end - start).unwrap();
                assert_eq!(seen, bytes[start..end], "{start}..{end}");
            }
        }
    }
}

#[test]
fn what_an_observer_looks_at_in_two_places_is_of_one_moment() {
    let options = Array1::<u64>::options().stripes(16);
    let array = options.create_unique("it-observers-", 4096).unwrap();
    let over = Value::<u8>::create_unique("it-observers-", 0).unwrap();
    let writer = fork(|| {
        while over.get().unwrap() == 0 {
            let mut guard = array.write().unwrap();
            let next = guard[0] + 1;
            guard.fill(next);
        }
    });
    let seen = Segment::options().access(Access::Observe).open(array.name()).unwrap();
    let look = || {
        seen.peek(|data| {
            let mut ends = [[0; 8]; 2];
            data.read_at(&mut ends[0], 0)?;
            data.read_at(&mut ends[1], 4095 * 8)?;
            Ok(ends)
        })
    };
    let looks: Vec<_> = (0..20_000).filter_map(|_| look().ok()).collect();
    over.set(1).unwrap();
    writer.pass();
    assert!(!looks.is_empty());
    assert_eq!(looks.iter().find(|[first, last]| first != last), None);
}
