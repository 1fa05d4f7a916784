//! The simulated carrier of a measurement, in a process of its own.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sim::{Latency, LogNormal, Receipts, Replies, SimConfig};
use tokio_util::sync::CancellationToken;

use super::child;
use super::spoken::Spoken;

/// What the carrier is like.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CarrierSetup {
    /// What it speaks.
    pub(super) protocol: Spoken,
    /// How long an answer to a submit takes; 0 goes with the next write.
    pub(super) answer_ms: u64,
    /// Half of the receipts take at most this.
    pub(super) receipt_median_ms: f64,
    /// 95 % of the receipts take at most this.
    pub(super) receipt_p95_ms: f64,
    /// Share of messages whose receipt never comes.
    pub(super) never: f64,
    /// Submits per second and connection above which it throttles.
    pub(super) tps_per_connection: Option<u32>,
}

impl Default for CarrierSetup {
    /// Log-normal with a median of 2 s. The spread is chosen so that the last of a million receipts comes about seven
    /// seconds after its submit: a longer tail would measure the carrier's patience, not the platform.
    fn default() -> Self {
        Self {
            protocol: Spoken::default(),
            answer_ms: 0,
            receipt_median_ms: 2_000.0,
            receipt_p95_ms: 3_000.0,
            never: 0.01,
            tps_per_connection: None,
        }
    }
}

/// What it is asked.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CarrierOrder {
    /// Its counters.
    Counters,
    /// Every message it received into a file.
    Messages(PathBuf),
}

/// Runs until its input ends.
///
/// # Errors
/// When it cannot listen.
pub(super) async fn run(setup: &str) -> anyhow::Result<()> {
    let setup: CarrierSetup = serde_json::from_str(setup)?;
    let ideal = SimConfig::ideal().speaking(setup.protocol.simulated());
    let config = SimConfig {
        answer: if setup.answer_ms == 0 { Latency::None } else { Latency::Fixed(setup.answer_ms) },
        tps_per_connection: setup.tps_per_connection,
        receipts: Receipts {
            delivered: 1.0,
            never: setup.never,
            delay: LogNormal { median_ms: setup.receipt_median_ms, p95_ms: setup.receipt_p95_ms },
            duplicates: 0.0,
            out_of_order: 0.0,
            ..ideal.receipts
        },
        replies: Replies { opt_out: 0.0, ordinary: 0.0, ..Replies::default() },
        response_timeout: Duration::from_secs(60),
        ..ideal
    };
    let stop = CancellationToken::new();
    let carrier = sim::run(config, stop.clone()).await?;
    child::say(&json!({ "port": carrier.addr().port() }));
    child::serve(async |order: CarrierOrder| match order {
        CarrierOrder::Counters => Ok(serde_json::to_value(carrier.counters())?),
        CarrierOrder::Messages(path) => Ok(Value::from(carrier.dump_messages(&path)?)),
    })
    .await?;
    stop.cancel();
    carrier.stopped().await;
    Ok(())
}
