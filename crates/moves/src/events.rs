//! Events on their way out: gathered while a transaction decides, packed into one row for each account that listens.
//!
//! A row's entry is a list of events, each with this layout, little-endian:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 each | kind, reason, attempts, length of the code with [`CAMPAIGN`] |
//! | 4 | 2 | channel (0: none) |
//! | 6 | 8 each | at, message or inbound, and the campaign where there is one |
//! | 22 or 30 | | the code |

use std::collections::BTreeMap;

use domain::channel::CarrierCode;
use domain::events::{Event, EventKind, EventPlace, EventRead, EventSubject};
use domain::ids::{AccountId, CampaignId, ChannelId, MessageId};
use domain::ledger::{InboundRecord, SuppressionOrder};
use domain::message::Reason;
use domain::time::Timestamp;

use super::fault::{Fault, Outcome};
use super::life::Life;

/// In the byte of the code's length: a campaign follows.
const CAMPAIGN: u8 = 0x80;
const HEAD: usize = 22;
/// Rows of one look: each holds up to about a thousand events.
pub const LOOK_ROWS: u32 = 64;

/// Events of one transaction.
#[derive(Default)]
pub struct Outbox {
    rows: BTreeMap<i64, OutboxRow>,
}

/// What one transaction did to one account's messages.
#[derive(Default)]
pub struct OutboxRow {
    /// Of its last event.
    pub at: i64,
    pub entry: Vec<u8>,
}

impl Outbox {
    pub fn push(&mut self, account: AccountId, event: &Event) {
        let row = self.rows.entry(account.raw()).or_default();
        row.at = event.at.millis();
        pack(event, &mut row.entry);
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn clear(&mut self) {
        self.rows.clear();
    }

    /// Gives the rows away, in order of their accounts.
    pub fn take(&mut self) -> BTreeMap<i64, OutboxRow> {
        std::mem::take(&mut self.rows)
    }
}

/// What a message's new state is told as, if it is told.
pub fn of_message(id: MessageId, life: &Life, campaign: Option<CampaignId>, at: Timestamp) -> Option<Event> {
    Some(Event {
        kind: EventKind::of_state(life.state)?,
        subject: EventSubject::Message(id),
        at,
        campaign,
        channel: life.channel,
        reason: life.reason,
        code: life.code,
        attempts: life.attempts,
        amount: None,
    })
}

/// What a message from a phone is told as, and to whom: to the account whose it is; a refusal to every account for which
/// it holds.
pub fn of_inbound(record: &InboundRecord, orders: &[SuppressionOrder]) -> Vec<(AccountId, Event)> {
    let event = |kind, campaign| Event {
        campaign,
        channel: Some(record.channel),
        ..Event::plain(kind, EventSubject::Inbound(record.id), record.received_at)
    };
    let mut all: Vec<(AccountId, Event)> =
        record.account.iter().map(|own| (*own, event(EventKind::Inbound, record.campaign))).collect();
    for order in orders {
        let campaign = record.campaign.filter(|_| record.account == Some(order.account));
        let told = (order.account, event(EventKind::OptedOut, campaign));
        if !all.contains(&told) {
            all.push(told);
        }
    }
    all
}

fn pack(event: &Event, raw: &mut Vec<u8>) {
    let code = event.code.as_str().as_bytes();
    let length = code.len() as u8 | if event.campaign.is_some() { CAMPAIGN } else { 0 };
    raw.extend_from_slice(&[event.kind.code(), event.reason.code(), event.attempts, length]);
    raw.extend_from_slice(&event.channel.map_or(0, |channel| channel.0).to_le_bytes());
    raw.extend_from_slice(&event.at.millis().to_le_bytes());
    raw.extend_from_slice(&event.subject.raw().to_le_bytes());
    if let Some(campaign) = event.campaign {
        raw.extend_from_slice(&campaign.raw().to_le_bytes());
    }
    raw.extend_from_slice(code);
}

/// Reads one event and returns what follows it.
fn unpack(raw: &[u8]) -> Option<(Event, &[u8])> {
    let (head, mut rest) = raw.split_first_chunk::<HEAD>()?;
    let &[kind, reason, attempts, length, c0, c1, fixed @ ..] = head;
    let (numbers, _) = fixed.as_chunks::<8>();
    let [at, subject] = numbers else { return None };
    let campaign = if length & CAMPAIGN == 0 {
        None
    } else {
        let (campaign, behind) = rest.split_first_chunk::<8>()?;
        rest = behind;
        Some(CampaignId::from_raw(i64::from_le_bytes(*campaign)))
    };
    let (code, rest) = rest.split_at_checked(usize::from(length & !CAMPAIGN))?;
    let (kind, subject) = (EventKind::from_code(kind)?, i64::from_le_bytes(*subject));
    let event = Event {
        kind,
        subject: kind.subject(subject)?,
        at: Timestamp::from_millis(i64::from_le_bytes(*at)),
        campaign,
        channel: Some(u16::from_le_bytes([c0, c1])).filter(|channel| *channel != 0).map(ChannelId),
        reason: Reason::from_code(reason)?,
        code: CarrierCode::new(code),
        attempts,
        amount: None,
    };
    Some((event, rest))
}

/// A page in the making.
pub struct Page {
    from: EventPlace,
    limit: usize,
    rows: u32,
    events: Vec<Event>,
    next: Option<EventPlace>,
}

impl Page {
    pub fn new(from: EventPlace, limit: u32) -> Self {
        Self { from, limit: limit as usize, rows: 0, events: Vec::new(), next: None }
    }

