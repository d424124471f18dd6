//! Rings: frames arrive whole and in order, and nobody waits for who is slow, stopped or dead.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::Duration;

use ndarray::Ix1;
use ndshm::{
    Access, AnySnapshot, Array1, ErrorKind, FrameMeta, Kind, Lease, Lifetime, Overflow, Publisher,
    Ring, Ring1, Ring2, Ring3, Segment, Subscriber, Waiting,
};

use crate::homes::FreeFile;
use crate::support::{DEADLINE, Role, eventually, fork, say, somebody_listens, state_of};

/// Words of a frame: enough that writing one takes a while.
const LEN: usize = 5000;

/// The frame that ends a role.
const LAST: u64 = u64::MAX;

fn ring(slots: u32) -> Ring1<u64> {
    Ring::options().slots(slots).create_unique("it-ring-", LEN).unwrap()
}

/// Publishes a frame all of whose words are `word`.
fn publish(publisher: &mut Publisher<u64, Ix1>, word: u64) -> u64 {
    let mut frame = publisher.loan().unwrap();
    frame.fill(word);
    frame.publish(FrameMeta::new().source_seq(word))
}

/// The word that all words of a frame are.
fn word_in(frame: &Lease<u64, Ix1>) -> u64 {
    let word = frame.meta().source_seq;
    assert!(frame.iter().all(|&other| other == word), "frame {} is torn", frame.seq());
    word
}

/// The role: receives frames of the ring of that name until the last one, and says what it has.
pub(crate) fn receive(name: &str) {
    let mut subscriber = Ring1::<u64>::open(name).unwrap().subscribe();
    say("subscribed");
    loop {
        let frame = subscriber.recv_timeout(DEADLINE).unwrap();
        let word = word_in(&frame);
        if word == LAST {
            break;
        }
        say(&format!("{} {word} {}", frame.seq(), frame.missed()));
    }
    say(&(subscriber.received() + subscriber.missed()).to_string());
}

/// The role: leases as many frames of the ring of that name, and keeps them.
pub(crate) fn keep(name: &str, count: &str) {
    let mut subscriber = Ring1::<u64>::open(name).unwrap().subscribe();
    say("subscribed");
    let count = count.parse().unwrap();
    let kept: Vec<_> = subscriber.iter().take(count).map(|frame| frame.unwrap()).collect();
    say("keeps");
    std::io::stdin().lines().next();
    kept.iter().for_each(|frame| _ = word_in(frame));
    say("whole");
}

/// The role: publishes frames to the ring of that name for ever.
pub(crate) fn feed(name: &str) {
    let mut publisher = Ring1::<u64>::open(name).unwrap().publisher_timeout(DEADLINE).unwrap();
    for word in 0.. {
        if publish(&mut publisher, word).is_multiple_of(100) {
            say("published");
        }
    }
}

#[test]
fn frames_arrive_whole_and_in_order_in_other_processes() {
    let ring = ring(64);
    let mut publisher = ring.publisher().unwrap();
    let mut receivers = [(); 3].map(|()| Role::start(&format!("receive {}", ring.name())));
    for receiver in &mut receivers {
        assert_eq!(receiver.hear(), "subscribed");
    }
    for word in 10..60 {
        publish(&mut publisher, word);
    }
    publish(&mut publisher, LAST);
    for receiver in &mut receivers {
        for seq in 1..=50 {
            assert_eq!(receiver.hear(), format!("{seq} {} 0", seq + 9));
        }
        assert_eq!(receiver.hear(), "51");
        assert!(receiver.wait().success());
    }
}

#[test]
fn who_comes_late_gets_the_newest_frame_at_once() {
    let ring = ring(8);
    let mut publisher = ring.publisher().unwrap();
    for word in 1..=20 {
        publish(&mut publisher, word);
    }
    let mut subscriber = Ring1::<u64>::open(ring.name()).unwrap().subscribe();
    let frame = subscriber.try_recv().unwrap().unwrap();
    assert_eq!((word_in(&frame), frame.seq(), frame.missed()), (20, 20, 0));
    assert!(subscriber.try_recv().unwrap().is_none());
    assert_eq!(word_in(&subscriber.latest().unwrap().unwrap()), 20, "again");
    assert_eq!((subscriber.received(), subscriber.missed()), (1, 0));
}

