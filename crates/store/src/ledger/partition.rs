//! One partition's writer as a state machine: commands go in, a transaction happens, replies come out.
//!
//! Owns the only writing connection of a file and what it keeps in memory about it. Refuses nothing by itself: each
//! operation's module does. Knows no thread and no clock, so production and simulation drive the same code.
//! Invariants: no reply is given before its commit; an operation that fails takes no other one with it; what is kept
//! in memory equals the file, because nobody else writes it and it is read anew after every failed transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::{CustomerId, LaneId, MessageId, PartitionId};
use domain::lane::{Lane, LaneState, Stream};
use domain::ledger::{Allowance, Due, LedgerError};
use domain::numbers::Lesson;
use domain::policy::{PersonFacts, Scratch};
use domain::retry::RetryPolicy;
use domain::time::Timestamp;
use files::{Anchor, log_of};
use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::command::{Command, Reply};
use super::events::{EventHead, Heard};
use super::fault::{Fault, Outcome};
use super::handed::{HandOvers, SharedHandOvers};
use super::hot::Hot;
use super::open::OpenOptions;
use super::{lane, money, schema, sql, tally};
use crate::moves::events::Outbox;
use crate::moves::life::Life;
use crate::moves::steps::Moves;
use crate::moves::stream::{stream, stream_key};
use crate::moves::tally::Tallies;
use crate::moves::waiting::Counted;
use crate::moves::{MESSAGE_TABLE, fault, sealed};
use crate::sealing::{Sealer, TableSealer};

/// Distinct statements of the ledger, with room.
const STATEMENT_CACHE: usize = 96;
/// Recents older than this are dropped when a person's row is written; a sweep may say otherwise.
const DEFAULT_RECENTS: Duration = Duration::from_secs(35 * 86_400);

/// SQLite's own bound on the pages of a file.
pub(super) const ANY_PAGES: u32 = u32::MAX - 1;

/// Before every part: no gateway is negative.
pub(super) const PART_START: (i64, Value) = (-1, Value::Null);

/// What is known of the file without reading it.
pub(super) struct Memory {
    pub lanes: HashMap<LaneId, Lane>,
    pub expanded: HashMap<LaneId, u64>,
    /// Streams with a queue row, and when their first one is due.
    pub streams: BTreeMap<(i64, u32), i64>,
    /// Claims that wait for settlements, and for how many.
    pub claims: HashMap<i64, u32>,
    pub next_claim: i64,
    pub early: u64,
    pub committed_now: Timestamp,
    pub unknown_through: i64,
    pub retired_through: i64,
    pub person_cursor: Option<i64>,
    /// Where the walk through `part` stands; it begins anew after a restart.
    pub part_cursor: (i64, Value),
    pub last_suppression: i64,
    pub hand_overs: HandOvers,
    pub heard: Heard,
    /// By account.
    pub allowances: BTreeMap<i64, Allowance>,
}

/// The writer of one partition.
pub(super) struct PartitionWriter {
    connection: Connection,
    anchor: Anchor,
    memory: Memory,
    /// A failed transaction left [`Self::memory`] unsure.
    stale: bool,
    /// Whether a commit waits for the disk, as SQLite was told last.
    synced: bool,
    parts: Rest,
}

/// What an operation needs besides connection and memory.
pub(super) struct Rest {
    pub id: PartitionId,
    pub sealer: Arc<Sealer>,
    pub messages: Arc<TableSealer>,
    pub retry: Arc<RetryPolicy>,
    pub recents_kept: Duration,
    pub hand_overs: SharedHandOvers,
    /// How many hand-overs may be in memory before a pass begins.
    pub hand_overs_kept: usize,
    pub tallies: Tallies,
    /// Accounts whose allowance the transaction changed.
    pub changed_allowances: BTreeSet<i64>,
    pub outbox: Outbox,
    pub event_head: EventHead,
    pub scratch: Scratch,
    /// Reused so that a claim allocates little.
    pub facts: PersonFacts,
    pub buffer: Vec<u8>,
    /// Customers for whom the transaction wrote something that waits.
    pub told: BTreeSet<CustomerId>,
    /// By customer and kind: how many rows wait, about.
    pub waiting: HashMap<(i64, i64), Counted>,
}

