//! Taking due messages for a channel: policy decides here, inside the transaction, in the order of the queue.
//!
//! Statement 1 locks the partition; everything after it sees what the last holder committed. Each round reads the due
//! heads of the streams, locks their messages (a receipt may be withdrawing one), reads what is known of their people,
//! and decides; what was decided before counts, because it is kept in memory. All of it is written at the end.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::ids::{LaneId, MessageId, PartitionId};
use domain::lane::{Lane, LaneState, Stream};
use domain::ledger::{Claim, ClaimRequest, LedgerError, Take, TakeOutcome};
use domain::message::MessageState;
use domain::nodes::NodeId;
use domain::policy::{Facts, PersonFacts, Recent, Scratch, Verdict, text_hash};
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection, Row as _};

use super::batch::Batch;
use super::database::{Operation, Shared, number};
use super::due::Touched;
use super::fault::Done;
use super::lanes::{from_row, pause, try_lock};
use super::people::read_facts;
use super::sql;
use crate::moves::claim::{READ_AHEAD, Taking, follow_number, set_apart};
use crate::moves::fault::Fault;
use crate::moves::person::pack_recent;
use crate::moves::sealed;
use crate::moves::stream::stream_key;

/// One claim.
pub(super) struct ClaimDue<'a> {
    pub request: &'a ClaimRequest,
    /// Who claims.
    pub node: NodeId,
    pub retry: &'a RetryPolicy,
}

/// What a claim did; its number, when it took something.
pub(super) struct Taken {
    pub claim: Claim,
    pub touched: Touched,
    pub now: Timestamp,
    seq: Option<i64>,
}

/// Due messages of one take that were read ahead.
struct Heads {
    /// Due at and id.
    rows: Vec<(i64, i64)>,
    asked: u32,
}

/// A take and how far it has come.
struct Asked {
    take: Take,
    left: u32,
    after: (i64, i64),
    done: bool,
    outcome: TakeOutcome,
}

/// What a message was sealed with.
type Sealed = HashMap<i64, Vec<u8>>;

/// One claim in progress.
struct Claiming<'a> {
    shared: &'a Shared,
    node: i16,
    partition: PartitionId,
    taking: Taking<'a>,
    batch: Batch<'a>,
    lanes: HashMap<LaneId, Lane>,
    sealed: Sealed,
    people: HashMap<i64, PersonFacts>,
    handed: Vec<(i64, Recent)>,
    scratch: Scratch,
}

impl Operation for ClaimDue<'_> {
    /// `None`: another node is at it.
    type Answer = Option<Taken>;

    async fn run(&self, shared: &Shared, db: &mut PgConnection) -> Done<Option<Taken>> {
        let partition = self.request.partition;
        let Some(held) = try_lock(db, partition).await? else { return Ok(None) };
        if held.refuses(self.node) {
            return Err(LedgerError::Fenced.into());
        }
        let now = shared.now(partition, held.committed_now, self.request.now)?;
        let mut claiming = Claiming {
            shared,
            node: i16::from(self.node.number),
            partition,
            taking: Taking::new(self.request, now, held.next_claim),
            batch: Batch::new(shared, number(partition), self.retry),
            lanes: HashMap::new(),
            sealed: HashMap::new(),
            people: HashMap::new(),
            handed: Vec::new(),
            scratch: Scratch::default(),
        };
        claiming.read_lanes(db).await?;
        let ask = |take: &Take| Asked {
            take: *take,
            left: take.limit,
            after: (i64::MIN, i64::MIN),
            done: take.stream.carrier.is_some_and(|of| !self.request.carriers.contains(of)),
            outcome: TakeOutcome::default(),
        };
        let mut asked: Vec<Asked> = self.request.takes.iter().map(ask).collect();
        while claiming.round(db, &mut asked).await? {}
        claiming.taking.claim.takes = asked.iter().map(|one| one.outcome).collect();
        claiming.write(db).await.map(Some)
    }

    async fn happened(&self, answer: &Option<Taken>, db: &mut PgConnection) -> Done<bool> {
        match answer {
            Some(taken) => happened(taken, self.request.partition, self.node, db).await,
            None => Ok(false),
        }
    }
}

