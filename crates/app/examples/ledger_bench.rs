//! How fast messages live their whole life in a ledger: accepted, claimed, settled, received; messages a second and CPU a
//! message, of this process and of PostgreSQL's.
//!
//! ```text
//! cargo run --release -p app --example ledger_bench -- FOLDER|postgres://URL [MESSAGES] [BATCH] [PARTITIONS]
//! ```
//!
//! With a folder, the ledger is on SQLite. A database is migrated first; its server must run on this machine for its CPU
//! time to be seen. Prints one line of JSON.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::billing::{Charge, Purse};
use domain::channel::{CarrierCode, CarrierMessageId, Receipt, ReceiptStatus};
use domain::ids::{AccountId, ChannelId, EntityId, GatewayId, IdGenerator, LaneId, PartitionId, RouteId};
use domain::lane::{Lane, LaneState, Stream, WindowClose};
use domain::ledger::{ClaimRequest, Disposition, Entry, Ledger, NewMessage, Settlement, Take};
use domain::message::{Category, Priority};
use domain::money::Money;
use domain::phone::{CarrierSet, Phone};
use domain::policy::Policy;
use domain::retry::RetryPolicy;
use domain::text::Encoding;
use domain::time::Timestamp;
use store::ledger::{OpenOptions, SqliteLedger};
use store::postgres::{PostgresLedger, PostgresOptions, PostgresPlace};
use store::sealing::Sealer;
use tokio::task::JoinSet;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const LANE: LaneId = LaneId::from_raw(1);
const ACCOUNT: AccountId = AccountId::from_raw(2);
const ENTITY: EntityId = EntityId::from_raw(3);
const CHANNEL: ChannelId = ChannelId(1);
const GATEWAY: GatewayId = GatewayId(1);
const FIRST_PHONE: u64 = 8_613_800_000_000;
/// A Wednesday, 10:00 in China: within every sending window.
const NOW: Timestamp = Timestamp::from_millis(1_789_524_000_000);
/// The kernel counts CPU time in hundredths of a second.
const TICK: f64 = 0.01;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let place = words.next().ok_or("name a folder, or the URL of a database")?;
    let mut number = |default: u64| words.next().map_or(Ok(default), |word| word.parse());
    let (messages, batch, partitions) = (number(100_000)?, number(500)?, number(8)?);
    let ledger = open(&place, u16::try_from(partitions)?).await?;
    ledger.put_lane(lane()).await?;
    let all = written(&ledger, messages);
    let (started, before) = (wall(), cpu());
    let mut lives = JoinSet::new();
    for (number, messages) in (0u16..).zip(all) {
        let ledger = Arc::clone(&ledger);
        lives.spawn(async move { live(&*ledger, PartitionId(number), messages, batch).await });
    }
    while let Some(life) = lives.join_next().await {
        life??;
    }
    let (seconds, after) = (started.elapsed().as_secs_f64(), cpu());
    let each = |ticks: u64| ticks as f64 * TICK * 1e6 / messages as f64;
    println!(
        "{{\"messages\":{messages},\"batch\":{batch},\"partitions\":{partitions},\"seconds\":{seconds:.2},\
         \"messages_per_second\":{:.0},\"own_cpu_micros\":{:.1},\"postgres_cpu_micros\":{:.1}}}",
        messages as f64 / seconds,
        each(after.0 - before.0),
        each(after.1 - before.1)
    );
    ledger.close().await;
    Ok(())
}

async fn open(place: &str, partitions: u16) -> Result<Arc<dyn Ledger>, Failure> {
    if place.starts_with("postgres") {
        let folder = std::env::temp_dir().join("hongyan-ledger-bench");
        let sealer = sealer(&folder)?;
        PostgresLedger::migrate(place, partitions).await?;
        return Ok(PostgresLedger::open(&PostgresOptions::alone(PostgresPlace::new(place), sealer)).await?);
    }
    let folder = Path::new(place);
    let mut options = OpenOptions::new(folder, sealer(folder)?);
    options.partitions = partitions;
    Ok(SqliteLedger::open(&options)?)
}

fn sealer(folder: &Path) -> Result<Arc<Sealer>, Failure> {
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    Ok(Sealer::open(&folder.join("keys/key"), &data)?)
}

