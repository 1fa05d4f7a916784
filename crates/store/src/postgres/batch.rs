//! What one transaction changes, gathered while it decides and written in sets at its end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::billing::Purse;
use domain::ids::{AccountId, CampaignId, LaneId, MessageId, PartitionId};
use domain::lane::{LaneState, Stream};
use domain::ledger::LedgerError;
use domain::numbers::Lesson;
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::database::Shared;
use super::due::Touched;
use super::fault::Done;
use super::numbers::Lessons;
use super::sql;
use crate::moves::events::{self, Outbox};
use crate::moves::fault::{Fault, Outcome};
use crate::moves::life::Life;
use crate::moves::steps::Moves;
use crate::moves::stream::stream_key;
use crate::moves::tally::{Gain, Tallies, TallyKey};
use crate::moves::told::Told;
use crate::moves::waiting::pack_ending;

/// Lane, `which`, due at, message: the order of the queue.
type QueueKey = (i64, i64, i64, i64);

/// Records of one statement: each is looked for in an array of them.
const LIVES: usize = 256;
/// Rows of a stream up to which each is deleted by itself.
const FEW: usize = 4;

/// The changes of one transaction. The lives in it are locked.
pub(super) struct Batch<'a> {
    partition: i32,
    retry: &'a RetryPolicy,
    tallies: Tallies,
    pub lanes: HashMap<LaneId, LaneState>,
    /// Those of them that pay from an allowance, and whose.
    pub drawing: HashMap<LaneId, i64>,
    lives: HashMap<i64, Life>,
    /// Of every message that was locked, also while its life is taken out.
    phones: HashMap<i64, i64>,
    changed: BTreeSet<i64>,
    enqueued: BTreeSet<QueueKey>,
    dequeued: BTreeSet<QueueKey>,
    /// Phone index and message.
    taken_back: BTreeSet<(i64, i64)>,
    looks: BTreeSet<(i64, i64)>,
    lessons: Lessons,
    /// Ends that an origin is to hear of: message, when, and how.
    ended: BTreeMap<(i64, i64), Vec<u8>>,
    told: &'a Told,
    /// Messages whose account listens, and what it is to hear.
    heard: HashMap<i64, Heard>,
    heard_lanes: HashMap<LaneId, Heard>,
    outbox: Outbox,
}

/// Whose a message or lane is that somebody listens for.
#[derive(Clone, Copy)]
struct Heard {
    account: AccountId,
    campaign: Option<CampaignId>,
}

impl Heard {
    fn of(campaign: Option<i64>, account: Option<i64>) -> Option<Self> {
        let account = AccountId::from_raw(account?);
        Some(Self { account, campaign: campaign.map(CampaignId::from_raw) })
    }
}

impl<'a> Batch<'a> {
    pub(super) fn new(shared: &'a Shared, partition: i32, retry: &'a RetryPolicy) -> Self {
        Self {
            partition,
            retry,
            tallies: Tallies::default(),
            lanes: HashMap::new(),
            drawing: HashMap::new(),
            lives: HashMap::new(),
            phones: HashMap::new(),
            changed: BTreeSet::new(),
            enqueued: BTreeSet::new(),
            dequeued: BTreeSet::new(),
            taken_back: BTreeSet::new(),
            looks: BTreeSet::new(),
            lessons: Lessons::default(),
            ended: BTreeMap::new(),
            told: &shared.told,
            heard: HashMap::new(),
            heard_lanes: HashMap::new(),
            outbox: Outbox::default(),
        }
    }

