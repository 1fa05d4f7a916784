//! A ledger with one entity, one API lane and two channels, driven through the port only: what every engine passes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::billing::{Charge, Purse};
use domain::channel::{CarrierCode, CarrierMessageId, Outgoing, Receipt, ReceiptStatus};
use domain::ids::{
    AccountId, CampaignId, ChannelId, EntityId, GatewayId, IdGenerator, LaneId, MessageId, PartitionId,
    RouteId,
};
use domain::lane::{Lane, LaneState, Stream, WindowClose};
use domain::ledger::{
    Claim, ClaimRequest, ConsentGrant, Disposition, Entry, Ledger, MessageFilter, MessageRecord, NewMessage,
    ReceiptOutcome, Retention, Settlement, SuppressionOrder, Swept, Take,
};
use domain::message::{Category, Priority, Reason};
use domain::money::Money;
use domain::nodes::NodeId;
use domain::phone::{CarrierSet, Phone};
use domain::policy::{Consented, LegalBasis, Policy, Scope, Suppressed, SuppressionSource};
use domain::retry::RetryPolicy;
use domain::text::Encoding;
use domain::time::Timestamp;
use store::ledger::{OpenOptions, SqliteLedger};
use store::postgres::{PostgresLedger, PostgresOptions, PostgresPlace};
use store::sealing::Sealer;

use super::engines::Engine;
use super::postgres_server::fresh_database;

pub(crate) const ACCOUNT: AccountId = AccountId::from_raw(2);
pub(crate) const ENTITY: EntityId = EntityId::from_raw(3);
pub(crate) const FIRST: ChannelId = ChannelId(1);
pub(crate) const SECOND: ChannelId = ChannelId(2);
pub(crate) const GATEWAY: GatewayId = GatewayId(1);
/// A Wednesday, 10:00 in China: within every sending window.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_789_524_000_000);
pub(crate) const RETENTION: Retention =
    Retention { messages: Duration::from_secs(180 * 86_400), recents: Duration::from_secs(35 * 86_400) };

/// A ledger in a folder or database of its own, with the moment it is there.
pub(crate) struct Stage {
    place: Option<Place>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) ids: IdGenerator,
    pub(crate) now: Timestamp,
    pub(crate) policy: Arc<Policy>,
    pub(crate) retry: Arc<RetryPolicy>,
    /// What the channels that claim reach.
    pub(crate) reached: CarrierSet,
    partitions: u16,
}

/// Where a stage's ledger lies: its keys are always in the folder.
struct Place {
    folder: Arc<tempfile::TempDir>,
    /// Of PostgreSQL.
    url: Option<String>,
}

pub(crate) fn phone(number: u64) -> Phone {
    Phone::from_u64(8_613_800_000_000 + number).unwrap()
}

/// The word after the signature keeps texts apart; marketing says how to refuse.
pub(crate) fn text(number: u64) -> String {
    format!("【鸿雁】第{number}号通知，回T退订")
}

pub(crate) fn lane(id: i64, category: Category) -> Lane {
    Lane {
        id: LaneId::from_raw(id),
        account: ACCOUNT,
        entity: ENTITY,
        campaign: Some(CampaignId::from_raw(900 + id)),
        route: RouteId(1),
        priority: Priority::from(category),
        category,
        state: LaneState::Open,
        speed: None,
        window_close: WindowClose::Hold,
        held_words_approved: false,
        charge: Charge::Submitted,
        purse: Purse::Open,
        version: 0,
    }
}

/// A lane as it was when its campaign had a version.
pub(crate) fn as_of(lane: &Lane, version: i64, state: LaneState) -> Lane {
    Lane { version, state, ..lane.clone() }
}

pub(crate) fn stream(lane: i64, avoid: Option<ChannelId>) -> Stream {
    Stream { lane: LaneId::from_raw(lane), carrier: None, avoid }
}