fn lane() -> Lane {
    Lane {
        id: LANE,
        account: ACCOUNT,
        entity: ENTITY,
        campaign: None,
        route: RouteId(1),
        priority: Priority::Notice,
        category: Category::Notice,
        state: LaneState::Open,
        speed: None,
        window_close: WindowClose::Hold,
        held_words_approved: false,
        charge: Charge::Submitted,
        purse: Purse::Open,
        version: 0,
    }
}

/// Messages to people of their own, by partition, written before the clock runs.
fn written(ledger: &Arc<dyn Ledger>, messages: u64) -> Vec<Vec<NewMessage>> {
    let (map, ids) = (ledger.partitions(), IdGenerator::new(0));
    let mut all: Vec<Vec<NewMessage>> = map.all().map(|_| Vec::new()).collect();
    for number in 0..messages {
        let Some(phone) = Phone::from_u64(FIRST_PHONE + number) else { continue };
        let message = NewMessage {
            id: ids.next(NOW, phone.slot()).into(),
            lane: LANE,
            account: ACCOUNT,
            entity: ENTITY,
            campaign: None,
            contact: None,
            category: Category::Notice,
            phone,
            text: format!("【鸿雁】您的第{number}号包裹已到达天河路三百八十五号驿站，请凭取件码领取。"),
            encoding: Encoding::Ucs2,
            parts: 1,
            price: Money::from_micros(45_000),
            carrier: phone.carrier(),
            valid_until: NOW.plus(Duration::from_secs(86_400)),
            test: false,
            possible_duplicate: false,
            entry: Entry::Queue { due_at: NOW, by_carrier: false },
            origin: None,
        };
        if let Some(home) = all.get_mut(usize::from(map.of(phone.slot()).0)) {
            home.push(message);
        }
    }
    all
}

/// All steps of the messages of one partition, batch after batch.
async fn live(
    ledger: &dyn Ledger,
    partition: PartitionId,
    messages: Vec<NewMessage>,
    batch: u64,
) -> Result<(), Failure> {
    let (policy, retry) = (Arc::new(Policy::builtin()), Arc::new(RetryPolicy::default()));
    let batch = usize::try_from(batch)?.max(1);
    let stream = Stream { lane: LANE, carrier: None, avoid: None };
    for some in messages.chunks(batch) {
        ledger.accept(partition, some.to_vec(), None, NOW).await?;
        let request = ClaimRequest {
            partition,
            channel: CHANNEL,
            gateway: GATEWAY,
            carriers: CarrierSet::ALL,
            takes: vec![Take { stream, limit: u32::try_from(batch)?, reach: CarrierSet::ALL }],
            max_parts: u32::MAX,
            now: NOW,
            policy: Arc::clone(&policy),
        };
        let outgoing = ledger.claim(request).await?.outgoing;
        if outgoing.len() != some.len() {
            return Err(format!("{} of {} messages were claimed", outgoing.len(), some.len()).into());
        }
        let id = |message: domain::ids::MessageId| CarrierMessageId::Number(message.raw().cast_unsigned());
        let settlements = outgoing.iter().map(|out| Settlement {
            ticket: out.ticket,
            channel: CHANNEL,
            at: NOW,
            disposition: Disposition::Submitted { gateway: GATEWAY, ids: vec![id(out.ticket.message)] },
        });
        ledger.settle(partition, settlements.collect()).await?;
        let receipts = outgoing.iter().map(|out| Receipt {
            gateway: GATEWAY,
            carrier_id: id(out.ticket.message),
            phone: Some(out.phone),
            status: ReceiptStatus::Delivered,
            code: CarrierCode::new(b"DELIVRD"),
            received_at: NOW,
        });
        ledger.receipts(partition, receipts.collect(), true, Arc::clone(&retry), NOW).await?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a measurement is of the real time")]
fn wall() -> Instant {
    Instant::now()
}

/// Hundredths of a second that this process used, and those of every process of PostgreSQL on this machine, ended ones
/// included where their parent has counted them.
fn cpu() -> (u64, u64) {
    let own = fs::read_to_string("/proc/self/stat").map_or(0, |stat| ticks(&stat));
    let mut postgres = 0;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if stat.contains("(postgres)") {
            postgres += ticks(&stat);
        }
    }
    (own, postgres)
}

/// User and system time of a line of `/proc/PID/stat`.
fn ticks(stat: &str) -> u64 {
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}
