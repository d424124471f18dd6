//! Workers that publish and receive frames, each in turn.

use std::collections::VecDeque;
use std::time::Duration;

use ndarray::Ix1;
use ndshm::{ErrorKind, FrameMeta, Lease, Publisher, Result, Ring1, Subscriber};

use super::{Board, Random, WORKERS, rage};
use crate::support::{DEADLINE, FreeName};

/// Words of a frame.
const LEN: usize = 2000;

/// How many frames a worker holds and receives at once.
const LEASES: u32 = 2;

#[test]
fn no_storm_of_kills_tears_a_frame() {
    let name = FreeName::new();
    let board = Board::create(name.as_str());
    // The test itself is no subscriber before the storm is over.
    let slots = u32::try_from(WORKERS).unwrap() * LEASES + 2;
    let options = Ring1::<u64>::options().slots(slots).leases(LEASES);
    let ring = options.create(&format!("{}-ring", name.as_str()), LEN).unwrap();

    let figures = rage("rings", &board, name.as_str());

    assert_eq!(ring.dropped(), 0, "so many slots are always enough");
    let mut publisher = ring.publisher_timeout(DEADLINE).unwrap();
    let newest = ring.published();
    publisher.loan().unwrap().publish(FrameMeta::new());
    assert_eq!(ring.subscribe().recv().unwrap().seq(), newest + 1);
    drop((publisher, ring, board));
    figures.check(&name);
}

struct Worker {
    board: Board,
    ring: Ring1<u64>,
    subscriber: Subscriber<u64, Ix1>,
    held: VecDeque<Lease<u64, Ix1>>,
    last: u64,
    random: Random,
}

pub(super) fn work(name: &str) {
    let ring = Ring1::<u64>::open(&format!("{name}-ring")).unwrap();
    let (board, subscriber) = (Board::open(name), ring.subscribe());
    let (held, random) = (VecDeque::new(), Random::new());
    let mut worker = Worker { board: Board::open(name), ring, subscriber, held, last: 0, random };
    board.turns(|| {
        if let Err(error) = worker.publish().and_then(|()| worker.receive()) {
            worker.board.claim(false, &error.to_string());
        }
    });
}

impl Worker {
    fn publish(&mut self) -> Result<()> {
        let mut publisher = match self.ring.publisher() {
            Err(error) if error.kind() == ErrorKind::Busy && self.random.below(2) == 0 => {
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::Busy => {
                self.board.timed(|| self.ring.publisher_timeout(DEADLINE))?
            }
            became => became?,
        };
        for _ in 0..=self.random.below(4) {
            self.publish_one(&mut publisher)?;
        }
        Ok(())
    }

    fn publish_one(&mut self, publisher: &mut Publisher<u64, Ix1>) -> Result<()> {
        let word = self.random.next();
        let newest = self.ring.published();
        let mut frame = publisher.loan()?;
        frame.fill(word);
        if self.random.below(8) > 0 {
            let seq = frame.publish(FrameMeta::new().source_seq(word));
            self.board.claim(seq == newest + 1, "numbers have no gaps and none comes twice");
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<()> {
        let received = match self.random.below(3) {
            0 => self.subscriber.try_recv()?,
            1 => self.subscriber.latest()?,
            _ => match self.subscriber.recv_timeout(Duration::from_millis(2)) {
                Err(error) if error.kind() == ErrorKind::Timeout => None,
                received => Some(received?),
            },
        };
        if let Some(frame) = received {
            self.claim_whole(&frame);
            self.board.claim(frame.seq() >= self.last, "frames come in order");
            self.last = frame.seq();
            self.held.push_back(frame);
        }
        if self.held.len() == LEASES as usize
            && let Some(frame) = self.held.pop_front()
        {
            self.claim_whole(&frame);
        }
        Ok(())
    }

    fn claim_whole(&self, frame: &Lease<u64, Ix1>) {
        let word = frame.meta().source_seq;
        self.board.claim(frame.iter().all(|&other| other == word), "a frame is whole");
    }
}