/// An operation's view during a transaction.
pub(super) struct Work<'a> {
    pub connection: &'a Connection,
    pub hot: Hot<'a>,
    pub memory: &'a mut Memory,
    pub rest: &'a mut Rest,
}

/// How a partition's file is opened.
pub(super) struct Setup<'a> {
    pub path: &'a Path,
    pub id: PartitionId,
    pub partitions: u16,
    pub options: &'a OpenOptions,
    pub hand_overs: SharedHandOvers,
    pub event_head: EventHead,
}

impl PartitionWriter {
    pub(super) fn open(setup: &Setup<'_>) -> Outcome<Self> {
        let connection = files::open(setup.path, OpenFlags::default())?;
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        plan_once(&connection)?;
        connection.execute_batch(&format!(
            "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; \
             PRAGMA locking_mode = NORMAL; PRAGMA cache_size = -{};",
            setup.options.cache_kib
        ))?;
        schema::migrate(&connection)?;
        connection.execute(sql::PARTITION_NEW, params![setup.id.0, setup.partitions])?;
        let max_pages = setup.options.max_pages.unwrap_or(ANY_PAGES);
        connection.query_row(&format!("PRAGMA max_page_count = {max_pages}"), [], |_| Ok(()))?;
        let memory = Memory::read(&connection, &setup.hand_overs, &setup.event_head)?;
        setup.event_head.committed(memory.heard.next);
        Ok(Self {
            anchor: Anchor::of([setup.path.to_owned(), log_of(setup.path)])?,
            connection,
            memory,
            stale: false,
            synced: true,
            parts: Rest {
                id: setup.id,
                sealer: Arc::clone(&setup.options.sealer),
                messages: setup.options.sealer.for_table(MESSAGE_TABLE),
                retry: Arc::new(RetryPolicy::default()),
                recents_kept: DEFAULT_RECENTS,
                hand_overs: setup.hand_overs.clone(),
                hand_overs_kept: setup.options.hand_overs_in_memory,
                tallies: Tallies::default(),
                changed_allowances: BTreeSet::new(),
                outbox: Outbox::default(),
                event_head: setup.event_head.clone(),
                scratch: Scratch::default(),
                facts: PersonFacts::default(),
                buffer: Vec::new(),
                told: BTreeSet::new(),
                waiting: HashMap::new(),
            },
        })
    }

    /// Does all commands in one transaction and answers each. When something breaks, each is done in a transaction
    /// of its own, so that only what fails by itself fails.
    pub(super) fn run(&mut self, commands: &[Command]) -> Vec<Result<Reply, LedgerError>> {
        match self.attempt(commands) {
            Ok(replies) => replies,
            Err(error) if commands.len() == 1 => vec![Err(error)],
            Err(_) => commands
                .iter()
                .map(|command| match self.attempt(std::slice::from_ref(command)) {
                    Ok(mut replies) => replies.pop().unwrap_or(Err(LedgerError::Closed)),
                    Err(error) => Err(error),
                })
                .collect(),
        }
    }

    /// Streams that may be claimed, now or later.
    pub(super) fn due(&self) -> Vec<Due> {
        let partition = self.parts.id;
        let open = |lane: LaneId| self.memory.lanes.get(&lane).is_some_and(|l| l.state == LaneState::Open);
        self.memory
            .streams
            .iter()
            .map(|(&(lane, which), &due)| (stream(lane, which), Timestamp::from_millis(due)))
            .filter(|(stream, _)| open(stream.lane))
            .map(|(stream, earliest)| Due { partition, stream, earliest })
            .collect()
    }

