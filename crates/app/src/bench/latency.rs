//! Single messages while a campaign expands and sends: how long a POST takes, and an OTP and an emergency message from
//! acceptance to the carrier's answer.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::bail;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::accept::Client;
use super::campaign::{LOOK, PATIENCE_MS, World, audience_file, number, port, wait_for_end};
use super::carrier::{CarrierOrder, CarrierSetup};
use super::process::Helper;
use super::server::{ServerOrder, ServerSetup};
use super::stopwatch::Stopwatch;
use super::{Show, ledger, world};

/// Longest time told apart, in microseconds: longer ones are a failure of their own.
const LONGEST_US: u64 = 60_000_000;
/// Ids asked for at once.
const IDS_PER_ORDER: usize = 1_000;

/// What the posting task has seen.
#[derive(Default)]
struct Posted {
    /// Microseconds per POST.
    micros: Vec<u64>,
    otps: Vec<String>,
    emergencies: Vec<String>,
    failed: u64,
}

/// Measures.
///
/// # Errors
/// When a helper fails.
pub(super) async fn run(show: &Show, folder: &Path, world: World, rate: u64) -> anyhow::Result<Value> {
    let setup = CarrierSetup::default();
    let place = ledger::new_place(folder, world.partitions)?;
    show.step("filling the ledger");
    let filled = ledger::filled(&place, world.people()).await?;
    let mut carrier = Helper::start("carrier", &setup).await?;
    let server = ServerSetup::new(place, port(&carrier)?, world.connections, world.window, None);
    let mut server = Helper::start("server", &server).await?;
    let client = Client::new(&server, &filled)?;
    let audience = audience_file(folder, 0, world.recipients, world.people())?;
    let preflight = server.ask(&ServerOrder::Prepare(audience)).await?;
    show.step("sending, and posting single messages");
    server.ask(&ServerOrder::Start).await?;
    let (stop, posted) = (CancellationToken::new(), Arc::new(Mutex::new(Posted::default())));
    let posting = tokio::spawn(post(client, world.people(), rate, stop.clone(), Arc::clone(&posted)));
    wait_for_campaign(show, &mut carrier, number(&preflight, "parts")).await?;
    stop.cancel();
    posting.await?;
    wait_for_end(show, &mut carrier, number(&preflight, "parts")).await?;
    let posted = std::mem::take(&mut *posted.lock().unwrap_or_else(PoisonError::into_inner));
    let otps = until_taken(&mut server, &posted.otps).await?;
    let emergencies = until_taken(&mut server, &posted.emergencies).await?;
    server.stop().await?;
    carrier.stop().await?;
    let mut posts = Histogram::<u64>::new_with_max(LONGEST_US, 3)?;
    posted.micros.iter().for_each(|micros| posts.saturating_record(*micros));
    let millis = |micros: u64| micros as f64 / 1_000.0;
    Ok(json!({
        "recipients": world.recipients,
        "single_messages": posts.len(),
        "failed": posted.failed,
        "post_p50_ms": millis(posts.value_at_quantile(0.5)),
        "post_p99_ms": millis(posts.value_at_quantile(0.99)),
        "post_max_ms": millis(posts.max()),
        "otp_taken": otps.len(),
        "otp_accept_to_submitted_p50_ms": otps.value_at_quantile(0.5),
        "otp_accept_to_submitted_p99_ms": otps.value_at_quantile(0.99),
        "otp_accept_to_submitted_max_ms": otps.max(),
        "emergencies_taken": emergencies.len(),
        "emergency_accept_to_submitted_p50_ms": emergencies.value_at_quantile(0.5),
        "emergency_accept_to_submitted_p99_ms": emergencies.value_at_quantile(0.99),
        "emergency_accept_to_submitted_max_ms": emergencies.max(),
    }))
}

/// Milliseconds from acceptance to the carrier's answer, of those that were taken.
async fn until_taken(server: &mut Helper, ids: &[String]) -> anyhow::Result<Histogram<u64>> {
    let mut taken = Histogram::<u64>::new_with_max(LONGEST_US, 3)?;
    for ids in ids.chunks(IDS_PER_ORDER) {
        let millis = server.ask(&ServerOrder::Latencies(ids.to_vec())).await?;
        for millis in millis.as_array().into_iter().flatten().filter_map(Value::as_u64) {
            taken.saturating_record(millis);
        }
    }
    Ok(taken)
}

/// Waits until as many parts have been submitted as the campaign has: the few single ones hardly matter.
async fn wait_for_campaign(show: &Show, carrier: &mut Helper, parts: u64) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(LOOK).await;
        let counters = carrier.ask(&CarrierOrder::Counters).await?;
        let submits = number(&counters, "submits");
        show.progress(submits, parts, number(&counters, "receipts_acked"));
        if submits >= parts {
            return Ok(());
        }
        if number(&counters, "elapsed_ms") > number(&counters, "last_submit_ms") + PATIENCE_MS {
            bail!("the campaign came to a standstill after {submits} of {parts} parts");
        }
    }
}

/// Posts OTPs and emergency messages by turns at a steady rate, each from a task of its own: a slow answer delays no other.
async fn post(client: Client, first: u64, rate: u64, stop: CancellationToken, posted: Arc<Mutex<Posted>>) {
    let mut beat = tokio::time::interval(Duration::from_micros(1_000_000 / rate.max(1)));
    let mut tasks = tokio::task::JoinSet::new();
    for number in first.. {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = beat.tick() => {}
        }
        let (client, posted) = (client.clone(), Arc::clone(&posted));
        tasks.spawn(async move {
            let watch = Stopwatch::start();
            let urgent = number % 2 == 1;
            let answer = client.post(&if urgent { emergency(number) } else { otp(number) }).await;
            let micros = watch.micros();
            let mut posted = posted.lock().unwrap_or_else(PoisonError::into_inner);
            match answer.as_ref().ok().and_then(|answer| answer["results"][0]["id"].as_str()) {
                Some(id) => {
                    posted.micros.push(micros);
                    let ids = if urgent { &mut posted.emergencies } else { &mut posted.otps };
                    ids.push(id.to_owned());
                }
                None => posted.failed += 1,
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

fn otp(number: u64) -> Value {
    json!({ "messages": [{
        "phone": world::phone(number).e164().as_str(),
        "text": format!("您的验证码是 {:06}，5 分钟内有效。", number % 1_000_000),
        "signature": world::SIGNATURE,
        "category": "otp",
    }] })
}

fn emergency(number: u64) -> Value {
    json!({ "messages": [{
        "phone": world::phone(number).e164().as_str(),
        "text": format!("预警 {number}：今夜有暴雨，请勿外出。"),
        "signature": world::SIGNATURE,
        "category": "notice",
        "priority": "emergency",
    }] })
}
