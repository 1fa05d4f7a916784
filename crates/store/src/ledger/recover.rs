//! After a restart: what was in flight when the process ended.
//!
//! Only the messages named by rows of `claim` are looked at, however many messages there are.
//!
//! A row's `channel` holds the node that claimed above its lower 16 bits. A data folder has one process, which is node 0;
//! others there are in simulations only.

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

/// See the module.
pub(super) const NODE_SHIFT: u32 = 16;

impl Work<'_> {
    /// Ends the claims of one node. Returns how many messages were found in flight.
    pub(super) fn recover(&mut self, node: u8, clock: Timestamp) -> Outcome<u32> {
        let now = self.now(clock)?;
        let mut found = 0;
        let of_node = claims(self.connection)?.into_iter().filter(|claim| claim.node == node);
        for Outstanding { seq, messages, .. } in of_node {
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
    for Outstanding { seq, messages, .. } in claims(connection)? {
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

/// A claim that is kept until all its messages are settled.
struct Outstanding {
    seq: i64,
    node: u8,
    messages: Vec<MessageId>,
}

fn claims(connection: &Connection) -> Outcome<Vec<Outstanding>> {
    let mut read = connection.prepare_cached(sql::CLAIMS)?;
    let mut rows = read.query([])?;
    let mut claims = Vec::new();
    while let Some(row) = rows.next()? {
        let (ids, rest) = blob(row, 1)?.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(Fault::inconsistent("claim", "messages", "not a list of ids"));
        }
        let messages = ids.iter().map(|id| MessageId::from_raw(i64::from_le_bytes(*id))).collect();
        let node = u8::try_from(row.get::<_, i64>(2)? >> NODE_SHIFT)
            .map_err(|_| Fault::inconsistent("claim", "channel", "names no node"))?;
        claims.push(Outstanding { seq: row.get(0)?, node, messages });
    }
    Ok(claims)
}
