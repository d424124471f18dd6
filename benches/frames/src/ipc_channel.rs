//! A channel of bytes, of `ipc-channel`, to each receiver. The crate's `IpcSharedMemory`, a new object
//! for each frame, has each page faulted in by sender and receivers anew, and took several times as long.

use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcSender};

use crate::form::Form;
use crate::transport::{Receiver, Sender, Transport};

type Server = IpcOneShotServer<IpcBytesSender>;

pub enum IpcChannels {
    /// Where each receiver calls, and the name it calls.
    Here(Vec<(Server, String)>, Form),
    There(IpcBytesReceiver),
}

impl Transport for IpcChannels {
    type Sender = IpcChannelSender;
    type Receiver = IpcBytesReceiver;

    fn create(form: Form) -> Self {
        let server = |_| Server::new().expect("a server");
        Self::Here((0..form.receivers).map(server).collect(), form)
    }

    fn address(&self, process: usize) -> String {
        let Self::Here(servers, _) = self else { panic!("it was made elsewhere") };
        servers[process].1.clone()
    }

    fn open(address: &str, _form: Form) -> Self {
        let (sender, receiver) = ipc::bytes_channel().expect("a channel");
        let server = IpcSender::connect(address.into()).expect("its maker lives");
        server.send(sender).expect("its maker lives");
        Self::There(receiver)
    }

    /// All receivers have called by now.
    fn into_sender(self) -> IpcChannelSender {
        let Self::Here(servers, form) = self else { panic!("it was made elsewhere") };
        let accept = |(server, _): (Server, _)| server.accept().expect("a receiver called").1;
        let channels = servers.into_iter().map(accept).collect();
        IpcChannelSender { channels, frame: vec![0; form.frame_len] }
    }

    fn into_receiver(self) -> IpcBytesReceiver {
        let Self::There(receiver) = self else { panic!("it was made here") };
        receiver
    }
}

pub struct IpcChannelSender {
    channels: Vec<IpcBytesSender>,
    frame: Vec<u8>,
}

impl Sender for IpcChannelSender {
    fn send(&mut self, write: impl FnOnce(&mut [u8])) {
        write(&mut self.frame);
        for channel in &self.channels {
            channel.send(&self.frame).expect("the receiver lives");
        }
    }
}

impl Receiver for IpcBytesReceiver {
    fn receive(&mut self, read: impl FnOnce(&[u8])) {
        read(&self.recv().expect("the sender lives"));
    }
}
