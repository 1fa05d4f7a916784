//! What the sessions of all protocols share: instants, roles, the window of unanswered requests, heartbeats,
//! input, output, and how a session ends. A protocol adds its PDUs and quirks as a [`Protocol`] and nothing
//! else.
//!
//! Invariants: time only comes in as an argument; every queue has a bound; what is not answered is given back
//! exactly once.

mod event;
pub(crate) mod heartbeat;
mod inbound;
pub(crate) mod link;
mod machine;
pub mod protocol;
pub(crate) mod window;

use std::time::Duration;

pub use event::Event;
pub use link::OUTPUT_LIMIT;
pub use machine::Session;
pub(crate) use machine::Setup;
pub use protocol::Protocol;
pub use window::WINDOW_LIMIT;

use crate::error::EncodeError;
use crate::frame::FrameError;

/// An instant: milliseconds of any monotonic clock, the same clock for all calls to one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

impl Millis {
    /// The instant `duration` later, in whole milliseconds.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Milliseconds since `earlier`; 0 if that is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Which end of the connection a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The service provider, which connects, submits and receives delivers.
    Client,
    /// The gateway, which accepts, answers submits and delivers.
    Server,
}

/// A kind of request that waits for an answer under a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    /// A message handed to the carrier.
    Submit,
    /// A message or report handed to the service provider.
    Deliver,
    /// A question about counters or a message.
    Query,
    /// A wish to cancel a message.
    Cancel,
}

impl Request {
    /// The role that sends it.
    #[must_use]
    pub fn sender(self) -> Role {
        match self {
            Self::Submit | Self::Query | Self::Cancel => Role::Client,
            Self::Deliver => Role::Server,
        }
    }
}

/// How a connection is looked after; defaults are the specification's (CMPP and SMGP: C, T, N).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// C: silence from the peer after which it is tested.
    pub active_test_interval: Duration,
    /// T: how long an answer may take.
    pub response_timeout: Duration,
    /// N: unanswered tests after which the connection is dead.
    pub retries: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            active_test_interval: Duration::from_secs(180),
            response_timeout: Duration::from_secs(60),
            retries: 3,
        }
    }
}

/// Why a session has ended. The driver flushes the remaining output and closes the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseCause {
    /// The driver closed it (the socket is gone, or the process stops).
    #[error("closed on this side")]
    Local,
    /// We said goodbye, and the peer agreed or let the time for it pass.
    #[error("terminated by us")]
    Terminated,
    /// The peer said goodbye.
    #[error("terminated by the peer")]
    PeerTerminated,
    /// The log-in was refused, by either side.
    #[error("the log-in was refused")]
    Refused,
    /// The log-in was not finished in time.
    #[error("the log-in took too long")]
    OpenTimedOut,
    /// The peer answered no heartbeat and sent nothing else.
    #[error("the peer is silent and answers no heartbeat")]
    HeartbeatLost,
    /// The stream cannot be cut into PDUs any more.
    #[error(transparent)]
    Frame(FrameError),
    /// The peer asked for something before it logged in.
    #[error("command {command:#010x} before the log-in")]
    NotLoggedIn {
        /// `Command_Id`.
        command: u32,
    },
    /// The peer sends but does not read: more than [`OUTPUT_LIMIT`] octets wait for it.
    #[error("the peer does not read what it is sent")]
    PeerNotReading,
}

/// Why a request was not taken by the session; nothing was written and no token is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Not logged in, or already on the way out: try another connection.
    #[error("the session is not connected")]
    NotConnected,
    /// As many requests as the window allows wait for answers: try again after the next answer.
    #[error("the window is full")]
    WindowFull,
    /// A client does not deliver, a server does not submit: our own fault.
    #[error("this role does not send this request")]
    WrongRole,
    /// The PDU cannot be written: our own fault, and it will fail again.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}
