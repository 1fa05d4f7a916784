//! CMPP connections: how they are configured and begun, and requests by their names in the specification.

use std::time::Duration;

use super::protocol::Side;
use super::{Cmpp, Connect, Deliver, MsgId, Pdu, Query, QueryResp, Submit, Version, auth};
use crate::octets::{Octets, Secret};
use crate::session::{Millis, Request, Role, SendError, Setup, Timing};

/// A CMPP connection.
pub type Session = crate::session::Session<Cmpp>;

/// What a CMPP connection tells.
pub type Event<'a> = crate::session::Event<'a, Cmpp>;

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
        let connect = Pdu::Connect(Connect {
            source_addr: config.source_addr,
            authenticator_source: authenticator,
            version: config.version.octet(),
            timestamp: connect_timestamp,
        });
        let side = Side::Client {
            authenticator,
            secret: config.secret,
            check_server_authenticator: config.check_server_authenticator,
        };
        let cmpp = Cmpp { version: config.version, side };
        let setup = Setup { role: Role::Client, window: config.window, timing, last_sequence: 0 };
        Self::opening(cmpp, &connect, setup, now)
    }

    /// A server that waits for a CONNECT, at most `response_timeout`.
    #[must_use]
    pub fn server(config: &ServerConfig, now: Millis) -> Self {
        let timing = Timing {
            active_test_interval: config.active_test_interval,
            response_timeout: config.response_timeout,
            retries: config.retries,
        };
        let highest = config.highest_version;
        let cmpp = Cmpp { version: highest, side: Side::Server { highest } };
        let setup = Setup { role: Role::Server, window: config.window, timing, last_sequence: 0 };
        Self::waiting(cmpp, setup, now)
    }

    /// Sends a message (client). It is answered by one event with `token`.
    ///
    /// # Errors
    /// [`SendError`]; then the token is not kept.
    pub fn submit(&mut self, now: Millis, token: u64, submit: &Submit<'_>) -> Result<(), SendError> {
        self.send(now, Request::Submit, token, &Pdu::Submit(*submit))
    }

    /// Sends a message or status report (server). It is answered by one event with `token`.
    ///
    /// # Errors
    /// [`SendError`]; then the token is not kept.
    pub fn deliver(&mut self, now: Millis, token: u64, deliver: &Deliver<'_>) -> Result<(), SendError> {
        self.send(now, Request::Deliver, token, &Pdu::Deliver(*deliver))
    }

    /// Asks for counters (client). Takes a place in the window.
    ///
    /// # Errors
    /// [`SendError`]; then the token is not kept.
    pub fn query(&mut self, now: Millis, token: u64, query: &Query) -> Result<(), SendError> {
        self.send(now, Request::Query, token, &Pdu::Query(*query))
    }

    /// Asks to cancel a message (client). Takes a place in the window.
    ///
    /// # Errors
    /// [`SendError`]; then the token is not kept.
    pub fn cancel(&mut self, now: Millis, token: u64, msg_id: MsgId) -> Result<(), SendError> {
        self.send(now, Request::Cancel, token, &Pdu::Cancel(msg_id))
    }

    /// Answers a QUERY (server).
    pub fn answer_query(&mut self, sequence: u32, answer: &QueryResp) {
        self.reply(sequence, &Pdu::QueryResp(*answer));
    }

    /// Answers a CANCEL (server): 0 cancelled, 1 failed.
    pub fn answer_cancel(&mut self, sequence: u32, success_id: u8) {
        self.reply(sequence, &Pdu::CancelResp(success_id.into()));
    }
}