    /// Customers for whom something waits since the last call.
    pub(super) fn take_told(&mut self) -> BTreeSet<CustomerId> {
        std::mem::take(&mut self.parts.told)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether the last transaction waited for the disk.
    pub(super) fn is_synced(&self) -> bool {
        self.synced
    }

    fn attempt(&mut self, commands: &[Command]) -> Result<Vec<Result<Reply, LedgerError>>, LedgerError> {
        let done = self.transact(commands);
        done.map_err(|fault| {
            self.roll_back();
            fault.into_error()
        })
    }

    fn transact(&mut self, commands: &[Command]) -> Outcome<Vec<Result<Reply, LedgerError>>> {
        if self.stale {
            self.memory = Memory::read(&self.connection, &self.parts.hand_overs, &self.parts.event_head)?;
            self.stale = false;
        }
        self.wait_for_disk(!commands.iter().all(Command::may_be_lost_with_power))?;
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut replies = Vec::with_capacity(commands.len());
        let hot = Hot::prepare(&self.connection)?;
        let mut work =
            Work { connection: &self.connection, hot, memory: &mut self.memory, rest: &mut self.parts };
        for command in commands {
            match work.apply(command) {
                Ok(reply) => replies.push(Ok(reply)),
                Err(Fault::Refused(error)) => replies.push(Err(error)),
                Err(broken) => return Err(broken),
            }
        }
        work.carry_hand_overs()?;
        tally::flush(&mut work.rest.tallies, work.connection)?;
        work.write_allowances()?;
        work.write_events()?;
        work.memory.write(work.connection)?;
        // An open handle on a row would keep the transaction from ending.
        drop(work);
        self.anchor.holds()?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.parts.event_head.committed(self.memory.heard.next);
        Ok(replies)
    }

    /// Whether the next commit returns only when the disk has it and all before it.
    fn wait_for_disk(&mut self, synced: bool) -> Outcome<()> {
        if self.synced != synced {
            let level = if synced { "FULL" } else { "NORMAL" };
            self.connection.execute_batch(&format!("PRAGMA synchronous = {level}"))?;
            self.synced = synced;
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        self.stale = true;
        self.parts.tallies.clear();
        self.parts.changed_allowances.clear();
        self.parts.outbox.clear();
        // SQLite has rolled back by itself after some errors; then there is nothing to do, and nothing lost.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(partition = self.parts.id.0, %error, "a failed transaction could not be rolled back");
        }
        match Memory::read(&self.connection, &self.parts.hand_overs, &self.parts.event_head) {
            Ok(memory) => (self.memory, self.stale) = (memory, false),
            Err(fault) => {
                let error = fault.into_error();
                tracing::error!(partition = self.parts.id.0, %error, "the partition could not be read again");
            }
        }
    }
}

/// Makes a prepared statement's plan the same whatever is bound to it. Otherwise SQLite prepares a statement with a bound
/// `LIMIT` anew whenever it is bound, in the hope of a better plan: a claim's did so every time. Source: SQLite's
/// "Query Planner Stability Guarantee".
///
/// # Errors
/// What SQLite says.
pub(super) fn plan_once(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

impl Work<'_> {
    fn apply(&mut self, command: &Command) -> Outcome<Reply> {
        match command {
            Command::PutLane(lane) => self.put_lane(lane).map(|()| Reply::Done),
            Command::Accept { messages, expansion, now } => {
                self.accept(messages, *expansion, *now).map(Reply::Count)
            }
            Command::Claim { request, node } => self.claim(request, *node).map(Reply::Claimed),
            Command::Settle(settlements) => self.settle(settlements).map(|()| Reply::Done),
            Command::Receipts { receipts, hold, retry, now } => {
                self.rest.retry = Arc::clone(retry);
                self.receipts(receipts, *hold, *now).map(Reply::Receipts)
            }
            Command::Suppress(orders) => self.suppress(orders).map(|()| Reply::Done),
            Command::Unsuppress { phone, suppressed, now } => {
                self.unsuppress(*phone, *suppressed, *now).map(Reply::Count)
            }
            Command::Consent(grants) => self.consent(grants).map(|()| Reply::Done),
            Command::Inbound { record, orders } => self.inbound(record, orders).map(Reply::Fresh),
            Command::HoldFragments(fragments) => self.hold_fragments(fragments).map(|()| Reply::Done),
            Command::ForgetWaiting { customer, kind, places } => {
                self.forget_waiting(*customer, *kind, places).map(|()| Reply::Done)
            }
            Command::Order(order) => self.carry_out(order),
            Command::Granted { account, total } => {
                self.granted(*account, *total);
                Ok(Reply::Done)
            }
            Command::GiveBack { account, most } => Ok(Reply::Sum(self.give_back(*account, *most))),
            Command::Listen { account, on } => self.listen(*account, *on).map(|()| Reply::Done),
            Command::Recover { node, retry, now } => {
                self.rest.retry = Arc::clone(retry);
                self.recover(*node, *now).map(Reply::Count)
            }
            Command::Sweep { retention, retry, now } => {
                self.rest.retry = Arc::clone(retry);
                self.sweep(*retention, *now).map(Reply::Swept)
            }
            Command::Preload(rows) => self.preload(rows).map(|()| Reply::Done),
        }
    }

    /// The partition's now: never behind the last commit.
    pub(super) fn now(&mut self, clock: Timestamp) -> Outcome<Timestamp> {
        self.memory.committed_now = fault::now(self.memory.committed_now, clock)?;
        Ok(self.memory.committed_now)
    }

    /// Reads again when a stream's first message is due.
    pub(super) fn look_at_head(&mut self, stream: Stream) -> Outcome<()> {
        let (lane, avoid) = stream_key(stream);
        let mut head = self.connection.prepare_cached(sql::QUEUE_HEAD)?;
        match head.query_row(params![lane, avoid], |row| row.get(0)).optional()? {
            Some(due_at) => self.memory.streams.insert((lane, avoid), due_at),
            None => self.memory.streams.remove(&(lane, avoid)),
        };
        Ok(())
    }
}

impl Moves for Work<'_> {
    fn tallies(&mut self) -> &mut Tallies {
        &mut self.rest.tallies
    }

