//! A pipe to each receiver, of 1 MiB, which is the most that a user may ask for by default.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::process;

use crate::form::Form;
use crate::transport::{Receiver, Sender, Transport};

pub enum Pipes {
    /// Both ends of each.
    Here(Vec<(PipeReader, PipeWriter)>, Form),
    /// One to read from.
    There(File, Form),
}

impl Transport for Pipes {
    type Sender = PipeSender;
    type Receiver = PipeReceiver;

    fn create(form: Form) -> Self {
        let pipe = |_| {
            let ends = std::io::pipe().expect("a pipe");
            rustix::pipe::fcntl_setpipe_size(&ends.1, 1 << 20).expect("anybody may have that");
            ends
        };
        Self::Here((0..form.receivers).map(pipe).collect(), form)
    }

    fn address(&self, process: usize) -> String {
        let Self::Here(pipes, _) = self else { panic!("it was made elsewhere") };
        format!("/proc/{}/fd/{}", process::id(), pipes[process].0.as_raw_fd())
    }

    fn open(address: &str, form: Form) -> Self {
        Self::There(File::open(address).expect("its maker lives"), form)
    }

    fn into_sender(self) -> PipeSender {
        let Self::Here(pipes, form) = self else { panic!("it was made elsewhere") };
        let writers = pipes.into_iter().map(|(_, writer)| writer).collect();
        PipeSender { writers, frame: vec![0; form.frame_len] }
    }

    fn into_receiver(self) -> PipeReceiver {
        let Self::There(reader, form) = self else { panic!("it was made here") };
        PipeReceiver { reader, frame: vec![0; form.frame_len] }
    }
}

pub struct PipeSender {
    writers: Vec<PipeWriter>,
    frame: Vec<u8>,
}

impl Sender for PipeSender {
    fn send(&mut self, write: impl FnOnce(&mut [u8])) {
        write(&mut self.frame);
        for writer in &mut self.writers {
            writer.write_all(&self.frame).expect("the receiver lives");
        }
    }
}

pub struct PipeReceiver {
    reader: File,
    frame: Vec<u8>,
}

impl Receiver for PipeReceiver {
    fn receive(&mut self, read: impl FnOnce(&[u8])) {
        self.reader.read_exact(&mut self.frame).expect("the sender lives");
        read(&self.frame);
    }
}
