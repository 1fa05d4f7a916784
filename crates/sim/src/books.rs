//! The carrier's books: everything that all connections share, behind one lock that is taken once per batch.
//!
//! This file takes submits; [`outgoing`] sends receipts and replies. No clock is read here, and no socket touched.

mod outgoing;

use std::collections::HashMap;
use std::sync::Arc;

use domain::policy::text_hash;
use domain::text::decode;
use wire::cmpp::MsgId;
use wire::{Millis, Octets};

use crate::assembly::{Assembly, LongKey, PARTS_LIMIT};
use crate::calendar::Calendar;
use crate::carrier::SimError;
use crate::config::{Protocol, SimConfig};
use crate::counters::Counters;
use crate::delivery::{CarrierId, Delivery, MessageRef, Receipt, Reply, read_phone};
use crate::dialect::Given;
use crate::dice::{Dice, Mix};
use crate::fault::Script;
use crate::schedule::Schedule;
use crate::table::{PAYLOAD_BITS, PHONE_LIMIT, Table};
use crate::throttle::Throttle;
use crate::truth::{MessageTruth, OptOutTruth, Truth};

/// Results by protocol.
struct Codes {
    /// Flow control.
    throttled: u32,
    /// The destination is wrong.
    destination: u32,
    /// The gateway fails: CMPP knows no such result, and says that the phone is not of its network.
    failing: u32,
}

impl Codes {
    fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Cmpp => Self { throttled: 8, destination: 13, failing: 13 },
            Protocol::Sgip => Self { throttled: wire::sgip::result::FLOW, destination: 6, failing: 32 },
            Protocol::Smgp => Self { throttled: 1, destination: 47, failing: 39 },
            Protocol::Smpp => Self {
                throttled: wire::smpp::status::THROTTLED,
                destination: wire::smpp::status::BAD_DESTINATION,
                failing: wire::smpp::status::SYSTEM_ERROR,
            },
        }
    }
}

/// How finely receipts are timed: fine enough for a median of seconds, coarse enough to be batched.
const RECEIPT_TICK_MS: u64 = 5;
/// Payload of a message: bit 0 says delivered, the bits from here on count copies.
const COUNT_SHIFT: u32 = 2;
const COUNT_LIMIT: u64 = (1 << (PAYLOAD_BITS - COUNT_SHIFT)) - 1;
const DELIVERED: u64 = 1;
/// Keeps the dice of a long message's fate apart from those of its parts.
const FATE: u64 = 0x6661_7465;

/// What became of a submit.
pub(crate) struct Taken {
    pub(crate) id: CarrierId,
    pub(crate) result: u32,
    /// Milliseconds until the answer.
    pub(crate) answer_after: u64,
    /// A receipt to be sent before the answer.
    pub(crate) early: Option<Receipt>,
}

/// What is the same for all destinations of a submit.
struct Part<'a> {
    now: Millis,
    account: usize,
    source: u32,
    text: &'a str,
    /// Hash of the text of a message of one part.
    hash: u64,
    concat: Option<domain::text::Concat>,
    reported: bool,
}

struct OptOut {
    sent: Option<Millis>,
    acked: Option<Millis>,
    messages_after: u32,
}

struct Outbox {
    login: Octets<16>,
    schedule: Schedule<Delivery>,
}

pub(crate) struct Books {
    config: Arc<SimConfig>,
    codes: Codes,
    pub(crate) counters: Counters,
    pub(crate) script: Script,
    pub(crate) throttled_until: Millis,
    pub(crate) refused_until: Millis,
    calendar: Calendar,
    messages: Table<2>,
    /// Submits per phone, whatever became of them: the number that chance depends on.
    phones: Table<1>,
    assembly: Assembly,
    opt_outs: HashMap<u64, OptOut>,
    outboxes: Vec<Outbox>,
    sources: Vec<Octets<21>>,
    source_index: HashMap<Octets<21>, u32>,
    last_source: u32,
    total: Option<Throttle>,
    next_id: u64,
    refusals: Mix<u32>,
    /// `Stat` values: `DELIVRD` first, then the failures.
    stats: Vec<Octets<7>>,
    failures: Mix<u8>,
    receipts_by_stat: Vec<u64>,
    /// Texts of replies in UCS-2: opt-out words, ordinary texts.
    reply_texts: [Vec<Vec<u8>>; 2],
}

