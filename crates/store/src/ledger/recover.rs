//! After a restart: what was in flight when the process ended.
//!
//! Only the messages named by rows of `claim` are looked at, however many messages there are.

use std::collections::HashMap;

use domain::ids::MessageId;
use domain::time::Timestamp;
use rusqlite::Connection;

use super::accept::blob;
use super::fault::{Fault, Outcome};
use super::partition::Work;
use super::sql;
use crate::moves::life::Life;
use crate::moves::recover::{Recovered, recover};

impl Work<'_> {
    /// Returns how many messages were found in flight.
    pub(super) fn recover(&mut self, clock: Timestamp) -> Outcome<u32> {
        let now = self.now(clock)?;
        let mut found = 0;
        for (seq, messages) in claims(self.connection)? {
            for id in messages {
                found += u32::from(self.recover_one(seq, id, now)?);
            }
            self.memory.claims.remove(&seq);
            self.connection.prepare_cached(sql::CLAIM_DROP)?.execute([seq])?;
        }
        Ok(found)
    }

    fn recover_one(&mut self, seq: i64, id: MessageId, now: Timestamp) -> Outcome<bool> {
        let Some(mut life) = self.load_life(id.raw())? else { return Ok(false) };
        let recovered = recover(self, seq, id, &mut life, now)?;
        if recovered != Recovered::Settled {
            self.store_life(id.raw(), &life)?;
        }
        Ok(recovered == Recovered::InFlight)
    }
}

/// How many messages of each claim wait for their settlement.
pub(super) fn outstanding(connection: &Connection) -> Outcome<HashMap<i64, u32>> {
    let mut read = connection.prepare_cached(sql::LIFE_READ)?;
    let mut counts = HashMap::new();
    for (seq, messages) in claims(connection)? {
        let mut waiting = 0;
        for id in messages {
            let mut rows = read.query([id.raw()])?;
            if let Some(row) = rows.next()? {
                let life = Life::unpack(blob(row, 0)?).ok_or_else(Fault::unreadable_life)?;
                waiting += u32::from(life.outstanding && life.claim == seq);
            }
        }
        counts.insert(seq, waiting);
    }
    Ok(counts)
}

fn claims(connection: &Connection) -> Outcome<Vec<(i64, Vec<MessageId>)>> {
    let mut read = connection.prepare_cached(sql::CLAIMS)?;
    let mut rows = read.query([])?;
    let mut claims = Vec::new();
    while let Some(row) = rows.next()? {
        let (ids, rest) = blob(row, 1)?.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(Fault::inconsistent("claim", "messages", "not a list of ids"));
        }
        let ids = ids.iter().map(|id| MessageId::from_raw(i64::from_le_bytes(*id))).collect();
        claims.push((row.get(0)?, ids));
    }
    Ok(claims)
}
