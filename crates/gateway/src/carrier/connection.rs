//! One connection while it stands: log in, carry, lose.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::channel::{CarrierCode, Outgoing, SubmitOutcome};
use domain::text::{Segments, segment};
use tokio_util::sync::CancellationToken;
use wire::Secret;
use wire::session::{Millis, Request, SendError, Session};

use super::core::Core;
use super::events::Gathered;
use super::flight::{Flights, Step, part_of};
use super::handover::{Ack, Handover, Waiting};
use crate::drivers::{Driver, Duty, Verdict};
use crate::socket::Socket;

/// Octets read at once: a few hundred PDUs.
const READ_OCTETS: usize = 64 * 1024;
/// The stretch of time that a contract's parts are counted in.
const SECOND_MILLIS: u64 = 1_000;
/// How often timers are looked at when nothing else happens.
const TICK: Duration = Duration::from_millis(100);
/// Wait before a part that found the window full is offered again.
const WINDOW_RETRY_MILLIS: u64 = 1;
/// How long answers are awaited after goodbye.
const FAREWELL: Duration = Duration::from_secs(5);

pub(super) struct Connection<'a, D: Driver> {
    core: &'a Core<D>,
    handover: &'a Arc<Handover<D::Protocol>>,
    stream: Socket,
    pub(super) session: Session<D::Protocol>,
    duty: Duty,
    flights: Flights,
    pub(super) gathered: Gathered<D::Protocol>,
    /// What a PDU borrows while it is written.
    scratch: Vec<u8>,
    buffer: Vec<u8>,
    epoch: u64,
    /// Parts to be written again: soonest first.
    again: BinaryHeap<Reverse<(u64, u64)>>,
}

impl<'a, D: Driver> Connection<'a, D> {
    pub(super) fn new(
        core: &'a Core<D>,
        handover: &'a Arc<Handover<D::Protocol>>,
        stream: Socket,
        session: Session<D::Protocol>,
        duty: Duty,
    ) -> Self {
        Self {
            core,
            handover,
            stream,
            session,
            duty,
            flights: Flights::new(core.config.window.into()),
            gathered: Gathered::default(),
            scratch: Vec::new(),
            buffer: vec![0; READ_OCTETS],
            epoch: 0,
            again: BinaryHeap::new(),
        }
    }

    /// Carries until the session or the socket ends. Returns whether the log-in ever succeeded.
    pub(super) async fn carry(&mut self, stop: &CancellationToken) -> bool {
        let mut stood = false;
        let mut farewell = None;
        loop {
            if self.flush().is_err() {
                break;
            }
            if self.session.is_closed() {
                break;
            }
            tokio::select! {
                biased;
                () = stop.cancelled(), if farewell.is_none() => {
                    farewell = Some(self.core.now_millis() + FAREWELL.as_millis() as u64);
                    self.give_back_unwritten();
                }
                ready = self.stream.ready(!self.session.output().is_empty()) => {
                    if ready.is_err() || self.read().is_err() {
                        break;
                    }
                }
                () = self.handover.wake.notified() => {}
                () = tokio::time::sleep(self.wait()) => {
                    self.session.handle_timeout(Millis(self.core.now_millis()));
                    self.gathered.take_expired(self.core);
                }
            }
            D::tick(&mut self.session, self.core.settings.clock.now());
            self.gathered.take(self.core, &mut self.session, &mut self.flights, self.handover);
            self.admit();
            if self.gathered.connected && !stood {
                stood = true;
                self.stands().await;
            }
            self.after_events().await;
            self.fill();
            if let Some(until) = farewell {
                // Goodbye is said when everything written is answered: a carrier closes at once.
                if self.session.open_requests() == 0 {
                    self.session.terminate(Millis(self.core.now_millis()));
                }
                if self.core.now_millis() >= until {
                    break;
                }
            }
        }
        stood
    }

