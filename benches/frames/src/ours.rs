//! A ring of `ndshm`.

use ndarray::Ix1;
use ndshm::{FrameMeta, Publisher, Ring1, Subscriber};

use crate::form::{Form, Waiting};
use crate::transport::{Receiver, Sender, Transport};

pub struct Ours {
    ring: Ring1<u8>,
    waiting: Waiting,
}

impl Transport for Ours {
    type Sender = OursSender;
    type Receiver = OursReceiver;

    fn create(form: Form) -> Self {
        let options = Ring1::options().slots(form.frames).leases(1);
        let ring = options.create_unique("bench-frames-", form.frame_len).expect("room for it");
        Self { ring, waiting: form.waiting }
    }

    fn address(&self, _process: usize) -> String {
        self.ring.name().into()
    }

    fn open(address: &str, form: Form) -> Self {
        Self { ring: Ring1::open(address).expect("its maker lives"), waiting: form.waiting }
    }

    fn into_sender(self) -> OursSender {
        OursSender { publisher: self.ring.publisher().expect("nobody else publishes") }
    }

    fn into_receiver(self) -> OursReceiver {
        let waiting = match self.waiting {
            Waiting::Spin => ndshm::Waiting::Spin,
            Waiting::SpinThenSleep => ndshm::Waiting::SpinThenSleep,
            Waiting::Sleep => ndshm::Waiting::Sleep,
        };
        OursReceiver { subscriber: self.ring.subscribe().waiting(waiting) }
    }
}

pub struct OursSender {
    publisher: Publisher<u8, Ix1>,
}

impl Sender for OursSender {
    fn send(&mut self, write: impl FnOnce(&mut [u8])) {
        let mut frame = self.publisher.loan().expect("a slot is free");
        write(frame.as_slice_mut().expect("one axis is contiguous"));
        frame.publish(FrameMeta::new());
    }
}

pub struct OursReceiver {
    subscriber: Subscriber<u8, Ix1>,
}

impl Receiver for OursReceiver {
    fn receive(&mut self, read: impl FnOnce(&[u8])) {
        let frame = self.subscriber.recv().expect("the sender lives");
        assert_eq!(frame.missed(), 0);
        read(frame.as_slice().expect("one axis is contiguous"));
    }
}
