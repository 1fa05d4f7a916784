//! What each carrier protocol costs: its codec, its bare pump, a campaign over SMPP beside one over CMPP, and the submits of
//! a customer that connects to us.

mod codec;
mod customer;

use std::path::Path;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::campaign::{World, campaign, compare, per_second, round};
use super::carrier::CarrierSetup;
use super::database::Database;
use super::spoken::Spoken;
use super::{PARTITIONS, Show, ledger, pump};
use crate::storage::Engine;

/// Which parts of the measurement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Part {
    /// 编解码 / writing and reading PDUs
    Codec,
    /// 裸收发 / bare pumps
    Pump,
    /// 群发：SMPP 与 CMPP / campaigns over SMPP and CMPP
    Campaign,
    /// 服务端：客户提交 / the server role: submits of one customer
    Server,
}

/// How much of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// PDUs written and read, of each protocol.
    pub(super) rounds: u32,
    /// Messages of each pump.
    pub(super) messages: u64,
    /// Recipients of each campaign.
    pub(super) recipients: u64,
    /// Messages of each customer.
    pub(super) submits: u64,
    /// Unanswered submits of a customer.
    pub(super) window: u16,
}

/// Connections and window of pumps and campaigns.
const CONNECTIONS: u16 = 4;
const WINDOW: u16 = 256;

/// Measures the parts that are asked for; all of them when none is named.
///
/// # Errors
/// When a helper fails or the disk is full.
pub(super) async fn run(show: &Show, folder: &Path, parts: &[Part], sizes: Sizes) -> anyhow::Result<Value> {
    let wanted = |part| parts.is_empty() || parts.contains(&part);
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let mut figures = json!({ "cpus": cpus });
    if wanted(Part::Codec) {
        show.step("writing and reading PDUs");
        figures["codec"] = codec::measure(sizes.rounds).into();
        show.done(&figures["codec"]);
    }
    if wanted(Part::Pump) {
        let mut pumps = Vec::new();
        for spoken in Spoken::FAMILIES {
            show.step(&format!("a bare pump over {}", spoken.word()));
            let mut pumped = pump::measure(spoken, sizes.messages, CONNECTIONS, WINDOW).await?;
            pumped["protocol"] = spoken.word().into();
            show.done(&pumped);
            pumps.push(pumped);
        }
        figures["pump"] = pumps.into();
    }
    if wanted(Part::Campaign) {
        figures["campaign"] = campaigns(show, folder, sizes.recipients).await?;
    }
    if wanted(Part::Server) {
        figures["server"] = customer::measure(show, folder, sizes.submits, sizes.window).await?;
    }
    Ok(figures)
}

/// The same campaign over two protocols, each on a new folder: machines differ from one minute to the next, so the ratio
/// is of the same run.
async fn campaigns(show: &Show, folder: &Path, recipients: u64) -> anyhow::Result<Value> {
    let mut figures = json!({ "recipients": recipients });
    let mut rates = Vec::new();
    for spoken in [Spoken::Cmpp30, Spoken::Smpp34] {
        show.step(&format!("a campaign over {}", spoken.word()));
        let world = World {
            recipients,
            recents: recipients,
            partitions: PARTITIONS,
            connections: CONNECTIONS,
            window: WINDOW,
            protocol: spoken,
            nodes: 1,
        };
        let carrier = CarrierSetup { protocol: spoken, ..CarrierSetup::default() };
        let place = ledger::new_place(folder, PARTITIONS)?;
        ledger::filled(&place, world.people()).await?;
        let database = Database::of(Engine::Sqlite).await?;
        let (outcome, messages) = campaign(show, folder, &place, &world, &carrier, &database).await?;
        let accepted = outcome.report["accepted"].as_u64().unwrap_or(0);
        let submitted = outcome.report["submitted"].as_u64().unwrap_or(0);
        let truth = tokio::task::spawn_blocking(move || compare(&world, &messages)).await??;
        rates.push(per_second(accepted, outcome.elapsed_ms));
        figures[spoken.word()] = json!({
            "messages_per_second": per_second(accepted, outcome.elapsed_ms),
            "submitted_per_second": per_second(submitted, outcome.submitting_ms),
            "cpu_us_per_message": round(outcome.cpu_us as f64 / accepted.max(1) as f64),
            "parts": outcome.carrier["submits"],
            "missing": truth.missing,
            "duplicated": truth.duplicated,
        });
        show.done(&figures[spoken.word()]);
    }
    if let [cmpp, smpp] = rates[..] {
        figures["smpp_to_cmpp"] = round(smpp / cmpp.max(1.0)).into();
    }
    Ok(figures)
}