impl Books {
    /// # Errors
    /// [`SimError::Stat`] for a `Stat` that no report can carry.
    pub(crate) fn new(config: &Arc<SimConfig>, now: Millis, started_unix_ms: i64) -> Result<Self, SimError> {
        let failures = &config.receipts.failures;
        let mut stats = vec![stat("DELIVRD")?];
        for (name, _) in failures {
            stats.push(stat(name)?);
        }
        let indices = (1..=u8::MAX).zip(failures).map(|(index, (_, weight))| (index, *weight));
        let ucs2 = |texts: &[String]| texts.iter().map(|text| encode_reply(text)).collect();
        Ok(Self {
            counters: Counters { started_unix_ms, listening: true, ..Counters::default() },
            script: Script::new(&config.faults),
            throttled_until: Millis(0),
            refused_until: Millis(0),
            calendar: Calendar::new(started_unix_ms),
            messages: Table::new(),
            phones: Table::new(),
            assembly: Assembly::default(),
            opt_outs: HashMap::new(),
            outboxes: Vec::new(),
            sources: vec![Octets::EMPTY],
            source_index: HashMap::new(),
            last_source: 0,
            total: config.tps_total.map(|rate| Throttle::new(rate, now)),
            next_id: 0,
            refusals: Mix::new(config.refusals.iter().copied()),
            failures: Mix::new(indices),
            receipts_by_stat: vec![0; stats.len()],
            stats,
            reply_texts: [ucs2(&config.replies.opt_out_words), ucs2(&config.replies.ordinary_texts)],
            codes: Codes::of(config.protocol),
            config: Arc::clone(config),
        })
    }

    /// The place of an account, by login; receipts and replies belong to it, not to a connection.
    pub(crate) fn account(&mut self, login: Octets<16>) -> usize {
        self.outboxes.iter().position(|outbox| outbox.login == login).unwrap_or_else(|| {
            self.outboxes.push(Outbox { login, schedule: Schedule::new(RECEIPT_TICK_MS) });
            self.outboxes.len() - 1
        })
    }

    /// Takes or refuses a submit.
    pub(crate) fn submit(
        &mut self,
        now: Millis,
        account: usize,
        throttle: &mut Option<Throttle>,
        given: &Given<'_>,
    ) -> Taken {
        self.counters.submits += 1;
        self.counters.first_submit_ms.get_or_insert(now.0);
        self.counters.last_submit_ms = Some(now.0);
        let destinations = given.destinations.len();
        if !self.within_rates(now, throttle, destinations) {
            self.counters.throttled += 1;
            let mut dice = Dice::new(self.config.seed, 0, self.counters.submits);
            return self.refused(self.codes.throttled, &mut dice);
        }
        if now < self.refused_until {
            let mut dice = Dice::new(self.config.seed, 0, self.counters.submits);
            return self.refused(self.codes.failing, &mut dice);
        }
        let first = given.destinations.get(0).and_then(|phone| read_phone(phone.as_bytes()));
        let Some(first) = first.filter(|phone| *phone < PHONE_LIMIT) else {
            let mut dice = Dice::new(self.config.seed, 0, self.counters.submits);
            return self.refused(self.codes.destination, &mut dice);
        };
        let mut dice = self.dice(first);
        if !dice.chance(self.config.acceptance) || (given.reported && self.config.receipts.refused) {
            let result = self.refusals.pick(&mut dice).unwrap_or(self.codes.destination);
            return self.refused(result, &mut dice);
        }
        let answer_after = self.config.answer.draw(&mut dice);
        self.counters.accepted += 1;
        let decoded = decode(given.content, given.coding, given.has_header, given.dialect);
        let concat =
            decoded.concat.or(given.segment).filter(|concat| (2..=PARTS_LIMIT).contains(&concat.total));
        let part = Part {
            now,
            account,
            source: self.source(given.source),
            hash: if concat.is_none() { text_hash(&decoded.text) } else { 0 },
            text: &decoded.text,
            concat,
            reported: given.reported,
        };
        let ours = self.ids(now, destinations);
        // A sender's own id stands for all destinations; ours counts up.
        let id_of = |index| given.own_id.unwrap_or(CarrierId { low: ours.of_destination(index).0, high: 0 });
        let early = self.take(&part, first, id_of(0), &mut dice);
        for (index, phone) in (1..).zip(given.destinations.iter().skip(1)) {
            if let Some(phone) = read_phone(phone.as_bytes()).filter(|phone| *phone < PHONE_LIMIT) {
                let mut dice = self.dice(phone);
                // Only the first destination's receipt can be early; a later one is sent with the next batch.
                if let Some(receipt) = self.take(&part, phone, id_of(index), &mut dice) {
                    self.schedule(account, now, Delivery::Receipt(receipt));
                }
            }
        }
        Taken { id: id_of(0), result: 0, answer_after, early }
    }

