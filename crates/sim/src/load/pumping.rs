//! One connection of a pump.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::sleep_until;
use wire::session::{Event, Protocol, Session};
use wire::{Millis, Request, SendError};

use super::client::Client;
use super::{PumpConfig, PumpError, PumpPart, PumpReport};
use crate::clock::Clock;

const READ_OCTETS: usize = 64 * 1024;
/// How often a connection without input looks whether all is done.
const TICK_MS: u64 = 5;
/// What all connections have done together.
pub(super) struct Progress {
    /// Connections that have not submitted everything yet.
    submitting: AtomicU64,
    submitted: AtomicU64,
    accepted: AtomicU64,
    throttled: AtomicU64,
    refused: AtomicU64,
    receipts: AtomicU64,
    delivered: AtomicU64,
    inbound: AtomicU64,
    started_ms: AtomicU64,
    last_answer_ms: AtomicU64,
    last_input_ms: AtomicU64,
}

impl Progress {
    pub(super) fn new(connections: usize) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            submitting: AtomicU64::new(connections as u64),
            submitted: zero(),
            accepted: zero(),
            throttled: zero(),
            refused: zero(),
            receipts: zero(),
            delivered: zero(),
            inbound: zero(),
            started_ms: AtomicU64::new(u64::MAX),
            last_answer_ms: zero(),
            last_input_ms: zero(),
        }
    }

    pub(super) fn report(&self, messages: u64) -> PumpReport {
        let started = self.started_ms.load(Relaxed);
        let last_answer = self.last_answer_ms.load(Relaxed);
        let last = self.last_input_ms.load(Relaxed).max(last_answer);
        let elapsed_ms = last.saturating_sub(started);
        PumpReport {
            messages,
            submitted: self.submitted.load(Relaxed),
            accepted: self.accepted.load(Relaxed),
            throttled: self.throttled.load(Relaxed),
            refused: self.refused.load(Relaxed),
            unanswered: self.submitted.load(Relaxed).saturating_sub(self.answers()),
            receipts: self.receipts.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            inbound: self.inbound.load(Relaxed),
            complete: self.is_answered() && self.is_reported(),
            answered_ms: last_answer.saturating_sub(started),
            elapsed_ms,
            messages_per_second: messages as f64 * 1000.0 / elapsed_ms.max(1) as f64,
            cpu_us_per_message: None,
        }
    }

    fn answers(&self) -> u64 {
        self.accepted.load(Relaxed) + self.throttled.load(Relaxed) + self.refused.load(Relaxed)
    }

    fn is_answered(&self) -> bool {
        let answers = self.accepted.load(Relaxed) + self.throttled.load(Relaxed) + self.refused.load(Relaxed);
        self.submitting.load(Relaxed) == 0 && answers == self.submitted.load(Relaxed)
    }

    fn is_reported(&self) -> bool {
        self.receipts.load(Relaxed) >= self.accepted.load(Relaxed)
    }

    /// Whether to stop: all has come, or nothing has for longer than the pump's patience.
    fn is_over(&self, config: &PumpConfig, now: Millis) -> bool {
        let last = Millis(self.last_input_ms.load(Relaxed).max(self.last_answer_ms.load(Relaxed)));
        let complete = self.is_answered() && (!config.awaits_reports || self.is_reported());
        complete || now > last.after(config.patience)
    }
}

type Sequence<C> = <<C as Client>::Protocol as Protocol>::Sequence;
type MsgId<C> = <<C as Client>::Protocol as Protocol>::MsgId;

struct Pump<'a, C: Client> {
    client: C,
    config: &'a PumpConfig,
    texts: &'a [Vec<PumpPart>],
    progress: &'a Progress,
    session: Session<C::Protocol>,
    /// The next message, counted over all connections; this one sends every n-th.
    next: u64,
    part: usize,
    submitting: bool,
    /// Answers owed for receipts and messages.
    owed: Vec<(Sequence<C>, MsgId<C>)>,
    closed: Option<PumpError>,
}

