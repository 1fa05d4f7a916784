//! For measurements only: fills the ledger with people who were sent something long ago.

use std::collections::BTreeMap;

use domain::ids::{EntityId, PartitionId};
use domain::ledger::LedgerError;
use domain::phone::Phone;
use domain::policy::PersonFacts;
use domain::time::Timestamp;
use sea_orm::sqlx::{self, PgConnection};

use super::database::{Operation, Shared, number};
use super::fault::Done;
use super::people::write_rows;
use super::port::PostgresLedger;
use super::sql;
use crate::moves::aged::aged;
use crate::moves::person::pack_recent;

/// People of one transaction.
const CHUNK: usize = 20_000;

/// People of one partition, by phone index.
struct Preload {
    partition: PartitionId,
    people: BTreeMap<i64, PersonFacts>,
}

impl Operation for Preload {
    type Answer = ();

    async fn run(&self, _shared: &Shared, db: &mut PgConnection) -> Done<()> {
        let without = |facts: &PersonFacts| PersonFacts { recents: Vec::new(), ..facts.clone() };
        let rows = self.people.iter().map(|(phone, facts)| (*phone, without(facts))).collect();
        write_rows(db, self.partition, &rows).await?;
        let recents =
            || self.people.iter().flat_map(|(phone, facts)| facts.recents.iter().map(move |r| (*phone, r)));
        let phones: Vec<i64> = recents().map(|(phone, _)| phone).collect();
        let messages: Vec<i64> = recents().map(|(_, recent)| recent.message.raw()).collect();
        let at: Vec<i64> = recents().map(|(_, recent)| recent.handed_at.millis()).collect();
        let entries: Vec<Vec<u8>> = recents().map(|(_, recent)| pack_recent(recent).to_vec()).collect();
        let query = sqlx::query(sql::RECENT_ADD).bind(number(self.partition)).bind(phones);
        query.bind(messages).bind(at).bind(entries).execute(db).await?;
        Ok(())
    }
}

impl PostgresLedger {
    /// Bench only: gives each phone one hand-over by `entity`, 8 to 28 days before `now`, and its consent to marketing.
    /// Returns how many recents were written.
    ///
    /// # Errors
    /// As of any write.
    pub async fn preload_recents(
        &self,
        phones: impl Iterator<Item = Phone>,
        entity: EntityId,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let shared = self.shared();
        let mut homes: Vec<Vec<i64>> = vec![Vec::new(); usize::from(shared.map.len())];
        for phone in phones {
            homes[usize::from(shared.map.of(phone.slot()).0)].push(shared.sealer.phone_index(phone));
        }
        let mut written = 0;
        for (mut indexes, partition) in homes.into_iter().zip(shared.map.all()) {
            indexes.sort_unstable();
            for chunk in indexes.chunks(CHUNK) {
                let person = |index: &i64| (*index, aged(*index, entity, now));
                let people: BTreeMap<i64, PersonFacts> = chunk.iter().map(person).collect();
                written += people.len() as u64;
                shared.transact(&Preload { partition, people }).await?;
            }
        }
        Ok(written)
    }
}
