//! Holding a carrier's pace: a small window, slow answers, a limit that must be used up and not overstepped.

use std::path::Path;

use serde_json::{Value, json};

use super::campaign::{World, audience_file, number, port, round, wait_for_end};
use super::carrier::CarrierSetup;
use super::process::Helper;
use super::server::{ServerOrder, ServerSetup};
use super::spoken::Spoken;
use super::{PARTITIONS, Show, ledger};

const CONNECTIONS: u16 = 4;
const WINDOW: u16 = 16;
const ANSWER_MS: u64 = 30;
const TPS_PER_CONNECTION: u32 = 500;

/// Measures the pace of a campaign.
///
/// # Errors
/// When a helper fails.
pub(super) async fn run(show: &Show, folder: &Path, recipients: u64) -> anyhow::Result<Value> {
    let tps = TPS_PER_CONNECTION * u32::from(CONNECTIONS);
    let setup = CarrierSetup {
        answer_ms: ANSWER_MS,
        receipt_median_ms: 500.0,
        receipt_p95_ms: 800.0,
        tps_per_connection: Some(TPS_PER_CONNECTION),
        ..CarrierSetup::default()
    };
    let world = World {
        recipients,
        recents: 0,
        partitions: PARTITIONS,
        connections: CONNECTIONS,
        window: WINDOW,
        protocol: Spoken::default(),
        nodes: 1,
    };
    let place = ledger::new_place(folder, PARTITIONS)?;
    show.step("filling the ledger");
    ledger::filled(&place, world.people()).await?;
    let mut carrier = Helper::start("carrier", &setup).await?;
    let server = ServerSetup::new(place, port(&carrier)?, CONNECTIONS, WINDOW, Some(tps));
    let mut server = Helper::start("server", &server).await?;
    let audience = audience_file(folder, 0, recipients, world.people())?;
    let preflight = server.ask(&ServerOrder::Prepare(audience)).await?;
    show.step("sending");
    server.ask(&ServerOrder::Start).await?;
    let counters = wait_for_end(show, &mut carrier, number(&preflight, "parts")).await?;
    server.stop().await?;
    carrier.stop().await?;
    let took_ms =
        number(&counters, "last_submit_ms").saturating_sub(number(&counters, "first_submit_ms")).max(1);
    let taken = number(&counters, "accepted");
    let reached = taken as f64 * 1_000.0 / took_ms as f64;
    Ok(json!({
        "connections": CONNECTIONS,
        "window": WINDOW,
        "answer_ms": ANSWER_MS,
        "tps_per_connection": TPS_PER_CONNECTION,
        "parts": taken,
        "seconds": took_ms as f64 / 1_000.0,
        "tps_wanted": tps,
        "tps_reached": round(reached),
        "off_by_percent": round((reached / f64::from(tps) - 1.0) * 100.0),
        "throttled": counters["throttled"],
    }))
}
