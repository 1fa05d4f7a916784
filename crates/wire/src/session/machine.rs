//! A connection as a state machine, in client or server role, for every protocol.
//!
//! The driver's loop: `feed` what was read, poll events until `None`, write out `output`; sleep until
//! `poll_timeout`, then `handle_timeout` and poll again. After [`Event::Closed`](super::Event::Closed) it
//! flushes the output and closes the socket.
//!
//! Invariants: each token comes back exactly once; nothing but the log-in is sent before it is accepted;
//! heartbeats and goodbyes of the peer are answered here; events borrow only from the session's input.

use std::fmt;

use super::link::{Link, Phase};
use super::protocol::{Control, Protocol};
use super::window::Numbers;
use super::{CloseCause, Millis, Request, Role, SendError, Timing};
use crate::octets::Secret;

/// How a connection is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) role: Role,
    /// Unanswered requests allowed.
    pub(crate) window: usize,
    pub(crate) timing: Timing,
    /// The number before the first sequence number.
    pub(crate) last_sequence: u32,
}

/// Who logs in.
pub(super) enum Opening<P: Protocol> {
    /// This side did.
    Ours,
    /// The peer does; what it asked waits for `accept` or `refuse`.
    Theirs(Option<(P::Sequence, P::LogIn)>),
}

/// One connection.
pub struct Session<P: Protocol> {
    pub(super) link: Link,
    pub(super) protocol: P,
    pub(super) role: Role,
    pub(super) opening: Opening<P>,
}

impl<P: Protocol> fmt::Debug for Session<P> {
    /// Shows where the session is in its life; never octets, which may hold phones and texts.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Session")
            .field("role", &self.role)
            .field("version", &self.protocol.version())
            .field("phase", &self.link.phase())
            .field("open_requests", &self.open_requests())
            .finish_non_exhaustive()
    }
}

impl<P: Protocol> Session<P> {
    /// A session that has written its log-in into the output.
    pub(crate) fn opening(protocol: P, log_in: &P::Pdu<'_>, setup: Setup, now: Millis) -> Self {
        let mut session = Self::begun(protocol, setup, Opening::Ours, now);
        session.write_next(log_in);
        session
    }

    /// A session that waits for a log-in, at most the response time-out.
    pub(crate) fn waiting(protocol: P, setup: Setup, now: Millis) -> Self {
        Self::begun(protocol, setup, Opening::Theirs(None), now)
    }

    fn begun(protocol: P, setup: Setup, opening: Opening<P>, now: Millis) -> Self {
        let numbers = Numbers { after: setup.last_sequence, largest: P::LARGEST_SEQUENCE };
        let link = Link::new(P::LIMITS, setup.window, setup.timing, numbers, now);
        Self { link, protocol, role: setup.role, opening }
    }

    /// Takes what was read from the peer. Poll events until `None` after every call. What is wrong with the
    /// stream is told by [`Event::Closed`](super::Event::Closed); after that, input is ignored.
    pub fn feed(&mut self, now: Millis, octets: &[u8]) {
        self.link.feed(now, octets);
    }