#[test]
fn a_stopped_subscriber_never_delays_the_publisher_and_keeps_its_frames() {
    let ring = ring(6);
    let mut publisher = ring.publisher().unwrap();
    let mut keeper = Role::start(&format!("keep {} 3", ring.name()));
    assert_eq!(keeper.hear(), "subscribed");
    for word in 1..=3 {
        publish(&mut publisher, word);
    }
    assert_eq!(keeper.hear(), "keeps");
    keeper.signal(libc::SIGSTOP);
    eventually("it is stopped", || state_of(keeper.pid()) == 'T');
    for word in 4..=1000 {
        publish(&mut publisher, word);
    }
    assert_eq!(ring.dropped(), 0);
    keeper.signal(libc::SIGCONT);
    keeper.tell("");
    assert_eq!(keeper.hear(), "whole");
    assert!(keeper.wait().success());
}

#[test]
fn a_ring_whose_slots_are_all_leased_drops_and_counts_until_their_holder_dies() {
    let ring = ring(3);
    let mut publisher = ring.publisher().unwrap();
    let mut keeper = Role::start(&format!("keep {} 3", ring.name()));
    assert_eq!(keeper.hear(), "subscribed");
    for word in 1..=3 {
        publish(&mut publisher, word);
    }
    assert_eq!(keeper.hear(), "keeps");
    for dropped in 1..=5 {
        let error = publisher.loan().unwrap_err();
        assert_eq!((error.kind(), ring.dropped()), (ErrorKind::Full, dropped));
        let who = format!("3 by process {}, which is alive", keeper.pid());
        assert!(error.to_string().contains(&who), "{error}");
    }
    let mut publisher = publisher.overflow(Overflow::Wait(Duration::from_millis(5)));
    let error = publisher.loan().unwrap_err();
    assert_eq!((error.kind(), ring.dropped()), (ErrorKind::Timeout, 6));
    keeper.kill();
    assert_eq!(publish(&mut publisher, 4), 4);
    assert_eq!(ring.subscribe().recv().unwrap().meta().dropped, 6);
}

#[test]
fn a_publisher_that_waits_goes_on_when_a_lease_ends() {
    let ring = ring(2);
    let mut publisher = ring.publisher().unwrap().overflow(Overflow::Wait(DEADLINE));
    let mut subscriber = ring.subscribe();
    let held = [1, 2].map(|word| {
        publish(&mut publisher, word);
        subscriber.recv().unwrap()
    });
    thread::scope(|scope| {
        let publisher = scope.spawn(|| publish(&mut publisher, 3));
        let [first, second] = held;
        drop(first);
        assert_eq!(publisher.join().unwrap(), 3);
        assert_eq!(word_in(&second), 2);
    });
}

#[test]
fn a_killed_publisher_is_succeeded_at_once_and_no_frame_is_torn() {
    let ring = ring(4);
    let mut subscriber = ring.subscribe();
    let mut last = 0;
    for _ in 0..5 {
        let mut feeder = Role::start(&format!("feed {}", ring.name()));
        assert_eq!(feeder.hear(), "published");
        let busy = ring.publisher().unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Busy);
        let who = format!("published by process {}, which is alive", feeder.pid());
        assert!(busy.to_string().contains(&who), "{busy}");
        for _ in 0..200 {
            let frame = subscriber.recv_timeout(DEADLINE).unwrap();
            word_in(&frame);
            assert_eq!(
                frame.seq(),
                last + if last == 0 { frame.seq() } else { frame.missed() + 1 }
            );
            last = frame.seq();
        }
        feeder.kill();
    }
    let mut publisher = ring.publisher_timeout(DEADLINE).unwrap();
    while let Some(frame) = subscriber.try_recv().unwrap() {
        word_in(&frame);
        last = frame.seq();
    }
    assert_eq!(ring.published(), last, "every number that was given out was of a frame");
    assert_eq!(publish(&mut publisher, 1), last + 1);
    assert_eq!(word_in(&subscriber.recv().unwrap()), 1);
}