    /// The decimal value of MMDDHHMMSS.
    pub(crate) fn clock_number(&mut self, now: Millis) -> u32 {
        self.calendar.clock_number(now)
    }

    /// A snapshot of the counters.
    pub(crate) fn snapshot(&self, now: Millis) -> Counters {
        let mut counters = self.counters.clone();
        counters.elapsed_ms = now.0;
        counters.incomplete = self.assembly.incomplete() as u64;
        for (stat, sent) in self.stats.iter().zip(&self.receipts_by_stat) {
            if *sent > 0 {
                *counters.receipts.entry(stat.as_str().unwrap_or_default().to_owned()).or_default() += sent;
            }
        }
        counters
    }

    /// Everything that is known for sure, in order.
    pub(crate) fn truth(&self) -> Truth {
        let message = |(phone, key, payload): (u64, [u64; 2], u64)| MessageTruth {
            phone,
            text_hash: key[1],
            count: (payload >> COUNT_SHIFT) as u32,
            delivered: payload & DELIVERED != 0,
        };
        let mut messages = Vec::with_capacity(self.messages.len());
        messages.extend(self.messages.iter().map(message));
        messages.sort_unstable();
        let sent = |(phone, opt_out): (&u64, &OptOut)| {
            Some(OptOutTruth {
                phone: *phone,
                sent_ms: opt_out.sent?.0,
                acked_ms: opt_out.acked.map(|at| at.0),
                messages_after: opt_out.messages_after,
            })
        };
        let mut opt_outs: Vec<OptOutTruth> = self.opt_outs.iter().filter_map(sent).collect();
        opt_outs.sort_unstable();
        Truth { messages, opt_outs }
    }

    fn within_rates(&mut self, now: Millis, throttle: &mut Option<Throttle>, submits: usize) -> bool {
        now >= self.throttled_until
            && throttle.as_mut().is_none_or(|throttle| throttle.take(now, submits))
            && self.total.as_mut().is_none_or(|total| total.take(now, submits))
    }

    fn refused(&mut self, result: u32, dice: &mut Dice) -> Taken {
        self.counters.refuse(result);
        let answer_after = self.config.answer.draw(dice);
        Taken { id: CarrierId::default(), result, answer_after, early: None }
    }

    /// The dice of the next submit for a phone.
    fn dice(&mut self, phone: u64) -> Dice {
        let number = self.phones.update(phone, [0], |count| count + 1);
        Dice::new(self.config.seed, phone, number)
    }

    /// Takes one part for one phone. Gives its receipt back when that must be sent before the answer.
    fn take(&mut self, part: &Part<'_>, phone: u64, id: CarrierId, dice: &mut Dice) -> Option<Receipt> {
        let mut fate = match part.concat {
            // All parts of a message meet the same handset.
            Some(concat) => {
                let which = u64::from(concat.reference) << 8 | u64::from(concat.total);
                Dice::new(self.config.seed ^ FATE, phone, which)
            }
            None => Dice::new(self.config.seed ^ FATE, phone, dice.next()),
        };
        let silent =
            self.config.receipts.first_part_only && part.concat.is_some_and(|concat| concat.number > 1);
        let comes = !fate.chance(self.config.receipts.never) && !silent;
        let delivered = fate.chance(self.config.receipts.delivered);
        let stat = if delivered { 0 } else { self.failures.pick(&mut fate).unwrap_or(0) };
        let reported = part.reported && comes;
        let message = self.place(part, phone, delivered, reported, dice);
        if !reported {
            self.counters.receipts_never += u64::from(part.reported);
            return None;
        }
        let receipt = Receipt {
            id,
            phone,
            message,
            source: part.source,
            submitted_s: (part.now.0 / 1000) as u32,
            stat,
            without_phone: dice.chance(self.config.receipts.without_phone),
            sent_before: false,
        };
        self.report(part, receipt, dice)
    }

