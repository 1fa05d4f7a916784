//! SGIP connections: how they are configured and begun.

use std::time::Duration;

use super::{Bind, LoginType, Pdu, Sgip};
use crate::octets::{Hidden, Octets};
use crate::session::{Millis, Role, Setup, Timing};

/// An SGIP connection.
pub type Session = crate::session::Session<Sgip>;

/// What an SGIP connection tells.
pub type Event<'a> = crate::session::Event<'a, Sgip>;

/// Requests that may be unanswered, as the specification proposes.
pub const DEFAULT_WINDOW: usize = 32;
/// How long an answer may take, as the specification proposes.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Silence after which a connection is left, as the specification proposes.
const IDLE: Duration = Duration::from_secs(60);

/// The side that opens a connection.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// [`LoginType::ServiceProvider`] submits, [`LoginType::Gateway`] delivers.
    pub login_type: LoginType,
    /// `Login Name`.
    pub login_name: Octets<16>,
    /// `Login Password`, in clear on the wire.
    pub login_password: Hidden<16>,
    /// The node that our sequence numbers name: of an SP 3AAAAQQQQQ.
    pub node: u32,
    /// The number before the first sequence number. Sequence numbers are message ids, so connections of one node
    /// must not share them within a second.
    pub last_sequence: u32,
    /// Unanswered requests allowed.
    pub window: usize,
    /// Silence after which unanswered requests mean that the peer is gone; there is no heartbeat.
    pub idle: Duration,
    /// How long an answer may take.
    pub response_timeout: Duration,
}

impl ClientConfig {
    /// An SP with the specification's values.
    #[must_use]
    pub fn new(login_name: Octets<16>, login_password: Hidden<16>, node: u32) -> Self {
        Self {
            login_type: LoginType::ServiceProvider,
            login_name,
            login_password,
            node,
            last_sequence: 0,
            window: DEFAULT_WINDOW,
            idle: IDLE,
            response_timeout: RESPONSE_TIMEOUT,
        }
    }
}

/// The side that waits for a log-in.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// The login type that is let in: [`LoginType::ServiceProvider`] makes this side a gateway,
    /// [`LoginType::Gateway`] an SP.
    pub expected: LoginType,
    /// The node that our sequence numbers name.
    pub node: u32,
    /// Unanswered requests allowed.
    pub window: usize,
    /// Silence after which a connection with nothing under way is left; there is no heartbeat.
    pub idle: Duration,
    /// How long an answer, or the log-in, may take.
    pub response_timeout: Duration,
}

impl ListenerConfig {
    /// A gateway or SP with the specification's values.
    #[must_use]
    pub fn new(expected: LoginType, node: u32) -> Self {
        Self { expected, node, window: DEFAULT_WINDOW, idle: IDLE, response_timeout: RESPONSE_TIMEOUT }
    }
}

/// Without a heartbeat, silence with something under way is only borne as long as answers are awaited.
fn timing(idle: Duration, response_timeout: Duration) -> Timing {
    Timing { active_test_interval: idle, response_timeout, retries: 1 }
}

impl Session {
    /// The side that opens, with its BIND written into the output; `time` is the decimal value of MMDDHHMMSS.
    #[must_use]
    pub fn client(config: &ClientConfig, now: Millis, time: u32) -> Self {
        let role = match config.login_type {
            LoginType::Gateway => Role::Server,
            LoginType::ServiceProvider | LoginType::Other(_) => Role::Client,
        };
        let bind = Pdu::Bind(Bind {
            login_type: config.login_type,
            login_name: config.login_name,
            login_password: config.login_password,
        });
        let sgip = Sgip { node: config.node, time, expected: LoginType::Other(0) };
        let setup = Setup {
            role,
            window: config.window,
            timing: timing(config.idle, config.response_timeout),
            last_sequence: config.last_sequence,
        };
        Self::opening(sgip, &bind, setup, now)
    }

    /// The side that waits for a BIND; `time` is the decimal value of MMDDHHMMSS.
    #[must_use]
    pub fn listener(config: &ListenerConfig, now: Millis, time: u32) -> Self {
        let role = match config.expected {
            LoginType::Gateway => Role::Client,
            LoginType::ServiceProvider | LoginType::Other(_) => Role::Server,
        };
        let sgip = Sgip { node: config.node, time, expected: config.expected };
        let setup = Setup {
            role,
            window: config.window,
            timing: timing(config.idle, config.response_timeout),
            last_sequence: 0,
        };
        Self::waiting(sgip, setup, now)
    }

    /// Sets the time that sequence numbers name from now on: the decimal value of MMDDHHMMSS.
    pub fn set_time(&mut self, time: u32) {
        self.protocol_mut().time = time;
    }
}
