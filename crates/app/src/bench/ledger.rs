//! The ledger driven directly: the same work as a campaign makes it do, with nobody in front of it and no carrier
//! behind it. Also the process that fills a new data folder with people who were sent something long ago.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use domain::billing::{Charge, Purse};
use domain::channel::{CarrierCode, CarrierMessageId, Outgoing, Receipt, ReceiptStatus};
use domain::control::Accounts as _;
use domain::ids::{
    CampaignId, ChannelId, EntityId, GatewayId, IdGenerator, LaneId, MessageId, PartitionId, RouteId,
};
use domain::lane::{Lane, LaneState, Stream, WindowClose};
use domain::ledger::{ClaimRequest, Disposition, Entry, Expansion, Ledger, NewMessage, Settlement, Take};
use domain::message::{Category, Priority};
use domain::money::Money;
use domain::phone::{CarrierSet, Phone};
use domain::policy::Policy;
use domain::retry::RetryPolicy;
use domain::text::{Encoding, TextRules, plan};
use domain::time::Clock;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::control::ControlDb;
use store::postgres::{PostgresLedger, PostgresOptions};

use super::{child, world};
use crate::clock::SystemClock;
use crate::storage::{Engine, Home, Storage, open_files};

/// Audience rows of a group of chunks over the partitions of the default ledger: what expansion gives one of them.
const BATCH: usize = 2_000;
/// Receipts wait for this many batches, as they do behind a carrier.
const RECEIPT_BATCHES: usize = 4;
const CHANNEL: ChannelId = ChannelId(1);
const GATEWAY: GatewayId = GatewayId(1);

/// Where a measurement keeps its things.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    /// The data folder.
    pub(super) data: PathBuf,
    /// The key file beside it.
    pub(super) key_file: PathBuf,
    /// Partitions of a new ledger.
    pub(super) partitions: u16,
    /// What keeps it.
    pub(super) engine: Engine,
}

impl Place {
    /// The same place with another engine. An empty database is the caller's to provide.
    pub(super) fn on(self, engine: Engine) -> Self {
        Self { engine, ..self }
    }

    fn home(&self) -> Home<'_> {
        Home { data: &self.data, key_file: &self.key_file, partitions: self.partitions }
    }
}

/// What the filling process is given.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FillSetup {
    pub(super) place: Place,
    /// Persons 0 to below this number get a hand-over of long ago and their consent.
    pub(super) people: u64,
}

/// What the measuring process is given.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LedgerSetup {
    pub(super) place: Place,
    /// People in the folder.
    pub(super) people: u64,
    /// Recipients from this place on …
    pub(super) from: u64,
    /// … so many.
    pub(super) messages: u64,
}

/// Opens ledger and control database without anything that runs.
async fn open(place: &Place) -> anyhow::Result<(Arc<dyn Ledger>, Arc<ControlDb>)> {
    let (storage, home) = (Storage::from_environment(place.engine)?, place.home());
    let sealer = storage.sealer(&home).await?;
    let ledger = storage.ledger(&home, &sealer).await?;
    Ok((ledger, storage.control(&home, sealer, Arc::new(IdGenerator::new(0))).await?))
}

/// Fills a new folder or an empty database; says how many recents it wrote and, once, the owner's key.
///
/// # Errors
/// When the folder is in use, the database not empty, or the disk full.
pub(super) async fn fill(setup: &str) -> anyhow::Result<()> {
    let FillSetup { place, people } = serde_json::from_str(setup)?;
    let (storage, home) = (Storage::from_environment(place.engine)?, place.home());
    let clock = SystemClock::new();
    storage.migrate(&home).await?;
    let sealer = storage.sealer(&home).await?;
    let ids = Arc::new(IdGenerator::new(0));
    let control = storage.control(&home, Arc::clone(&sealer), Arc::clone(&ids)).await?;
    let first = control.first_start(clock.now(), &ids, |_| Ok(())).await?;
    let first = first.context("the folder or database is not new")?;
    control.close().await?;
    let phones = (0..people).map(world::phone);
    let written = match &storage {
        Storage::Sqlite => {
            let ledger = open_files(&home, &sealer).await?;
            let written = ledger.preload_recents(phones, first.entity.id, clock.now()).await?;
            ledger.close().await;
            written
        }
        Storage::Postgres(place) => {
            let ledger = PostgresLedger::open(&PostgresOptions::alone(place.clone(), sealer)).await?;
            let written = ledger.preload_recents(phones, first.entity.id, clock.now()).await?;
            ledger.close().await;
            written
        }
    };
    child::say(&json!({ "recents": written, "key": first.key.0 }));
    Ok(())
}

