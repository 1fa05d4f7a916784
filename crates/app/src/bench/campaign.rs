//! The main measurement: one campaign from launch to the last receipt, with everything on.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::{Value, json};

use super::carrier::{CarrierOrder, CarrierSetup};
use super::database::Database;
use super::ledger::{LedgerSetup, Place};
use super::nodes::Nodes;
use super::process::{Helper, Usage};
use super::server::{ServerOrder, ServerSetup};
use super::spoken::Spoken;
use super::{Show, ledger, pump, world};
use crate::storage::Engine;

/// Between two looks at the carrier's counters. The server is left alone.
pub(super) const LOOK: Duration = Duration::from_millis(200);
/// Nothing new for so long ends a campaign that has lost something.
pub(super) const PATIENCE_MS: u64 = 20_000;
/// Messages of the ledger's own measurement, at most.
const LEDGER_MESSAGES: u64 = 400_000;
/// Messages of the bare pump, at most.
const PUMP_MESSAGES: u64 = 1_000_000;
/// A million millionths.
const MICROS: f64 = 1e6;

/// The size of the world.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct World {
    pub(super) recipients: u64,
    pub(super) recents: u64,
    pub(super) partitions: u16,
    pub(super) connections: u16,
    pub(super) window: u16,
    pub(super) protocol: Spoken,
    /// Of one database.
    pub(super) nodes: u16,
}

impl World {
    /// People in the folder: every recipient is one of them, and so are those of the ledger's own measurement.
    pub(super) fn people(&self) -> u64 {
        self.recents.max(self.recipients + self.ledger_messages())
    }

    fn ledger_messages(&self) -> u64 {
        self.recipients.min(LEDGER_MESSAGES)
    }