    /// Takes in the next row. `false`: the page is full.
    pub fn add(&mut self, row: i64, entry: &[u8]) -> Outcome<bool> {
        self.rows += 1;
        let skipped = if row == self.from.row { self.from.taken } else { 0 };
        let (mut rest, mut place) = (entry, 0u32);
        while !rest.is_empty() {
            if self.events.len() >= self.limit {
                self.next = Some(EventPlace { row, taken: place.max(skipped) });
                return Ok(false);
            }
            let odd = || Fault::inconsistent("event", "entry", "not a record of this version");
            let (event, behind) = unpack(rest).ok_or_else(odd)?;
            if place >= skipped {
                self.events.push(event);
            }
            (rest, place) = (behind, place + 1);
        }
        self.next = Some(EventPlace::behind(row));
        Ok(self.rows < LOOK_ROWS)
    }

    /// `exhausted`: no more rows were there up to `through`.
    pub fn read(self, exhausted: bool, through: i64) -> EventRead {
        let behind = EventPlace::behind(through).max(self.from);
        let next = if exhausted { behind } else { self.next.unwrap_or(behind) };
        EventRead::Page { events: self.events, next }
    }
}

/// How far an account's oldest rows may be dropped, given some of them as number and age, oldest first. `None`: all stay.
pub fn droppable(oldest: &[(i64, i64)], before: Timestamp, through: i64) -> Option<i64> {
    let old = |&&(row, at): &&(i64, i64)| at < before.millis() || row <= through;
    oldest.iter().take_while(old).last().map(|(row, _)| *row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: i64) -> Event {
        Event {
            kind: EventKind::Undelivered,
            subject: EventSubject::Message(MessageId::from_raw(number)),
            at: Timestamp::from_millis(1_800_000_000_000 + number),
            campaign: (number % 2 == 0).then(|| CampaignId::from_raw(number)),
            channel: (number % 3 == 0).then_some(ChannelId(7)),
            reason: Reason::Unreachable,
            code: CarrierCode::new(b"MK:0012"),
            attempts: 2,
            amount: None,
        }
    }

    fn packed(numbers: std::ops::Range<i64>) -> Vec<u8> {
        let mut outbox = Outbox::default();
        numbers.for_each(|number| outbox.push(AccountId::from_raw(1), &event(number)));
        outbox.take().remove(&1).unwrap().entry
    }

    #[test]
    fn pages_end_within_rows_and_go_on_there() {
        let rows = [(4, packed(0..3)), (9, packed(3..8))];
        for limit in 1..10 {
            let (mut place, mut seen) = (EventPlace::START, Vec::new());
            for _ in 0..20 {
                let mut page = Page::new(place, limit);
                let open = rows.iter().filter(|(row, _)| *row >= place.row);
                let full = open.into_iter().any(|(row, entry)| !page.add(*row, entry).unwrap());
                let EventRead::Page { events, next } = page.read(!full, 12) else { panic!("a page") };
                assert!(events.len() <= limit as usize && next >= place);
                seen.extend(events);
                place = next;
            }
            assert_eq!(place, EventPlace::behind(12), "limit {limit}");
            assert_eq!(seen, (0..8).map(event).collect::<Vec<_>>(), "limit {limit}");
        }
        let mut page = Page::new(EventPlace::START, 10);
        assert!(page.add(4, &rows[0].1[..30]).is_err());
    }

    #[test]
    fn only_a_head_of_old_rows_may_go() {
        let rows = [(3, 10), (4, 20), (8, 15), (9, 40)];
        let before = Timestamp::from_millis;
        assert_eq!(droppable(&rows, before(10), 0), None);
        assert_eq!(droppable(&rows, before(16), 0), Some(3), "what is behind a young one stays");
        assert_eq!(droppable(&rows, before(16), 4), Some(8));
        assert_eq!(droppable(&rows, before(0), 9), Some(9));
        assert_eq!(droppable(&[], before(99), 9), None);
    }
}