/// Measures; says messages per second and CPU per message.
///
/// # Errors
/// When the folder is in use or the disk is full.
pub(super) async fn run(setup: &str) -> anyhow::Result<()> {
    let setup: LedgerSetup = serde_json::from_str(setup)?;
    let clock = Arc::new(SystemClock::new());
    let (ledger, control) = open(&setup.place).await?;
    let account = control.accounts().await?.into_iter().next().context("nobody has this folder")?;
    let drive = Arc::new(Drive {
        ledger,
        policy: Arc::new(crate::config::open_all_day()?),
        retry: Arc::new(RetryPolicy::default()),
        ids: IdGenerator::new(1),
        lane: lane(account.entity, account.id, clock.as_ref()),
        clock,
    });
    drive.ledger.put_lane(drive.lane.clone()).await?;
    let measured = measure(&drive, &setup).await?;
    drive.ledger.close().await;
    control.close().await?;
    child::say(&measured);
    Ok(())
}

struct Drive {
    ledger: Arc<dyn Ledger>,
    policy: Arc<Policy>,
    retry: Arc<RetryPolicy>,
    ids: IdGenerator,
    lane: Lane,
    clock: Arc<SystemClock>,
}

fn lane(entity: EntityId, account: domain::ids::AccountId, clock: &SystemClock) -> Lane {
    let ids = IdGenerator::new(2);
    Lane {
        id: LaneId::from(ids.fresh(clock.now())),
        account,
        entity,
        campaign: Some(CampaignId::from(ids.fresh(clock.now()))),
        route: RouteId(1),
        priority: Priority::Marketing,
        category: Category::Marketing,
        state: LaneState::Open,
        speed: None,
        window_close: WindowClose::Hold,
        held_words_approved: false,
        charge: Charge::Submitted,
        purse: Purse::Open,
        version: 0,
    }
}

async fn measure(drive: &Arc<Drive>, setup: &LedgerSetup) -> anyhow::Result<Value> {
    let map = drive.ledger.partitions();
    let mut homes: Vec<Vec<(u64, Phone)>> = vec![Vec::new(); usize::from(map.len())];
    for place in setup.from..setup.from + setup.messages {
        let phone = world::recipient(place, setup.people);
        homes[usize::from(map.of(phone.slot()).0)].push((place, phone));
    }
    let (began, before) = (drive.clock.monotonic_millis(), super::process::usage_of_self()?);
    let lives = homes.into_iter().zip(0u16..).map(|(people, partition)| {
        let drive = Arc::clone(drive);
        tokio::spawn(async move { live(&drive, PartitionId(partition), people).await })
    });
    let mut sent = 0;
    for life in futures::future::join_all(lives).await {
        sent += life??;
    }
    let took_ms = drive.clock.monotonic_millis().saturating_sub(began).max(1);
    let used = super::process::usage_of_self()?.cpu_us.saturating_sub(before.cpu_us);
    Ok(json!({
        "messages": setup.messages,
        "sent": sent,
        "milliseconds": took_ms,
        "ledger_messages_per_second": sent * 1_000 / took_ms,
        "ledger_cpu_us_per_message": used as f64 / sent.max(1) as f64,
    }))
}

