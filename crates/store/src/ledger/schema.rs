//! The schema of one partition's file, by version.
//!
//! `PRAGMA user_version` says how many of [`MIGRATIONS`] a file has seen. A migration is never changed once released;
//! a folder of every version is kept under `tests/fixtures` and opened by a test.

use rusqlite::Connection;

use super::fault::Outcome;

/// One step each, in order.
const MIGRATIONS: &[&str] = &[V1, V2, V3, V4, NUMBERS, EVENTS, MONEY, ORDERS];

/// Hot tables are ordered by something that grows; `person` is written in passes over `handed`. Columns named in `life` are described in `life.rs`.
const V1: &str = "
CREATE TABLE partition (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  number INTEGER NOT NULL,
  partitions INTEGER NOT NULL,
  committed_now INTEGER NOT NULL,
  next_claim INTEGER NOT NULL,
  unknown_through INTEGER NOT NULL,
  retired_through INTEGER NOT NULL,
  person_cursor INTEGER
) STRICT;
CREATE TABLE lane (
  id INTEGER PRIMARY KEY,
  account INTEGER NOT NULL,
  entity INTEGER NOT NULL,
  campaign INTEGER,
  route INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  category INTEGER NOT NULL,
  state INTEGER NOT NULL,
  speed INTEGER,
  window_close INTEGER NOT NULL,
  drop_after INTEGER,
  held_words_approved INTEGER NOT NULL,
  expanded_through INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE message (
  id INTEGER PRIMARY KEY,
  life BLOB NOT NULL,
  account INTEGER NOT NULL,
  campaign INTEGER,
  contact INTEGER,
  sealed BLOB NOT NULL
) STRICT;
CREATE TABLE queue (
  lane INTEGER NOT NULL,
  avoid INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  message INTEGER NOT NULL,
  PRIMARY KEY (lane, avoid, due_at, message)
) STRICT, WITHOUT ROWID;
CREATE TABLE person (
  phone_index INTEGER PRIMARY KEY,
  facts BLOB NOT NULL
) STRICT;
CREATE TABLE handed (
  seq INTEGER PRIMARY KEY,
  phone_index INTEGER NOT NULL,
  entry BLOB NOT NULL
) STRICT;
CREATE TABLE part (
  gateway INTEGER NOT NULL,
  carrier_id ANY NOT NULL,
  message INTEGER NOT NULL,
  place INTEGER NOT NULL,
  PRIMARY KEY (gateway, carrier_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE early (
  gateway INTEGER NOT NULL,
  carrier_id ANY NOT NULL,
  status INTEGER NOT NULL,
  code TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (gateway, carrier_id, status)
) STRICT, WITHOUT ROWID;
CREATE INDEX early_by_time ON early (received_at);
CREATE TABLE claim (
  seq INTEGER PRIMARY KEY,
  channel INTEGER NOT NULL,
  claimed_at INTEGER NOT NULL,
  messages BLOB NOT NULL
) STRICT;
CREATE TABLE overdue (
  at INTEGER NOT NULL,
  message INTEGER NOT NULL,
  PRIMARY KEY (at, message)
) STRICT, WITHOUT ROWID;
CREATE TABLE tally (
  lane INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  channel INTEGER NOT NULL,
  state_from INTEGER NOT NULL,
  reason_from INTEGER NOT NULL,
  state_to INTEGER NOT NULL,
  reason_to INTEGER NOT NULL,
  test INTEGER NOT NULL,
  carrier INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  parts INTEGER NOT NULL,
  price INTEGER NOT NULL,
  PRIMARY KEY (lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier)
) STRICT, WITHOUT ROWID;
CREATE TABLE suppression (
  id INTEGER PRIMARY KEY,
  account INTEGER NOT NULL,
  suppressed_at INTEGER NOT NULL,
  scope INTEGER NOT NULL,
  category INTEGER NOT NULL,
  source INTEGER NOT NULL,
  inbound INTEGER,
  lifted_at INTEGER,
  phone_index INTEGER NOT NULL,
  sealed BLOB NOT NULL
) STRICT;
CREATE INDEX suppression_by_account ON suppression (account, suppressed_at);
CREATE INDEX suppression_by_phone ON suppression (phone_index);
CREATE TABLE inbound (
  id INTEGER PRIMARY KEY,
  account INTEGER,
  gateway INTEGER NOT NULL,
  channel INTEGER NOT NULL,
  carrier_id ANY NOT NULL,
  phone_index INTEGER NOT NULL,
  answers INTEGER,
  campaign INTEGER,
  opted_out INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  sealed BLOB NOT NULL
) STRICT;
CREATE INDEX inbound_by_account ON inbound (account, id);
CREATE INDEX inbound_by_carrier_id ON inbound (gateway, carrier_id);
";

/// Nothing is changed but what may be written: `queue.avoid` also holds a carrier above its lower 16 bits (see
/// `stream_key` in `partition.rs`), and `life` a flag for it. The number keeps out programs that would misread them.
const V2: &str = "";

/// Of which version of its lane a partition knows.
const V3: &str = "ALTER TABLE lane ADD COLUMN version INTEGER NOT NULL DEFAULT 0;";

/// What customers that connect to us are told: `origin` is beside a message as long as that is kept; `entry` of both is
/// described in `moves::waiting`, and that of a part which waits for others is sealed.
const V4: &str = "
CREATE TABLE origin (
  message INTEGER PRIMARY KEY,
  customer INTEGER NOT NULL,
  entry BLOB NOT NULL
) STRICT;
CREATE TABLE waiting (
  customer INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  at INTEGER NOT NULL,
  item INTEGER NOT NULL,
  entry BLOB NOT NULL,
  PRIMARY KEY (customer, kind, at, item)
) STRICT, WITHOUT ROWID;
";

/// Codes that are in no table, as they came. And what may be written: `person.facts` of format 2, and in `life` a mark and a
/// second carrier.
const NUMBERS: &str = "
CREATE TABLE code (
  gateway INTEGER NOT NULL,
  code TEXT NOT NULL,
  times INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (gateway, code)
) STRICT, WITHOUT ROWID;
CREATE INDEX code_by_time ON code (last_at);
";

/// What happened, for accounts that listen. `entry` is described in `moves::events`; rows at or before `gone_through` of a
/// listener are dropped, or to be.
const EVENTS: &str = "
CREATE TABLE event (
  seq INTEGER PRIMARY KEY,
  account INTEGER NOT NULL,
  at INTEGER NOT NULL,
  entry BLOB NOT NULL
) STRICT;
CREATE INDEX event_by_account ON event (account);
CREATE TABLE listener (
  account INTEGER PRIMARY KEY,
  active INTEGER NOT NULL,
  gone_through INTEGER NOT NULL
) STRICT;
ALTER TABLE partition ADD COLUMN next_event INTEGER NOT NULL DEFAULT 1;
";

/// How the messages of a lane are paid for (lanes of before: when the carrier took them, with nothing that bounds them), what
/// accounts were granted here, and a way to the counters of an hour.
const MONEY: &str = "
ALTER TABLE lane ADD COLUMN charge INTEGER NOT NULL DEFAULT 1;
ALTER TABLE lane ADD COLUMN purse INTEGER NOT NULL DEFAULT 1;
CREATE TABLE allowance (
  account INTEGER PRIMARY KEY,
  granted INTEGER NOT NULL,
  drawn INTEGER NOT NULL,
  returned INTEGER NOT NULL
) STRICT;
CREATE INDEX tally_by_hour ON tally (hour, lane);
";

/// Nothing is changed but what may be written: in `life`, that a message was cancelled on request, redacted or deleted; in
/// `sealed`, that a text is forgotten. The number keeps out programs that would misread them.
const ORDERS: &str = "";

/// All statements of all migrations.
pub(crate) fn statements() -> impl Iterator<Item = &'static str> {
    MIGRATIONS.iter().flat_map(|step| step.split(';'))
}

/// How many migrations this program knows.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// The version of a file; 0 is a new one.
pub(super) fn version(connection: &Connection) -> Outcome<i64> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Brings a file to [`VERSION`]; each step and its number are one transaction.
pub(super) fn migrate(connection: &Connection) -> Outcome<()> {
    let seen = version(connection)?;
    for (step, number) in MIGRATIONS.iter().zip(1i64..).filter(|(_, number)| *number > seen) {
        connection
            .execute_batch(&format!("BEGIN IMMEDIATE; {step} PRAGMA user_version = {number}; COMMIT;"))?;
    }
    Ok(())
}