    /// Locks messages, in order of their ids, and reads them as the last holder left them.
    pub(super) async fn lock(&mut self, db: &mut PgConnection, ids: &BTreeSet<i64>) -> Done<()> {
        let missing: Vec<i64> = ids.iter().copied().filter(|id| !self.lives.contains_key(id)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let rows = sqlx::query(sql::LIVES_LOCK).bind(self.partition).bind(missing).fetch_all(db).await?;
        for row in rows {
            self.hold(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)?;
            self.hear(row.try_get(0)?, row.try_get(3)?, row.try_get(4)?);
        }
        Ok(())
    }

    /// Takes in a message that was locked.
    pub(super) fn hold(&mut self, id: i64, phone_index: i64, life: &[u8]) -> Outcome<()> {
        let life = Life::unpack(life).ok_or_else(Fault::unreadable_life)?;
        self.lives.insert(id, life);
        self.phones.insert(id, phone_index);
        Ok(())
    }

    /// Whose a message is that was locked; `account`: only if that listens.
    pub(super) fn hear(&mut self, id: i64, campaign: Option<i64>, account: Option<i64>) {
        if let Some(heard) = Heard::of(campaign, account) {
            self.heard.insert(id, heard);
        }
    }

    /// Reads the states of the lanes of all messages that are locked.
    pub(super) async fn read_lanes(&mut self, db: &mut PgConnection) -> Done<()> {
        let lanes: BTreeSet<i64> = self.lives.values().map(|life| life.lane.raw()).collect();
        self.read_these_lanes(db, lanes.into_iter().collect()).await
    }

    pub(super) async fn read_these_lanes(&mut self, db: &mut PgConnection, lanes: Vec<i64>) -> Done<()> {
        if lanes.is_empty() {
            return Ok(());
        }
        let rows = sqlx::query(sql::LANE_STATES).bind(self.partition).bind(lanes).fetch_all(db).await?;
        for row in rows {
            let state = u8::try_from(row.try_get::<i16, _>(1)?).ok().and_then(LaneState::from_code);
            let state = state.ok_or_else(|| Fault::inconsistent("lane", "state", "unknown code"))?;
            let lane = LaneId::from_raw(row.try_get(0)?);
            self.lanes.insert(lane, state);
            if row.try_get::<i16, _>(5)? == i16::from(Purse::Allowance.code()) {
                self.drawing.insert(lane, row.try_get(4)?);
            }
            if let Some(heard) = Heard::of(row.try_get(2)?, row.try_get(3)?) {
                self.heard_lanes.insert(lane, heard);
            }
        }
        Ok(())
    }

    /// Takes a life out to be changed; [`Self::put`] gives it back.
    pub(super) fn take(&mut self, id: i64) -> Option<Life> {
        self.lives.remove(&id)
    }

    /// Gives back a life that changed: it is written.
    pub(super) fn put(&mut self, id: i64, mut life: Life) {
        self.tell_end(id, &life);
        life.ended = None;
        self.changed.insert(id);
        self.lives.insert(id, life);
    }

    /// A message that ended since it was read, and whose origin is to hear of it.
    pub(super) fn tell_end(&mut self, id: i64, life: &Life) {
        if let Some(at) = life.ended {
            self.ended.insert((id, at.millis()), pack_ending(&life.ending()));
        }
    }

    /// Gives back a life that did not change.
    pub(super) fn put_unchanged(&mut self, id: i64, life: Life) {
        self.lives.insert(id, life);
    }

    /// Parts of a message that is locked.
    pub(super) fn parts(&self, id: i64) -> Option<u8> {
        self.lives.get(&id).map(|life| life.parts)
    }

    pub(super) fn phone_index(&self, id: i64) -> Option<i64> {
        self.phones.get(&id).copied()
    }

    /// A row of the queue that was looked at and leads nowhere any more.
    pub(super) fn cut(&mut self, stream: Stream, due_at: i64, id: i64) {
        let key = queue_key(stream, due_at, id);
        if !self.enqueued.remove(&key) {
            self.dequeued.insert(key);
        }
    }

    /// Writes everything. Returns what changed for the next claims.
    pub(super) async fn write(&mut self, db: &mut PgConnection) -> Done<Touched> {
        if !self.taken_back.is_empty() {
            let (phones, messages): (Vec<i64>, Vec<i64>) = self.taken_back.iter().copied().unzip();
            let query = sqlx::query(sql::RECENT_DROP).bind(self.partition).bind(phones).bind(messages);
            query.execute(&mut *db).await?;
        }
        if !self.looks.is_empty() {
            let (at, messages): (Vec<i64>, Vec<i64>) = self.looks.iter().copied().unzip();
            let query = sqlx::query(sql::OVERDUE_ADD).bind(self.partition).bind(at).bind(messages);
            query.execute(&mut *db).await?;
        }
        let touched = self.touched();
        self.write_lives(db).await?;
        let told = super::waiting::tell_ends(db, self.partition, &self.ended).await?;
        self.told.add(PartitionId(u16::try_from(self.partition).unwrap_or(u16::MAX)), told);
        self.cut_queue(db).await?;
        if !self.enqueued.is_empty() || !self.tallies.is_empty() || self.lessons.has_alive() {
            self.write_moves(db).await?;
        }
        self.lessons.write(db, self.partition).await?;
        super::tally::write_codes(db, self.partition, &self.tallies.take_codes()).await?;
        super::events::add(db, self.partition, self.outbox.take()).await?;
        Ok(touched)
    }

    async fn write_lives(&self, db: &mut PgConnection) -> Done<()> {
        let ids: Vec<i64> = self.changed.iter().copied().collect();
        for some in ids.chunks(LIVES) {
            let mut lives: Vec<Vec<u8>> = Vec::with_capacity(some.len());
            for id in some {
                let mut raw = Vec::new();
                if let Some(life) = self.lives.get(id) {
                    life.pack_tight(&mut raw);
                }
                lives.push(raw);
            }
            let query = sqlx::query(sql::LIVES_WRITE).bind(self.partition).bind(some).bind(lives);
            if query.execute(&mut *db).await?.rows_affected() != some.len() as u64 {
                return Err(Fault::inconsistent("message", "id", "a message vanished").into());
            }
        }
        Ok(())
    }

    async fn cut_queue(&self, db: &mut PgConnection) -> Done<()> {
        let mut streams: BTreeMap<(i64, i64), Vec<(i64, i64)>> = BTreeMap::new();
        for &(lane, which, due_at, message) in &self.dequeued {
            streams.entry((lane, which)).or_default().push((due_at, message));
        }
        for ((lane, which), rows) in streams {
            // A few may lie far apart, with all of the stream in between; many are the head that a claim looked at.
            let stretch = if rows.len() <= FEW { 1 } else { rows.len() };
            for some in rows.chunks(stretch) {
                let (Some(first), Some(last)) = (some.first(), some.last()) else { continue };
                let ids: Vec<i64> = some.iter().map(|(_, message)| *message).collect();
                let query = sqlx::query(sql::QUEUE_CUT).bind(self.partition).bind(lane).bind(which);
                let query = query.bind(first.0).bind(first.1).bind(last.0).bind(last.1).bind(ids);
                query.execute(&mut *db).await?;
            }
        }
        Ok(())
    }

    async fn write_moves(&mut self, db: &mut PgConnection) -> Done<()> {
        let put = QueueColumns::of(&self.enqueued);
        let tally = TallyColumns::of(&mut self.tallies);
        let query = sqlx::query(sql::MOVED).bind(self.partition);
        let query = query.bind(put.lane).bind(put.which).bind(put.due_at).bind(put.message);
        let query = query.bind(tally.lane).bind(tally.hour).bind(tally.channel);
        let query = query.bind(tally.from).bind(tally.from_reason).bind(tally.to).bind(tally.reason);
        let query = query.bind(tally.test).bind(tally.carrier);
        let query = query.bind(tally.messages).bind(tally.parts).bind(tally.price);
        query.bind(self.lessons.alive()).execute(db).await?;
        Ok(())
    }

    fn touched(&self) -> Touched {
        if !self.dequeued.is_empty() {
            return Touched::Unsure;
        }
        let mut earliest = BTreeMap::new();
        for &(lane, which, due_at, _) in &self.enqueued {
            // In order of due_at within a stream: the first one stays.
            earliest.entry((lane, which)).or_insert(due_at);
        }
        Touched::Added(earliest)
    }
}

impl Moves for Batch<'_> {
    fn tallies(&mut self) -> &mut Tallies {
        &mut self.tallies
    }