    /// Lets a carrier that connected to us in, or not.
    fn admit(&mut self) {
        let Some(log_in) = self.gathered.asking.take() else { return };
        let secret = Secret::new(self.core.config.secret.0.clone());
        match self.core.driver.admit(&log_in, &secret) {
            Ok(()) => {
                self.session.accept(&secret);
                // Where it only called, its answer to our log-in says so later.
                self.gathered.connected |= self.session.is_connected();
            }
            Err(status) => {
                tracing::warn!(channel = %self.core.config.id, "a carrier that connected to us did not know the secret");
                self.session.refuse(status);
            }
        }
    }

    /// The log-in succeeded. A connection that only receives has no window for messages.
    async fn stands(&mut self) {
        if self.duty == Duty::Receive {
            self.epoch = self.handover.connected(0);
            return;
        }
        self.epoch = self.handover.connected(self.core.config.window);
        self.core.up.fetch_add(1, Ordering::Relaxed);
        self.core.tell_connections(None).await;
        self.core.changed.notify_one();
    }

    /// Time until the next timer.
    fn wait(&self) -> Duration {
        let now = self.core.now_millis();
        let again = self.again.peek().map(|entry| entry.0.0.saturating_sub(now));
        let timer = self.session.poll_timeout().map(|at| at.since(Millis(now)));
        let wait = again.into_iter().chain(timer).min().map_or(TICK, Duration::from_millis);
        wait.clamp(Duration::from_millis(1), TICK)
    }

