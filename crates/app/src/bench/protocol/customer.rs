//! The server role: one connection of one customer that submits as fast as its window allows, each submit answered when it is
//! on disk. No channel sends meanwhile: what is measured is taking.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::super::campaign::{number, per_second, round};
use super::super::process::Helper;
use super::super::pump::PumpSetup;
use super::super::server::ServerSetup;
use super::super::spoken::Spoken;
use super::super::{PARTITIONS, Show, ledger};

/// Measures each protocol on a server that is started anew.
///
/// # Errors
/// When a helper fails, or a submit is refused.
pub(super) async fn measure(show: &Show, folder: &Path, messages: u64, window: u16) -> anyhow::Result<Value> {
    let mut all = Vec::new();
    for spoken in Spoken::FAMILIES {
        show.step(&format!("one customer over {}", spoken.word()));
        let place = ledger::new_place(folder, PARTITIONS)?;
        ledger::filled(&place, 0).await?;
        let server = Helper::start("server", &ServerSetup::for_customer(place, spoken, window)).await?;
        let port = server.greeting["customers"].as_u64().context("a server says where customers connect")?;
        let pumping = PumpSetup::of_customer(u16::try_from(port)?, spoken, messages, window);
        let before = server.usage()?;
        let pump = Helper::start("pump", &pumping).await?;
        let usage = server.usage()?;
        let (parts, taken) = (number(&pump.greeting, "parts"), number(&pump.greeting, "accepted"));
        ensure!(parts == taken, "{} of {parts} submits were refused", parts - taken);
        let answered_ms = number(&pump.greeting, "answered_ms").max(1);
        let figures = json!({
            "protocol": spoken.word(),
            "connections": 1,
            "window": window,
            "submits": parts,
            "durable_submits_per_second": per_second(taken, answered_ms),
            "server_cpu_us_per_submit": round((usage.cpu_us - before.cpu_us) as f64 / taken.max(1) as f64),
            "peak_rss_bytes": usage.peak_rss_bytes,
        });
        pump.stop().await?;
        server.stop().await?;
        show.done(&figures);
        all.push(figures);
    }
    Ok(all.into())
}
