//! For measurements only: fills the ledger with people who were sent something long ago.

use domain::ids::{EntityId, PartitionId};
use domain::ledger::LedgerError;
use domain::phone::Phone;
use domain::time::Timestamp;

use super::command::Command;
use super::port::SqliteLedger;
use crate::moves::aged::aged;
use crate::moves::person;

/// People of one transaction.
const CHUNK: usize = 20_000;

impl SqliteLedger {
    /// Bench only: gives each phone one hand-over by `entity`, 8 to 28 days before `now`, and its consent to
    /// marketing, replacing what was known of the phone. Returns how many recents were written. Index order keeps
    /// the load sequential; it says nothing about the order in which they are looked up later.
    ///
    /// # Errors
    /// As of any write.
    pub async fn preload_recents(
        &self,
        phones: impl Iterator<Item = Phone>,
        entity: EntityId,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let map = domain::ledger::Ledger::partitions(self);
        let mut homes: Vec<Vec<i64>> = vec![Vec::new(); usize::from(map.len())];
        for phone in phones {
            homes[usize::from(map.of(phone.slot()).0)].push(self.sealer.phone_index(phone));
        }
        let mut written = 0;
        for (mut indexes, id) in homes.into_iter().zip(0u16..) {
            indexes.sort_unstable();
            for chunk in indexes.chunks(CHUNK) {
                let rows = chunk.iter().map(|&index| (index, aged_person(index, entity, now))).collect();
                self.ask(PartitionId(id), Command::Preload(rows)).await?;
                written += chunk.len() as u64;
            }
        }
        Ok(written)
    }
}

fn aged_person(phone_index: i64, entity: EntityId, now: Timestamp) -> Vec<u8> {
    let mut raw = Vec::new();
    person::pack(&aged(phone_index, entity, now), &mut raw);
    raw
}