/// Whether a claim of a node was committed whose answer was lost. Waits until the connection that was lost has ended its
/// transaction.
pub(super) async fn happened(
    taken: &Taken,
    partition: PartitionId,
    node: NodeId,
    db: &mut PgConnection,
) -> Done<bool> {
    let Some(seq) = taken.seq else { return Ok(false) };
    super::lanes::lock(db, partition).await?;
    let query = sqlx::query(sql::CLAIM_FIND).bind(number(partition)).bind(seq);
    let row = query.bind(i16::from(node.number)).bind(taken.now.millis()).fetch_optional(db).await?;
    let found: Option<Vec<i64>> = row.map(|row| row.try_get(0)).transpose()?;
    let ids = taken.claim.outgoing.iter().map(|out| out.ticket.message.raw());
    Ok(found.is_some_and(|found| found.into_iter().eq(ids)))
}

impl Claiming<'_> {
    async fn read_lanes(&mut self, db: &mut PgConnection) -> Done<()> {
        let lanes: BTreeSet<i64> =
            self.taking.request.takes.iter().map(|take| take.stream.lane.raw()).collect();
        let lanes: Vec<i64> = lanes.into_iter().collect();
        let query = sqlx::query(sql::LANES_OF).bind(number(self.partition)).bind(lanes);
        for row in query.fetch_all(db).await? {
            let lane = from_row(&row)?;
            self.batch.lanes.insert(lane.id, lane.state);
            self.lanes.insert(lane.id, lane);
        }
        Ok(())
    }

    fn is_open(&self, stream: Stream) -> bool {
        self.lanes.get(&stream.lane).is_some_and(|lane| lane.state == LaneState::Open)
    }

    /// Reads ahead and decides. `false`: nothing is left to be taken, or no room for it.
    async fn round(&mut self, db: &mut PgConnection, asked: &mut [Asked]) -> Done<bool> {
        for one in asked.iter_mut() {
            one.done |= one.left == 0 || !self.is_open(one.take.stream);
        }
        if self.taking.parts_left == 0 || self.taking.refusals_left == 0 || asked.iter().all(|one| one.done) {
            return Ok(false);
        }
        let heads = self.heads(db, asked).await?;
        self.lock(db, &heads).await?;
        for (one, heads) in asked.iter_mut().zip(heads) {
            if one.done {
                continue;
            }
            if heads.asked == 0 {
                // Without room in this round; what comes before it is not done either, or there is none left at all.
                return Ok(true);
            }
            let exhausted = heads.rows.len() < heads.asked as usize;
            let before = self.taking.counts();
            let stopped = self.decide_all(db, one, &heads.rows).await?;
            let TakeOutcome { outgoing, handled } = self.taking.since(before);
            one.outcome.outgoing += outgoing;
            one.outcome.handled += handled;
            one.done = exhausted || stopped || one.left == 0 || !self.is_open(one.take.stream);
            if self.taking.parts_left == 0 || self.taking.refusals_left == 0 {
                return Ok(false);
            }
            if !one.done {
                // Its turn comes before that of the next takes.
                return Ok(true);
            }
        }
        Ok(asked.iter().any(|one| !one.done))
    }

    async fn heads(&mut self, db: &mut PgConnection, asked: &[Asked]) -> Done<Vec<Heads>> {
        let mut room = self.taking.parts_left.min(READ_AHEAD);
        let (mut lanes, mut which, mut most) = (Vec::new(), Vec::new(), Vec::new());
        let (mut after_due, mut after_message) = (Vec::new(), Vec::new());
        let mut heads = Vec::with_capacity(asked.len());
        for one in asked {
            let count = if one.done { 0 } else { one.left.min(room) };
            room -= count;
            let key = stream_key(one.take.stream);
            lanes.push(key.0);
            which.push(i64::from(key.1));
            most.push(i64::from(count));
            after_due.push(one.after.0);
            after_message.push(one.after.1);
            heads.push(Heads { rows: Vec::new(), asked: count });
        }
        let query = sqlx::query(sql::QUEUE_DUE).bind(number(self.partition)).bind(lanes).bind(which);
        let query = query.bind(most).bind(self.taking.now.millis()).bind(after_due).bind(after_message);
        for row in query.fetch_all(db).await? {
            let place: i64 = row.try_get(0)?;
            if let Some(heads) = usize::try_from(place - 1).ok().and_then(|place| heads.get_mut(place)) {
                heads.rows.push((row.try_get(1)?, row.try_get(2)?));
            }
        }
        Ok(heads)
    }

    /// Locks the messages and reads what is known of their people.
    async fn lock(&mut self, db: &mut PgConnection, heads: &[Heads]) -> Done<()> {
        let ids: BTreeSet<i64> =
            heads.iter().flat_map(|heads| heads.rows.iter().map(|(_, id)| *id)).collect();
        let ids: Vec<i64> = ids.into_iter().filter(|id| !self.sealed.contains_key(id)).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut people = BTreeSet::new();
        let query = sqlx::query(sql::CANDIDATES_LOCK).bind(number(self.partition)).bind(ids);
        for row in query.fetch_all(&mut *db).await? {
            let (id, phone_index): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            self.batch.hold(id, phone_index, row.try_get(2)?)?;
            self.batch.hear(id, row.try_get(3)?, row.try_get(4)?);
            self.sealed.insert(id, row.try_get(5)?);
            if !self.people.contains_key(&phone_index) {
                people.insert(phone_index);
            }
        }
        let people: Vec<i64> = people.into_iter().collect();
        self.people.extend(read_facts(db, self.partition, people).await?);
        Ok(())
    }

    /// Decides about the rows of one take, in order. `true`: the next one has to wait for another claim.
    async fn decide_all(
        &mut self,
        db: &mut PgConnection,
        one: &mut Asked,
        rows: &[(i64, i64)],
    ) -> Done<bool> {
        for &(due_at, id) in rows {
            let stream = one.take.stream;
            let parts = self.batch.parts(id);
            if parts.is_some_and(|parts| self.taking.lacks_room(stream, parts)) || !self.is_open(stream) {
                return Ok(true);
            }
            let sent = self.decide(db, one.take, due_at, id).await?;
            one.after = (due_at, id);
            if sent {
                one.left -= 1;
            } else {
                self.taking.refusals_left = self.taking.refusals_left.saturating_sub(1);
            }
        }
        Ok(false)
    }

    /// Decides about one message. `true`: it is to be sent.
    async fn decide(&mut self, db: &mut PgConnection, take: Take, due_at: i64, id: i64) -> Done<bool> {
        let stream = take.stream;
        self.batch.cut(stream, due_at, id);
        let message = MessageId::from_raw(id);
        let Some(mut life) = self.batch.take(id) else { return Ok(false) };
        // A row that outlived its message's wait: it is only cut.
        if life.state != MessageState::Queued {
            self.batch.put_unchanged(id, life);
            return Ok(false);
        }
        if !self.taking.request.carriers.contains(life.heading()) {
            set_apart(&mut self.batch, message, &mut life, Timestamp::from_millis(due_at))?;
            self.batch.put(id, life);
            return Ok(false);
        }
        let missing = |column| Fault::inconsistent("message", column, "missing");
        let sealed = self.sealed.get(&id).ok_or_else(|| missing("sealed"))?;
        let opened = self.shared.messages.open(&id.to_be_bytes(), sealed)?;
        let (phone, text) = sealed::message(&opened)?;
        let text: Arc<str> = text.into();
        let phone_index = self.batch.phone_index(id).ok_or_else(|| missing("phone_index"))?;
        let person = self.people.entry(phone_index).or_default();
        let (carriers, now) = (self.taking.request.carriers, self.taking.now);
        if !follow_number(&mut life, &person.number, take.reach, carriers, now) {
            set_apart(&mut self.batch, message, &mut life, Timestamp::from_millis(due_at))?;
            self.batch.put(id, life);
            return Ok(false);
        }
        let hash = text_hash(&text);
        let facts = Facts {
            message,
            lane: self.lanes.get(&stream.lane).ok_or_else(|| missing("lane"))?,
            category: life.category,
            test: life.test,
            text: &text,
            text_hash: hash,
            valid_until: life.valid_until,
            person,
        };
        let verdict = self.taking.request.policy.decide_with(&facts, now, &mut self.scratch);
        let batch = &mut self.batch;
        let mut sent = false;
        match verdict {
            Verdict::Send => {
                let (entity, category) = (life.entity, life.category);
                let recent = Recent { handed_at: now, message, entity, category, text_hash: hash };
                // Counted once per message, however often it is tried, on the day of its last try.
                person.recents.retain(|known| known.message != message);
                person.recents.push(recent);
                self.handed.push((phone_index, recent));
                self.taking.send(batch, message, &mut life, phone, Arc::clone(&text));
                sent = true;
            }
            Verdict::Reject { reason, rule } => self.taking.reject(batch, message, &mut life, (reason, rule)),
            Verdict::Defer { until, reason, rule } => {
                self.taking.defer(batch, message, &mut life, (until, reason, rule))?;
            }
            Verdict::Pause { until, reason, rule } => {
                self.taking.defer(batch, message, &mut life, (until, reason, rule))?;
                self.pause(db, stream.lane).await?;
            }
        }
        self.batch.put(id, life);
        Ok(sent)
    }

    async fn pause(&mut self, db: &mut PgConnection, lane: LaneId) -> Done<()> {
        pause(db, self.partition, lane).await?;
        if let Some(known) = self.lanes.get_mut(&lane) {
            known.state = LaneState::Paused;
        }
        self.taking.claim.paused.push(lane);
        Ok(())
    }

    async fn write(mut self, db: &mut PgConnection) -> Done<Taken> {
        if !self.handed.is_empty() {
            self.add_recents(db).await?;
        }
        let touched = self.batch.write(&mut *db).await?;
        let seq = self.record(db).await?;
        Ok(Taken { claim: self.taking.claim, touched, now: self.taking.now, seq })
    }

    async fn add_recents(&mut self, db: &mut PgConnection) -> Done<()> {
        self.handed.sort_unstable_by_key(|(phone_index, recent)| (*phone_index, recent.message));
        let phones: Vec<i64> = self.handed.iter().map(|(phone_index, _)| *phone_index).collect();
        let messages: Vec<i64> = self.handed.iter().map(|(_, recent)| recent.message.raw()).collect();
        let at: Vec<i64> = self.handed.iter().map(|(_, recent)| recent.handed_at.millis()).collect();
        let entries: Vec<Vec<u8>> =
            self.handed.iter().map(|(_, recent)| pack_recent(recent).to_vec()).collect();
        let query = sqlx::query(sql::RECENT_ADD).bind(number(self.partition)).bind(phones);
        query.bind(messages).bind(at).bind(entries).execute(db).await?;
        Ok(())
    }

    /// One row names all messages of the claim: what a restart has to look at.
    async fn record(&self, db: &mut PgConnection) -> Done<Option<i64>> {
        let Taking { seq, now, claim, request, .. } = &self.taking;
        if claim.outgoing.is_empty() {
            return Ok(None);
        }
        let ids: Vec<i64> = claim.outgoing.iter().map(|out| out.ticket.message.raw()).collect();
        let query = sqlx::query(sql::CLAIM_ADD).bind(number(self.partition)).bind(*seq);
        let query = query.bind(self.node).bind(i32::from(request.channel.0)).bind(now.millis());
        query.bind(ids).execute(db).await?;
        Ok(Some(*seq))
    }
}
