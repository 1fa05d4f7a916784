//! Drivers that carry messages over channels: sessions with carriers, and providers over HTTP, on tokio.
//!
//! Owns sockets, reconnects, pacing, and the table of what is under way on each connection. Refuses every decision
//! about messages: what is sent, retried or acknowledged is the engine's.
//!
//! Invariants: what is handed to a channel comes back exactly once (a late answer may follow an uncertain one);
//! messages under way (waiting and unanswered) never exceed connections × window; a carrier's PDU is acknowledged
//! only when the engine says that its content is durable.

mod backoff;
mod carrier;
mod documents;
mod downstream;
mod drivers;
mod fetch;
mod outbound;
mod pace;
mod provider;
mod socket;
mod tls;

use std::sync::Arc;

use domain::channel::{Channel, ChannelEvent, SettingsFault};
use domain::control::{ChannelConfig, Protocol};
use domain::ids::ChannelId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::EncodeError;

pub use carrier::ChannelSettings;
pub use documents::DocumentsHttp;
pub use downstream::{DownstreamSettings, Family, Ports, listen};
pub use fetch::SourceHttp;
pub use outbound::OutboundHttp;
pub use provider::HttpProviders;
pub use tls::{TlsError, TlsServer};

use carrier::CarrierChannel;
use drivers::{CmppDriver, SgipDriver, SmgpDriver, SmppDriver};
use provider::ProviderChannel;

/// Why a channel cannot be started: its configuration is at fault, but for the last.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A configured value does not fit its field.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A provider's settings are not understood.
    #[error("{}: {}", .0.pointer, .0.said.en)]
    Settings(SettingsFault),
    /// TLS cannot be set up on this machine.
    #[error("{0}")]
    Tls(String),
    /// The channel's settings of TLS.
    #[error(transparent)]
    Enciphered(#[from] TlsError),
}

/// Starts a channel's connections as tasks of `tracker`; they end when `stop` is cancelled, after saying goodbye.
/// Events go to `events`, whose receiver must never wait for this channel.
///
/// # Errors
/// [`StartError`].
pub fn start(
    config: ChannelConfig,
    settings: ChannelSettings,
    events: mpsc::Sender<(ChannelId, ChannelEvent)>,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Arc<dyn Channel>, StartError> {
    Ok(match config.protocol {
        Protocol::Cmpp20 | Protocol::Cmpp30 => {
            CarrierChannel::<CmppDriver>::start(config, settings, events, tracker, stop)?
        }
        Protocol::Sgip12 => CarrierChannel::<SgipDriver>::start(config, settings, events, tracker, stop)?,
        Protocol::Smgp13 | Protocol::Smgp30 => {
            CarrierChannel::<SmgpDriver>::start(config, settings, events, tracker, stop)?
        }
        Protocol::Smpp34 | Protocol::Smpp50 => {
            CarrierChannel::<SmppDriver>::start(config, settings, events, tracker, stop)?
        }
        Protocol::Aliyun | Protocol::Tencent | Protocol::Twilio | Protocol::Http => {
            ProviderChannel::start(config, settings, events, tracker, stop)?
        }
    })
}