    /// Octets to be written to the peer.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.link.pending_output()
    }

    /// Drops the first `octets` of the output, which have been written.
    pub fn advance_output(&mut self, octets: usize) {
        self.link.advance_output(octets);
    }

    /// Moves all output to the end of `into` (without copying when `into` is empty).
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        self.link.take_output(into);
    }

    /// When [`Session::handle_timeout`] must be called at the latest; `None` once the session is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Millis> {
        self.link.poll_timeout()
    }

    /// Lets time pass: heartbeats, time-outs. Poll events afterwards. Where the protocol has no heartbeat, silence
    /// proves nothing while nothing is under way: the side that opened the connection keeps it, for it will be
    /// needed; the other leaves it in good order, so that a peer that is gone costs nothing.
    pub fn handle_timeout(&mut self, now: Millis) {
        if !self.link.handle_timeout(now) {
            return;
        }
        match P::control(Control::Heartbeat) {
            Some(heartbeat) => self.write_next(&heartbeat),
            None if self.link.open_requests() > 0 => {}
            None if matches!(self.opening, Opening::Ours) => self.link.rest(),
            None => self.terminate(now),
        }
    }

    /// Sends a request. It is answered by one event with `token`.
    ///
    /// # Errors
    /// [`SendError`]; then the token is not kept.
    pub fn send(
        &mut self,
        now: Millis,
        request: Request,
        token: u64,
        pdu: &P::Pdu<'_>,
    ) -> Result<(), SendError> {
        if self.role != request.sender() {
            return Err(SendError::WrongRole);
        }
        let number = self.link.open_request(now, request, token)?;
        let sequence = self.protocol.sequence(number);
        self.protocol.encode(pdu, sequence, &mut self.link.output).map_err(|error| {
            self.link.withdraw(number, request);
            SendError::Encode(error)
        })
    }

    /// Answers a deliver or report (client): `msg_id` of the DELIVER, `result` 0 when it is durable. Nothing is
    /// written once the session is over; the carrier then delivers again on the next connection.
    pub fn ack_deliver(&mut self, sequence: P::Sequence, msg_id: P::MsgId, result: u32) {
        let answer = self.protocol.deliver_answer(sequence, msg_id, result);
        self.reply(sequence, &answer);
    }

    /// Answers a submit (server). Nothing is written once the session is over. A `result` that the version's
    /// field cannot hold is sent as its largest.
    pub fn answer_submit(&mut self, sequence: P::Sequence, msg_id: P::MsgId, result: u32) {
        let answer = self.protocol.submit_answer(sequence, msg_id, result);
        self.reply(sequence, &answer);
    }

    /// Answers any other request. Nothing is written once the session is over.
    pub fn reply(&mut self, sequence: P::Sequence, answer: &P::Pdu<'_>) {
        if matches!(self.link.phase(), Phase::Open | Phase::Terminating(_)) {
            self.write(sequence, answer);
        }
    }

    /// Lets the peer of [`Event::ConnectRequested`](super::Event::ConnectRequested) in; the secret proves that
    /// we know it too, where the protocol has such a proof. Where the peer only called, this side logs in then.
    pub fn accept(&mut self, secret: &Secret) {
        if let Some((sequence, log_in)) = self.take_asking() {
            if let Some(log_in) = self.protocol.in_turn() {
                self.opening = Opening::Ours;
                self.write_next(&log_in);
                return;
            }
            let welcome = self.protocol.welcome(&log_in, secret);
            self.write(sequence, &welcome);
            self.link.opened();
        }
    }

    /// Refuses the peer of [`Event::ConnectRequested`](super::Event::ConnectRequested) with the protocol's own
    /// status, where it has one for that, and ends the session.
    pub fn refuse(&mut self, status: u32) {
        if let Some((sequence, log_in)) = self.take_asking() {
            if self.protocol.in_turn().is_none() {
                let rejection = self.protocol.rejection(&log_in, status);
                self.write(sequence, &rejection);
            }
            self.link.close(CloseCause::Refused);
        }
    }

    /// Says goodbye: requests under way may still be answered, new ones are refused. Before the log-in it just
    /// closes.
    pub fn terminate(&mut self, now: Millis) {
        match self.link.phase() {
            Phase::Open => {
                if let Some(goodbye) = P::control(Control::Goodbye) {
                    self.write_next(&goodbye);
                }
                self.link.terminating(now);
            }
            Phase::Opening(_) => self.link.close(CloseCause::Local),
            Phase::Terminating(_) | Phase::Closing(_) | Phase::Closed(_) => {}
        }
    }

    /// The socket is gone. Input that was fed and not polled is dropped; poll events for what was lost.
    pub fn close(&mut self) {
        self.link.close(CloseCause::Local);
    }

    /// Requests that may be sent now; 0 unless connected.
    #[must_use]
    pub fn free_window(&self) -> usize {
        self.link.free_window()
    }

    /// Requests that wait for an answer.
    #[must_use]
    pub fn open_requests(&self) -> usize {
        self.link.open_requests()
    }

    /// When the oldest request that waits for an answer was sent.
    #[must_use]
    pub fn oldest_request(&self) -> Option<Millis> {
        self.link.oldest_request()
    }

    /// Answers that belonged to no request.
    #[must_use]
    pub fn stray_answers(&self) -> u64 {
        self.link.stray_answers()
    }

    /// Whether requests can be sent.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link.phase() == Phase::Open
    }

    /// Whether the session has ended, told or not.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.is_over()
    }

    /// Which end this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The version whose layouts are in use.
    #[must_use]
    pub fn version(&self) -> P::Version {
        self.protocol.version()
    }

    /// What the protocol remembers of this connection.
    pub(crate) fn protocol_mut(&mut self) -> &mut P {
        &mut self.protocol
    }

    /// The log-in that waits for `accept` or `refuse`.
    fn take_asking(&mut self) -> Option<(P::Sequence, P::LogIn)> {
        if self.link.is_over() {
            return None;
        }
        match &mut self.opening {
            Opening::Theirs(asking) => asking.take(),
            Opening::Ours => None,
        }
    }

    /// Writes a PDU whose fields are known to fit.
    pub(super) fn write(&mut self, sequence: P::Sequence, pdu: &P::Pdu<'_>) {
        let written = self.protocol.encode(pdu, sequence, &mut self.link.output);
        debug_assert!(written.is_ok(), "answers and control PDUs always fit");
    }

    fn write_next(&mut self, pdu: &P::Pdu<'_>) {
        let sequence = self.protocol.sequence(self.link.next_sequence());
        self.write(sequence, pdu);
    }
}
