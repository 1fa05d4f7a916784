//! What looking a ledger over comes to: the rules that must hold between its rows, and the rows that break one. The same
//! on either engine.

use std::collections::{BTreeMap, HashMap};

use domain::ids::{MessageId, PartitionId, PartitionMap};
use domain::ledger::{Allowance, Tally};
use domain::message::{MessageState, Reason};
use domain::money::Money;

use crate::sealed;
use sealing::TableSealer;

/// Findings that are kept; the rest are counted.
const KEPT: usize = 100;

/// What must hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// The file's pages are what SQLite wrote.
    Pages,
    /// A row can be read.
    Readable,
    /// What is sealed opens with the key file.
    Opens,
    /// A message lies in the partition of its phone.
    Place,
    /// A message that waits stands in the queue, once, where it says.
    Queued,
    /// A row of the queue has a message that waits there.
    Queue,
    /// A message in flight belongs to a claim that is kept.
    Claimed,
    /// A carrier's id names a message.
    Part,
    /// A kept receipt has no message: else it would have been applied.
    Receipt,
    /// Counters of moves add up to the messages of each lane, state and reason.
    Tally,
    /// What an account drew in a partition is what its messages there cost, and no more than it was granted.
    Allowance,
    /// A suppression that was not lifted is among what a claim reads about its phone.
    Suppression,
}

impl Rule {
    /// Its stable name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::Readable => "readable",
            Self::Opens => "opens",
            Self::Place => "place",
            Self::Queued => "queued",
            Self::Queue => "queue",
            Self::Claimed => "claimed",
            Self::Part => "part",
            Self::Receipt => "receipt",
            Self::Tally => "tally",
            Self::Allowance => "allowance",
            Self::Suppression => "suppression",
        }
    }
}

/// A row that breaks a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub partition: PartitionId,
    pub rule: Rule,
    /// The row's id: of a message, lane, account, suppression or inbound message.
    pub row: i64,
}

/// What was looked at, and what is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    pub partitions: u16,
    pub messages: u64,
    pub queued: u64,
    pub in_flight: u64,
    pub parts: u64,
    pub receipts_kept: u64,
    pub suppressions: u64,
    pub inbounds: u64,
    /// All findings, also those that are not kept.
    pub found: u64,
    /// The first hundred.
    pub findings: Vec<Finding>,
}

impl Verified {
    pub fn find(&mut self, partition: PartitionId, rule: Rule, row: i64) {
        self.found += 1;
        if self.findings.len() < KEPT {
            self.findings.push(Finding { partition, rule, row });
        }
    }
}

/// Messages by what a tally tells apart, as far as a message still shows it.
pub type Counts = HashMap<(i64, MessageState, Reason), i64>;

/// Takes what a tally counted off what messages show: nothing is left where both agree.
pub fn uncount(counts: &mut Counts, tally: &Tally) {
    *counts.entry((tally.lane.raw(), tally.to, tally.reason)).or_default() -= tally.messages;
    if let Some(from) = tally.from {
        *counts.entry((tally.lane.raw(), from, tally.from_reason)).or_default() += tally.messages;
    }
}

/// Accounts whose allowance is not what their messages drew on it, or was drawn and given back beyond what was granted.
pub fn overdrawn(mut accepted: BTreeMap<i64, Money>, allowances: &BTreeMap<i64, Allowance>) -> Vec<i64> {
    let mut wrong = Vec::new();
    for (account, allowance) in allowances {
        let drawn = accepted.remove(account).unwrap_or_default();
        if drawn != allowance.drawn || allowance.left() < Money::ZERO {
            wrong.push(*account);
        }
    }
    wrong.extend(accepted.into_iter().filter(|(_, drawn)| *drawn != Money::ZERO).map(|(account, _)| account));
    wrong
}

/// The rule that a message breaks which is not sealed for, or not kept in, the partition of its phone.
pub fn misplaced(
    map: PartitionMap,
    partition: PartitionId,
    id: i64,
    sealer: &TableSealer,
    sealed: &[u8],
) -> Option<Rule> {
    match sealed::phone_of(sealer, id, sealed) {
        Err(_) => Some(Rule::Opens),
        Ok(phone) if phone.slot() != MessageId::from_raw(id).slot() || map.of(phone.slot()) != partition => {
            Some(Rule::Place)
        }
        Ok(_) => None,
    }
}
