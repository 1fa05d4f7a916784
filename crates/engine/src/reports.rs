//! What happened to messages in a time, by what one asks for: sums over the ledger's tallies, which change in the same
//! transaction as the messages, so every number is exact and costs no look at a message.
//!
//! A message counts where it happened: accepted on one day and delivered on the next, it is accepted on the first and
//! delivered on the second. Over all time, what is counted in a state is what the list of messages in that state holds.
//! Test messages of campaigns count too: they are sent and paid for.

use std::collections::{BTreeMap, HashMap};

use domain::ids::{AccountId, LaneId};
use domain::lane::Lane;
use domain::ledger::{LedgerError, Tally};
use domain::message::{MessageState, Reason};
use domain::report::Amount;
use domain::time::Timestamp;
use jiff::tz::TimeZone;

use crate::Engine;

/// Lanes whose tallies are held at once: some thousand rows each at most.
const LANES_AT_ONCE: usize = 64;
/// Most rows of a report: a year of hours.
pub const MAX_ROWS: usize = 8_784;
const HOUR_MILLIS: i64 = 3_600_000;

/// What a row of a report stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReportBy {
    /// Days of the installation's zone.
    Day,
    Hour,
    /// Networks of phones.
    Carrier,
    Channel,
    Category,
    Campaign,
    /// Why messages are in their states.
    Reason,
}

/// Which messages are reported, and how.
#[derive(Clone, Debug)]
pub struct ReportQuestion {
    /// Whose messages; looked at by the caller.
    pub accounts: Vec<AccountId>,
    pub by: ReportBy,
    /// What happened since then, as whole hours.
    pub from: Option<Timestamp>,
    /// And before then, as whole hours.
    pub to: Option<Timestamp>,
}

/// What happened, by the state that messages came into; those that left it again are taken off.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReportRow {
    pub accepted: Amount,
    states: HashMap<MessageState, Amount>,
}

impl ReportRow {
    /// Messages that came into one of these states and are still in one of them, as far as the time of the report goes.
    #[must_use]
    pub fn in_states(&self, states: &[MessageState]) -> Amount {
        let mut sum = Amount::default();
        states.iter().filter_map(|state| self.states.get(state)).for_each(|amount| sum += *amount);
        sum
    }

    fn is_empty(&self) -> bool {
        self.accepted == Amount::default() && self.states.values().all(|amount| *amount == Amount::default())
    }

    fn add(&mut self, state: MessageState, amount: Amount) {
        *self.states.entry(state).or_default() += amount;
    }
}

/// The rows in order of their keys, and all of them together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MessageReport {
    /// A day, an hour, a word or an id; empty for messages that have none of it (no channel yet, no campaign).
    pub rows: BTreeMap<String, ReportRow>,
    pub total: ReportRow,
}

/// What went wrong with a report.
#[derive(Debug, thiserror::Error)]
pub enum ReportTrouble {
    /// More rows than anybody reads.
    #[error("the report has more than {MAX_ROWS} rows: ask for less time")]
    TooLong,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Engine {
    /// Sums what happened.
    ///
    /// # Errors
    /// [`ReportTrouble`].
    pub async fn message_report(&self, question: &ReportQuestion) -> Result<MessageReport, ReportTrouble> {
        let lanes = self.ledger.lanes().await?;
        let lanes: HashMap<LaneId, Lane> = lanes
            .into_iter()
            .filter(|lane| question.accounts.contains(&lane.account))
            .map(|lane| (lane.id, lane))
            .collect();
        let ids: Vec<LaneId> = lanes.keys().copied().collect();
        let mut report = MessageReport::default();
        for some in ids.chunks(LANES_AT_ONCE) {
            for tally in self.ledger.tallies(some).await? {
                if let Some(lane) = lanes.get(&tally.lane)
                    && happened(&tally, question)
                {
                    report.count(&tally, lane, question.by, &self.settings.zone);
                }
            }
            if report.rows.len() > MAX_ROWS {
                return Err(ReportTrouble::TooLong);
            }
        }
        // What was left for another row altogether says nothing.
        report.rows.retain(|_, row| !row.is_empty());
        Ok(report)
    }
}

fn happened(tally: &Tally, question: &ReportQuestion) -> bool {
    let hour = |at: Timestamp| at.millis().div_euclid(HOUR_MILLIS);
    question.from.is_none_or(|from| tally.hour >= hour(from))
        && question.to.is_none_or(|to| tally.hour < hour(to))
}

impl MessageReport {
    fn count(&mut self, tally: &Tally, lane: &Lane, by: ReportBy, zone: &TimeZone) {
        let amount = Amount { messages: tally.messages, parts: tally.parts, price: tally.price };
        let less = Amount { messages: -tally.messages, parts: -tally.parts, price: -tally.price };
        let key = key(tally, tally.reason, lane, by, zone);
        if let Some(from) = tally.from {
            let left = self::key(tally, tally.from_reason, lane, by, zone);
            self.rows.entry(left).or_default().add(from, less);
            self.total.add(from, less);
        } else {
            self.rows.entry(key.clone()).or_default().accepted += amount;
            self.total.accepted += amount;
        }
        self.rows.entry(key).or_default().add(tally.to, amount);
        self.total.add(tally.to, amount);
    }
}

fn key(tally: &Tally, reason: Reason, lane: &Lane, by: ReportBy, zone: &TimeZone) -> String {
    let local = |form: &str| {
        let at = Timestamp::from_millis(tally.hour.saturating_mul(HOUR_MILLIS));
        at.to_jiff().to_zoned_datetime(zone.clone()).strftime(form).to_string()
    };
    match by {
        ReportBy::Day => local("%Y-%m-%d"),
        ReportBy::Hour => local("%Y-%m-%dT%H:%M:%S%:z"),
        ReportBy::Carrier => tally.carrier.as_str().to_owned(),
        ReportBy::Channel => tally.channel.map_or_else(String::new, |id| id.to_string()),
        ReportBy::Category => lane.category.word().to_owned(),
        ReportBy::Campaign => lane.campaign.map_or_else(String::new, |id| id.to_string()),
        ReportBy::Reason => reason.word().to_owned(),
    }
}