pub(super) async fn pump_connection<C: Client>(
    config: Arc<PumpConfig>,
    texts: Arc<Vec<Vec<PumpPart>>>,
    progress: Arc<Progress>,
    clock: Clock,
    index: usize,
) -> Result<(), PumpError> {
    let failed = |source| PumpError::Io { addr: config.addr, source };
    let stream = TcpStream::connect(config.addr).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let mut pump = Pump::<C>::new(&config, &texts, &progress, clock.now(), index)?;
    let mut buffer = vec![0; READ_OCTETS];
    loop {
        let now = clock.now();
        pump.session.handle_timeout(now);
        pump.read_events(now);
        if let Some(error) = pump.closed.take() {
            return Err(error);
        }
        pump.fill_window(now)?;
        pump.write(&stream).map_err(failed)?;
        if progress.is_over(&config, now) {
            pump.session.terminate(now);
            return pump.write(&stream).map_err(failed);
        }
        let interest = if pump.session.output().is_empty() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        let readable = tokio::select! {
            ready = stream.ready(interest) => ready.map_err(failed)?.is_readable(),
            () = sleep_until(clock.instant(Millis(now.0 + TICK_MS))) => false,
        };
        if readable {
            match stream.try_read(&mut buffer) {
                Ok(0) => pump.session.close(),
                Ok(octets) => pump.session.feed(clock.now(), &buffer[..octets]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

impl<'a, C: Client> Pump<'a, C> {
    fn new(
        config: &'a PumpConfig,
        texts: &'a [Vec<PumpPart>],
        progress: &'a Progress,
        now: Millis,
        index: usize,
    ) -> Result<Self, PumpError> {
        let client = C::new(config)?;
        let session = client.session(config, index, now)?;
        Ok(Self {
            client,
            config,
            texts,
            progress,
            session,
            next: index as u64,
            part: 0,
            submitting: true,
            owed: Vec::new(),
            closed: None,
        })
    }

    fn read_events(&mut self, now: Millis) {
        let progress = self.progress;
        let (mut answers, mut inputs) = (false, false);
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::SubmitAnswered { result, .. } => {
                    answers = true;
                    let counter = match result {
                        0 => &progress.accepted,
                        result if C::is_throttled(result) => &progress.throttled,
                        _ => &progress.refused,
                    };
                    counter.fetch_add(1, Relaxed);
                }
                Event::Report { sequence, report } => {
                    inputs = true;
                    progress.receipts.fetch_add(1, Relaxed);
                    let (msg_id, delivered) = C::reported(&report);
                    progress.delivered.fetch_add(u64::from(delivered), Relaxed);
                    self.owed.push((sequence, msg_id));
                }
                Event::Inbound { sequence, deliver } => {
                    progress.inbound.fetch_add(1, Relaxed);
                    self.owed.push((sequence, C::heard(&deliver)));
                }
                Event::ConnectRefused(refusal) => self.closed = Some(PumpError::Refused(Box::new(refusal))),
                Event::Closed { cause } => {
                    self.closed.get_or_insert(PumpError::Closed(cause));
                }
                _ => {}
            }
        }
        if answers {
            progress.last_answer_ms.fetch_max(now.0, Relaxed);
        }
        if inputs {
            progress.last_input_ms.fetch_max(now.0, Relaxed);
        }
        for (sequence, msg_id) in self.owed.drain(..) {
            self.session.ack_deliver(sequence, msg_id, 0);
        }
    }

    fn fill_window(&mut self, now: Millis) -> Result<(), PumpError> {
        while self.submitting && self.session.free_window() > 0 {
            if self.next >= self.config.messages {
                self.submitting = false;
                self.progress.submitting.fetch_sub(1, Relaxed);
                break;
            }
            let parts = &self.texts[self.next as usize % self.texts.len()];
            let part = &parts[self.part];
            let submit = self.client.submit(self.config.first_phone + self.next, part)?;
            match self.session.send(now, Request::Submit, self.next, &submit) {
                Ok(()) => {}
                Err(SendError::Encode(error)) => return Err(error.into()),
                Err(SendError::NotConnected | SendError::WindowFull | SendError::WrongRole) => break,
            }
            self.progress.started_ms.fetch_min(now.0, Relaxed);
            self.progress.submitted.fetch_add(1, Relaxed);
            self.part += 1;
            if self.part == parts.len() {
                self.part = 0;
                self.next += self.config.connections as u64;
            }
        }
        Ok(())
    }

    fn write(&mut self, stream: &TcpStream) -> io::Result<()> {
        while !self.session.output().is_empty() {
            match stream.try_write(self.session.output()) {
                Ok(octets) => self.session.advance_output(octets),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