    /// The world in words, printed with the figures.
    pub(super) fn describe(&self, carrier: &CarrierSetup, durability: &str) -> Value {
        json!({
            "recipients": self.recipients,
            "recents": self.people(),
            "partitions": self.partitions,
            "nodes": self.nodes,
            "text": world::text(1),
            "long_text": world::text(0),
            "two_parts": "1 in 10",
            "template": world::TEMPLATE,
            "policy": "built-in rules with the shipped word list; caps on; marketing hours open all day",
            "durability": format!("{durability}; phones and texts sealed; trail and tallies on"),
            "channel": format!("{}, {} connections, window {}", self.protocol.word(), self.connections, self.window),
            "carrier": carrier,
            "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        })
    }
}

/// What a campaign came to.
pub(super) struct Outcome {
    /// From launch to the last receipt that came.
    pub(super) elapsed_ms: u64,
    /// From the first submit to the last one.
    pub(super) submitting_ms: u64,
    pub(super) usage: Usage,
    pub(super) cpu_us: u64,
    /// Of all processes of a database server on this machine.
    pub(super) database_cpu_us: Option<u64>,
    /// The server's report.
    pub(super) report: Value,
    /// The carrier's counters.
    pub(super) carrier: Value,
    pub(super) preflight: Value,
}

/// Measures and prints.
///
/// # Errors
/// When a helper fails or the disk is full.
pub(super) async fn run(show: &Show, folder: &Path, world: World, engine: Engine) -> anyhow::Result<Value> {
    if world.nodes > 1 && engine == Engine::Sqlite {
        bail!(
            "多个节点共用一个数据库，请加 --engine postgres / several nodes share a database: add --engine postgres"
        );
    }
    let carrier = CarrierSetup { protocol: world.protocol, ..CarrierSetup::default() };
    let database = Database::of(engine).await?;
    let described = world.describe(&carrier, &database.durability());
    show.world(&described);
    show.step("filling the ledger with people who were sent something long ago");
    let place = ledger::new_place(folder, world.partitions)?.on(engine);
    let filled = ledger::filled(&place, world.people()).await?;
    // Not the whole answer: it holds the owner's key.
    show.done(&json!({ "recents": filled["recents"] }));
    let (outcome, messages) = campaign(show, folder, &place, &world, &carrier, &database).await?;
    let mut figures = figures(&world, &outcome);
    let truth = tokio::task::spawn_blocking(move || compare(&world, &messages)).await??;
    let never_sent = ["rejected", "failed"].iter().map(|name| number(&outcome.report, name)).sum::<u64>();
    figures["lost"] = Value::from(truth.missing.saturating_sub(never_sent));
    figures["duplicated"] = Value::from(truth.duplicated);
    show.done(&figures);
    show.step("the same ledger work driven directly");
    let setup = LedgerSetup {
        place,
        people: world.people(),
        from: world.recipients,
        messages: world.ledger_messages(),
    };
    let alone = ledger::measured(&setup).await?;
    show.done(&alone);
    show.step("a bare pump of the same PDUs");
    let pumped =
        pump::measure(world.protocol, world.recipients.min(PUMP_MESSAGES), world.connections, world.window)
            .await?;
    show.done(&pumped);
    for (name, from) in [
        ("ledger_messages_per_second", &alone),
        ("ledger_cpu_us_per_message", &alone),
        ("pump_messages_per_second", &pumped),
        ("pump_answered_per_second", &pumped),
    ] {
        figures[name] = from[name].clone();
    }
    figures["world"] = described;
    Ok(figures)
}

/// Sends one campaign and waits for its end. Returns also the file of what the carrier received.
pub(super) async fn campaign(
    show: &Show,
    folder: &Path,
    place: &Place,
    world: &World,
    carrier: &CarrierSetup,
    database: &Database,
) -> anyhow::Result<(Outcome, std::path::PathBuf)> {
    let mut carrier = Helper::start("carrier", carrier).await?;
    let setup = ServerSetup::new(place.clone(), port(&carrier)?, world.connections, world.window, None)
        .speaking(world.protocol);
    let mut nodes = Nodes::start(&setup, world.nodes).await?;
    show.step("freezing and counting the audience");
    let audience = audience_file(folder, 0, world.recipients, world.people())?;
    let preflight = nodes.first.ask(&ServerOrder::Prepare(audience)).await?;
    show.done(&preflight);
    show.step("sending");
    let (before, database_before) = (nodes.usage()?, database.cpu_us()?);
    let launched = nodes.first.ask(&ServerOrder::Start).await?;
    let counters = wait_for_end(show, &mut carrier, number(&preflight, "parts")).await?;
    let (usage, database_after) = (nodes.usage()?, database.cpu_us()?);
    let report = nodes.first.ask(&ServerOrder::Report).await?;
    let messages = folder.join("messages.jsonl");
    carrier.ask(&CarrierOrder::Messages(messages.clone())).await?;
    nodes.stop().await?;
    carrier.stop().await?;
    let launched_ms = number(&launched, "launched_unix_ms");
    let last = number(&counters, "started_unix_ms") + number(&counters, "last_receipt_acked_ms");
    let submitting = number(&counters, "last_submit_ms").saturating_sub(number(&counters, "first_submit_ms"));
    let outcome = Outcome {
        elapsed_ms: last.saturating_sub(launched_ms).max(1),
        submitting_ms: submitting.max(1),
        usage,
        cpu_us: usage.cpu_us.saturating_sub(before.cpu_us),
        database_cpu_us: database_before
            .zip(database_after)
            .map(|(before, after)| after.saturating_sub(before)),
        report,
        carrier: counters,
        preflight,
    };
    Ok((outcome, messages))
}

/// Where a carrier listens.
pub(super) fn port(carrier: &Helper) -> anyhow::Result<u16> {
    let port = carrier.greeting["port"].as_u64().context("a carrier says its port")?;
    Ok(u16::try_from(port)?)
}

/// Writes the audience's file.
pub(super) fn audience_file(
    folder: &Path,
    from: u64,
    to: u64,
    people: u64,
) -> anyhow::Result<std::path::PathBuf> {
    let path = folder.join("audience.csv");
    world::write_audience(std::fs::File::create(&path)?, from, to, people)?;
    Ok(path)
}

/// Looks at the carrier until it has received `parts` and owes no receipt, or nothing has changed for too long.
pub(super) async fn wait_for_end(show: &Show, carrier: &mut Helper, parts: u64) -> anyhow::Result<Value> {
    let mut last = (0, 0);
    loop {
        tokio::time::sleep(LOOK).await;
        let counters = carrier.ask(&CarrierOrder::Counters).await?;
        let (submits, acked) = (number(&counters, "submits"), number(&counters, "receipts_acked"));
        show.progress(submits, parts, acked);
        let elapsed = number(&counters, "elapsed_ms");
        if (submits, acked) != (last.0, last.1) {
            last = (submits, acked);
        } else if submits > 0 {
            let latest = number(&counters, "last_submit_ms").max(number(&counters, "last_receipt_acked_ms"));
            let complete = submits >= parts && number(&counters, "pending") == 0;
            if complete || elapsed.saturating_sub(latest) > PATIENCE_MS {
                return Ok(counters);
            }
        } else if elapsed > 30 * PATIENCE_MS {
            bail!("nothing was sent for {} s", elapsed / 1_000);
        }
    }
}

fn figures(world: &World, outcome: &Outcome) -> Value {
    let report = &outcome.report;
    let accepted = number(report, "accepted");
    json!({
        "recipients": world.recipients,
        "messages_per_second": per_second(accepted, outcome.elapsed_ms),
        "submitted_per_second": per_second(number(report, "submitted"), outcome.submitting_ms),
        "cpu_us_per_message": round(outcome.cpu_us as f64 / accepted.max(1) as f64),
        "database_cpu_us_per_message":
            outcome.database_cpu_us.map(|used| round(used as f64 / accepted.max(1) as f64)),
        "peak_rss_bytes": outcome.usage.peak_rss_bytes,
        "elapsed_seconds": round(outcome.elapsed_ms as f64 / 1_000.0),
        "preflight_seconds": outcome.preflight["seconds"],
        "accepted": accepted,
        "submitted": report["submitted"],
        "delivered": report["delivered"],
        "awaiting_receipt": report["awaiting_receipt"],
        "rejected": report["rejected"],
        "failed": report["failed"],
        "uncertain": report["uncertain"],
        "parts": outcome.carrier["submits"],
        "carrier_throttled": outcome.carrier["throttled"],
        "carrier_receipts_never": outcome.carrier["receipts_never"],
    })
}

pub(super) struct Compared {
    pub(super) missing: u64,
    pub(super) duplicated: u64,
}

/// The expected recipients against the carrier's own set.
pub(super) fn compare(world: &World, messages: &Path) -> anyhow::Result<Compared> {
    let received = sim::read_messages(messages)?;
    let duplicated = received.iter().map(|message| u64::from(message.count.saturating_sub(1))).sum();
    let phones: std::collections::HashSet<u64> = received.iter().map(|message| message.phone).collect();
    let people = world.people();
    let expected = (0..world.recipients).map(|place| world::recipient(place, people).to_u64());
    Ok(Compared { missing: expected.filter(|phone| !phones.contains(phone)).count() as u64, duplicated })
}

/// Whole ones.
pub(super) fn per_second(messages: u64, millis: u64) -> f64 {
    (messages as f64 * 1_000.0 / millis.max(1) as f64).round()
}

/// A number of an answer; absent ones are zero.
pub(super) fn number(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or(0)
}

/// To two decimals, for people.
pub(super) fn round(number: f64) -> f64 {
    (number * MICROS / 10_000.0).round() / (MICROS / 10_000.0)
}