    fn read(&mut self) -> io::Result<()> {
        match self.stream.try_read(&mut self.buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(octets) => {
                self.session.feed(Millis(self.core.now_millis()), &self.buffer[..octets]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.push()?;
        while !self.session.output().is_empty() {
            match self.stream.try_write(self.session.output()) {
                Ok(octets) => self.session.advance_output(octets),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives window back, slows down, tells the engine.
    async fn after_events(&mut self) {
        let released = std::mem::take(&mut self.gathered.released);
        if std::mem::take(&mut self.gathered.throttled) {
            self.core.pace().slow_down(self.core.now_millis());
        }
        if released > 0 {
            self.handover.release(released);
            self.core.changed.notify_one();
        }
        self.again.extend(self.gathered.again.drain(..).map(Reverse));
        for Ack { sequence, msg_id } in self.gathered.acks_at_once.drain(..) {
            self.session.ack_deliver(sequence, msg_id, 0);
        }
        for (sequence, reply) in self.gathered.replies.drain(..) {
            self.session.reply(sequence, &reply);
        }
        self.gathered.tell(self.core, self.handover, self.epoch).await;
    }

    /// Writes acknowledgements, parts due again, and as many waiting messages as the window takes.
    fn fill(&mut self) {
        let (acks, mut waiting) = {
            let mut state = self.handover.lock();
            let room = self.session.free_window();
            let mut taken = 0;
            let count = state
                .waiting
                .iter()
                .take_while(|waiting| {
                    let fits = taken < room;
                    taken += usize::from(waiting.outgoing.parts);
                    // A long message begins only when all of it fits, or when it has the whole window to itself.
                    fits && (taken <= room || taken >= usize::from(self.core.config.window))
                })
                .count();
            (std::mem::take(&mut state.acks), state.waiting.drain(..count).collect::<Vec<_>>())
        };
        for Ack { sequence, msg_id } in acks {
            self.session.ack_deliver(sequence, msg_id, 0);
        }
        let now = self.core.now_millis();
        while self.again.peek().is_some_and(|entry| entry.0.0 <= now) && self.session.free_window() > 0 {
            if let Some(Reverse((_, token))) = self.again.pop() {
                self.write_again(token, now);
            }
        }
        for Waiting { outgoing, deadline } in waiting.drain(..) {
            if now >= deadline {
                self.release_unwritten(outgoing);
            } else {
                self.write(outgoing, now);
            }
        }
    }

    fn release_unwritten(&mut self, outgoing: Outgoing) {
        self.gathered.released += i64::from(outgoing.parts);
        let outcome = SubmitOutcome::NotWritten { recalled: false };
        self.gathered.submitted.push(self.core.submitted(outgoing, outcome));
        self.handover.wake.notify_one();
    }

    fn write(&mut self, outgoing: Outgoing, now: u64) {
        let reference = self.core.references.next(outgoing.phone);
        let Ok(segments) = segment(&outgoing.text, outgoing.encoding, self.core.driver.rules(), reference)
        else {
            // The plan at accept chose the encoding, so this is our own fault; it never reached the carrier.
            self.refuse(outgoing);
            return;
        };
        let parts = self.core.driver.submits(&segments);
        let token = self.flights.add(outgoing, parts, reference);
        for part in 0..parts as u64 {
            match self.later(part, parts as u64) {
                0 => self.write_part(token + part, &segments, now),
                // It is written when its time has come.
                millis => self.again.push(Reverse((now + millis, token + part))),
            }
        }
    }

    /// How long a part waits where the contract allows fewer in a second than its message has.
    fn later(&self, part: u64, parts: u64) -> u64 {
        match self.core.config.parts_per_second.map(u64::from) {
            Some(rate) if rate < parts => part * SECOND_MILLIS / rate.max(1),
            _ => 0,
        }
    }

    fn write_part(&mut self, token: u64, segments: &Segments, now: u64) {
        let Some(outgoing) = self.flights.outgoing(token) else { return };
        self.scratch.clear();
        let sent = match self.core.driver.pdu(outgoing, segments, part_of(token), &mut self.scratch) {
            Ok(pdu) => self.session.send(Millis(now), Request::Submit, token, &pdu),
            Err(error) => Err(SendError::Encode(error)),
        };
        match sent {
            Ok(()) => {}
            Err(SendError::WindowFull | SendError::NotConnected) => {
                self.again.push(Reverse((now + WINDOW_RETRY_MILLIS, token)));
            }
            Err(SendError::Encode(_) | SendError::WrongRole) => {
                let misfit = Verdict::Refused(self.core.driver.misfit());
                let step = self.flights.answered(token, misfit);
                self.gathered.step(self.core, step, now);
                self.handover.wake.notify_one();
            }
        }
    }

    /// Writes one part of a message that is under way once more.
    fn write_again(&mut self, token: u64, now: u64) {
        let reference = self.flights.reference(token);
        let rules = self.core.driver.rules();
        let again = |outgoing: &Outgoing| segment(&outgoing.text, outgoing.encoding, rules, reference);
        if let Some(Ok(segments)) = self.flights.outgoing(token).map(again) {
            self.write_part(token, &segments, now);
        }
    }

    fn refuse(&mut self, outgoing: Outgoing) {
        self.gathered.released += i64::from(outgoing.parts);
        let code = CarrierCode::new(b"ENCODE");
        let outcome = SubmitOutcome::Refused { code, taken: Vec::new() };
        self.gathered.submitted.push(self.core.submitted(outgoing, outcome));
        self.handover.wake.notify_one();
    }

    /// Gives everything back that is not answered, and tells that the connection is gone.
    pub(super) async fn end(&mut self, stood: bool) {
        let counted = stood && self.duty != Duty::Receive;
        self.session.close();
        self.stream.bid_farewell();
        self.gathered.take(self.core, &mut self.session, &mut self.flights, self.handover);
        self.gathered.again.clear();
        let unfinished: Vec<u64> = self.again.drain().map(|entry| entry.0.1).collect();
        for token in unfinished {
            if let Step::Done(outgoing, outcome) = self.flights.unanswered(token) {
                self.gathered.submitted.push(self.core.submitted(outgoing, outcome));
            }
        }
        if counted {
            self.core.up.fetch_sub(1, Ordering::Relaxed);
        }
        self.give_back_unwritten();
        self.gathered.tell(self.core, self.handover, self.epoch).await;
        if counted {
            self.core.tell_connections(None).await;
        }
    }

    /// Nothing more is taken; what waits was never written.
    fn give_back_unwritten(&mut self) {
        let not_written = SubmitOutcome::NotWritten { recalled: false };
        let unwritten = self.handover.disconnected();
        let given_back =
            unwritten.into_iter().map(|outgoing| self.core.submitted(outgoing, not_written.clone()));
        self.gathered.submitted.extend(given_back);
    }
}
