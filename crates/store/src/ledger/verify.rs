//! Looks a ledger over from outside: what must hold between its rows, whatever happened to the process that wrote
//! them.
//!
//! Reads every row of every file with the ledger's lock held, changes nothing, and stops at no finding. What one
//! message costs is a few look-ups; nothing but counters is kept in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use domain::billing::Purse;
use domain::ids::{PartitionId, PartitionMap};
use domain::message::MessageState;
use domain::money::Money;
use rusqlite::{Connection, OpenFlags, Row, params};

use super::accept::blob;
use super::fault::Outcome;
use super::open::{LedgerOpenError, existing};
use crate::moves::life::Life;
use crate::moves::records::scope_code;
use crate::moves::stream::stream_key;
use crate::moves::{INBOUND_TABLE, MESSAGE_TABLE, SUPPRESSION_TABLE, person, sealed};
use crate::sealing::Sealer;
use crate::verified::{Counts, Rule, Verified, misplaced, overdrawn, uncount};

/// Reads the ledger of a data folder from end to end.
///
/// # Errors
/// [`LedgerOpenError`] when the folder is in use, of a newer version or incomplete, or a file cannot be read at all.
pub fn verify(folder: &Path, sealer: &Arc<Sealer>) -> Result<Verified, LedgerOpenError> {
    let (map, files, _lock) = existing(folder)?;
    let mut verified = Verified { partitions: map.len(), ..Verified::default() };
    for (id, path) in map.all().zip(files) {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let looked = Connection::open_with_flags(&path, flags).map_err(Into::into).and_then(|db| {
            db.execute_batch("PRAGMA query_only = ON")?;
            Look { db: &db, id, map, sealer, verified: &mut verified }.look()
        });
        looked.map_err(|fault| LedgerOpenError::Ledger { path, source: fault.into_error() })?;
    }
    Ok(verified)
}

/// One partition being looked at.
struct Look<'a> {
    db: &'a Connection,
    id: PartitionId,
    map: PartitionMap,
    sealer: &'a Arc<Sealer>,
    verified: &'a mut Verified,
}