    fn retry(&self) -> &RetryPolicy {
        &self.rest.retry
    }

    fn lane_state(&self, lane: LaneId) -> Option<LaneState> {
        self.memory.lanes.get(&lane).map(|lane| lane.state)
    }

    fn enqueue(&mut self, stream: Stream, due_at: Timestamp, id: MessageId) -> moves::fault::Outcome<()> {
        Ok(self.add_to_queue(stream, due_at, id)?)
    }

    fn dequeue(&mut self, stream: Stream, due_at: Timestamp, id: MessageId) -> moves::fault::Outcome<()> {
        Ok(self.drop_from_queue(stream, due_at, id)?)
    }

    fn take_back(&mut self, id: MessageId) -> moves::fault::Outcome<()> {
        Ok(self.take_hand_over_back(id)?)
    }

    fn learn(
        &mut self,
        id: MessageId,
        life: &mut Life,
        lesson: Lesson,
        at: Timestamp,
    ) -> moves::fault::Outcome<()> {
        Ok(self.learn_of(id, life, lesson, at)?)
    }

    fn look_at(&mut self, id: MessageId, at: Timestamp) -> moves::fault::Outcome<()> {
        Ok(self.add_overdue(id, at)?)
    }

    fn note(&mut self, id: MessageId, life: &Life, at: Timestamp) {
        self.note_event(id, life, at);
    }
}