    /// Files a part under its message.
    fn place(
        &mut self,
        part: &Part<'_>,
        phone: u64,
        delivered: bool,
        reported: bool,
        dice: &mut Dice,
    ) -> MessageRef {
        let Some(concat) = part.concat else {
            self.complete(part, phone, part.hash, delivered, dice);
            return MessageRef::Single(part.hash);
        };
        let key = LongKey { phone, reference: concat.reference, total: concat.total };
        let placed = self.assembly.place(key, concat.number, part.text.to_owned(), reported);
        self.counters.parts_repeated += u64::from(placed.repeated);
        if let Some(hash) = placed.completed {
            self.complete(part, phone, hash, delivered, dice);
        }
        MessageRef::Long { slot: placed.slot, number: concat.number }
    }

    /// Counts a complete message, and lets its reader answer.
    fn complete(&mut self, part: &Part<'_>, phone: u64, hash: u64, delivered: bool, dice: &mut Dice) {
        let one_more = |payload| {
            if payload >> COUNT_SHIFT < COUNT_LIMIT { payload + (1 << COUNT_SHIFT) } else { payload }
        };
        let payload = self.messages.update(phone, [0, hash], one_more);
        if payload >> COUNT_SHIFT > 1 {
            self.counters.duplicates += 1;
        } else {
            self.counters.messages += 1;
        }
        if let Some(opt_out) = self.opt_outs.get_mut(&phone).filter(|opt_out| opt_out.acked.is_some()) {
            opt_out.messages_after = opt_out.messages_after.saturating_add(1);
            self.counters.after_opt_out += 1;
        }
        if delivered {
            self.answer(part, phone, dice);
        }
    }

    /// Whether the reader of a message writes back.
    fn answer(&mut self, part: &Part<'_>, phone: u64, dice: &mut Dice) {
        let replies = &self.config.replies;
        let point = dice.unit();
        let opt_out = point < replies.opt_out;
        if !opt_out && point >= replies.opt_out + replies.ordinary {
            return;
        }
        let texts = self.reply_texts[usize::from(!opt_out)].len();
        if texts == 0 || (opt_out && self.opt_outs.contains_key(&phone)) {
            return;
        }
        let text = dice.below(texts) as u32;
        let at = Millis(part.now.0 + replies.delay.draw(dice));
        if opt_out {
            self.opt_outs.insert(phone, OptOut { sent: None, acked: None, messages_after: 0 });
        }
        let reply = Reply { phone, source: part.source, text, opt_out, sent_before: false };
        self.schedule(part.account, at, Delivery::Reply(reply));
    }

    /// The id of a submit to `destinations` phones: that many consecutive ones, none of which wraps.
    fn ids(&mut self, now: Millis, destinations: usize) -> MsgId {
        let wanted = destinations as u64;
        if (self.next_id & 0xFFFF) + wanted > 0x1_0000 {
            self.next_id = (self.next_id | 0xFFFF) + 1;
        }
        let id = self.calendar.msg_id(now, self.config.gateway_code, self.next_id);
        self.next_id += wanted;
        id
    }

    fn source(&mut self, source: Octets<21>) -> u32 {
        if self.sources[self.last_source as usize] != source {
            let next = self.sources.len() as u32;
            self.last_source = *self.source_index.entry(source).or_insert(next);
            if self.last_source == next {
                self.sources.push(source);
            }
        }
        self.last_source
    }
}

fn stat(name: &str) -> Result<Octets<7>, SimError> {
    Octets::new(name).map_err(|source| SimError::Stat { stat: name.to_owned(), source })
}

/// A reply's octets in UCS-2, cut to one message.
fn encode_reply(text: &str) -> Vec<u8> {
    const UNITS: usize = 70;
    text.encode_utf16().take(UNITS).flat_map(u16::to_be_bytes).collect()
}
