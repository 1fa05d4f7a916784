//! What is told of stored rows: messages, suppressions, inbound messages, and pages of them.

use domain::channel::CarrierMessageId;
use domain::ids::{AccountId, CampaignId, ChannelId, ContactId, EntityId, GatewayId, InboundId, MessageId};
use domain::ledger::{
    InboundRecord, LastSent, MessageFilter, MessageRecord, NewMessage, SentOver, SuppressionRecord,
};
use domain::message::Category;
use domain::policy::{Recent, Scope, Suppressed, SuppressionSource};
use domain::time::Timestamp;

use super::fault::{Fault, Outcome};
use super::life::{Frozen, Life};
use super::sealed;
use sealing::TableSealer;

/// Messages looked at for one page of a listing: under 250 ms even from a cold disk.
pub const PAGE_ROWS: u32 = 10_000;
/// Answers to "what was this phone sent" (the port's bound).
pub const LAST_SENT: usize = 20;

/// A message's row.
pub struct MessageRow<'a> {
    pub id: i64,
    pub life: &'a [u8],
    pub account: i64,
    pub campaign: Option<i64>,
    pub contact: Option<i64>,
    pub sealed: &'a [u8],
}

/// A suppression's row.
pub struct SuppressionRow<'a> {
    pub id: i64,
    pub account: i64,
    /// Unix milliseconds.
    pub suppressed_at: i64,
    /// See [`scope_code`].
    pub scope: i64,
    /// 0: all.
    pub category: u8,
    pub source: u8,
    pub inbound: Option<i64>,
    pub lifted_at: Option<i64>,
    pub sealed: &'a [u8],
}

/// An inbound message's row.
pub struct InboundRow<'a> {
    pub id: i64,
    pub account: Option<i64>,
    pub gateway: u16,
    pub channel: u16,
    pub carrier_id: CarrierMessageId,
    pub answers: Option<i64>,
    pub campaign: Option<i64>,
    pub opted_out: bool,
    pub received_at: i64,
    pub sealed: &'a [u8],
}

/// Part of a listing: what matched, and up to which id everything was looked at (`None`: to the end).
#[derive(Default)]
pub struct Page {
    pub records: Vec<MessageRecord>,
    pub through: Option<MessageId>,
}

impl MessageRow<'_> {
    pub fn life(&self) -> Outcome<Life> {
        Life::unpack(self.life).ok_or_else(Fault::unreadable_life)
    }

    /// The whole record; `life` is the row's own.
    pub fn record(&self, life: &Life, sealer: &TableSealer) -> Outcome<MessageRecord> {
        Ok(self.read(life, sealer)?.0)
    }

    /// The whole record, and whether the text offers or offered an opt-out by one letter.
    fn read(&self, life: &Life, sealer: &TableSealer) -> Outcome<(MessageRecord, bool)> {
        let opened = sealer.open(&self.id.to_be_bytes(), self.sealed)?;
        let (phone, left) = sealed::left(&opened)?;
        let record = MessageRecord {
            id: MessageId::from_raw(self.id),
            account: AccountId::from_raw(self.account),
            lane: life.lane,
            campaign: self.campaign.map(CampaignId::from_raw),
            contact: self.contact.map(ContactId::from_raw),
            category: life.category,
            state: life.state,
            reason: life.reason,
            rule: life.rule,
            code: life.code,
            channel: life.channel,
            attempts: life.attempts,
            phone,
            text: left.text().to_owned(),
            encoding: life.encoding,
            parts: life.parts,
            price: life.price,
            carrier: life.heading(),
            test: life.test,
            possible_duplicate: life.possible_duplicate,
            due_at: life.due_at,
            valid_until: life.valid_until,
            trail: life.trail().ok_or_else(Fault::unreadable_life)?,
        };
        Ok((record, left.offered_opt_out()))
    }

    /// What a phone was sent, if it was sent over that gateway: at its last try, or at an earlier one.
    pub fn last_sent(
        &self,
        recent: &Recent,
        over: &SentOver,
        sealer: &TableSealer,
    ) -> Outcome<Option<LastSent>> {
        let life = self.life()?;
        let last = life.channel.filter(|_| life.gateway == Some(over.gateway));
        let Some(channel) = last.or_else(|| life.carried_by(&over.channels)) else { return Ok(None) };
        let (record, offered_opt_out) = self.read(&life, sealer)?;
        Ok(Some(LastSent {
            message: record.id,
            account: record.account,
            entity: life.entity,
            campaign: record.campaign,
            category: life.category,
            channel,
            handed_at: recent.handed_at,
            offered_opt_out,
        }))
    }

    /// The conditions that need nothing unpacked.
    fn may_match(&self, filter: &MessageFilter) -> bool {
        filter.phone.is_none_or(|phone| phone.slot() == MessageId::from_raw(self.id).slot())
            && self.account == filter.account.raw()
            && filter.campaign.is_none_or(|campaign| self.campaign == Some(campaign.raw()))
    }
}

