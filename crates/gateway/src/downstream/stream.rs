//! The octets of a connection: what is read in large pieces, and what waits to be written.

use std::io;

use wire::Millis;
use wire::session::{Protocol, Session};

use crate::socket::Socket;

/// What one read takes at most: some 280 submits.
const READ_OCTETS: usize = 64 * 1024;
/// Until somebody has logged in.
const GREETING_OCTETS: usize = 512;

/// A socket with its buffers.
pub(super) struct Wire {
    socket: Socket,
    input: Vec<u8>,
    out: Vec<u8>,
    written: usize,
}

impl Wire {
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, input: vec![0; GREETING_OCTETS], out: Vec::new(), written: 0 }
    }

    /// Somebody is in: reads may be large.
    pub(super) fn widen(&mut self) {
        self.input.resize(READ_OCTETS, 0);
    }

    pub(super) fn wants_to_write(&self) -> bool {
        self.written < self.out.len()
    }

    /// Returns whether something may be read.
    pub(super) async fn ready(&self) -> bool {
        self.socket.ready(self.wants_to_write()).await.is_ok_and(|readable| readable)
    }

    /// Reads what is there.
    pub(super) fn read<P: Protocol>(&mut self, session: &mut Session<P>, now: Millis) {
        match self.socket.try_read(&mut self.input) {
            Ok(0) => session.close(),
            Ok(octets) => session.feed(now, &self.input[..octets]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => session.close(),
        }
    }

    /// Writes what can be written without waiting.
    pub(super) fn write<P: Protocol>(&mut self, session: &mut Session<P>) {
        if self.socket.push().is_err() {
            return session.close();
        }
        // The session counts what waits in it: it is emptied only into an empty buffer, so that a peer that does not
        // read is noticed.
        if !self.wants_to_write() {
            self.out.clear();
            self.written = 0;
            session.take_output(&mut self.out);
        }
        while self.wants_to_write() {
            match self.socket.try_write(&self.out[self.written..]) {
                Ok(octets) => self.written += octets,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => return session.close(),
            }
        }
        if !session.output().is_empty() {
            self.write(session);
        }
    }

    /// The last octets.
    pub(super) async fn flush<P: Protocol>(&mut self, session: &mut Session<P>) {
        loop {
            self.write(session);
            if !self.wants_to_write() && !self.socket.owes() {
                return self.socket.bid_farewell();
            }
            if self.socket.writable().await.is_err() {
                return;
            }
        }
    }
}