impl Stage {
    pub(crate) async fn new(engine: Engine, partitions: u16) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let url = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => {
                let url = fresh_database().await;
                PostgresLedger::migrate(&url, partitions).await.unwrap();
                Some(url)
            }
        };
        Self::at(Place { folder, url }, partitions).await
    }

    async fn at(place: Place, partitions: u16) -> Self {
        let (data, keys) = (place.folder.path().join("data"), place.folder.path().join("keys/key"));
        let ledger: Arc<dyn Ledger> = match &place.url {
            None => open(&data, &keys, partitions),
            Some(url) => open_postgres(url, &data, &keys, 0).await,
        };
        Self { place: Some(place), partitions, ..Self::with(ledger, IdGenerator::new(0), NOW) }
    }

    /// A ledger that is open already.
    pub(crate) fn with(ledger: Arc<dyn Ledger>, ids: IdGenerator, now: Timestamp) -> Self {
        let (policy, retry) = (Arc::new(Policy::builtin()), Arc::new(RetryPolicy::default()));
        let partitions = ledger.partitions().len();
        let reached = CarrierSet::ALL;
        Self { place: None, ledger, ids, now, policy, retry, reached, partitions }
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.as_ref().unwrap().folder.path()
    }

    /// Of PostgreSQL.
    pub(crate) fn database(&self) -> Option<&str> {
        self.place.as_ref().and_then(|place| place.url.as_deref())
    }

    pub(crate) fn url(&self) -> &str {
        self.place.as_ref().unwrap().url.as_ref().unwrap()
    }

    /// The same people and time, over another node's ledger.
    pub(crate) async fn on_node(&self, node: u8) -> Self {
        Self::with(self.second_node(node).await, IdGenerator::new(node), self.now)
    }

    /// Another node on the same database.
    pub(crate) async fn second_node(&self, node: u8) -> Arc<PostgresLedger> {
        let place = self.place.as_ref().unwrap();
        let (data, keys) = (place.folder.path().join("data"), place.folder.path().join("keys/key"));
        open_postgres(place.url.as_ref().unwrap(), &data, &keys, node).await
    }

    /// Closes the ledger and opens it again, as a restart does.
    pub(crate) async fn reopen(self) -> Self {
        self.ledger.close().await;
        let Self { place, ledger, ids, now, partitions, .. } = self;
        drop(ledger);
        Self { ids, now, ..Self::at(place.unwrap(), partitions).await }
    }

    pub(crate) fn home(&self, phone: Phone) -> PartitionId {
        self.ledger.partitions().of(phone.slot())
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    pub(crate) fn message(&self, lane: &Lane, number: u64) -> NewMessage {
        let phone = phone(number);
        NewMessage {
            id: self.ids.next(self.now, phone.slot()).into(),
            lane: lane.id,
            account: ACCOUNT,
            entity: ENTITY,
            campaign: lane.campaign,
            contact: None,
            category: lane.category,
            phone,
            text: text(number),
            encoding: Encoding::Ucs2,
            parts: 1,
            price: Money::from_micros(45_000),
            carrier: phone.carrier(),
            valid_until: self.now.plus(Duration::from_secs(4 * 3_600)),
            test: false,
            possible_duplicate: false,
            entry: Entry::Queue { due_at: self.now, by_carrier: false },
            origin: None,
        }
    }

    /// Accepts messages wherever they belong; returns how many were new.
    pub(crate) async fn accept(&self, messages: &[NewMessage]) -> u32 {
        let mut fresh = 0;
        for id in self.ledger.partitions().all() {
            let here = |m: &&NewMessage| self.ledger.partitions().of_message(m.id) == id;
            let here: Vec<NewMessage> = messages.iter().filter(here).cloned().collect();
            fresh += self.ledger.accept(id, here, None, self.now).await.unwrap();
        }
        fresh
    }

    /// Accepts one message and returns its id.
    pub(crate) async fn accept_one(&self, message: NewMessage) -> MessageId {
        let id = message.id;
        assert_eq!(self.accept(&[message]).await, 1);
        id
    }

    pub(crate) async fn claim_at(
        &self,
        partition: PartitionId,
        channel: ChannelId,
        takes: &[(Stream, u32)],
    ) -> Claim {
        self.ledger.claim(self.request(partition, channel, takes)).await.unwrap()
    }

    pub(crate) fn request(
        &self,
        partition: PartitionId,
        channel: ChannelId,
        takes: &[(Stream, u32)],
    ) -> ClaimRequest {
        let takes =
            takes.iter().map(|&(stream, limit)| Take { stream, limit, reach: CarrierSet::ALL }).collect();
        self.request_parts(partition, channel, takes, 1_000)
    }

    fn request_parts(
        &self,
        partition: PartitionId,
        channel: ChannelId,
        takes: Vec<Take>,
        max_parts: u32,
    ) -> ClaimRequest {
        let (now, policy, carriers) = (self.now, Arc::clone(&self.policy), self.reached);
        let gateway = GATEWAY;
        ClaimRequest { partition, channel, gateway, carriers, takes, max_parts, now, policy }
    }

    pub(crate) async fn claim_parts(
        &self,
        partition: PartitionId,
        channel: ChannelId,
        takes: Vec<Take>,
        max_parts: u32,
    ) -> Claim {
        self.ledger.claim(self.request_parts(partition, channel, takes, max_parts)).await.unwrap()
    }

    /// Claims all that is due in a stream, in every partition.
    pub(crate) async fn claim(&self, channel: ChannelId, stream: Stream) -> Claim {
        let mut all = Claim::default();
        for id in self.ledger.partitions().all() {
            let claim = self.claim_at(id, channel, &[(stream, 1_000)]).await;
            all.outgoing.extend(claim.outgoing);
            all.rejected += claim.rejected;
            all.deferred += claim.deferred;
            all.paused.extend(claim.paused);
            all.more |= claim.more;
        }
        all
    }

    pub(crate) async fn settle(&self, outgoing: &Outgoing, channel: ChannelId, disposition: Disposition) {
        let settlement = Settlement { ticket: outgoing.ticket, channel, at: self.now, disposition };
        self.ledger.settle(outgoing.ticket.partition, vec![settlement]).await.unwrap();
    }

    /// The carrier takes every part under ids made from the message's.
    pub(crate) async fn submit(&self, outgoing: &Outgoing) {
        let ids = (0..outgoing.parts).map(|part| carrier_id(outgoing.ticket.message, part)).collect();
        self.settle(outgoing, FIRST, Disposition::Submitted { gateway: GATEWAY, ids }).await;
    }

    pub(crate) async fn receipt(
        &self,
        id: MessageId,
        part: u8,
        status: ReceiptStatus,
        code: &str,
    ) -> ReceiptOutcome {
        let partition = self.ledger.partitions().of_message(id);
        let receipt = receipt(carrier_id(id, part), status, code, self.now);
        let receipts = vec![receipt];
        let outcomes =
            self.ledger.receipts(partition, receipts, true, Arc::clone(&self.retry), self.now).await.unwrap();
        outcomes[0]
    }

    pub(crate) async fn look(&self, id: MessageId) -> MessageRecord {
        self.ledger.message(ACCOUNT, id).await.unwrap().unwrap()
    }

    pub(crate) fn granted(&self) -> Consented {
        Consented {
            entity: ENTITY,
            basis: LegalBasis::Consent,
            since: self.now.minus(Duration::from_secs(86_400)),
            until: None,
            withdrawn: false,
        }
    }

    pub(crate) async fn consent(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let (phone, consent) = (phone(number), self.granted());
            self.ledger.consent(self.home(phone), vec![ConsentGrant { phone, consent }]).await.unwrap();
        }
    }

    pub(crate) fn opt_out(&self, number: u64) -> SuppressionOrder {
        SuppressionOrder {
            phone: phone(number),
            account: ACCOUNT,
            suppressed: Suppressed {
                scope: Scope::Entity(ENTITY),
                category: None,
                source: SuppressionSource::OptOut,
                at: self.now,
            },
            inbound: None,
        }
    }

    /// Sweeps every partition until nothing is left to do.
    pub(crate) async fn sweep(&self) -> Swept {
        let mut all = Swept::default();
        for id in self.ledger.partitions().all() {
            loop {
                let swept =
                    self.ledger.sweep(id, RETENTION, Arc::clone(&self.retry), self.now).await.unwrap();
                all.cancelled += swept.cancelled;
                all.unknown += swept.unknown;
                all.expired += swept.expired;
                all.receipts_dropped += swept.receipts_dropped;
                all.rows_retired += swept.rows_retired;
                if !swept.more {
                    break;
                }
            }
        }
        all
    }

    /// Every message of the account, through the pages.
    pub(crate) async fn all_messages(&self) -> Vec<MessageRecord> {
        let mut filter =
            MessageFilter { account: ACCOUNT, campaign: None, state: None, phone: None, after: None };
        let mut all = Vec::new();
        loop {
            let (page, after) = self.ledger.messages(&filter, 7).await.unwrap();
            all.extend(page);
            match after {
                Some(_) => filter.after = after,
                None => return all,
            }
        }
    }
}

