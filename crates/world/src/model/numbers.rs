//! Dead numbers: on which days carriers called a phone dead, and whether anything since then may have shown life.
//!
//! Only what is certain counts. A failure counts when the ledger answered that it applied the receipt; it is void when
//! anything that may be a sign of life was on its way, or came, after it was asked for. So the model may take a dead phone
//! for alive, and never the other way round.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use domain::channel::CarrierMessageId;
use domain::ids::{GatewayId, MessageId};
use domain::message::Category;
use domain::phone::Phone;
use domain::policy::PersonFacts;

use super::caps::local_day;
use super::wishes::forget_one;
use super::{Model, Offer, Span};

/// The built-in rule: two days,
const DAYS: usize = 2;
/// within thirty of the last,
const WITHIN: i64 = 30;
/// and for ninety after it.
const KEPT: i64 = 90;

/// A receipt said that there is no such number.
#[derive(Clone, Copy, Debug)]
struct Called {
    /// When the ledger was asked to apply it, in the order of things.
    asked: u64,
    answered: u64,
    day: i64,
}

/// What is known of one phone.
#[derive(Clone, Debug, Default)]
pub(super) struct Number {
    called: Vec<Called>,
    /// When a carrier last told us of a failure, whatever became of it.
    told: Option<u64>,
    /// The last moment at which something may have shown life.
    life: Option<u64>,
    /// When the ledger was asked about the newest sign of life that it certainly has.
    certain: Option<u64>,
    /// Nodes on which a sign of life is on its way.
    pending: Vec<usize>,
    /// Nodes on which a failure is on its way.
    calling: Vec<usize>,
}

impl Number {
    /// Days on which it was certainly called dead, as far as the ledger had it by then.
    fn days(&self, by: u64) -> BTreeSet<i64> {
        if !self.pending.is_empty() {
            return BTreeSet::new();
        }
        let counts =
            |called: &&Called| called.answered < by && self.life.is_none_or(|life| life < called.asked);
        self.called.iter().filter(counts).map(|called| called.day).collect()
    }

    /// Whether a claim within these days, asked for at that moment, certainly finds it dead.
    fn is_dead(&self, days: RangeInclusive<i64>, asked: u64) -> bool {
        let called = self.days(asked);
        let Some(last) = called.last().copied() else { return false };
        let near = called.iter().filter(|day| last - **day < WITHIN).count();
        near >= DAYS && days.end() - last < KEPT && last <= *days.start()
    }
}

impl Model {
    fn number(&mut self, phone: Phone) -> &mut Number {
        self.numbers.entry(phone).or_default()
    }

    /// Of whose message a carrier speaks.
    pub(crate) fn phone_of(&self, gateway: GatewayId, id: &CarrierMessageId) -> Option<(MessageId, Phone)> {
        let (message, ..) = self.parts.get(&(gateway, id.clone()))?;
        Some((*message, self.offers.get(message)?.phone))
    }

    /// The ledger is asked to keep that a carrier calls the phone dead.
    pub(crate) fn dead_begins(&mut self, phone: Phone, node: usize) -> u64 {
        let now = self.tick();
        let number = self.number(phone);
        number.calling.push(node);
        number.told = Some(now);
        now
    }

    /// It was answered.
    pub(crate) fn dead_ends(&mut self, phone: Phone, node: usize) {
        let now = self.tick();
        let number = self.number(phone);
        forget_one(&mut number.calling, node);
        number.told = Some(now);
    }

    /// The ledger applied such a receipt. Which day that was on is certain away from midnight only; then it counts for
    /// nothing.
    pub(crate) fn called_dead(&mut self, phone: Phone, asked: u64, at: Span) {
        let (day, end) = (local_day(at.low), local_day(at.high));
        let answered = self.tick();
        if day == end {
            self.number(phone).called.push(Called { asked, answered, day });
        }
    }

    /// Something that shows life goes to the ledger, or is told to a node.
    pub(crate) fn life_begins(&mut self, phone: Phone, node: usize) -> u64 {
        let now = self.tick();
        let number = self.number(phone);
        number.pending.push(node);
        number.life = Some(now);
        now
    }

    /// It was answered; `certain`: the ledger has it, and was asked at that moment.
    pub(crate) fn life_ends(&mut self, phone: Phone, node: usize, certain: Option<u64>) {
        let now = self.tick();
        let number = self.number(phone);
        forget_one(&mut number.pending, node);
        number.life = Some(now);
        number.certain = number.certain.max(certain);
    }

    /// A receipt waits for its answer: whenever that is settled, the phone shows life, or is called dead.
    pub(crate) fn receipt_is_held(&mut self, message: MessageId) {
        if let Some(offer) = self.offers.get_mut(&message) {
            offer.held = true;
        }
    }

    /// The phone of a message whose settlement may bring what a receipt says.
    pub(crate) fn of_held(&self, message: MessageId) -> Option<Phone> {
        self.offers.get(&message).filter(|offer| offer.held).map(|offer| offer.phone)
    }

    /// What a dead node was at has happened by now or never will.
    pub(super) fn lives_of_dead_node(&mut self, node: usize) {
        let now = self.tick();
        for number in self.numbers.values_mut() {
            if number.pending.contains(&node) {
                number.pending.retain(|by| *by != node);
                number.life = Some(now);
            }
            if number.calling.contains(&node) {
                number.calling.retain(|by| *by != node);
                number.told = Some(now);
            }
        }
    }

    /// Whether a sign of life, of which the ledger was asked at that moment, is the last that happened to a phone which
    /// was called dead before.
    pub(crate) fn ends_it(&self, phone: Phone, asked: u64) -> bool {
        self.numbers
            .get(&phone)
            .is_some_and(|number| number.calling.is_empty() && number.told.is_some_and(|told| told < asked))
    }

    /// What the ledger knows of a phone after a sign of life.
    pub(crate) fn life_shown(&mut self, phone: Phone, asked: u64, facts: &PersonFacts) {
        if self.ends_it(phone, asked) && !facts.number.failures.is_empty() {
            self.violation(format!("{phone:?} showed life and is still called dead"));
        }
    }

    /// Whether a claim decided within `at` may send this message to its number.
    pub(super) fn check_number(&self, offer: &Offer, at: Span, asked: u64) -> Result<(), String> {
        if offer.category == Category::Otp {
            return Ok(());
        }
        let days = local_day(at.low)..=local_day(at.high);
        let dead = self.numbers.get(&offer.phone).is_some_and(|number| number.is_dead(days, asked));
        if dead { Err("although its number was dead".to_owned()) } else { Ok(()) }
    }

    /// At the end: whoever certainly showed life after the last failure that anybody was told of is not called dead.
    pub(crate) fn inspect_numbers(&mut self, known: &[(Phone, PersonFacts)]) {
        let still = known.iter().filter(|(_, facts)| !facts.number.failures.is_empty());
        let found: Vec<String> = still
            .filter(|(phone, _)| {
                self.numbers.get(phone).is_some_and(|number| {
                    number.certain.is_some_and(|life| number.told.is_none_or(|told| told < life))
                })
            })
            .map(|(phone, _)| format!("{phone:?} showed life and is still called dead"))
            .collect();
        self.violations.extend(found);
    }

    /// How many phones are certainly dead now.
    pub(crate) fn dead_numbers(&self) -> usize {
        self.numbers.values().filter(|number| number.days(u64::MAX).len() >= DAYS).count()
    }
}
