//! A CMPP connection as a state machine, in client or server role.
//!
//! The driver's loop: `feed` what was read, poll events until `None`, write out `output`; sleep until
//! `poll_timeout`, then `handle_timeout` and poll again. After [`Event::Closed`](super::Event::Closed) it
//! flushes the output and closes the socket.
//!
//! Invariants: each token comes back exactly once; nothing but CONNECT is sent before the log-in; ACTIVE_TEST
//! and TERMINATE of the peer are answered here; events borrow only from the session's input.

mod inbound;

use std::fmt;
use std::time::Duration;

use super::{
    Connect, ConnectResp, Deliver, DeliverResp, LIMITS, MsgId, Pdu, Query, QueryResp, Submit, SubmitResp,
    Version, auth, encode,
};
use crate::octets::{Octets, Secret};
use crate::session::link::{Link, Phase};
use crate::session::{CloseCause, Millis, Request, Role, SendError, Timing};

/// `Status` of CONNECT_RESP: accepted.
const STATUS_OK: u32 = 0;

/// A client's side of a connection.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The SP_Id.
    pub source_addr: Octets<6>,
    /// The secret shared with the gateway.
    pub secret: Secret,
    /// The version to ask for.
    pub version: Version,
    /// Unanswered requests allowed (the contract decides; the specification says 16).
    pub window: usize,
    /// C: silence after which the peer is tested.
    pub active_test_interval: Duration,
    /// T: how long an answer may take.
    pub response_timeout: Duration,
    /// N: unanswered tests after which the connection is dead.
    pub retries: u32,
    /// Whether to refuse a server with a wrong authenticator. Off by default: several real gateways send
    /// nonsense.
    pub check_server_authenticator: bool,
}

/// Requests that may be unanswered, as the specification proposes.
pub const DEFAULT_WINDOW: usize = 16;

impl ClientConfig {
    /// The specification's values: window 16, C = 180 s, T = 60 s, N = 3; the server's authenticator is not
    /// checked.
    #[must_use]
    pub fn new(source_addr: Octets<6>, secret: Secret, version: Version) -> Self {
        let timing = Timing::default();
        Self {
            source_addr,
            secret,
            version,
            window: DEFAULT_WINDOW,
            active_test_interval: timing.active_test_interval,
            response_timeout: timing.response_timeout,
            retries: timing.retries,
            check_server_authenticator: false,
        }
    }
}

/// A server's side of a connection.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The highest version served; a client that asks for more is refused with status 4.
    pub highest_version: Version,
    /// Unanswered delivers allowed.
    pub window: usize,
    /// C: silence after which the peer is tested.
    pub active_test_interval: Duration,
    /// T: how long an answer, or the log-in, may take.
    pub response_timeout: Duration,
    /// N: unanswered tests after which the connection is dead.
    pub retries: u32,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let timing = Timing::default();
        Self {
            highest_version: Version::V30,
            window: DEFAULT_WINDOW,
            active_test_interval: timing.active_test_interval,
            response_timeout: timing.response_timeout,
            retries: timing.retries,
        }
    }
}

/// What only one role needs.
enum Side {
    Client { authenticator: [u8; 16], secret: Secret, check_server_authenticator: bool },
    Server { highest: Version, asking: Option<(u32, Connect)> },
}

/// One connection.
pub struct Session {
    link: Link,
    side: Side,
    version: Version,
}

impl fmt::Debug for Session {
    /// Shows where the session is in its life; never octets, which may hold phones and texts.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Session")
            .field("role", &self.role())
            .field("version", &self.version)
            .field("phase", &self.link.phase())
            .field("open_requests", &self.open_requests())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A client that has written its CONNECT into the output.
    ///
    /// `connect_timestamp` is the decimal value of MMDDHHMMSS of the wall clock, read once: it enters the
    /// authenticator and the `Timestamp` field alike.
    #[must_use]
    pub fn client(config: ClientConfig, now: Millis, connect_timestamp: u32) -> Self {
        let timing = Timing {
            active_test_interval: config.active_test_interval,
            response_timeout: config.response_timeout,
            retries: config.retries,
        };
        let authenticator =
            auth::source_authenticator(&config.source_addr, &config.secret, connect_timestamp);
        let mut session = Self {
            link: Link::new(LIMITS, config.window, timing, now),
            side: Side::Client {
                authenticator,
                secret: config.secret,
                check_server_authenticator: config.check_server_authenticator,
            },
            version: config.version,
        };
        let sequence = session.link.next_sequence();
        session.write(
            sequence,
            &Pdu::Connect(Connect {
                source_addr: config.source_addr,
                authenticator_source: authenticator,
                version: config.version.octet(),
                timestamp: connect_timestamp,
            }),
        );
        session
    }

