//! A connection's socket, enciphered or not: read and written without waiting, as sessions without I/O need it.

use std::io::{self, Read as _, Write as _};

use rustls::Connection as Cipher;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// A socket, with TLS over it or none. What rustls buffers is bounded by its own limits (64 KiB of output, one record of
/// input beyond what is read).
pub(crate) struct Socket {
    tcp: TcpStream,
    tls: Option<Box<Cipher>>,
    /// The last read had no room for everything that was deciphered.
    more: bool,
}

/// Reads and writes what can be at once.
struct AtOnce<'a>(&'a TcpStream);

impl io::Read for AtOnce<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl io::Write for AtOnce<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.try_write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn must_wait(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

impl Socket {
    /// Small PDUs do not wait for company, where the system allows it.
    pub(crate) fn new(tcp: TcpStream, tls: Option<Cipher>) -> Self {
        let _best_effort = tcp.set_nodelay(true);
        Self { tcp, tls: tls.map(Box::new), more: false }
    }

    /// Waits until something may be read, or written where there is something to write. Returns whether it may be read.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) async fn ready(&self, writes: bool) -> io::Result<bool> {
        if self.more {
            return Ok(true);
        }
        let interest =
            if writes || self.owes() { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        Ok(self.tcp.ready(interest).await?.is_readable())
    }

    /// Waits until something may be written.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.tcp.writable().await
    }

    /// Whether TLS has octets of its own to write.
    pub(crate) fn owes(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Reads what is there; 0 at the peer's goodbye.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing is there; what the system says; what is wrong with the TLS.
    pub(crate) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.tcp.try_read(buffer) };
        self.more = false;
        let mut filled = 0;
        let end = loop {
            match tls.reader().read(&mut buffer[filled..]) {
                Ok(0) => break Ok(()),
                Ok(octets) => {
                    filled += octets;
                    if filled == buffer.len() {
                        break Ok(());
                    }
                    continue;
                }
                Err(error) if must_wait(&error) => {}
                Err(error) => break Err(error),
            }
            match tls.read_tls(&mut AtOnce(&self.tcp)) {
                Ok(_) => {
                    if let Err(error) = tls.process_new_packets() {
                        // The peer is told what was wrong, if it still listens.
                        let _alert = tls.write_tls(&mut AtOnce(&self.tcp));
                        break Err(io::Error::new(io::ErrorKind::InvalidData, error));
                    }
                }
                Err(error) => break Err(error),
            }
        };
        self.push()?;
        match end {
            Err(error) if filled == 0 => Err(error),
            // What ended it is met again by the next read.
            end => {
                self.more = filled > 0 && end.as_ref().err().is_none_or(|error| !must_wait(error));
                Ok(filled)
            }
        }
    }

    /// Writes what can be written.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing can; what the system says.
    pub(crate) fn try_write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.tcp.try_write(octets) };
        let taken = tls.writer().write(octets)?;
        self.push()?;
        if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    /// Writes what TLS has to write, as far as it goes.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn push(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(&mut AtOnce(&self.tcp)) {
                Ok(_) => {}
                Err(error) if must_wait(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until both sides know each other.
    ///
    /// # Errors
    /// What is wrong with the peer's certificate or its TLS; what the system says.
    pub(crate) async fn shake_hands(&mut self) -> io::Result<()> {
        loop {
            self.push()?;
            let Some(tls) = self.tls.as_mut().filter(|tls| tls.is_handshaking() || tls.wants_write()) else {
                return Ok(());
            };
            let interest =
                if tls.wants_write() { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            self.tcp.ready(interest).await?;
            match tls.read_tls(&mut AtOnce(&self.tcp)) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if must_wait(&error) => {}
                Err(error) => return Err(error),
            }
            if let Err(error) = tls.process_new_packets() {
                let _alert = tls.write_tls(&mut AtOnce(&self.tcp));
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }

    /// Says that nothing more comes, where TLS wants that said.
    pub(crate) fn bid_farewell(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _gone_already = self.push();
        }
    }
}
