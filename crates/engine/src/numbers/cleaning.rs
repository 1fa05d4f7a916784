//! List cleaning: what leaving dead numbers out saved, and which contacts they are.

use std::collections::BTreeMap;

use domain::control::{Contact, ContactFilter, ControlError};
use domain::ids::{AccountId, CampaignId, ContactId, PartitionId};
use domain::ledger::{LedgerError, Tally};
use domain::message::{MessageState, Reason};
use domain::money::Money;
use domain::phone::Phone;
use domain::time::Timestamp;

use super::dead_rule;
use crate::Engine;

/// Lanes whose counters are read at once.
const LANES: usize = 200;
/// Contacts of one look.
const CONTACTS: u32 = 1_000;

/// Messages that were not sent because their numbers were dead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Skipped {
    pub messages: u64,
    pub parts: u64,
    /// What the account would have paid for them.
    pub saved: Money,
}

/// What leaving dead numbers out saved an account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CleaningReport {
    pub total: Skipped,
    /// By campaign, the newest first; none is what was sent by the API.
    pub campaigns: Vec<(Option<CampaignId>, Skipped)>,
}

/// A contact whose number is dead.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadContact {
    pub contact: Contact,
    pub since: Timestamp,
    /// When it is tried again.
    pub until: Timestamp,
}

impl Skipped {
    fn add(&mut self, tally: &Tally) {
        self.messages += tally.messages.unsigned_abs();
        self.parts += tally.parts.unsigned_abs();
        self.saved += tally.price;
    }
}

impl Engine {
    /// What leaving dead numbers out saved an account, exact at the moment of reading, for as long as its counters are kept.
    ///
    /// # Errors
    /// When the ledger refuses.
    pub async fn cleaning_report(&self, account: AccountId) -> Result<CleaningReport, LedgerError> {
        let lanes = self.ledger.lanes().await?;
        let own: BTreeMap<_, _> = lanes
            .into_iter()
            .filter(|lane| lane.account == account)
            .map(|lane| (lane.id, lane.campaign))
            .collect();
        let ids: Vec<_> = own.keys().copied().collect();
        let mut report = CleaningReport::default();
        let mut campaigns: BTreeMap<Option<CampaignId>, Skipped> = BTreeMap::new();
        for some in ids.chunks(LANES) {
            for tally in self.ledger.tallies(some).await? {
                let skipped = tally.to == MessageState::Rejected && tally.reason == Reason::DeadNumber;
                if skipped && !tally.test {
                    report.total.add(&tally);
                    campaigns.entry(own.get(&tally.lane).copied().flatten()).or_default().add(&tally);
                }
            }
        }
        report.campaigns = campaigns.into_iter().rev().collect();
        Ok(report)
    }

    /// Those of the next contacts whose numbers are dead, and where to go on; none at the end.
    ///
    /// # Errors
    /// When storage refuses.
    pub async fn dead_contacts(
        &self,
        account: AccountId,
        after: Option<ContactId>,
    ) -> Result<(Vec<DeadContact>, Option<ContactId>), LedgerError> {
        let filter = ContactFilter { after, ..ContactFilter::default() };
        let refused = |error: ControlError| LedgerError::Unavailable(error.to_string());
        let contacts = self.control.contacts(account, &filter, CONTACTS).await.map_err(refused)?;
        let full = contacts.len() == CONTACTS as usize;
        let next = contacts.last().filter(|_| full).map(|contact| contact.id);
        let Some(rule) = dead_rule(&self.policy()) else { return Ok((Vec::new(), next)) };
        let (map, now) = (self.ledger.partitions(), self.clock.now());
        let mut parted: BTreeMap<PartitionId, Vec<Phone>> = BTreeMap::new();
        for contact in &contacts {
            parted.entry(map.of(contact.phone.slot())).or_default().push(contact.phone);
        }
        let mut dead: BTreeMap<Phone, Timestamp> = BTreeMap::new();
        for (partition, phones) in parted {
            let facts = self.ledger.facts(partition, phones.clone()).await?;
            let since = facts.iter().map(|facts| facts.number.dead_since(&rule, now));
            dead.extend(phones.into_iter().zip(since).filter_map(|(phone, since)| Some((phone, since?))));
        }
        let found = contacts.into_iter().filter_map(|contact| {
            let since = *dead.get(&contact.phone)?;
            Some(DeadContact { contact, since, until: since.plus(rule.kept) })
        });
        Ok((found.collect(), next))
    }
}
