//! The ledger alone: accept, claim with the built-in policy, settle, receipt, as fast as they go.
//!
//! `cargo run --release -p store --example ledger_bench -- DIR [MESSAGES] [RECENTS] [BATCH]`
//!
//! Prints messages per second and CPU per message of the whole process. The folder is filled anew.
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::channel::{CarrierCode, CarrierMessageId, Receipt, ReceiptStatus};
use domain::ids::{
    AccountId, CampaignId, ChannelId, EntityId, GatewayId, IdGenerator, LaneId, MessageId, PartitionId,
    RouteId,
};
use domain::lane::{Lane, LaneState, Stream, WindowClose};
use domain::ledger::{ClaimRequest, Disposition, Entry, Expansion, Ledger, NewMessage, Settlement, Take};
use domain::message::{Category, Priority};
use domain::money::Money;
use domain::phone::Phone;
use domain::policy::{Hours, Policy, PolicyBuilder, RuleId, Zone};
use domain::retry::RetryPolicy;
use domain::text::Encoding;
use domain::time::Timestamp;
use store::ledger::{OpenOptions, SqliteLedger};
use store::sealing::Sealer;

const CHANNEL: ChannelId = ChannelId(1);
const GATEWAY: GatewayId = GatewayId(1);
/// A prime step through the numbers of one range, so that neighbours in the run are no neighbours in the index.
const STEP: u64 = 7_368_787;

type Failure = Box<dyn Error + Send + Sync>;

struct Run {
    ledger: Arc<SqliteLedger>,
    policy: Arc<Policy>,
    retry: Arc<RetryPolicy>,
    ids: IdGenerator,
    lane: Lane,
    batch: usize,
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn phone(number: u64) -> Phone {
    // 13x, 15x and 18x ranges: 2.7 thousand million numbers.
    const HEADS: [u64; 20] =
        [135, 136, 137, 138, 139, 150, 151, 152, 158, 159, 182, 183, 187, 188, 130, 131, 132, 155, 156, 186];
    let mixed = number.wrapping_mul(STEP) % 2_000_000_000;
    let head = HEADS[(mixed / 100_000_000) as usize];
    Phone::from_u64((8_600_000_000_000 + head * 100_000_000) + mixed % 100_000_000).expect("a mobile number")
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: u64 = stat
        .rsplit(')')
        .next()
        .map(|rest| rest.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum())
        .unwrap_or(0);
    Duration::from_millis(ticks * 10)
}

fn peak_rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("which folder?")?);
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (messages, recents, batch) = (number(400_000)?, number(1_000_000)?, number(1_000)?);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let sealer = Sealer::open(&folder.join("keys/key"), &folder.join("data"))?;
    let ledger = SqliteLedger::open(&OpenOptions::new(folder.join("data"), sealer))?;
    let entity = EntityId::from_raw(3);
    let loading = Instant::now();
    ledger.preload_recents((0..recents).map(phone), entity, now()).await?;
    println!("{recents} recents in {:.1} s", loading.elapsed().as_secs_f64());
    let midnight = jiff::civil::Time::midnight();
    let always = Hours::new(midnight, midnight, Zone::china())?;
    let policy = PolicyBuilder::builtin().with_hours(RuleId::QUIET_HOURS, always).build()?;
    let run = Arc::new(Run {
        ledger,
        policy: Arc::new(policy),
        retry: Arc::new(RetryPolicy::default()),
        ids: IdGenerator::new(0),
        lane: lane(entity),
        batch: usize::try_from(batch)?,
    });
    run.ledger.open_lane(run.lane.clone()).await?;
    measure(&run, messages, recents).await?;
    run.ledger.close().await;
    Ok(())
}

fn lane(entity: EntityId) -> Lane {
    Lane {
        id: LaneId::from_raw(1),
        account: AccountId::from_raw(2),
        entity,
        campaign: Some(CampaignId::from_raw(4)),
        route: RouteId(1),
        priority: Priority::Marketing,
        category: Category::Marketing,
        state: LaneState::Open,
        speed: None,
        window_close: WindowClose::Hold,
        held_words_approved: false,
    }
}

