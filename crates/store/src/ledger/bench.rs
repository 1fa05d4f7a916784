//! For measurements only: fills the ledger with people who were sent something long ago.

use domain::ids::{EntityId, MessageId, PartitionId};
use domain::ledger::LedgerError;
use domain::message::Category;
use domain::phone::Phone;
use domain::policy::{Consented, LegalBasis, PersonFacts, Recent};
use domain::time::Timestamp;

use super::command::Command;
use super::port::SqliteLedger;
use crate::moves::person;

/// People of one transaction.
const CHUNK: usize = 20_000;
/// How long ago the newest hand-over of a preloaded person is: outside every default cap window.
const AGE_MILLIS: i64 = 8 * 86_400_000;
/// Over how long before that they are spread.
const SPREAD_MILLIS: i64 = 20 * 86_400_000;

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
    let age = AGE_MILLIS + phone_index.rem_euclid(SPREAD_MILLIS);
    let facts = PersonFacts {
        suppressions: Vec::new(),
        consents: vec![Consented {
            entity,
            basis: LegalBasis::Consent,
            since: Timestamp::from_millis(now.millis() - 2 * AGE_MILLIS),
            until: None,
            withdrawn: false,
        }],
        recents: vec![Recent {
            handed_at: Timestamp::from_millis(now.millis() - age),
            message: MessageId::from_raw(phone_index.rem_euclid(1 << 40)),
            entity,
            category: Category::Marketing,
            text_hash: phone_index.cast_unsigned(),
        }],
    };
    let mut raw = Vec::new();
    person::pack(&facts, &mut raw);
    raw
}