impl SuppressionRow<'_> {
    pub fn record(&self, sealer: &TableSealer) -> Outcome<SuppressionRecord> {
        let bad = |column| Fault::inconsistent("suppression", column, "unreadable");
        let opened = sealer.open(&self.id.to_be_bytes(), self.sealed)?;
        let (phone, _) = sealed::split(&opened).ok_or_else(|| bad("sealed"))?;
        Ok(SuppressionRecord {
            phone,
            account: AccountId::from_raw(self.account),
            suppressed: Suppressed {
                scope: match self.scope {
                    0 => Scope::Operator,
                    entity => Scope::Entity(EntityId::from_raw(entity)),
                },
                category: if self.category == 0 {
                    None
                } else {
                    Some(Category::from_code(self.category).ok_or_else(|| bad("category"))?)
                },
                source: SuppressionSource::from_code(self.source).ok_or_else(|| bad("source"))?,
                at: Timestamp::from_millis(self.suppressed_at),
            },
            inbound: self.inbound.map(InboundId::from_raw),
            lifted_at: self.lifted_at.map(Timestamp::from_millis),
        })
    }
}

impl InboundRow<'_> {
    pub fn record(self, sealer: &TableSealer) -> Outcome<InboundRecord> {
        let bad = || Fault::inconsistent("inbound", "sealed", "unreadable");
        let opened = sealer.open(&self.id.to_be_bytes(), self.sealed)?;
        let (from, body) = sealed::split(&opened).ok_or_else(bad)?;
        let (to, text) = body.split_once('\n').ok_or_else(bad)?;
        Ok(InboundRecord {
            id: InboundId::from_raw(self.id),
            account: self.account.map(AccountId::from_raw),
            gateway: GatewayId(self.gateway),
            channel: ChannelId(self.channel),
            carrier_id: self.carrier_id,
            from,
            to: to.into(),
            text: text.to_owned(),
            answers: self.answers.map(MessageId::from_raw),
            campaign: self.campaign.map(CampaignId::from_raw),
            opted_out: self.opted_out,
            received_at: Timestamp::from_millis(self.received_at),
        })
    }
}

impl Page {
    /// Looks at the next row. `true`: the page is full.
    pub fn add(
        &mut self,
        row: &MessageRow<'_>,
        filter: &MessageFilter,
        limit: u32,
        sealer: &TableSealer,
    ) -> Outcome<bool> {
        if row.may_match(filter) {
            let life = row.life()?;
            if filter.state.is_none_or(|state| life.state == state) {
                let record = row.record(&life, sealer)?;
                if filter.phone.is_none_or(|phone| record.phone == phone) {
                    self.records.push(record);
                }
            }
        }
        Ok(self.records.len() >= limit as usize)
    }
}

/// What stays as it is for all of a message's life.
pub fn frozen(message: &NewMessage) -> Frozen {
    Frozen {
        category: message.category,
        encoding: message.encoding,
        carrier: message.carrier,
        parts: message.parts,
        test: message.test,
        possible_duplicate: message.possible_duplicate,
        watched: message.origin.is_some(),
        valid_until: message.valid_until,
        price: message.price,
        lane: message.lane,
        entity: message.entity,
    }
}

/// What of an inbound message is sealed: the number that was dialled, and the text.
pub fn seal_inbound(record: &InboundRecord, sealer: &TableSealer) -> Vec<u8> {
    let body = format!("{}\n{}", record.to, record.text);
    sealed::seal(sealer, record.id.raw(), record.from, &body)
}

/// 0 stands for the operator; no entity has it.
pub fn scope_code(scope: Scope) -> i64 {
    match scope {
        Scope::Operator => 0,
        Scope::Entity(entity) => entity.raw(),
    }
}

/// One page in order of id from the pages of all partitions: nothing beyond what every partition has looked at.
pub fn merge(pages: Vec<Page>, limit: u32) -> (Vec<MessageRecord>, Option<MessageId>) {
    let through = pages.iter().filter_map(|page| page.through).min();
    let mut records: Vec<MessageRecord> = pages
        .into_iter()
        .flat_map(|page| page.records)
        .filter(|record| through.is_none_or(|through| record.id <= through))
        .collect();
    records.sort_by_key(|record| record.id);
    if records.len() > limit as usize {
        records.truncate(limit as usize);
        let last = records.last().map(|record| record.id);
        return (records, last);
    }
    (records, through)
}

/// The newest of several partitions.
pub fn newest<T, K: Ord>(mut all: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> Vec<T> {
    all.sort_by_key(|record| std::cmp::Reverse(key(record)));
    all.truncate(limit as usize);
    all
}

/// An account's page begins before this instant.
pub fn page_end(before: Option<Timestamp>) -> i64 {
    before.unwrap_or(Timestamp::FAR_FUTURE).millis()
}