    fn retry(&self) -> &RetryPolicy {
        self.retry
    }

    fn lane_state(&self, lane: LaneId) -> Option<LaneState> {
        self.lanes.get(&lane).copied()
    }

    fn enqueue(&mut self, stream: Stream, due_at: Timestamp, id: MessageId) -> Outcome<()> {
        let key = queue_key(stream, due_at.millis(), id.raw());
        if !self.dequeued.remove(&key) {
            self.enqueued.insert(key);
        }
        Ok(())
    }

    fn dequeue(&mut self, stream: Stream, due_at: Timestamp, id: MessageId) -> Outcome<()> {
        self.cut(stream, due_at.millis(), id.raw());
        Ok(())
    }

    fn take_back(&mut self, id: MessageId) -> Outcome<()> {
        let missing = Fault::Broken(LedgerError::NoSuch("message"));
        let phone_index = self.phone_index(id.raw()).ok_or(missing)?;
        self.taken_back.insert((phone_index, id.raw()));
        Ok(())
    }

    fn learn(&mut self, id: MessageId, _life: &mut Life, lesson: Lesson, at: Timestamp) -> Outcome<()> {
        let missing = Fault::Broken(LedgerError::NoSuch("message"));
        let phone_index = self.phone_index(id.raw()).ok_or(missing)?;
        self.lessons.learn(phone_index, lesson, at);
        Ok(())
    }