#[test]
fn both_sides_count_the_same_frames() {
    let ring = ring(4);
    let mut publisher = ring.publisher().unwrap();
    let (mut tried, mut dropped) = (0, 0);
    thread::scope(|scope| {
        let receivers = [Waiting::Spin, Waiting::SpinThenSleep, Waiting::Sleep].map(|waiting| {
            let mut subscriber = ring.subscribe().waiting(waiting);
            scope.spawn(move || {
                let mut frames = 0;
                while frames == 0 || subscriber.ring().published() < 5000 {
                    // Three subscribers of one process share four leases.
                    match subscriber.recv_timeout(Duration::from_millis(20)) {
                        Ok(frame) => frames += u64::from(word_in(&frame) < LAST),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Timeout, "{error}"),
                    }
                }
                while subscriber.try_recv().unwrap().is_some() {
                    frames += 1;
                }
                assert_eq!(subscriber.received(), frames);
                assert_eq!(subscriber.received() + subscriber.missed(), 5000);
            })
        });
        while ring.published() < 5000 {
            tried += 1;
            match publisher.loan() {
                Ok(mut frame) => {
                    frame.fill(tried);
                    frame.publish(FrameMeta::new().source_seq(tried));
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
                    dropped += 1;
                }
            }
        }
        receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
    });
    assert_eq!(ring.dropped(), dropped);
    assert_eq!(ring.published() + ring.dropped(), tried);
}

#[test]
fn leases_outlive_everything_and_travel() {
    fn travels<T: Send + Sync + 'static>(_: &T) {}
    fn moves<T: Send>(_: &T) {}
    let ring = ring(4);
    let mut publisher = ring.publisher().unwrap();
    moves(&publisher);
    publish(&mut publisher, 7);
    let mut subscriber = ring.subscribe();
    travels(&subscriber);
    let frame = subscriber.recv().unwrap();
    travels(&frame);
    drop((publisher, subscriber, ring));
    let same = frame.clone();
    drop(frame);
    assert_eq!(thread::spawn(move || word_in(&same)).join().unwrap(), 7);
}

#[test]
fn a_process_leases_as_many_frames_as_it_may_and_no_more() {
    let ring = Ring1::<u64>::options().slots(8).leases(2).create_unique("it-ring-", LEN).unwrap();
    let mut publisher = ring.publisher().unwrap();
    let mut subscriber = ring.subscribe();
    let mut held = VecDeque::new();
    for word in 1..=3 {
        publish(&mut publisher, word);
    }
    held.push_back(subscriber.recv().unwrap());
    held.push_back(subscriber.recv().unwrap());
    let error = subscriber.recv().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfLeases, "{error}");
    assert_eq!(ring.subscribe().latest().unwrap_err().kind(), ErrorKind::OutOfLeases);
    held.pop_front();
    let third = subscriber.recv().unwrap();
    assert_eq!((word_in(&third), third.missed()), (3, 0), "what was refused is not lost");
}

#[test]
fn a_loan_that_is_dropped_costs_one_old_frame_and_publishes_nothing() {
    let ring = ring(3);
    let mut publisher = ring.publisher().unwrap();
    let mut subscriber = ring.subscribe();
    for word in 1..=3 {
        publish(&mut publisher, word);
    }
    for _ in 0..5 {
        publisher.loan().unwrap().fill(9);
    }
    assert_eq!(ring.published(), 3);
    let words: Vec<_> = subscriber.iter().take(2).map(|frame| word_in(&frame.unwrap())).collect();
    assert_eq!((words, subscriber.missed()), (vec![2, 3], 1));
}

#[test]
fn a_sleeping_subscriber_is_woken_by_a_frame() {
    let ring = ring(3);
    let mut publisher = ring.publisher().unwrap();
    thread::scope(|scope| {
        let subscriber = scope.spawn(|| {
            let mut subscriber = ring.subscribe().waiting(Waiting::Sleep);
            word_in(&subscriber.recv_timeout(DEADLINE).unwrap())
        });
        eventually("it sleeps", || somebody_listens(ring.segment()));
        publish(&mut publisher, 7);
        assert_eq!(subscriber.join().unwrap(), 7);
    });
}

