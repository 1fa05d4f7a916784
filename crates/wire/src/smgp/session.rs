//! SMGP connections: how they are configured and begun.

use super::{Login, LoginMode, Pdu, Smgp, Version, auth};
use crate::octets::{Octets, Secret};
use crate::session::{Millis, Role, Setup, Timing};

/// An SMGP connection.
pub type Session = crate::session::Session<Smgp>;

/// What an SMGP connection tells.
pub type Event<'a> = crate::session::Event<'a, Smgp>;

/// Requests that may be unanswered, as the specification proposes.
pub const DEFAULT_WINDOW: usize = 16;

/// A client's side of a connection.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// `ClientID`.
    pub client_id: Octets<8>,
    /// The secret shared with the gateway.
    pub secret: Secret,
    /// What the connection is for.
    pub mode: LoginMode,
    /// The version to ask for.
    pub version: Version,
    /// Unanswered requests allowed.
    pub window: usize,
    /// C, T and N of the specification.
    pub timing: Timing,
}

impl ClientConfig {
    /// A connection for both directions with the specification's values.
    #[must_use]
    pub fn new(client_id: Octets<8>, secret: Secret) -> Self {
        Self {
            client_id,
            secret,
            mode: LoginMode::Both,
            version: Version::V30,
            window: DEFAULT_WINDOW,
            timing: Timing::default(),
        }
    }
}

/// A server's side of a connection.
#[derive(Debug, Clone, Copy)]
pub struct ServerConfig {
    /// Unanswered delivers allowed.
    pub window: usize,
    /// C, T and N of the specification.
    pub timing: Timing,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { window: DEFAULT_WINDOW, timing: Timing::default() }
    }
}

impl Session {
    /// A client that has written its Login into the output.
    ///
    /// `timestamp` is the decimal value of MMDDHHMMSS of the wall clock, read once: it enters the authenticator and
    /// the `TimeStamp` field alike.
    #[must_use]
    pub fn client(config: &ClientConfig, now: Millis, timestamp: u32) -> Self {
        let authenticator_client = auth::client_authenticator(&config.client_id, &config.secret, timestamp);
        let login = Pdu::Login(Login {
            client_id: config.client_id,
            authenticator_client,
            login_mode: config.mode.octet(),
            timestamp,
            client_version: config.version.octet(),
        });
        let setup =
            Setup { role: Role::Client, window: config.window, timing: config.timing, last_sequence: 0 };
        Self::opening(Smgp { version: config.version }, &login, setup, now)
    }

    /// A server that waits for a Login.
    #[must_use]
    pub fn server(config: &ServerConfig, now: Millis) -> Self {
        let setup =
            Setup { role: Role::Server, window: config.window, timing: config.timing, last_sequence: 0 };
        Self::waiting(Smgp { version: Version::V30 }, setup, now)
    }
}
