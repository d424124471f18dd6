//! Rings: frames are whole, numbers go on, and the dead keep neither the right to publish nor a slot.

use std::thread;

use ndarray::Ix1;
use ndshm::{Access, ErrorKind, FrameMeta, Lease, Ring1};

use crate::Run;
use crate::Scenario;
use crate::mortal::{DEADLINE, End, Mortal, exists, listen, say, somebody_waits_for_changes, wait};

/// A frame of more than a page.
const LEN: usize = 1000;

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario { name: "publish a frame", act: publish, play: publish_after_another_died },
        Scenario { name: "publish where the dead lease", act: publish, play: publish_in_last_slot },
        Scenario { name: "drop a frame", act: drop_frame, play: drop_where_all_is_leased },
        Scenario { name: "receive frames", act: receive, play: receive_beside_a_publisher },
        Scenario { name: "observe frames", act: observe, play: receive_beside_a_publisher },
    ]
}

fn publish(name: &str) {
    let ring = Ring1::<u64>::open(name).unwrap();
    say("ready");
    listen();
    publish_in(&ring, 7);
    say("published");
}

fn drop_frame(name: &str) {
    let ring = Ring1::<u64>::open(name).unwrap();
    let error = ring.publisher_timeout(DEADLINE).unwrap().loan().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    say("dropped");
}

fn receive(name: &str) {
    receive_with(Access::Read, name);
}

fn observe(name: &str) {
    receive_with(Access::Observe, name);
}

fn receive_with(access: Access, name: &str) {
    let mut subscriber = Ring1::<u64>::options().access(access).open(name).unwrap().subscribe();
    say("ready");
    let first = subscriber.recv_timeout(DEADLINE).unwrap();
    say("received");
    listen();
    let second = subscriber.recv_timeout(DEADLINE).unwrap();
    assert!(word_in(&first) < word_in(&second));
}

fn publish_in(ring: &Ring1<u64>, word: u64) -> u64 {
    let mut publisher = ring.publisher_timeout(DEADLINE).unwrap();
    let mut frame = publisher.loan().unwrap();
    frame.fill(word);
    frame.publish(FrameMeta::new().source_seq(word))
}

fn word_in(frame: &Lease<u64, Ix1>) -> u64 {
    let word = frame.meta().source_seq;
    assert!(frame.iter().all(|&other| other == word), "frame {} is torn", frame.seq());
    word
}

fn ring(slots: u32) -> Ring1<u64> {
    Ring1::options().slots(slots).create_unique("steps-ring-", LEN).unwrap()
}

fn publish_after_another_died(run: &Run) -> End {
    let ring = ring(4);
    publish_in(&ring, 1);
    let mut first = Mortal::start(run.scenario, ring.name(), Some("publish: frame numbered"));
    first.go_on();
    assert!(first.end().died_at.is_some());
    assert_eq!(ring.published(), 1, "its frame has a number and is not shown");
    let mut mortal = run.start(ring.name());
    let end = thread::scope(|scope| {
        let mut subscriber = ring.subscribe();
        assert_eq!(word_in(&subscriber.latest().unwrap().unwrap()), 7);
        let waiter = scope.spawn(move || {
            word_in(&wait("a frame comes", |patience| subscriber.recv_timeout(patience)))
        });
        mortal.until("another waits", || somebody_waits_for_changes(ring.segment()));
        mortal.go_on();
        let end = mortal.end();
        let published = ring.published();
        assert!(published == 3 || !end.has_said("published"), "{published}");
        let last = publish_in(&ring, 9);
        assert!(last == 3 || last == 4, "{last}");
        assert!([7, 9].contains(&waiter.join().unwrap()));
        assert_eq!((ring.published(), ring.dropped()), (last, 0));
        end
    });
    assert_eq!(word_in(&ring.subscribe().recv().unwrap()), 9);
    gone(ring);
    end
}

fn publish_in_last_slot(run: &Run) -> End {
    let ring = ring(2);
    publish_in(&ring, 1);
    let mut dead = Mortal::start("receive frames", ring.name(), None);
    assert!(dead.says("received"));
    publish_in(&ring, 2);
    let held = ring.subscribe().recv().unwrap();
    dead.kill();
    let mut mortal = run.start(ring.name());
    mortal.go_on();
    let end = mortal.end();
    assert_eq!(publish_in(&ring, 9), ring.published());
    assert_eq!((word_in(&held), ring.dropped()), (2, 0));
    drop(held);
    gone(ring);
    end
}

fn drop_where_all_is_leased(run: &Run) -> End {
    let ring = ring(2);
    let mut subscriber = ring.subscribe();
    let held = [1, 2].map(|word| {
        publish_in(&ring, word);
        subscriber.recv().unwrap()
    });
    let end = run.start(ring.name()).end();
    let dropped = ring.dropped();
    assert!(dropped == 1 || dropped == 0 && !end.has_said("dropped"), "{dropped}");
    assert_eq!((held.each_ref().map(word_in), ring.published()), ([1, 2], 2));
    drop(held);
    publish_in(&ring, 9);
    let frame = subscriber.recv().unwrap();
    assert_eq!((word_in(&frame), frame.meta().dropped), (9, dropped));
    drop((frame, subscriber));
    gone(ring);
    end
}

fn receive_beside_a_publisher(run: &Run) -> End {
    let ring = ring(3);
    let mut mortal = run.start(ring.name());
    if mortal.says("ready") {
        publish_in(&ring, 1);
        if mortal.says("received") {
            for word in 2..10 {
                publish_in(&ring, word);
            }
            mortal.go_on();
        }
    }
    let end = mortal.end();
    let mut subscriber = ring.subscribe();
    // Two slots leased here: the third must not be the dead one's.
    let mut held = Vec::new();
    for word in 20..22 {
        publish_in(&ring, word);
        held.extend(subscriber.latest().unwrap());
    }
    for word in 30..32 {
        publish_in(&ring, word);
    }
    assert_eq!(held.iter().map(word_in).collect::<Vec<_>>(), [20, 21]);
    assert_eq!(ring.dropped(), 0);
    drop((held, subscriber));
    gone(ring);
    end
}

/// Drops the creator's handle, with which the name goes.
fn gone(ring: Ring1<u64>) {
    let name = ring.name().to_owned();
    drop(ring);
    assert!(!exists(&name), "{name} is left");
}
