//! What is measured while the system runs, and the page on which it is told.
//!
//! Owns the names, the counters and the page's form. Invariants: no phone, text, name or key is in a label; labels come
//! from closed lists, or are ids of channels; the hot path adds to atomic counters once per batch and takes no lock.

mod instruments;
mod names;
mod text;

use std::sync::atomic::{AtomicI64, Ordering};

use domain::billing::BalanceLevel;
use domain::channel::Receipt;
use domain::control::Short;
use domain::ids::PartitionId;
use domain::ledger::{Claim, Entry, Expansion, LedgerError, NewMessage, ReceiptOutcome, Settlement};
use domain::message::{Category, MessageState, Reason};
use domain::routing::Condition;
use domain::time::Timestamp;
use domain::webhooks::{Called, Delivery};

pub use names::{Metric, MetricKind};
pub use text::Page;

use self::instruments::{ByCode, Histogram};
use crate::traces::{Tracer, outcome};
use crate::{Engine, Readiness};

/// One more than the largest code of categories, states and reasons; codes beyond are not counted, and a test looks.
const CATEGORIES: usize = 4;
const STATES: usize = 12;
const REASONS: usize = 128;

const VERDICTS: [&str; 3] = ["send", "reject", "defer"];
const UNPAID: [&str; 3] = ["funds", "daily_limit", "monthly_limit"];
const LEVELS: [BalanceLevel; 2] = [BalanceLevel::Low, BalanceLevel::Exhausted];
const OUTCOMES: [&str; 4] = ["applied", "duplicate", "held", "unmatched"];
const CALLED: [&str; 4] = ["taken", "refused", "failed", "given_up"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Why a connection was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusedConnection {
    /// As many as may be are open.
    Full,
    /// As many as may be of one address are open.
    Address,
    /// No TLS session came about in time.
    Tls,
}

const REFUSALS: [&str; 3] = ["full", "address", "tls"];

/// All counters of a running system.
#[derive(Debug, Default)]
pub struct Metrics {
    accepted: ByCode<CATEGORIES>,
    unpaid: ByCode<{ UNPAID.len() }>,
    short_accounts: [AtomicI64; 2],
    decided: ByCode<{ VERDICTS.len() }>,
    rejected: ByCode<REASONS>,
    settled: Moves,
    reported: Moves,
    receipts: ByCode<{ OUTCOMES.len() }>,
    accept: Histogram,
    claim: Histogram,
    settle: Histogram,
    apply: Histogram,
    answer: Histogram,
    settle_waiting: AtomicI64,
    receipts_waiting: AtomicI64,
    connections: AtomicI64,
    refused: ByCode<{ REFUSALS.len() }>,
    answers: ByCode<{ CLASSES.len() }>,
    webhook_calls: ByCode<{ CALLED.len() }>,
}

/// Counts by state and reason.
#[derive(Debug, Default)]
struct Moves([ByCode<REASONS>; STATES]);

impl Moves {
    fn add(&self, state: MessageState, reason: Reason) {
        if let Some(of_state) = self.0.get(usize::from(state.code())) {
            of_state.add(usize::from(reason.code()), 1);
        }
    }

    /// What has happened at all.
    fn read(&self) -> Vec<([&'static str; 2], f64)> {
        let states = MessageState::ALL
            .iter()
            .filter_map(|state| Some((state, self.0.get(usize::from(state.code()))?)));
        let all = states.flat_map(|(state, counts)| {
            let count = |reason: &Reason| {
                ([state.word(), reason.word()], counts.get(usize::from(reason.code())) as f64)
            };
            Reason::ALL.iter().map(count)
        });
        all.filter(|(_, count)| *count > 0.0).collect()
    }
}

impl Metrics {
    /// A connection of the API was opened.
    pub fn connection_opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// It was closed.
    pub fn connection_closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Open connections of the API.
    #[must_use]
    pub fn connections(&self) -> i64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// A connection was refused.
    pub fn connection_refused(&self, why: RefusedConnection) {
        self.refused.add(why as usize, 1);
    }

    /// Webhooks were called.
    pub(crate) fn webhook_calls(&self, calls: &[Delivery]) {
        for call in calls {
            let outcome = match &call.called {
                called if called.is_taken() => 0,
                _ if call.given_up => 3,
                Called::Answered { .. } => 1,
                Called::Failed(_) => 2,
            };
            self.webhook_calls.add(outcome, 1);
        }
    }

    /// Messages that were not accepted, each with what stood against it.
    pub(crate) fn unpaid(&self, short: impl Iterator<Item = Short>) {
        for short in short {
            let why = match short {
                Short::Funds { .. } => 0,
                Short::Daily { .. } => 1,
                Short::Monthly { .. } => 2,
            };
            self.unpaid.add(why, 1);
        }
    }

    /// How the balances are that somebody looks after; none: nobody here does.
    pub(crate) fn balances(&self, levels: impl Iterator<Item = BalanceLevel>) {
        let mut counts = [0; LEVELS.len()];
        for level in levels {
            if let Some(place) = LEVELS.iter().position(|known| *known == level) {
                counts[place] += 1;
            }
        }
        self.short_accounts
            .iter()
            .zip(counts)
            .for_each(|(gauge, count)| gauge.store(count, Ordering::Relaxed));
    }

    /// The API answered with this status.
    pub fn answered(&self, status: u16) {
        self.answers.add(usize::from(status / 100).saturating_sub(1), 1);
    }

    /// A claim's outcome, and how many milliseconds it took.
    pub(crate) fn claimed(&self, claim: &Claim, millis: u64) {
        self.claim.observe(millis);
        let counts = [claim.outgoing.len() as u64, u64::from(claim.rejected), u64::from(claim.deferred)];
        counts.into_iter().enumerate().for_each(|(verdict, count)| self.decided.add(verdict, count));
        for (reason, count) in &claim.rejected_for {
            self.rejected.add(usize::from(reason.code()), u64::from(*count));
        }
    }

    /// A channel answered after so many milliseconds.
    pub(crate) fn channel_answered(&self, millis: u64) {
        self.answer.observe(millis);
    }

    /// So many more answers wait to be settled, or fewer.
    pub(crate) fn settle_waiting(&self, more: i64) {
        self.settle_waiting.fetch_add(more, Ordering::Relaxed);
    }

    /// So many more receipts wait to be applied, or fewer.
    pub(crate) fn receipts_waiting(&self, more: i64) {
        self.receipts_waiting.fetch_add(more, Ordering::Relaxed);
    }

    /// A batch of answers is in the ledger.
    pub(crate) fn settled(&self, settlements: &[Settlement], millis: u64) {
        self.settle.observe(millis);
        for settlement in settlements {
            let (state, reason) = outcome(&settlement.disposition);
            self.settled.add(state, reason);
        }
    }

    /// A batch of receipts is in the ledger.
    pub(crate) fn reported(&self, receipts: &[Receipt], outcomes: &[ReceiptOutcome], millis: u64) {
        self.apply.observe(millis);
        for (receipt, outcome) in receipts.iter().zip(outcomes) {
            let place = match outcome {
                ReceiptOutcome::Applied { state, .. } => {
                    // The usual word is not looked up in the table of codes.
                    let delivered = *state == MessageState::Delivered;
                    let reason = if delivered { Reason::None } else { receipt.code.reason() };
                    self.reported.add(*state, reason);
                    0
                }
                ReceiptOutcome::Duplicate => 1,
                ReceiptOutcome::Held => 2,
                ReceiptOutcome::Unmatched => 3,
            };
            self.receipts.add(place, 1);
        }
    }
}

impl Engine {
    /// What is measured.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// [`domain::ledger::Ledger::accept`], counted and timed.
    pub(crate) async fn accept_counted(
        &self,
        partition: PartitionId,
        messages: Vec<NewMessage>,
        expansion: Option<Expansion>,
        now: Timestamp,
    ) -> Result<u32, LedgerError> {
        let mut counts = [0_u64; CATEGORIES];
        let mut refused: Vec<Reason> = Vec::new();
        for message in &messages {
            if let Some(count) = counts.get_mut(usize::from(message.category.code())) {
                *count += 1;
            }
            if let Entry::Reject { reason, .. } = &message.entry {
                refused.push(*reason);
            }
        }
        let picked = self.tracer().map(|tracer| tracer.pick(&messages));
        let (began, began_at) = (self.clock.monotonic_millis(), self.clock.now());
        let accepted = self.ledger.accept(partition, messages, expansion, now).await?;
        self.metrics.accept.observe(self.clock.monotonic_millis().saturating_sub(began));
        counts.into_iter().enumerate().for_each(|(code, count)| self.metrics.accepted.add(code, count));
        refused.iter().for_each(|reason| self.metrics.rejected.add(usize::from(reason.code()), 1));
        if let (Some(tracer), Some(picked)) = (self.tracer(), picked) {
            tracer.accepted(picked, (began_at, self.clock.now()));
        }
        Ok(accepted)
    }

    /// Writes all that this engine and its API have counted.
    pub fn write_metrics(&self, page: &mut Page) {
        let metrics = &self.metrics;
        let words = Category::ALL
            .iter()
            .map(|category| ([category.word()], metrics.accepted.get(usize::from(category.code())) as f64));
        page.family(Metric::Accepted, words);
        page.family(Metric::Unpaid, coded(&UNPAID, &metrics.unpaid));
        let short = LEVELS.iter().zip(&metrics.short_accounts);
        let short = short.map(|(level, count)| ([level.word()], count.load(Ordering::Relaxed) as f64));
        page.family(Metric::ShortAccounts, short);
        page.family(Metric::Decided, coded(&VERDICTS, &metrics.decided));
        let reasons = Reason::ALL
            .iter()
            .map(|reason| ([reason.word()], metrics.rejected.get(usize::from(reason.code())) as f64));
        page.family(Metric::Rejected, reasons.filter(|(_, count)| *count > 0.0));
        page.family(Metric::Settled, metrics.settled.read());
        page.family(Metric::Reported, metrics.reported.read());
        page.family(Metric::Receipts, coded(&OUTCOMES, &metrics.receipts));
        page.histogram(Metric::AcceptSeconds, &metrics.accept);
        page.histogram(Metric::ClaimSeconds, &metrics.claim);
        page.histogram(Metric::SettleSeconds, &metrics.settle);
        page.histogram(Metric::ReceiptsSeconds, &metrics.apply);
        page.histogram(Metric::AnswerSeconds, &metrics.answer);
        page.single(Metric::SettleWaiting, metrics.settle_waiting.load(Ordering::Relaxed) as f64);
        page.single(Metric::ReceiptsWaiting, metrics.receipts_waiting.load(Ordering::Relaxed) as f64);
        let (due, now) = (self.ledger.due(), self.clock.now().millis());
        let oldest =
            due.iter().map(|due| now.saturating_sub(due.earliest.millis())).max().unwrap_or(0).max(0);
        page.single(Metric::DueStreams, due.len() as f64);
        page.single(Metric::DueSeconds, oldest as f64 / 1_000.0);
        page.single(Metric::SpansDropped, self.tracer().map_or(0, Tracer::dropped) as f64);
        page.single(Metric::Ready, f64::from(u8::from(self.readiness() == Readiness::Ready)));
        self.write_channels(page);
        page.family(Metric::WebhookCalls, coded(&CALLED, &metrics.webhook_calls));
        page.single(Metric::HttpConnections, metrics.connections() as f64);
        page.family(Metric::HttpRefused, coded(&REFUSALS, &metrics.refused));
        page.family(Metric::HttpAnswers, coded(&CLASSES, &metrics.answers));
    }

    fn write_channels(&self, page: &mut Page) {
        let channels: Vec<_> =
            self.channel_statuses().into_iter().map(|status| (status.id.to_string(), status)).collect();
        let up = |condition: Condition| f64::from(u8::from(!matches!(condition, Condition::Down { .. })));
        let of = |(id, value): (&'_ str, f64)| ([id.to_owned()], value);
        let mut each = |metric, value: &dyn Fn(&crate::ChannelStatus) -> f64| {
            let samples: Vec<_> =
                channels.iter().map(|(id, status)| of((id.as_str(), value(status)))).collect();
            page.family(metric, samples.iter().map(|([id], value)| ([id.as_str()], *value)));
        };
        each(Metric::ChannelUp, &|status| up(status.condition));
        each(Metric::ChannelConnections, &|status| f64::from(status.connections_up));
        each(Metric::ChannelFreeParts, &|status| f64::from(status.free_parts));
        each(Metric::ChannelReceipts, &|status| status.receipts as f64);
        each(Metric::ChannelInbound, &|status| status.inbound as f64);
        let messages = channels.iter().flat_map(|(id, status)| {
            [
                ([id.as_str(), "claimed"], status.claimed as f64),
                ([id.as_str(), "submitted"], status.submitted as f64),
                ([id.as_str(), "throttled"], status.throttled as f64),
                ([id.as_str(), "refused"], status.refused as f64),
                ([id.as_str(), "uncertain"], status.uncertain as f64),
            ]
        });
        page.family(Metric::ChannelMessages, messages);
    }
}

/// A number of things as a gauge moves.
pub(crate) fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn coded<const N: usize>(
    words: &'static [&'static str; N],
    counts: &ByCode<N>,
) -> Vec<([&'static str; 1], f64)> {
    words.iter().enumerate().map(|(place, word)| ([*word], counts.get(place) as f64)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_has_a_counter() {
        assert!(Category::ALL.iter().all(|one| usize::from(one.code()) < CATEGORIES));
        assert!(MessageState::ALL.iter().all(|one| usize::from(one.code()) < STATES));
        assert!(Reason::ALL.iter().all(|one| usize::from(one.code()) < REASONS));
    }

    #[test]
    fn names_are_unique_and_say_their_kind_and_unit_and_help_is_in_both_languages() {
        let names: HashSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
        for metric in Metric::ALL {
            let name = metric.name();
            assert_eq!(metric.kind() == MetricKind::Counter, name.ends_with("_total"), "{name}");
            assert!(metric.kind() != MetricKind::Histogram || name.ends_with("_seconds"), "{name}");
            let (zh, en) = metric.help().split_once('·').expect("both languages");
            assert!(zh.chars().any(|ch| ch > '\u{4e00}') && en.is_ascii(), "{name}");
        }
    }

    #[test]
    fn histograms_count_up_to_their_bounds() {
        let histogram = Histogram::default();
        for millis in [0, 1, 2, 3, 10_000, 60_000] {
            histogram.observe(millis);
        }
        let (steps, count, sum) = histogram.read();
        assert_eq!(steps[..3], [(0.001, 2), (0.002, 3), (0.005, 4)]);
        assert_eq!((steps[12], count), ((10.0, 5), 6));
        assert!((sum - 70.006).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn a_page_escapes_what_labels_hold() {
        let mut page = Page::default();
        page.family(Metric::Build, [(["a\"b\\c\nd"], 1.0)]);
        page.single(Metric::Ready, 0.0);
        let text = page.into_text();
        assert!(text.contains("hongyan_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n"), "{text}");
        assert!(text.contains("# TYPE hongyan_ready gauge\nhongyan_ready 0\n"), "{text}");
    }

    #[test]
    fn moves_are_told_once_they_happened() {
        let moves = Moves::default();
        assert!(moves.read().is_empty());
        moves.add(MessageState::Failed, Reason::Capped);
        moves.add(MessageState::Failed, Reason::Capped);
        assert_eq!(moves.read(), [(["failed", "capped"], 2.0)]);
    }
}