impl Look<'_> {
    fn look(&mut self) -> Outcome<()> {
        let pages: String = self.db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if pages != "ok" {
            self.find(Rule::Pages, 0);
            return Ok(());
        }
        let counts = self.messages()?;
        self.queue()?;
        self.tallies(counts)?;
        self.allowances()?;
        self.parts()?;
        self.suppressions()?;
        self.inbounds()
    }

    fn find(&mut self, rule: Rule, row: i64) {
        self.verified.find(self.id, rule, row);
    }

    fn messages(&mut self) -> Outcome<Counts> {
        let sealer = self.sealer.for_table(MESSAGE_TABLE);
        let mut counts = Counts::new();
        let mut read = self.db.prepare("SELECT id, life, sealed FROM message ORDER BY id")?;
        let mut rows = read.query([])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            self.verified.messages += 1;
            match Life::unpack(blob(row, 1)?).filter(|life| life.trail().is_some()) {
                None => self.find(Rule::Readable, id),
                Some(life) => {
                    *counts.entry((life.lane.raw(), life.state, life.reason)).or_default() += 1;
                    self.message(id, &life)?;
                }
            }
            if let Some(rule) = misplaced(self.map, self.id, id, &sealer, blob(row, 2)?) {
                self.find(rule, id);
            }
        }
        Ok(counts)
    }

    fn message(&mut self, id: i64, life: &Life) -> Outcome<()> {
        match life.state {
            MessageState::Queued => {
                self.verified.queued += 1;
                let (lane, which) = stream_key(life.stream());
                let due_at = life.due_at.map_or(i64::MIN, |at| at.millis());
                let stands =
                    "SELECT 1 FROM queue WHERE lane = ?1 AND avoid = ?2 AND due_at = ?3 AND message = ?4";
                if !self.db.prepare_cached(stands)?.exists(params![lane, which, due_at, id])? {
                    self.find(Rule::Queued, id);
                }
            }
            MessageState::Sending => {
                self.verified.in_flight += 1;
                let kept = "SELECT 1 FROM claim WHERE seq = ?1";
                if !life.outstanding || !self.db.prepare_cached(kept)?.exists([life.claim])? {
                    self.find(Rule::Claimed, id);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// That each message that waits stands there was seen from its side; so here only that no row is left over.
    fn queue(&mut self) -> Outcome<()> {
        let mut read = self.db.prepare(
            "SELECT q.message, q.lane, q.avoid, q.due_at, m.life FROM queue q LEFT JOIN message m ON m.id = q.message",
        )?;
        let mut rows = read.query([])?;
        while let Some(row) = rows.next()? {
            let life = row.get_ref(4)?.as_blob_or_null().ok().flatten().and_then(Life::unpack);
            if !waits_here(row, life.as_ref())? {
                self.find(Rule::Queue, row.get(0)?);
            }
        }
        Ok(())
    }

    /// A lane some of whose messages were retired has counted more than there are.
    fn tallies(&mut self, mut counts: Counts) -> Outcome<()> {
        let retired: i64 =
            self.db.query_row("SELECT retired_through FROM partition", [], |row| row.get(0))?;
        let mut read = self.db.prepare(
            "SELECT lane, hour, channel, state_from, reason_from, state_to, reason_to, test, carrier, messages, parts, \
             price FROM tally",
        )?;
        let mut rows = read.query([])?;
        while let Some(row) = rows.next()? {
            let tally = super::tally::from_row(row)?;
            uncount(&mut counts, &tally);
        }
        for ((lane, ..), off) in counts {
            let excused = retired > 0 && off < 0;
            if off != 0 && !excused {
                self.find(Rule::Tally, lane);
            }
        }
        Ok(())
    }

    /// What was drawn is what the counters say was accepted in lanes that draw.
    fn allowances(&mut self) -> Outcome<()> {
        let mut read = self.db.prepare(
            "SELECT l.account, sum(t.price) FROM tally t JOIN lane l ON l.id = t.lane \
             WHERE l.purse = ?1 AND t.state_from = 0 AND t.state_to = ?2 GROUP BY l.account",
        )?;
        let mut rows = read.query(params![Purse::Allowance.code(), MessageState::Queued.code()])?;
        let mut accepted = BTreeMap::new();
        while let Some(row) = rows.next()? {
            accepted.insert(row.get(0)?, Money::from_micros(row.get(1)?));
        }
        for account in overdrawn(accepted, &super::money::read_all(self.db)?) {
            self.find(Rule::Allowance, account);
        }
        Ok(())
    }

    fn parts(&mut self) -> Outcome<()> {
        let count = |sql: &str| self.db.query_row(sql, [], |row| row.get::<_, i64>(0));
        self.verified.parts += count("SELECT count(*) FROM part")?.cast_unsigned();
        self.verified.receipts_kept += count("SELECT count(*) FROM early")?.cast_unsigned();
        for (rule, sql) in [
            (Rule::Part, "SELECT message FROM part WHERE message NOT IN (SELECT id FROM message)"),
            (Rule::Receipt, "SELECT message FROM early JOIN part USING (gateway, carrier_id)"),
        ] {
            let mut read = self.db.prepare(sql)?;
            let mut rows = read.query([])?;
            while let Some(row) = rows.next()? {
                self.find(rule, row.get(0)?);
            }
        }
        Ok(())
    }

    fn suppressions(&mut self) -> Outcome<()> {
        let sealer = self.sealer.for_table(SUPPRESSION_TABLE);
        let mut read = self
            .db
            .prepare("SELECT id, scope, category, phone_index, lifted_at IS NULL, sealed FROM suppression")?;
        let mut rows = read.query([])?;
        while let Some(row) = rows.next()? {
            self.verified.suppressions += 1;
            let (id, phone_index): (i64, i64) = (row.get(0)?, row.get(3)?);
            let phone = sealed::phone_of(&sealer, id, blob(row, 5)?);
            if phone.ok().is_none_or(|phone| self.sealer.phone_index(phone) != phone_index) {
                self.find(Rule::Opens, id);
            } else if row.get(4)? && !self.is_suppressed(phone_index, row.get(1)?, row.get(2)?)? {
                self.find(Rule::Suppression, id);
            }
        }
        Ok(())
    }

    fn is_suppressed(&self, phone_index: i64, scope: i64, category: u8) -> Outcome<bool> {
        let mut read = self.db.prepare_cached(super::sql::PERSON_READ)?;
        let mut rows = read.query([phone_index])?;
        let Some(row) = rows.next()? else { return Ok(false) };
        let facts = person::unpack(blob(row, 0)?);
        Ok(facts.is_some_and(|facts| {
            facts.suppressions.iter().any(|known| {
                scope_code(known.scope) == scope
                    && known.category.map_or(0, |category| category.code()) == category
            })
        }))
    }

    fn inbounds(&mut self) -> Outcome<()> {
        let sealer = self.sealer.for_table(INBOUND_TABLE);
        let mut read = self.db.prepare("SELECT id, sealed FROM inbound")?;
        let mut rows = read.query([])?;
        while let Some(row) = rows.next()? {
            self.verified.inbounds += 1;
            let id: i64 = row.get(0)?;
            if sealed::phone_of(&sealer, id, blob(row, 1)?).is_err() {
                self.find(Rule::Opens, id);
            }
        }
        Ok(())
    }
}

/// Whether a row of the queue (message, lane, stream, due) is where its message says that it waits.
fn waits_here(row: &Row<'_>, life: Option<&Life>) -> Outcome<bool> {
    let here: (i64, u32, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
    Ok(life.is_some_and(|life| {
        let (lane, which) = stream_key(life.stream());
        let due_at = life.due_at.map_or(i64::MIN, |at| at.millis());
        life.state == MessageState::Queued && (lane, which, due_at) == here
    }))
}
