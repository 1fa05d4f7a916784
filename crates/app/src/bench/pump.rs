//! A bare pump of the campaign's texts, nothing stored: what the wire alone allows with the same window.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sim::load::{PumpConfig, pump};

use super::campaign::port;
use super::carrier::CarrierSetup;
use super::process::Helper;
use super::spoken::Spoken;
use super::{child, world};

/// Texts pumped in turn: one in ten has two parts.
const TEXTS: u64 = 10;

/// What the pumping process is given.
#[derive(Serialize, Deserialize)]
pub(super) struct PumpSetup {
    port: u16,
    protocol: Spoken,
    messages: u64,
    connections: u16,
    window: u16,
    awaits_reports: bool,
}

impl PumpSetup {
    /// One connection to a server that answers and reports nothing.
    pub(super) fn of_customer(port: u16, protocol: Spoken, messages: u64, window: u16) -> Self {
        Self { port, protocol, messages, connections: 1, window, awaits_reports: false }
    }
}

/// Pumps to a carrier in a process of its own, from another one.
///
/// # Errors
/// When a helper fails.
pub(super) async fn measure(
    protocol: Spoken,
    messages: u64,
    connections: u16,
    window: u16,
) -> anyhow::Result<Value> {
    let carrier = Helper::start("carrier", &CarrierSetup { protocol, ..CarrierSetup::default() }).await?;
    let setup =
        PumpSetup { port: port(&carrier)?, protocol, messages, connections, window, awaits_reports: true };
    let pumping = Helper::start("pump", &setup).await?;
    let figures = pumping.greeting.clone();
    pumping.stop().await?;
    carrier.stop().await?;
    Ok(figures)
}

/// The pumping process.
///
/// # Errors
/// When a connection fails.
pub(super) async fn run(setup: &str) -> anyhow::Result<()> {
    let setup: PumpSetup = serde_json::from_str(setup)?;
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, setup.port));
    let config = PumpConfig {
        connections: usize::from(setup.connections),
        window: usize::from(setup.window),
        protocol: setup.protocol.simulated(),
        awaits_reports: setup.awaits_reports,
        texts: (0..TEXTS).map(world::text).collect(),
        ..PumpConfig::new(addr, "901234", "bench", setup.messages)
    };
    let report = pump(config).await?;
    let answered = report.messages as f64 * 1_000.0 / report.answered_ms.max(1) as f64;
    child::say(&json!({
        "messages": report.messages,
        "parts": report.submitted,
        "accepted": report.accepted,
        "answered_ms": report.answered_ms,
        "pump_messages_per_second": report.messages_per_second.round(),
        "pump_answered_per_second": answered.round(),
        "pump_cpu_us_per_message": report.cpu_us_per_message,
        "receipts": report.receipts,
    }));
    Ok(())
}
