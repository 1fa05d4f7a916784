//! Accepting on an allowance: what is missing is granted from the account's funds, a slice at a time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::billing::Terms;
use domain::control::{ControlError, Short};
use domain::ids::{AccountId, PartitionId};
use domain::ledger::{LedgerError, NewMessage};
use domain::money::Money;
use domain::time::Timestamp;

use crate::{Engine, SendError};

/// Grants for one call: others of the account may draw what it was granted before it does.
const TRIES: usize = 8;
/// A first slice, in times of what is missing, and how large later ones may get: each within [`SOON_MILLIS`] of the last is
/// twice as large, so that a busy account asks the books seldom.
const FIRST_SLICE: i64 = 4;
const LARGEST_SLICE: i64 = 256;
const SOON_MILLIS: u64 = 10_000;
/// After a refusal the books are not asked again for so long, unless for less than they said is left. A top-up takes effect then.
const REFUSED_MILLIS: u64 = 1_000;
/// Accounts and partitions that are remembered; beyond that everything is forgotten, which costs a few questions.
const REMEMBERED: usize = 100_000;

/// What is remembered between grants.
#[derive(Default)]
pub(crate) struct Funding(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    /// How much was asked for last, in times of what was missing, and when.
    slices: HashMap<(AccountId, PartitionId), (u64, i64)>,
    refused: HashMap<AccountId, (u64, Short)>,
}

impl Funding {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much to ask for where so much is missing.
    fn slice(&self, account: AccountId, partition: PartitionId, missing: Money, millis: u64) -> Money {
        let mut memory = self.memory();
        if memory.slices.len() >= REMEMBERED {
            memory.slices.clear();
        }
        let times = match memory.slices.get(&(account, partition)) {
            Some((at, times)) if millis.saturating_sub(*at) < SOON_MILLIS => (times * 2).min(LARGEST_SLICE),
            _ => FIRST_SLICE,
        };
        memory.slices.insert((account, partition), (millis, times));
        missing * times
    }

    /// A refusal that still stands.
    fn refusal(&self, account: AccountId, missing: Money, millis: u64) -> Option<Short> {
        let (at, short) = *self.memory().refused.get(&account)?;
        (millis.saturating_sub(at) < REFUSED_MILLIS && missing > left(short)).then_some(short)
    }

    fn refuse(&self, account: AccountId, short: Short, millis: u64) {
        let mut memory = self.memory();
        if memory.refused.len() >= REMEMBERED {
            memory.refused.clear();
        }
        memory.refused.insert(account, (millis, short));
    }
}

fn left(short: Short) -> Money {
    let (Short::Funds { left } | Short::Daily { left } | Short::Monthly { left }) = short;
    left
}

impl Engine {
    /// What an account agreed to. As prices, a change takes effect with the next heartbeat.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn terms(&self, account: AccountId) -> Result<Terms, ControlError> {
        if let Some(terms) = self.catalog.terms_of(account) {
            return Ok(terms);
        }
        let age = self.catalog.age();
        let terms = self.control.terms(account).await?;
        self.catalog.keep_terms(age, account, terms);
        Ok(terms)
    }

    /// [`Self::accept_counted`] of messages that draw on an allowance. `Err`: the account has not enough, and nothing was taken.
    pub(crate) async fn accept_funded(
        &self,
        partition: PartitionId,
        messages: Vec<NewMessage>,
        now: Timestamp,
    ) -> Result<Result<(), Short>, SendError> {
        for _ in 0..TRIES {
            let outcome = self.accept_counted(partition, messages.clone(), None, now).await;
            let Err(LedgerError::Overdrawn { account, missing }) = outcome else {
                outcome?;
                return Ok(Ok(()));
            };
            if let Err(short) = self.fund(account, partition, missing, &BTreeMap::new()).await? {
                return Ok(Err(short));
            }
        }
        let why = "others of the account spent what was granted for this".to_owned();
        Err(LedgerError::Unavailable(why).into())
    }

    /// Grants what is missing in a partition, and some more; `needed`: what others have to keep.
    async fn fund(
        &self,
        account: AccountId,
        partition: PartitionId,
        missing: Money,
        needed: &BTreeMap<PartitionId, Money>,
    ) -> Result<Result<(), Short>, SendError> {
        let (now, millis) = (self.clock.now(), self.clock.monotonic_millis());
        // What a group was refused says nothing of others: what it has to keep in one partition, they may take.
        let alone = needed.is_empty();
        if let Some(short) = self.funding.refusal(account, missing, millis).filter(|_| alone) {
            return Ok(Err(short));
        }
        let most = self.funding.slice(account, partition, missing, millis);
        let mut granted = self.control.grant(account, partition, missing, most, now).await?;
        if granted.is_err() {
            self.take_back(account, partition, needed, now).await?;
            granted = self.control.grant(account, partition, missing, missing, now).await?;
        }
        match granted {
            Ok(granted) => {
                self.ledger.granted(partition, account, granted.granted).await?;
                Ok(Ok(()))
            }
            Err(short) => {
                if alone {
                    self.funding.refuse(account, short, millis);
                }
                Ok(Err(short))
            }
        }
    }

    /// Grants what several partitions lack for one group of messages; `drawn`: what earlier groups of the same call will draw there.
    /// `Err`: the account has not enough; what was granted already stays there for its next messages, or goes back when it is idle.
    pub(crate) async fn fund_all(
        &self,
        account: AccountId,
        draws: &BTreeMap<PartitionId, Money>,
        drawn: &mut BTreeMap<PartitionId, Money>,
    ) -> Result<Result<(), Short>, SendError> {
        let mut needed = drawn.clone();
        for (partition, draw) in draws {
            *needed.entry(*partition).or_default() += *draw;
        }
        for partition in draws.keys() {
            let left = self.ledger.allowance(*partition, account).await?;
            let Some(missing) = left.missing(needed[partition]) else { continue };
            if let Err(short) = self.fund(account, *partition, missing, &needed).await? {
                return Ok(Err(short));
            }
        }
        *drawn = needed;
        Ok(Ok(()))
    }

    /// Takes back what other partitions hold of an account's money and do not need at this moment; `needed`: what some of them do.
    async fn take_back(
        &self,
        account: AccountId,
        but: PartitionId,
        needed: &BTreeMap<PartitionId, Money>,
        now: Timestamp,
    ) -> Result<(), SendError> {
        for (partition, known) in self.control.grants(account).await? {
            if partition == but {
                continue;
            }
            let most = match needed.get(&partition) {
                Some(needed) => self.ledger.allowance(partition, account).await?.left() - *needed,
                None => Money::from_micros(i64::MAX),
            };
            if most <= Money::ZERO {
                continue;
            }
            let returned = self.ledger.give_back(partition, account, most).await?;
            if returned > known.returned {
                self.control.returned(account, partition, returned, now).await?;
            }
        }
        Ok(())
    }
}