#[test]
fn who_waits_in_a_replaced_ring_is_told_after_the_last_frame() {
    let name = crate::support::FreeName::new();
    let old = Ring1::<u64>::create_or_replace(name.as_str(), LEN).unwrap();
    let mut publisher = old.publisher().unwrap();
    let subscribers = [Waiting::Spin, Waiting::Sleep].map(|how| old.subscribe().waiting(how));
    publish(&mut publisher, 7);
    let new = Ring1::<u64>::create_or_replace(name.as_str(), LEN).unwrap();
    assert_eq!(publisher.loan().unwrap_err().kind(), ErrorKind::Replaced);
    assert_eq!(old.publisher().unwrap_err().kind(), ErrorKind::Replaced);
    let mut publisher = new.publisher().unwrap();
    for word in [8, 9] {
        publish(&mut publisher, word);
    }
    for mut subscriber in subscribers {
        assert_eq!(word_in(&subscriber.recv().unwrap()), 7);
        assert_eq!(subscriber.recv().unwrap_err().kind(), ErrorKind::Replaced);
        subscriber.reopen().unwrap();
        let first = subscriber.try_recv().unwrap().expect("there are two");
        assert_eq!(word_in(&first), 8);
        subscriber.reopen().unwrap();
        let second = subscriber.try_recv().unwrap().expect("it goes on in the same ring");
        assert_eq!(word_in(&second), 9);
        assert_eq!((subscriber.received(), subscriber.missed()), (3, 0));
    }
}

#[test]
fn frames_that_are_left_in_a_replaced_ring_were_missed() {
    let name = crate::support::FreeName::new();
    let old = Ring1::<u64>::create_or_replace(name.as_str(), LEN).unwrap();
    let mut subscriber = old.subscribe();
    let mut publisher = old.publisher().unwrap();
    for word in 1..=3 {
        publish(&mut publisher, word);
    }
    assert_eq!(word_in(&subscriber.recv().unwrap()), 1);
    let new = Ring1::<u64>::create_or_replace(name.as_str(), LEN).unwrap();
    publish(&mut new.publisher().unwrap(), 4);
    subscriber.reopen().unwrap();
    let frame = subscriber.recv().unwrap();
    assert_eq!((word_in(&frame), frame.missed()), (4, 2));
    assert_eq!((subscriber.received(), subscriber.missed()), (2, 2));
}

#[test]
fn a_forked_child_neither_publishes_nor_ends_leases_for_its_parent() {
    let ring = ring(2);
    let mut publisher = ring.publisher().unwrap();
    let mut subscriber = ring.subscribe();
    publish(&mut publisher, 1);
    let (mut publisher, mut first) = (Some(publisher), Some(subscriber.recv().unwrap()));
    fork(|| {
        let mut publisher = publisher.take().unwrap();
        assert_eq!(publisher.loan().unwrap_err().kind(), ErrorKind::Busy);
        drop((publisher, first.take()));
        let mut own = ring.subscribe();
        assert_eq!(word_in(&own.recv().unwrap()), 1);
    })
    .pass();
    assert_eq!(ring.publisher().unwrap_err().kind(), ErrorKind::Busy);
    for word in 2..10 {
        publish(publisher.as_mut().unwrap(), word);
    }
    assert_eq!(word_in(first.as_ref().unwrap()), 1);
}

#[test]
fn the_copy_of_a_loan_that_a_child_publishes_is_no_frame() {
    let ring = ring(3);
    let mut publisher = ring.publisher().unwrap();
    let mut loan = Some(publisher.loan().unwrap());
    fork(|| {
        let seq = loan.take().unwrap().publish(FrameMeta::new());
        assert_eq!(seq, 0);
    })
    .pass();
    assert_eq!(ring.published(), 0);
    let mut loan = loan.unwrap();
    loan.fill(5);
    assert_eq!(loan.publish(FrameMeta::new().source_seq(5)), 1);
    assert_eq!(word_in(&ring.subscribe().recv().unwrap()), 5);
}