impl Work<'_> {
    fn add_to_queue(&mut self, stream: Stream, due_at: Timestamp, id: MessageId) -> Outcome<()> {
        let (lane, avoid) = stream_key(stream);
        self.hot.queue_add.execute(params![lane, avoid, due_at.millis(), id.raw()])?;
        let earliest = self.memory.streams.entry((lane, avoid)).or_insert(i64::MAX);
        *earliest = due_at.millis().min(*earliest);
        Ok(())
    }

    fn drop_from_queue(&mut self, stream: Stream, due_at: Timestamp, id: MessageId) -> Outcome<()> {
        let (lane, avoid) = stream_key(stream);
        let mut drop = self.connection.prepare_cached(sql::QUEUE_DROP)?;
        drop.execute(params![lane, avoid, due_at.millis(), id.raw()])?;
        self.look_at_head(stream)
    }

    fn take_hand_over_back(&mut self, id: MessageId) -> Outcome<()> {
        let phone_index = self.phone_index_of(id)?;
        self.take_back_hand_over(phone_index, id)
    }

    /// The phone of a message, which is sealed.
    pub(super) fn phone_index_of(&self, id: MessageId) -> Outcome<i64> {
        let sealed: Vec<u8> =
            self.connection.prepare_cached(sql::SEALED_READ)?.query_row([id.raw()], |row| row.get(0))?;
        let phone = sealed::phone_of(&self.rest.messages, id.raw(), &sealed)?;
        Ok(self.rest.sealer.phone_index(phone))
    }

    fn add_overdue(&mut self, id: MessageId, at: Timestamp) -> Outcome<()> {
        self.connection.prepare_cached(sql::OVERDUE_ADD)?.execute(params![at.millis(), id.raw()])?;
        Ok(())
    }
}

impl Memory {
    fn read(connection: &Connection, hand_overs: &SharedHandOvers, event_head: &EventHead) -> Outcome<Self> {
        let hand_overs = HandOvers::load(connection, hand_overs)?;
        let next_event = connection.query_row(sql::PARTITION_EVENT, [], |row| row.get(0))?;
        let heard = Heard::read(connection, next_event, event_head)?;
        let mut memory = connection.query_row(sql::PARTITION_READ, [], |row| {
            Ok(Self {
                lanes: HashMap::new(),
                expanded: HashMap::new(),
                streams: BTreeMap::new(),
                claims: HashMap::new(),
                next_claim: row.get(3)?,
                early: 0,
                committed_now: Timestamp::from_millis(row.get(2)?),
                unknown_through: row.get(4)?,
                retired_through: row.get(5)?,
                person_cursor: row.get(6)?,
                part_cursor: PART_START,
                last_suppression: 0,
                hand_overs,
                heard,
                allowances: BTreeMap::new(),
            })
        })?;
        for (lane, through) in lane::read_all(connection)? {
            memory.expanded.insert(lane.id, through);
            memory.lanes.insert(lane.id, lane);
        }
        memory.allowances = money::read_all(connection)?;
        memory.read_streams(connection)?;
        memory.claims = super::recover::outstanding(connection)?;
        memory.early =
            connection.query_row(sql::EARLY_COUNT, [], |row| row.get::<_, i64>(0))?.cast_unsigned();
        memory.last_suppression = connection.query_row(sql::SUPPRESSION_LAST, [], |row| row.get(0))?;
        Ok(memory)
    }

    fn read_streams(&mut self, connection: &Connection) -> Outcome<()> {
        let mut next = connection.prepare_cached(sql::QUEUE_NEXT_STREAM)?;
        let mut place = (i64::MIN, 0);
        loop {
            let found = next
                .query_row(params![place.0, place.1], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))
                .optional()?;
            let Some((key, due_at)) = found else { return Ok(()) };
            self.streams.insert(key, due_at);
            place = key;
        }
    }

    fn write(&self, connection: &Connection) -> Outcome<()> {
        let mut write = connection.prepare_cached(sql::PARTITION_WRITE)?;
        write.execute(params![
            self.committed_now.millis(),
            self.next_claim,
            self.unknown_through,
            self.retired_through,
            self.heard.next
        ])?;
        Ok(())
    }
}
