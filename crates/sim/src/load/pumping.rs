//! One connection of a pump.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::sleep_until;
use wire::cmpp::{ClientConfig, Event, Outcome, Reported, Session, Submit};
use wire::{Millis, Octets, Secret, SendError, TerminalId};

use super::{PumpConfig, PumpError, PumpPart, PumpReport};
use crate::clock::Clock;

const READ_OCTETS: usize = 64 * 1024;
/// How often a connection without input looks whether all is done.
const TICK_MS: u64 = 5;
/// `Result`: flow control.
const RESULT_THROTTLED: u32 = 8;
/// `MMDDHHMMSS` of the log-in. A fixed one serves: the authenticator only has to fit it.
const TIMESTAMP: u32 = 101_000_000;

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
            complete: self.is_complete(),
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

    fn is_complete(&self) -> bool {
        self.is_answered() && self.receipts.load(Relaxed) >= self.accepted.load(Relaxed)
    }

    /// Whether to stop: all has come, or nothing has for longer than the pump's patience.
    fn is_over(&self, config: &PumpConfig, now: Millis) -> bool {
        let last = Millis(self.last_input_ms.load(Relaxed).max(self.last_answer_ms.load(Relaxed)));
        self.is_complete() || now > last.after(config.patience)
    }
}

struct Pump<'a> {
    config: &'a PumpConfig,
    texts: &'a [Vec<PumpPart>],
    progress: &'a Progress,
    session: Session,
    /// The next message, counted over all connections; this one sends every n-th.
    next: u64,
    part: usize,
    submitting: bool,
    login: Octets<6>,
    source: Octets<21>,
    /// Answers owed for receipts and messages.
    owed: Vec<(u32, wire::cmpp::MsgId)>,
    closed: Option<PumpError>,
}

pub(super) async fn pump_connection(
    config: Arc<PumpConfig>,
    texts: Arc<Vec<Vec<PumpPart>>>,
    progress: Arc<Progress>,
    clock: Clock,
    index: usize,
) -> Result<(), PumpError> {
    let failed = |source| PumpError::Io { addr: config.addr, source };
    let stream = TcpStream::connect(config.addr).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let mut pump = Pump::new(&config, &texts, &progress, clock.now(), index)?;
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

impl<'a> Pump<'a> {
    fn new(
        config: &'a PumpConfig,
        texts: &'a [Vec<PumpPart>],
        progress: &'a Progress,
        now: Millis,
        index: usize,
    ) -> Result<Self, PumpError> {
        let login = Octets::new(&config.login)?;
        let client = ClientConfig {
            window: config.window,
            ..ClientConfig::new(login, Secret::new(config.secret.as_bytes()), config.version)
        };
        Ok(Self {
            config,
            texts,
            progress,
            session: Session::client(client, now, TIMESTAMP),
            next: index as u64,
            part: 0,
            submitting: true,
            login,
            source: Octets::new(&config.source)?,
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
                        RESULT_THROTTLED => &progress.throttled,
                        _ => &progress.refused,
                    };
                    counter.fetch_add(1, Relaxed);
                }
                Event::Report { sequence, report: Reported { report, deliver } } => {
                    inputs = true;
                    progress.receipts.fetch_add(1, Relaxed);
                    let delivered = report.outcome() == Outcome::Delivered;
                    progress.delivered.fetch_add(u64::from(delivered), Relaxed);
                    self.owed.push((sequence, deliver.msg_id));
                }
                Event::Inbound { sequence, deliver } => {
                    progress.inbound.fetch_add(1, Relaxed);
                    self.owed.push((sequence, deliver.msg_id));
                }
                Event::ConnectRefused(refusal) => self.closed = Some(PumpError::Refused(refusal)),
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
            let phone = TerminalId::new((self.config.first_phone + self.next).to_string())?;
            let submit = Submit {
                pk_total: part.total,
                pk_number: part.number,
                tp_udhi: u8::from(part.has_header),
                msg_src: self.login,
                src_id: self.source,
                ..Submit::to(phone, part.format, &part.content)
            };
            match self.session.submit(now, self.next, &submit) {
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