/// The whole life of one partition's messages, batch by batch. Returns how many were sent.
async fn live(drive: &Drive, partition: PartitionId, people: Vec<(u64, Phone)>) -> anyhow::Result<u64> {
    let (mut through, mut sent) = (0, 0);
    let mut receipts: Vec<Receipt> = Vec::new();
    for chunk in people.chunks(BATCH) {
        through += chunk.len() as u64;
        let messages: Vec<NewMessage> =
            chunk.iter().map(|(place, phone)| drive.message(*place, *phone)).collect::<Result<_, _>>()?;
        let expansion = Some(Expansion { lane: drive.lane.id, through });
        drive.ledger.accept(partition, messages, expansion, drive.clock.now()).await?;
        loop {
            let claim = drive.ledger.claim(drive.claim(partition)).await?;
            if claim.outgoing.is_empty() {
                break;
            }
            sent += claim.outgoing.len() as u64;
            let settled: Vec<Settlement> = claim.outgoing.iter().map(|out| drive.settlement(out)).collect();
            receipts.extend(settled.iter().flat_map(delivered));
            drive.ledger.settle(partition, settled).await?;
        }
        if receipts.len() >= RECEIPT_BATCHES * BATCH {
            drive.receipts(partition, receipts.drain(..BATCH).collect()).await?;
        }
    }
    while !receipts.is_empty() {
        drive.receipts(partition, receipts.drain(..BATCH.min(receipts.len())).collect()).await?;
    }
    Ok(sent)
}

impl Drive {
    fn message(&self, place: u64, phone: Phone) -> anyhow::Result<NewMessage> {
        let now = self.clock.now();
        let text = world::text(place);
        let parts = plan(&text, &TextRules::CMPP)?.parts;
        Ok(NewMessage {
            id: MessageId::from(self.ids.next(now, phone.slot())),
            lane: self.lane.id,
            account: self.lane.account,
            entity: self.lane.entity,
            campaign: self.lane.campaign,
            contact: None,
            category: self.lane.category,
            phone,
            text,
            encoding: Encoding::Ucs2,
            parts,
            price: Money::from_micros(45_000),
            carrier: phone.carrier(),
            valid_until: now.plus(Duration::from_secs(3_600)),
            test: false,
            possible_duplicate: false,
            entry: Entry::Queue { due_at: now, by_carrier: false },
            origin: None,
        })
    }

    fn claim(&self, partition: PartitionId) -> ClaimRequest {
        ClaimRequest {
            partition,
            channel: CHANNEL,
            gateway: GATEWAY,
            carriers: CarrierSet::ALL,
            takes: vec![Take {
                stream: Stream { lane: self.lane.id, carrier: None, avoid: None },
                limit: u32::MAX,
                reach: CarrierSet::ALL,
            }],
            max_parts: 2 * BATCH as u32,
            now: self.clock.now(),
            policy: Arc::clone(&self.policy),
        }
    }

    fn settlement(&self, outgoing: &Outgoing) -> Settlement {
        let id = outgoing.ticket.message.raw().cast_unsigned();
        // A part's number in the two lowest bits keeps ids apart.
        let ids = (0..u64::from(outgoing.parts)).map(|part| CarrierMessageId::Number(id << 1 | part));
        Settlement {
            ticket: outgoing.ticket,
            channel: CHANNEL,
            at: self.clock.now(),
            disposition: Disposition::Submitted { gateway: GATEWAY, ids: ids.collect() },
        }
    }

    async fn receipts(&self, partition: PartitionId, receipts: Vec<Receipt>) -> anyhow::Result<()> {
        let retry = Arc::clone(&self.retry);
        self.ledger.receipts(partition, receipts, true, retry, self.clock.now()).await?;
        Ok(())
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

/// Starts the filling process and waits for it.
///
/// # Errors
/// As [`fill`].
pub(super) async fn filled(place: &Place, people: u64) -> anyhow::Result<Value> {
    let setup = FillSetup { place: place.clone(), people };
    let helper = super::process::Helper::start("fill", &setup).await?;
    let greeting = helper.greeting.clone();
    helper.stop().await?;
    Ok(greeting)
}

/// Starts the measuring process and waits for it.
///
/// # Errors
/// As [`run`].
pub(super) async fn measured(setup: &LedgerSetup) -> anyhow::Result<Value> {
    let helper = super::process::Helper::start("ledger", setup).await?;
    let greeting = helper.greeting.clone();
    helper.stop().await?;
    Ok(greeting)
}

/// A new, empty place under `folder`: a folder that an earlier measurement made is replaced, any other is refused.
///
/// # Errors
/// When the folder holds something else, or the file system refuses.
pub(super) fn new_place(folder: &Path, partitions: u16) -> anyhow::Result<Place> {
    crate::demo::folder::renew(folder, "bench")?;
    Ok(Place { data: folder.join("data"), key_file: folder.join("key"), partitions, engine: Engine::Sqlite })
}
