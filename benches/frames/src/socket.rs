//! A Unix stream socket to each receiver.

use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::form::Form;
use crate::transport::{Receiver, Sender, Transport};

pub enum Sockets {
    /// Where receivers call, and the name they call.
    Here(UnixListener, String, Form),
    /// One to read from.
    There(UnixStream, Form),
}

impl Transport for Sockets {
    type Sender = SocketSender;
    type Receiver = SocketReceiver;

    fn create(form: Form) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ndshm-bench-{}-{}", process::id(), COUNT.fetch_add(1, Relaxed));
        let listener = UnixListener::bind_addr(&address_of(&name)).expect("a name of ours");
        Self::Here(listener, name, form)
    }

    fn address(&self, _process: usize) -> String {
        let Self::Here(_, name, _) = self else { panic!("it was made elsewhere") };
        name.clone()
    }

    fn open(address: &str, form: Form) -> Self {
        let stream = UnixStream::connect_addr(&address_of(address));
        Self::There(stream.expect("its maker lives"), form)
    }

    /// All receivers have called by now.
    fn into_sender(self) -> SocketSender {
        let Self::Here(listener, _, form) = self else { panic!("it was made elsewhere") };
        let accept = |_| listener.accept().expect("a receiver called").0;
        let streams = (0..form.receivers).map(accept).collect();
        SocketSender { streams, frame: vec![0; form.frame_len] }
    }

    fn into_receiver(self) -> SocketReceiver {
        let Self::There(stream, form) = self else { panic!("it was made here") };
        SocketReceiver { stream, frame: vec![0; form.frame_len] }
    }
}

/// In the abstract namespace, where nothing is left behind.
fn address_of(name: &str) -> SocketAddr {
    SocketAddr::from_abstract_name(name).expect("it is short")
}

pub struct SocketSender {
    streams: Vec<UnixStream>,
    frame: Vec<u8>,
}

impl Sender for SocketSender {
    fn send(&mut self, write: impl FnOnce(&mut [u8])) {
        write(&mut self.frame);
        for stream in &mut self.streams {
            stream.write_all(&self.frame).expect("the receiver lives");
        }
    }
}

pub struct SocketReceiver {
    stream: UnixStream,
    frame: Vec<u8>,
}

impl Receiver for SocketReceiver {
    fn receive(&mut self, read: impl FnOnce(&[u8])) {
        self.stream.read_exact(&mut self.frame).expect("the sender lives");
        read(&self.frame);
    }
}