#[test]
fn observers_receive_whole_copies_and_take_no_slot() {
    let ring = ring(2);
    let mut publisher = ring.publisher().unwrap();
    let observed = Ring1::<u64>::options().access(Access::Observe).open(ring.name()).unwrap();
    let mut observer: Subscriber<u64, Ix1> = observed.subscribe();
    thread::scope(|scope| {
        let frames = scope.spawn(move || {
            let mut last = 0;
            for _ in 0..1000 {
                let frame = observer.recv_timeout(DEADLINE).unwrap();
                word_in(&frame);
                assert!(frame.seq() > last);
                last = frame.seq();
            }
            assert_eq!(observer.received() + observer.missed(), last);
        });
        for word in 1.. {
            publish(&mut publisher, word);
            if frames.is_finished() {
                break;
            }
        }
        frames.join().unwrap();
    });
    assert_eq!(ring.segment().participants().unwrap().len(), 1);
    assert_eq!(observed.publisher().unwrap_err().kind(), ErrorKind::ReadOnly);
}

#[test]
fn frames_from_before_a_restart_are_forgotten_and_their_numbers_are_not() {
    // What lies in memory is not there after a restart.
    let Some(file) = FreeFile::on_disk() else { return };
    let options = Ring1::<u64>::options().slots(3).lifetime(Lifetime::Persistent);
    fork(|| {
        let ring = options.create(file.path(), LEN).unwrap();
        let mut publisher = ring.publisher().unwrap();
        publish(&mut publisher, 1);
        publish(&mut publisher, 2);
        std::mem::forget(ring.subscribe().recv().unwrap());
    })
    .pass();
    let data = File::options().read(true).write(true).open(file.path()).unwrap();
    let state = state_offset(&Segment::open(file.path()).unwrap(), &data);
    data.write_all_at(&[7; 16], state + 24).unwrap();

    let ring = options.open(file.path()).unwrap();
    let mut subscriber = ring.subscribe();
    assert!(subscriber.try_recv().unwrap().is_none());
    assert!(subscriber.latest().unwrap().is_none());
    let mut publisher = ring.publisher().unwrap();
    assert!(subscriber.try_recv().unwrap().is_none());
    assert_eq!(publish(&mut publisher, 9), 3);
    let frame = subscriber.recv().unwrap();
    assert_eq!((word_in(&frame), frame.missed()), (9, 0));
}

#[test]
fn rings_have_every_home() {
    let file = FreeFile::in_memory();
    let filed = Ring1::<u64>::create(file.path(), LEN).unwrap();
    let nameless = Ring1::<u64>::create_anonymous(LEN).unwrap();
    for ring in [filed, nameless] {
        let text = ring.handle().to_string();
        fork(|| {
            let same = Ring1::<u64>::open_handle(&text.parse().unwrap()).unwrap();
            publish(&mut same.publisher().unwrap(), 7);
        })
        .pass();
        assert_eq!(word_in(&ring.subscribe().recv().unwrap()), 7);
    }
}

#[test]
fn a_ring_is_told_from_everything_else() {
    let ring = Ring3::<u8>::create_unique("it-ring-", (4, 5, 3)).unwrap();
    let info = ring.segment().info().unwrap();
    assert_eq!((info.kind(), info.shape()), (Kind::Ring, &[8][..]));
    let name = ring.name();
    assert_eq!(Ring2::<[u8; 3]>::open(name).unwrap().shape(), [4, 5]);
    let kind = |error: ndshm::Error| error.kind();
    assert_eq!(kind(Ring3::<i8>::open(name).unwrap_err()), ErrorKind::DtypeMismatch);
    assert_eq!(kind(Ring2::<u8>::open(name).unwrap_err()), ErrorKind::RankMismatch);
    assert_eq!(kind(Ring2::<[u8; 4]>::open(name).unwrap_err()), ErrorKind::ShapeMismatch);
    assert_eq!(kind(Array1::<u8>::open(name).unwrap_err()), ErrorKind::KindMismatch);
    assert_eq!(kind(AnySnapshot::of(ring.segment()).unwrap_err()), ErrorKind::KindMismatch);
    let other = Ring3::<u8>::open_or_create(name, (4, 5, 4)).unwrap_err();
    assert_eq!(kind(other), ErrorKind::ShapeMismatch);
    let array = Array1::<u8>::create_unique("it-ring-", 10).unwrap();
    assert_eq!(kind(Ring1::<u8>::open(array.name()).unwrap_err()), ErrorKind::KindMismatch);
}

