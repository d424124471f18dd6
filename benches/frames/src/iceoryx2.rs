//! Publish and subscribe of iceoryx2, and an event of its for those who sleep.
//!
//! # Safety
//!
//! Frames lie in memory that the kernel zeroed before anybody had it, so that their bytes are something
//! whether they were written or not.
#![allow(unsafe_code)]

use std::env;
use std::fs;
use std::hint;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::service::port_factory::{event, publish_subscribe};

use crate::form::{Form, Waiting};
use crate::transport::{Receiver, Sender, Transport};

/// Where frames begin, as they do in our rings.
const PAGE: usize = 4096;

/// How often a receiver looks before it sleeps, if it does both.
const LOOKS: u32 = 200;

/// A service for frames, and one that wakes who waits for them.
pub struct Iceoryx2 {
    /// The directory.
    address: String,
    form: Form,
    frames: publish_subscribe::PortFactory<ipc::Service, [u8], ()>,
    news: event::PortFactory<ipc::Service>,
    _directory: Option<Directory>,
}

/// Where iceoryx2 keeps its files. It leaves directories behind, and an object in shared memory.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        let prefix = prefix_of(&self.0);
        for object in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
            if object.file_name().as_bytes().starts_with(prefix.as_bytes()) {
                let _ = fs::remove_file(object.path());
            }
        }
    }
}

/// How the names of its objects in shared memory begin.
fn prefix_of(directory: &std::path::Path) -> FileName {
    let name = directory.file_name().expect("it has a name").as_bytes();
    FileName::new(&[name, b"_"].concat()).expect("a short name")
}

impl Transport for Iceoryx2 {
    type Sender = Iceoryx2Sender;
    type Receiver = Iceoryx2Receiver;

    fn create(form: Form) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ndshm-bench-{}-{}", process::id(), COUNT.fetch_add(1, Relaxed));
        let directory = env::temp_dir().join(&name);
        let address = directory.to_str().expect("the temporary directory is spelled in UTF-8");
        Self { _directory: Some(Directory(directory.clone())), ..Self::open(address, form) }
    }

    fn address(&self, _process: usize) -> String {
        self.address.clone()
    }

    fn open(address: &str, form: Form) -> Self {
        set_log_level(LogLevel::Error);
        let mut config = Config::default();
        config.global.set_root_path(&Path::new(address.as_bytes()).expect("a path"));
        config.global.prefix = prefix_of(address.as_ref());
        let node = NodeBuilder::new()
            .config(&config)
            .signal_handling_mode(SignalHandlingMode::Disabled)
            .create::<ipc::Service>()
            .expect("a node");
        let name = "frames".try_into().expect("a name");
        let frames = node
            .service_builder(&name)
            .publish_subscribe::<[u8]>()
            .payload_alignment(Alignment::new(PAGE).expect("a power of two"))
            .enable_safe_overflow(false)
            .max_publishers(1)
            .max_subscribers(form.receivers as usize)
            .subscriber_max_buffer_size(form.frames as usize)
            .subscriber_max_borrowed_samples(1)
            .open_or_create()
            .expect("a service");
        let news = node.service_builder(&name).event().open_or_create().expect("a service");
        Self { address: address.into(), form, frames, news, _directory: None }
    }

    fn into_sender(self) -> Iceoryx2Sender {
        let publisher = self.frames.publisher_builder();
        let publisher = publisher.initial_max_slice_len(self.form.frame_len).max_loaned_samples(1);
        let notifier = self.news.notifier_builder();
        Iceoryx2Sender {
            publisher: publisher.create().expect("nobody else publishes"),
            notifier: notifier.create().expect("nobody else notifies"),
            service: self,
        }
    }

    fn into_receiver(self) -> Iceoryx2Receiver {
        Iceoryx2Receiver {
            subscriber: self.frames.subscriber_builder().create().expect("one of few"),
            listener: self.news.listener_builder().create().expect("one of few"),
            service: self,
        }
    }
}

pub struct Iceoryx2Sender {
    publisher: Publisher<ipc::Service, [u8], ()>,
    notifier: Notifier<ipc::Service>,
    service: Iceoryx2,
}

impl Sender for Iceoryx2Sender {
    fn send(&mut self, write: impl FnOnce(&mut [u8])) {
        let Form { frame_len, waiting, .. } = self.service.form;
        let frame = self.publisher.loan_slice_uninit(frame_len).expect("room for it");
        // SAFETY: see the head of this file.
        let mut frame = unsafe { frame.assume_init() };
        write(frame.payload_mut());
        frame.send().expect("receivers live");
        if waiting != Waiting::Spin {
            self.notifier.notify().expect("receivers live");
        }
    }
}

pub struct Iceoryx2Receiver {
    subscriber: Subscriber<ipc::Service, [u8], ()>,
    listener: Listener<ipc::Service>,
    service: Iceoryx2,
}

impl Receiver for Iceoryx2Receiver {
    fn receive(&mut self, read: impl FnOnce(&[u8])) {
        let mut looks = 0;
        let frame = loop {
            if let Some(frame) = self.subscriber.receive().expect("the sender lives") {
                break frame;
            }
            let sleeps = match self.service.form.waiting {
                Waiting::Spin => false,
                Waiting::SpinThenSleep => looks == LOOKS,
                Waiting::Sleep => true,
            };
            if sleeps {
                self.listener.blocking_wait(|_| ()).expect("the sender lives");
            } else {
                looks = LOOKS.min(looks + 1);
                hint::spin_loop();
            }
        };
        read(frame.payload());
    }
}
