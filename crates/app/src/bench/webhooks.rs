//! Webhooks: how fast one endpoint on this machine is told, with everything written down.
//!
//! What is told are events outside the ledger, so that no carrier takes part; they are read, signed, posted and written down
//! as all others are. The receiver is part of this process: its time is part of the figure.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use domain::control::Secret;
use domain::events::{Event, EventKind, EventSubject, Notice};
use domain::ids::CampaignId;
use domain::time::Clock as _;
use domain::webhooks::{WebhookFormat, WebhookSigning};
use engine::webhooks::NewWebhook;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::campaign::round;
use super::process::usage_of_self;
use super::{PARTITIONS, Show, ledger, start_node};
use crate::clock::SystemClock;

/// Longer than a machine takes that works: a tenth of the aim.
const SLOWEST_PER_SECOND: u64 = 300;
/// Events written at once.
const WRITTEN_AT_ONCE: u64 = 500;
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// Measures.
///
/// # Errors
/// When the folder holds something else, or not everything is told in time.
pub(super) async fn run(show: &Show, folder: &Path, events: u64) -> anyhow::Result<Value> {
    let place = ledger::new_place(folder, PARTITIONS)?;
    ledger::filled(&place, 0).await?;
    let node = start_node(&place, false).await?;
    let clock = SystemClock::new();
    let tenants = node.engine.control().tenants().await?;
    let account = tenants.first().context("the first start makes an account")?.account.id;
    let taken = Arc::new(AtomicU64::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let counter = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(receive(stream, Arc::clone(&counter)));
        }
    });
    let new = NewWebhook {
        name: "bench".to_owned(),
        url: Secret(url),
        kinds: vec![EventKind::CampaignFinished],
        format: WebhookFormat::Standard,
        signing: WebhookSigning::Hmac,
    };
    let at = clock.now();
    show.step("writing events");
    for from in (0..events).step_by(usize::try_from(WRITTEN_AT_ONCE)?) {
        let notice = |number: u64| {
            let subject = EventSubject::Campaign(CampaignId::from_raw(number.cast_signed()));
            Notice { account, event: Event::plain(EventKind::CampaignFinished, subject, at) }
        };
        let some: Vec<Notice> = (from..(from + WRITTEN_AT_ONCE).min(events)).map(notice).collect();
        node.engine.control().add_notices(&some).await?;
    }
    // It begins behind what is written, and is moved back before it.
    let (webhook, _) = node.engine.create_webhook(account, new).await?;
    show.step("telling them");
    let (began, cpu) = (clock.monotonic_millis(), usage_of_self()?.cpu_us);
    let all = engine::webhooks::Replay::Since(at);
    node.engine.replay_webhook(account, webhook.id, all).await?;
    let patience = events * 1_000 / SLOWEST_PER_SECOND + 5_000;
    while taken.load(Ordering::Relaxed) < events {
        if clock.monotonic_millis() > began + patience {
            bail!("{} of {events} were told in {patience} ms", taken.load(Ordering::Relaxed));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took_ms = (clock.monotonic_millis() - began).max(1);
    let cpu = usage_of_self()?.cpu_us - cpu;
    node.stop().await;
    Ok(json!({
        "events": events,
        "seconds": took_ms as f64 / 1_000.0,
        "deliveries_per_second": events * 1_000 / took_ms,
        "cpu_us_per_delivery_with_receiver": round(cpu as f64 / events.max(1) as f64),
    }))
}

/// Takes calls of one connection, one after the other.
async fn receive(mut stream: TcpStream, taken: Arc<AtomicU64>) {
    let (mut heard, mut piece) = (Vec::new(), [0; 8_192]);
    loop {
        while let Some(end) = whole(&heard) {
            heard.drain(..end);
            taken.fetch_add(1, Ordering::Relaxed);
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
        match stream.read(&mut piece).await {
            Ok(read) if read > 0 => heard.extend_from_slice(&piece[..read]),
            _ => return,
        }
    }
}

/// Where the first request ends, if it is there as a whole.
pub(super) fn whole(heard: &[u8]) -> Option<usize> {
    let head = heard.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&heard[..head]).ok()?.to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"))?;
    let end = head + length.trim().parse::<usize>().ok()?;
    (heard.len() >= end).then_some(end)
}