    fn look_at(&mut self, id: MessageId, at: Timestamp) -> Outcome<()> {
        self.looks.insert((at.millis(), id.raw()));
        Ok(())
    }

    fn note(&mut self, id: MessageId, life: &Life, at: Timestamp) {
        // A message that is accepted now was not locked; its lane was looked at.
        let heard = self.heard.get(&id.raw()).or_else(|| self.heard_lanes.get(&life.lane));
        if let Some(Heard { account, campaign }) = heard.copied()
            && let Some(event) = events::of_message(id, life, campaign, at)
        {
            self.outbox.push(account, &event);
        }
    }
}

fn queue_key(stream: Stream, due_at: i64, id: i64) -> QueueKey {
    let (lane, which) = stream_key(stream);
    (lane, i64::from(which), due_at, id)
}

#[derive(Default)]
struct QueueColumns {
    lane: Vec<i64>,
    which: Vec<i64>,
    due_at: Vec<i64>,
    message: Vec<i64>,
}

impl QueueColumns {
    fn of(keys: &BTreeSet<QueueKey>) -> Self {
        let mut columns = Self::default();
        for &(lane, which, due_at, message) in keys {
            columns.lane.push(lane);
            columns.which.push(which);
            columns.due_at.push(due_at);
            columns.message.push(message);
        }
        columns
    }
}

#[derive(Default)]
struct TallyColumns {
    lane: Vec<i64>,
    hour: Vec<i64>,
    channel: Vec<i32>,
    from: Vec<i16>,
    from_reason: Vec<i16>,
    to: Vec<i16>,
    reason: Vec<i16>,
    test: Vec<bool>,
    carrier: Vec<i16>,
    messages: Vec<i64>,
    parts: Vec<i64>,
    price: Vec<i64>,
}

impl TallyColumns {
    fn of(tallies: &mut Tallies) -> Self {
        let mut gains: Vec<(TallyKey, Gain)> = tallies.drain().collect();
        gains.sort_unstable_by_key(|(key, _)| *key);
        let mut columns = Self::default();
        for (key, gain) in gains {
            columns.lane.push(key.lane);
            columns.hour.push(key.hour);
            columns.channel.push(i32::from(key.channel));
            columns.from.push(i16::from(key.from));
            columns.from_reason.push(i16::from(key.from_reason));
            columns.to.push(i16::from(key.to));
            columns.reason.push(i16::from(key.reason));
            columns.test.push(key.test);
            columns.carrier.push(i16::from(key.carrier));
            columns.messages.push(gain.messages);
            columns.parts.push(gain.parts);
            columns.price.push(gain.price);
        }
        columns
    }
}