#[test]
fn what_no_ring_can_have_is_an_error() {
    let refused = |ring: ndshm::Result<Ring2<u8>>| ring.unwrap_err().kind();
    let options = || Ring2::<u8>::options();
    for options in [options().slots(1), options().slots(1025), options().leases(0)] {
        assert_eq!(refused(options.create_unique("it-ring-", (4, 4))), ErrorKind::InvalidArgument);
    }
    assert_eq!(refused(options().create_unique("it-ring-", (4, 0))), ErrorKind::InvalidArgument);
    let huge = options().create_unique("it-ring-", (1 << 20, 1 << 20));
    // More than a ring may have, or than there are addresses.
    let wide = usize::BITS == 64;
    let expected = if wide { ErrorKind::InvalidArgument } else { ErrorKind::SizeOverflow };
    assert_eq!(refused(huge), expected);
    let beyond = options().create_unique("it-ring-", (usize::MAX, 2));
    assert_eq!(refused(beyond), ErrorKind::SizeOverflow);
    let ring = options().create_unique("it-ring-", (4, 4)).unwrap();
    let other = ndarray::Array2::zeros((4, 5));
    let error = ring.publisher().unwrap().publish_from(&other, FrameMeta::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShapeMismatch);
}

#[test]
fn words_that_cannot_be_true_are_no_panic() {
    let ring = ring(3);
    let (file, words) = words_of(&ring);
    for lie in [u64::MAX, u64::MAX - 1, 1 << 63] {
        for offset in [0, 64, 72, 80] {
            file.write_all_at(&lie.to_le_bytes(), words + offset).unwrap();
            let mut subscriber = ring.subscribe();
            let _ = subscriber.try_recv().unwrap();
            let _ = subscriber.latest().unwrap();
            let _ = subscriber.nearest(7).unwrap();
            let mut publisher = ring.publisher().unwrap();
            for _ in 0..4 {
                let _ = publisher.loan().map(|frame| frame.publish(FrameMeta::new()));
            }
        }
    }
    assert_ne!(ring.published(), 0, "the right words were written");
}

#[test]
fn counts_over_rings_whose_numbers_cannot_be_true_are_no_panic() {
    let name = crate::support::FreeName::new();
    let options = Ring1::<u64>::options().slots(2);
    let old = options.create_or_replace(name.as_str(), LEN).unwrap();
    let mut subscriber = old.subscribe();
    let (file, words) = words_of(&old);
    file.write_all_at(&u64::MAX.to_le_bytes(), words + 72).unwrap();
    let _ = subscriber.latest().unwrap().expect("a lie");
    let new = options.create_or_replace(name.as_str(), LEN).unwrap();
    let mut publisher = new.publisher().unwrap();
    for word in 1..=4 {
        publish(&mut publisher, word);
    }
    subscriber.reopen().unwrap();
    let frame = subscriber.recv().unwrap();
    assert_eq!((word_in(&frame), frame.missed()), (3, 2));
    assert_eq!((subscriber.received(), subscriber.missed()), (2, u64::MAX));
}

/// The file of a ring of 64 participants with one stripe, and where its words are in it.
fn words_of(ring: &Ring1<u64>) -> (File, u64) {
    let file = File::options().read(true).write(true).open(ring.segment().path()).unwrap();
    let words = state_offset(ring.segment(), &file) + 64 + 64 * 32 + 64 + 64 * 64;
    (file, words)
}

/// Where the state line of a segment is in its file.
fn state_offset(segment: &Segment, file: &File) -> u64 {
    let control = segment.info().unwrap().control_offset() as u64;
    let mut head_len = [0; 4];
    file.read_exact_at(&mut head_len, control + 16).unwrap();
    control + u64::from(u32::from_le_bytes(head_len))
}

#[test]
fn an_observed_frame_is_copied_to_its_last_byte() {
    for len in 1..=17 {
        let ring = Ring1::<u8>::create_unique("it-ring-", len).unwrap();
        let frame = ndarray::Array1::from_iter((1..).take(len));
        ring.publisher().unwrap().publish_from(&frame, FrameMeta::new()).unwrap();
        let observed = Ring1::<u8>::options().access(Access::Observe).open(ring.name()).unwrap();
        assert_eq!(observed.subscribe().recv().unwrap().view(), frame);
    }
}