    /// A server that waits for a CONNECT, at most `response_timeout`.
    #[must_use]
    pub fn server(config: &ServerConfig, now: Millis) -> Self {
        let timing = Timing {
            active_test_interval: config.active_test_interval,
            response_timeout: config.response_timeout,
            retries: config.retries,
        };
        Self {
            link: Link::new(LIMITS, config.window, timing, now),
            side: Side::Server { highest: config.highest_version, asking: None },
            version: config.highest_version,
        }
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

    /// Lets time pass: heartbeats, time-outs. Poll events afterwards.
    pub fn handle_timeout(&mut self, now: Millis) {
        if self.link.handle_timeout(now) {
            let sequence = self.link.next_sequence();
            self.write(sequence, &Pdu::ActiveTest);
        }
    }

    /// Sends a message (client). It is answered by one event with `token`.
    ///
    /// # Errors
    /// [`SendError`]; then the token is not kept.
    pub fn submit(&mut self, now: Millis, token: u64, submit: &Submit<'_>) -> Result<(), SendError> {
        self.request(now, Role::Client, Request::Submit, token, &Pdu::Submit(*submit))
    }

    /// Sends a message or status report (server). It is answered by one event with `token`.
    ///
    /// # Errors
    /// [`SendError`]; then the token is not kept.
    pub fn deliver(&mut self, now: Millis, token: u64, deliver: &Deliver<'_>) -> Result<(), SendError> {
        self.request(now, Role::Server, Request::Deliver, token, &Pdu::Deliver(*deliver))
    }

    /// Asks for counters (client). Takes a place in the window.
    ///
    /// # Errors
    /// [`SendError`]; then the token is not kept.
    pub fn query(&mut self, now: Millis, token: u64, query: &Query) -> Result<(), SendError> {
        self.request(now, Role::Client, Request::Query, token, &Pdu::Query(*query))
    }

    /// Asks to cancel a message (client). Takes a place in the window.
    ///
    /// # Errors
    /// [`SendError`]; then the token is not kept.
    pub fn cancel(&mut self, now: Millis, token: u64, msg_id: MsgId) -> Result<(), SendError> {
        self.request(now, Role::Client, Request::Cancel, token, &Pdu::Cancel(msg_id))
    }

    /// Answers a DELIVER (client): `msg_id` of the DELIVER, `result` 0 when it is durable. Nothing is written
    /// once the session is over; the carrier then delivers again on the next connection.
    pub fn ack_deliver(&mut self, sequence: u32, msg_id: MsgId, result: u32) {
        self.answer(sequence, &Pdu::DeliverResp(DeliverResp { msg_id, result }));
    }

    /// Answers a SUBMIT (server). Nothing is written once the session is over. A `result` beyond 255 is sent
    /// as 255 in 2.0.
    pub fn answer_submit(&mut self, sequence: u32, msg_id: MsgId, result: u32) {
        let result = self.narrowed(result);
        self.answer(sequence, &Pdu::SubmitResp(SubmitResp { msg_id, result }));
    }

    /// Answers a QUERY (server).
    pub fn answer_query(&mut self, sequence: u32, answer: &QueryResp) {
        self.answer(sequence, &Pdu::QueryResp(*answer));
    }

    /// Answers a CANCEL (server): 0 cancelled, 1 failed.
    pub fn answer_cancel(&mut self, sequence: u32, success_id: u32) {
        let success_id = self.narrowed(success_id);
        self.answer(sequence, &Pdu::CancelResp(success_id));
    }

    /// Lets the client of [`Event::ConnectRequested`](super::Event::ConnectRequested) in (server); the secret
    /// proves that we know it too.
    pub fn accept(&mut self, secret: &Secret) {
        if let Some((sequence, connect)) = self.take_asking() {
            let authenticator =
                auth::gateway_authenticator(self.version, STATUS_OK, &connect.authenticator_source, secret);
            self.answer_connect(sequence, STATUS_OK, authenticator);
            self.link.opened();
        }
    }

    /// Refuses the client of [`Event::ConnectRequested`](super::Event::ConnectRequested) (server) and ends
    /// the session: 2 source address, 3 authentication, 5 and up other.
    pub fn refuse(&mut self, status: u32) {
        if let Some((sequence, _)) = self.take_asking() {
            let status = self.narrowed(status);
            self.answer_connect(sequence, status, [0; 16]);
            self.link.close(CloseCause::Refused);
        }
    }

    /// Says goodbye: TERMINATE is sent, requests under way may still be answered, new ones are refused.
    /// Before the log-in it just closes.
    pub fn terminate(&mut self, now: Millis) {
        match self.link.phase() {
            Phase::Open => {
                let sequence = self.link.next_sequence();
                self.write(sequence, &Pdu::Terminate);
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
        match self.side {
            Side::Client { .. } => Role::Client,
            Side::Server { .. } => Role::Server,
        }
    }

    /// The version whose layouts are in use.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    fn request(
        &mut self,
        now: Millis,
        role: Role,
        request: Request,
        token: u64,
        pdu: &Pdu<'_>,
    ) -> Result<(), SendError> {
        if self.role() != role {
            return Err(SendError::WrongRole);
        }
        let sequence = self.link.open_request(now, request, token)?;
        encode(pdu, sequence, self.version, &mut self.link.output).map_err(|error| {
            self.link.withdraw(sequence, request);
            SendError::Encode(error)
        })
    }

    fn answer(&mut self, sequence: u32, pdu: &Pdu<'_>) {
        if matches!(self.link.phase(), Phase::Open | Phase::Terminating(_)) {
            self.write(sequence, pdu);
        }
    }

    fn answer_connect(&mut self, sequence: u32, status: u32, authenticator_gateway: [u8; 16]) {
        let Side::Server { highest, .. } = self.side else { return };
        let resp = ConnectResp { status, authenticator_gateway, version: highest.octet() };
        self.write(sequence, &Pdu::ConnectResp(resp));
    }

    /// Writes a PDU whose fields are known to fit.
    fn write(&mut self, sequence: u32, pdu: &Pdu<'_>) {
        let written = encode(pdu, sequence, self.version, &mut self.link.output);
        debug_assert!(written.is_ok(), "answers and control PDUs always fit");
    }

    /// A result code in the width of the version.
    fn narrowed(&self, result: u32) -> u32 {
        if self.version.is_three() { result } else { result.min(u8::MAX.into()) }
    }
}