async fn measure(run: &Arc<Run>, messages: u64, recents: u64) -> Result<(), Failure> {
    let map = run.ledger.partitions();
    let mut homes: Vec<Vec<Phone>> = vec![Vec::new(); usize::from(map.len())];
    for phone in (0..messages).map(|n| phone(n.wrapping_mul(11) % recents.max(messages))) {
        homes[usize::from(map.of(phone.slot()).0)].push(phone);
    }
    let (started, cpu_before) = (Instant::now(), cpu());
    let lives = homes.into_iter().zip(0u16..).map(|(phones, id)| {
        let run = Arc::clone(run);
        tokio::spawn(async move { live(&run, PartitionId(id), phones).await })
    });
    let mut sent = 0;
    for life in futures::future::join_all(lives).await {
        sent += life??;
    }
    let (took, used) = (started.elapsed(), cpu() - cpu_before);
    println!(
        "{sent} of {messages} messages in {:.2} s: {:.0} messages/s, {:.1} µs CPU per message, peak RSS {} MiB",
        took.as_secs_f64(),
        sent as f64 / took.as_secs_f64(),
        used.as_micros() as f64 / sent as f64,
        peak_rss_kib() / 1024,
    );
    Ok(())
}

/// The whole life of one partition's messages, batch by batch.
async fn live(run: &Run, partition: PartitionId, phones: Vec<Phone>) -> Result<u64, Failure> {
    let mut through = 0;
    let mut sent = 0;
    let mut receipts: Vec<Receipt> = Vec::new();
    for chunk in phones.chunks(run.batch) {
        through += chunk.len() as u64;
        let messages: Vec<NewMessage> = chunk.iter().map(|phone| message(run, *phone)).collect();
        let expansion = Some(Expansion { lane: run.lane.id, through });
        run.ledger.accept(partition, messages, expansion, now()).await?;
        let request = ClaimRequest {
            partition,
            channel: CHANNEL,
            gateway: GATEWAY,
            takes: vec![Take { stream: Stream { lane: run.lane.id, avoid: None }, limit: u32::MAX }],
            max_parts: 2 * chunk.len() as u32,
            now: now(),
            policy: Arc::clone(&run.policy),
        };
        let claim = run.ledger.claim(request).await?;
        sent += claim.outgoing.len() as u64;
        let settlements: Vec<Settlement> = claim.outgoing.iter().map(settlement).collect();
        receipts.extend(settlements.iter().flat_map(delivered));
        run.ledger.settle(partition, settlements).await?;
        if receipts.len() >= 4 * run.batch {
            let due = receipts.drain(..run.batch).collect();
            run.ledger.receipts(partition, due, true, Arc::clone(&run.retry), now()).await?;
        }
    }
    while !receipts.is_empty() {
        let due = receipts.drain(..run.batch.min(receipts.len())).collect();
        run.ledger.receipts(partition, due, true, Arc::clone(&run.retry), now()).await?;
    }
    Ok(sent)
}

fn message(run: &Run, phone: Phone) -> NewMessage {
    let id: MessageId = run.ids.next(now(), phone.slot()).into();
    let two = id.raw() % 10 == 0;
    let long = if two {
        "，满三百减五十，更有会员专享好礼等您来拿，数量有限先到先得，详情请到店咨询或拨打客服热线"
    } else {
        ""
    };
    NewMessage {
        id,
        lane: run.lane.id,
        account: run.lane.account,
        entity: run.lane.entity,
        campaign: run.lane.campaign,
        contact: None,
        category: Category::Marketing,
        phone,
        text: format!(
            "【鸿雁商城】张伟您好，您在杭州的专属优惠{}已到账，点击领取{long}。拒收请回复R",
            id.raw() % 997
        ),
        encoding: Encoding::Ucs2,
        parts: if two { 2 } else { 1 },
        price: Money::from_micros(45_000),
        carrier: phone.carrier(),
        valid_until: now().plus(Duration::from_secs(3_600)),
        test: false,
        entry: Entry::Queue { due_at: now() },
    }
}

fn settlement(outgoing: &domain::channel::Outgoing) -> Settlement {
    let id = outgoing.ticket.message.raw().cast_unsigned();
    let ids = (0..u64::from(outgoing.parts)).map(|part| CarrierMessageId::Number(id << 1 | part)).collect();
    Settlement {
        ticket: outgoing.ticket,
        channel: CHANNEL,
        at: now(),
        disposition: Disposition::Submitted { gateway: GATEWAY, ids },
    }
}

fn delivered(settlement: &Settlement) -> Vec<Receipt> {
    let Disposition::Submitted { gateway, ids } = &settlement.disposition else { return Vec::new() };
    let receipt = |carrier_id: &CarrierMessageId| Receipt {
        gateway: *gateway,
        carrier_id: carrier_id.clone(),
        phone: None,
        status: ReceiptStatus::Delivered,
        code: CarrierCode::new(b"DELIVRD"),
        received_at: settlement.at,
    };
    ids.iter().map(receipt).collect()
}