pub(crate) fn open(data: &Path, keys: &Path, partitions: u16) -> Arc<SqliteLedger> {
    let mut options = OpenOptions::new(data, Sealer::open(keys, data).unwrap());
    options.partitions = partitions;
    // So few that every story has hand-overs in memory, in rows, and in both.
    options.hand_overs_in_memory = 3;
    SqliteLedger::open(&options).unwrap()
}

pub(crate) async fn open_postgres(url: &str, data: &Path, keys: &Path, node: u8) -> Arc<PostgresLedger> {
    // Many tests share one server.
    let place = PostgresPlace { connections: 6, ..PostgresPlace::new(url) };
    let node = NodeId { number: node, epoch: 1 };
    let options = PostgresOptions { place, node, sealer: Sealer::open(keys, data).unwrap() };
    PostgresLedger::open(&options).await.unwrap()
}

pub(crate) fn carrier_id(id: MessageId, part: u8) -> CarrierMessageId {
    CarrierMessageId::Number(id.raw().cast_unsigned() << 2 | u64::from(part))
}

pub(crate) fn receipt(
    carrier_id: CarrierMessageId,
    status: ReceiptStatus,
    code: &str,
    at: Timestamp,
) -> Receipt {
    let code = CarrierCode::new(code.as_bytes());
    Receipt { gateway: GATEWAY, carrier_id, phone: None, status, code, received_at: at }
}

pub(crate) fn requeue(
    stage: &Stage,
    reason: Reason,
    spends_attempt: bool,
    avoid: Option<ChannelId>,
) -> Disposition {
    Disposition::Requeue {
        due_at: stage.now,
        spends_attempt,
        avoid,
        reason,
        code: CarrierCode::new(b"8"),
        gateway: GATEWAY,
        ids: Vec::new(),
        possible_duplicate: false,
    }
}

pub(crate) fn failed(reason: Reason) -> Disposition {
    Disposition::Failed { reason, code: CarrierCode::new(b"11"), gateway: GATEWAY, ids: Vec::new() }
}
