//! SMPP connections: how they are configured and begun.

use std::time::Duration;

use super::{Bind, BindKind, Pdu, Smpp, Version};
use crate::octets::{Hidden, Octets};
use crate::session::{Millis, Role, Setup, Timing};

/// An SMPP connection.
pub type Session = crate::session::Session<Smpp>;

/// What an SMPP connection tells.
pub type Event<'a> = crate::session::Event<'a, Smpp>;

/// Requests that may be unanswered: the specification names no number, ten is usual.
pub const DEFAULT_WINDOW: usize = 10;
/// Silence after which an enquire_link is sent.
const ENQUIRE_LINK_INTERVAL: Duration = Duration::from_secs(30);

/// Timers as message centres practise them.
fn practice() -> Timing {
    Timing { active_test_interval: ENQUIRE_LINK_INTERVAL, ..Timing::default() }
}

/// A client's side of a connection.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// What the connection is for.
    pub kind: BindKind,
    /// `system_id`, at most 15 octets.
    pub system_id: Octets<16>,
    /// `password`, at most 8 octets, in clear on the wire.
    pub password: Hidden<16>,
    /// `system_type`, at most 12 octets.
    pub system_type: Octets<13>,
    /// `interface_version` to ask for.
    pub version: Version,
    /// `address_range`: which receivers' messages this connection wants; empty for all.
    pub address_range: Octets<41>,
    /// Unanswered requests allowed.
    pub window: usize,
    /// When to send enquire_link, how long answers may take, when to give up.
    pub timing: Timing,
}

impl ClientConfig {
    /// A transceiver of 3.4 with usual values.
    #[must_use]
    pub fn new(system_id: Octets<16>, password: Hidden<16>) -> Self {
        Self {
            kind: BindKind::Transceiver,
            system_id,
            password,
            system_type: Octets::EMPTY,
            version: Version::V34,
            address_range: Octets::EMPTY,
            window: DEFAULT_WINDOW,
            timing: practice(),
        }
    }
}

/// A message centre's side of a connection.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The message centre's own `system_id`.
    pub system_id: Octets<16>,
    /// The highest version told in `sc_interface_version`.
    pub version: Version,
    /// Unanswered delivers allowed.
    pub window: usize,
    /// When to send enquire_link, how long answers may take, when to give up.
    pub timing: Timing,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { system_id: Octets::EMPTY, version: Version::V50, window: DEFAULT_WINDOW, timing: practice() }
    }
}

impl ClientConfig {
    fn bind(&self) -> Bind {
        Bind {
            kind: self.kind,
            system_id: self.system_id,
            password: self.password,
            system_type: self.system_type,
            interface_version: self.version.octet(),
            addr_ton: 0,
            addr_npi: 0,
            address_range: self.address_range,
        }
    }

    fn begun(&self, in_turn: Option<Bind>) -> (Smpp, Setup) {
        let setup = Setup { role: Role::Client, window: self.window, timing: self.timing, last_sequence: 0 };
        (Smpp { version: self.version, system_id: self.system_id, in_turn }, setup)
    }
}

impl Session {
    /// A client that has written its bind into the output.
    #[must_use]
    pub fn client(config: &ClientConfig, now: Millis) -> Self {
        let (smpp, setup) = config.begun(None);
        Self::opening(smpp, &Pdu::Bind(config.bind()), setup, now)
    }

    /// A client on a connection that a message centre made: it waits for an outbind (told as
    /// [`Event::ConnectRequested`](crate::session::Event::ConnectRequested), with the message centre's name and password)
    /// and binds when that is accepted (SMPP 3.4, 2.2.1).
    #[must_use]
    pub fn called(config: &ClientConfig, now: Millis) -> Self {
        let (smpp, setup) = config.begun(Some(config.bind()));
        Self::waiting(smpp, setup, now)
    }

    /// A message centre that waits for a bind.
    #[must_use]
    pub fn server(config: &ServerConfig, now: Millis) -> Self {
        let setup =
            Setup { role: Role::Server, window: config.window, timing: config.timing, last_sequence: 0 };
        Self::waiting(
            Smpp { version: config.version, system_id: config.system_id, in_turn: None },
            setup,
            now,
        )
    }
}
