//! A bare client of any protocol that pumps submits as fast as a window allows and stores nothing: the yardstick for what the
//! wire alone costs, and a customer that is in a hurry. It counts answers and receipts, and ends when all have come.

mod client;
mod pumping;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::text::{TextError, TextRules, plan, segment};
use serde::{Deserialize, Serialize};
use wire::cmpp::Version;
use wire::{CloseCause, EncodeError};

use crate::clock::Clock;
use crate::config::Protocol;
use client::{Client, CmppClient, SgipClient, SmgpClient, SmppClient};
use pumping::{Progress, pump_connection};

/// What is pumped, where to.
#[derive(Clone)]
pub struct PumpConfig {
    /// The carrier.
    pub addr: SocketAddr,
    /// What is spoken.
    pub protocol: Protocol,
    /// SP_Id, login name, ClientID or system_id, as short as its protocol wants it.
    pub login: String,
    /// The secret of the login.
    pub secret: String,
    /// CMPP: the version to ask for.
    pub version: Version,
    /// Connections at the same time.
    pub connections: usize,
    /// Unanswered submits per connection.
    pub window: usize,
    /// Messages over all connections together.
    pub messages: u64,
    /// Texts, used in turn; a long one goes as several submits.
    pub texts: Vec<String>,
    /// The n-th message goes to this number plus n (eleven digits, so that every message has a phone of its own).
    pub first_phone: u64,
    /// Access code (`Src_Id`).
    pub source: String,
    /// How long after the last answer or receipt to wait for more.
    pub patience: Duration,
    /// Whether the end waits for a report of each part that was taken.
    pub awaits_reports: bool,
}

/// What a pump measured. "Parts" are submits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PumpReport {
    /// Messages submitted.
    pub messages: u64,
    /// Parts submitted.
    pub submitted: u64,
    /// Parts taken.
    pub accepted: u64,
    /// Parts refused because they came too fast.
    pub throttled: u64,
    /// Parts refused otherwise.
    pub refused: u64,
    /// Parts without an answer.
    pub unanswered: u64,
    /// Status reports that came, copies included.
    pub receipts: u64,
    /// Of these `DELIVRD`.
    pub delivered: u64,
    /// Messages from phones that came.
    pub inbound: u64,
    /// Whether every part was answered and every accepted one reported before patience ran out.
    pub complete: bool,
    /// From the first submit to the last answer.
    pub answered_ms: u64,
    /// From the first submit to the last answer or receipt.
    pub elapsed_ms: u64,
    /// Messages over `elapsed_ms`.
    pub messages_per_second: f64,
    /// User and system CPU of this whole process over that time (the carrier's too, when it runs in this process); `None`
    /// where the system does not tell.
    pub cpu_us_per_message: Option<f64>,
}

/// Why a pump could not run, or broke off: nothing is retried.
#[derive(Debug, thiserror::Error)]
pub enum PumpError {
    /// A text that cannot be cut: the caller's fault.
    #[error("a text cannot be sent")]
    Text(#[from] TextError),
    /// A field that cannot be written: the caller's fault.
    #[error("a field cannot be written")]
    Encode(#[from] EncodeError),
    /// No texts, no connections or no window: the caller's fault.
    #[error("a pump needs at least one text, one connection and a window of one")]
    Nothing,
    /// The network's or the carrier's fault.
    #[error("the connection to {addr} failed")]
    Io {
        /// The carrier.
        addr: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The carrier refused the log-in.
    #[error("the log-in was refused")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The session ended before all was done.
    #[error("the session ended early")]
    Closed(#[source] CloseCause),
}

/// The octets of one part, the same for every phone.
pub(crate) struct PumpPart {
    pub(crate) content: Vec<u8>,
    pub(crate) format: u8,
    pub(crate) has_header: bool,
    pub(crate) number: u8,
    pub(crate) total: u8,
    /// What SMGP says beside the content.
    pub(crate) parameters: Vec<u8>,
}

impl PumpConfig {
    /// CMPP 3.0, one message of one part after the other over four connections with a window of 256, without patience for stragglers
    /// beyond ten seconds.
    #[must_use]
    pub fn new(addr: SocketAddr, login: &str, secret: &str, messages: u64) -> Self {
        Self {
            addr,
            protocol: Protocol::Cmpp,
            login: login.to_owned(),
            secret: secret.to_owned(),
            version: Version::V30,
            connections: 4,
            window: 256,
            messages,
            texts: vec!["【鸿雁】您好，您的包裹已到达小区驿站，取件码请见应用，谢谢。".to_owned()],
            first_phone: 13_000_000_000,
            source: "10690001".to_owned(),
            patience: Duration::from_secs(10),
            awaits_reports: true,
        }
    }
}

impl std::fmt::Debug for PumpConfig {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("PumpConfig")
            .field("addr", &self.addr)
            .field("protocol", &self.protocol)
            .field("connections", &self.connections)
            .field("window", &self.window)
            .field("messages", &self.messages)
            .finish_non_exhaustive()
    }
}

/// Pumps to the end on the current runtime.
///
/// # Errors
/// [`PumpError`] when any connection fails; what the others have done is then lost.
pub async fn pump(config: PumpConfig) -> Result<PumpReport, PumpError> {
    match config.protocol {
        Protocol::Cmpp => pump_over::<CmppClient>(config).await,
        Protocol::Sgip => pump_over::<SgipClient>(config).await,
        Protocol::Smgp => pump_over::<SmgpClient>(config).await,
        Protocol::Smpp => pump_over::<SmppClient>(config).await,
    }
}

async fn pump_over<C: Client>(config: PumpConfig) -> Result<PumpReport, PumpError> {
    if config.texts.is_empty() || config.connections == 0 || config.window == 0 {
        return Err(PumpError::Nothing);
    }
    let texts = config.texts.iter().map(|text| cut(text, &C::RULES)).collect::<Result<Vec<_>, _>>()?;
    let clock = Clock::start();
    let progress = Arc::new(Progress::new(config.connections));
    let (config, texts) = (Arc::new(config), Arc::new(texts));
    let before = cpu_us();
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..config.connections {
        let (config, texts) = (Arc::clone(&config), Arc::clone(&texts));
        tasks.spawn(pump_connection::<C>(config, texts, Arc::clone(&progress), clock, index));
    }
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok(result) => result?,
            Err(lost) => {
                let source = io::Error::other(lost);
                return Err(PumpError::Io { addr: config.addr, source });
            }
        }
    }
    let mut report = progress.report(config.messages);
    let spent = before.zip(cpu_us()).map(|(before, after)| after.saturating_sub(before));
    report.cpu_us_per_message = spent.map(|spent| spent as f64 / report.messages.max(1) as f64);
    Ok(report)
}

fn cut(text: &str, rules: &TextRules) -> Result<Vec<PumpPart>, PumpError> {
    let plan = plan(text, rules)?;
    let segments = segment(text, plan.encoding, rules, 1)?;
    let total = segments.len() as u8;
    let has_header = segments.has_header();
    let part = |(number, content): (u8, &[u8])| {
        Ok(PumpPart {
            content: content.to_vec(),
            format: plan.encoding.code(),
            has_header,
            number,
            total,
            parameters: if has_header { client::parameters(total, number)? } else { Vec::new() },
        })
    };
    (1..).zip(segments.iter()).map(part).collect()
}

/// User and system time of this process in microseconds.
fn cpu_us() -> Option<u64> {
    /// Ticks of /proc are hundredths of a second on every Linux architecture.
    const TICK_US: u64 = 10_000;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in brackets that may contain anything; user and system time are fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) * TICK_US)
}
