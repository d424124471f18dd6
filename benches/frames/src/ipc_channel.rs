//! A channel of `ipc-channel` to each receiver. Frames go as [`IpcSharedMemory`], one object for all
//! receivers, which is what that crate has for large ones.

use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender, IpcSharedMemory};

use crate::form::Form;
use crate::transport::{Receiver, Sender, Transport};

type Server = IpcOneShotServer<IpcSender<IpcSharedMemory>>;

pub enum IpcChannels {
    /// Where each receiver calls, and the name it calls.
    Here(Vec<(Server, String)>, Form),
    There(IpcReceiver<IpcSharedMemory>),
}

impl Transport for IpcChannels {
    type Sender = IpcChannelSender;
    type Receiver = IpcReceiver<IpcSharedMemory>;

    fn create(form: Form) -> Self {
        let server = |_| Server::new().expect("a server");
        Self::Here((0..form.receivers).map(server).collect(), form)
    }

    fn address(&self, process: usize) -> String {
        let Self::Here(servers, _) = self else { panic!("it was made elsewhere") };
        servers[process].1.clone()
    }

    fn open(address: &str, _form: Form) -> Self {
        let (sender, receiver) = ipc::channel().expect("a channel");
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

    fn into_receiver(self) -> IpcReceiver<IpcSharedMemory> {
        let Self::There(receiver) = self else { panic!("it was made here") };
        receiver
    }
}

pub struct IpcChannelSender {
    channels: Vec<IpcSender<IpcSharedMemory>>,
    frame: Vec<u8>,
}

impl Sender for IpcChannelSender {
    fn send(&mut self, write: impl FnOnce(&mut [u8])) {
        write(&mut self.frame);
        let shared = IpcSharedMemory::from_bytes(&self.frame);
        for channel in &self.channels {
            channel.send(shared.clone()).expect("the receiver lives");
        }
    }
}

impl Receiver for IpcReceiver<IpcSharedMemory> {
    fn receive(&mut self, read: impl FnOnce(&[u8])) {
        read(&self.recv().expect("the sender lives"));
    }
}
