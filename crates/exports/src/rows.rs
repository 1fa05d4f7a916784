//! The rows of an export, page by page.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::billing::{Charge, HourSpan};
use domain::control::{Contact, ContactFilter, Contacts, Control, ControlError, Export, ExportOf};
use domain::ids::{AccountId, InboundId, LaneId};
use domain::ledger::{
    InboundRecord, Ledger, LedgerError, MessageFilter, MessageRecord, SuppressionRecord, TrailEvent,
};
use domain::message::{Category, MessageState};
use domain::phone::Phone;
use domain::policy::Scope;
use domain::time::Timestamp;

use crate::cell::Kind::{Amount, Count, Flag, Moment, Text};
use crate::cell::{Cell, Column, Kind, Row};
use crate::statement::{Came, came};

/// Rows of a page: what the ledger reads within its time.
const PAGE_ROWS: u32 = 1_000;

/// What storage refused.
pub(crate) enum PageTrouble {
    Control(ControlError),
    Ledger(LedgerError),
}

impl From<ControlError> for PageTrouble {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

impl From<LedgerError> for PageTrouble {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

const fn column(zh: &'static str, en: &'static str, kind: Kind) -> Column {
    Column { zh, en, kind }
}

const MESSAGES: &[Column] = &[
    column("编号", "id", Text),
    column("手机号", "phone", Text),
    column("任务", "campaign", Text),
    column("联系人", "contact", Text),
    column("类别", "category", Text),
    column("运营商", "carrier", Text),
    column("状态", "state", Text),
    column("原因", "reason", Text),
    column("说明", "explanation", Text),
    column("运营商代码", "code", Text),
    column("通道", "channel", Text),
    column("次数", "attempts", Count),
    column("条数", "parts", Count),
    column("价格", "price", Amount),
    column("接收时间", "accepted_at", Moment),
    column("提交时间", "submitted_at", Moment),
    column("结束时间", "ended_at", Moment),
];
const CONTACTS: &[Column] = &[
    column("编号", "id", Text),
    column("手机号", "phone", Text),
    column("标签", "tags", Text),
    column("属性", "attributes", Text),
    column("创建时间", "created_at", Moment),
    column("修改时间", "updated_at", Moment),
];
const INBOUND: &[Column] = &[
    column("编号", "id", Text),
    column("手机号", "from", Text),
    column("号码", "to", Text),
    column("内容", "text", Text),
    column("任务", "campaign", Text),
    column("退订", "opted_out", Flag),
    column("时间", "received_at", Moment),
];
const SUPPRESSIONS: &[Column] = &[
    column("手机号", "phone", Text),
    column("范围", "scope", Text),
    column("类别", "category", Text),
    column("来源", "source", Text),
    column("时间", "at", Moment),
    column("解除时间", "lifted_at", Moment),
];
const STATEMENT: &[Column] = &[
    column("编号", "id", Text),
    column("接收时间", "accepted_at", Moment),
    column("扣费时间", "charged_at", Moment),
    column("退费时间", "refunded_at", Moment),
    column("运营商", "carrier", Text),
    column("类别", "category", Text),
    column("状态", "state", Text),
    column("价格", "price", Amount),
    column("短信", "messages", Count),
    column("条数", "parts", Count),
    column("扣费", "charged", Amount),
    column("退费", "refunded", Amount),
];

/// The columns of an export.
pub(crate) const fn columns(of: ExportOf) -> &'static [Column] {
    match of {
        ExportOf::Messages => MESSAGES,
        ExportOf::Contacts => CONTACTS,
        ExportOf::Inbound => INBOUND,
        ExportOf::Suppressions => SUPPRESSIONS,
        ExportOf::Statement => STATEMENT,
    }
}

enum Place {
    Messages(Box<MessageFilter>),
    Contacts(ContactFilter),
    Inbound(Option<InboundId>),
    /// Several may have come in one millisecond: those of the last one that were written are named.
    Suppressions(Option<Timestamp>, HashSet<(Phone, Scope, Option<Category>)>),
    Statement(Box<MessageFilter>, Arc<Charged>),
}

/// Of which hours, and when the messages of each lane are paid for.
struct Charged {
    span: HourSpan,
    lanes: HashMap<LaneId, Charge>,
    otherwise: Charge,
}

/// Where the next page begins.
pub(crate) struct Pages {
    /// None at the end.
    place: Option<Place>,
    view: View,
}

struct View {
    account: AccountId,
    reveal: bool,
}

impl Pages {
    pub(crate) async fn of(export: &Export, ledger: &dyn Ledger) -> Result<Self, PageTrouble> {
        let messages = MessageFilter {
            account: export.account,
            campaign: export.campaign,
            state: export.of_state,
            phone: None,
            after: None,
        };
        let place = match export.of {
            ExportOf::Messages => Some(Place::Messages(Box::new(messages))),
            ExportOf::Contacts => Some(Place::Contacts(ContactFilter {
                tags: export.tag.iter().cloned().collect(),
                ..ContactFilter::default()
            })),
            ExportOf::Inbound => Some(Place::Inbound(None)),
            ExportOf::Suppressions => Some(Place::Suppressions(None, HashSet::new())),
            ExportOf::Statement => match &export.month {
                // Without a month there is nothing that was charged in it.
                None => None,
                Some(month) => {
                    let ours =
                        ledger.lanes().await?.into_iter().filter(|lane| lane.account == export.account);
                    let charged = Charged {
                        span: month.month.span(month.zone.rules()),
                        lanes: ours.map(|lane| (lane.id, lane.charge)).collect(),
                        otherwise: month.otherwise,
                    };
                    Some(Place::Statement(Box::new(messages), Arc::new(charged)))
                }
            },
        };
        Ok(Self { place, view: View { account: export.account, reveal: export.reveal } })
    }

    /// The next page, which may be empty; none at the end.
    pub(crate) async fn next(
        &mut self,
        ledger: &dyn Ledger,
        control: &dyn Control,
    ) -> Result<Option<Vec<Row>>, PageTrouble> {
        let view = &self.view;
        let full = |rows: usize| rows == PAGE_ROWS as usize;
        let (rows, next) = match self.place.take() {
            None => return Ok(None),
            Some(Place::Messages(mut filter)) => {
                let (records, after) = ledger.messages(&filter, PAGE_ROWS).await?;
                filter.after = after;
                let rows = records.iter().map(|record| view.message(record)).collect();
                (rows, after.map(|_| Place::Messages(filter)))
            }
            Some(Place::Statement(mut filter, charged)) => {
                let (records, after) = ledger.messages(&filter, PAGE_ROWS).await?;
                let rows = records.iter().filter_map(|record| charged.row(record)).collect();
                // Ids are in order of time: what was made after the month moved nothing in it.
                filter.after = after.filter(|last| last.made_at() < charged.span.ends());
                (rows, filter.after.map(|_| Place::Statement(filter, charged)))
            }
            Some(Place::Contacts(mut filter)) => {
                let contacts = Contacts::contacts(control, view.account, &filter, PAGE_ROWS).await?;
                filter.after = contacts.last().map(|contact| contact.id);
                let next = full(contacts.len()).then_some(Place::Contacts(filter));
                (contacts.into_iter().map(|contact| view.contact(contact)).collect(), next)
            }
            Some(Place::Inbound(before)) => {
                let records = ledger.inbounds(view.account, before, PAGE_ROWS).await?;
                let last = records.last().map(|record| record.id);
                let next = full(records.len()).then_some(Place::Inbound(last));
                (records.into_iter().map(|record| view.inbound(record)).collect(), next)
            }
            Some(Place::Suppressions(before, seen)) => {
                let records = ledger.suppressions(view.account, before, PAGE_ROWS).await?;
                let next = full(records.len()).then(|| after_page(&records, before, &seen));
                let fresh = records.iter().filter(|record| !seen.contains(&name_of(record)));
                (fresh.map(|record| view.suppression(record)).collect(), next)
            }
        };
        self.place = next;
        Ok(Some(rows))
    }
}

fn name_of(record: &SuppressionRecord) -> (Phone, Scope, Option<Category>) {
    (record.phone, record.suppressed.scope, record.suppressed.category)
}

/// The page after a full one begins at its last millisecond again, since that may hold more; unless the whole page is of one
/// millisecond that was begun at before, which would never end.
fn after_page(
    records: &[SuppressionRecord],
    before: Option<Timestamp>,
    seen: &HashSet<(Phone, Scope, Option<Category>)>,
) -> Place {
    let Some(last) = records.last().map(|record| record.suppressed.at) else {
        return Place::Suppressions(before, HashSet::new());
    };
    if records.iter().all(|record| seen.contains(&name_of(record))) {
        return Place::Suppressions(Some(last), HashSet::new());
    }
    let of_last = records.iter().filter(|record| record.suppressed.at == last);
    Place::Suppressions(Some(last.plus(Duration::from_millis(1))), of_last.map(name_of).collect())
}

impl Charged {
    fn row(&self, record: &MessageRecord) -> Option<Row> {
        let charge = self.lanes.get(&record.lane).copied().unwrap_or(self.otherwise);
        let Came { charged_at, refunded_at, messages, charged, refunded } = came(record, charge, self.span)?;
        Some(vec![
            Cell::word(&record.id.to_string()),
            Cell::Moment(Some(accepted_at(record))),
            Cell::Moment(charged_at),
            Cell::Moment(refunded_at),
            Cell::word(record.carrier.as_str()),
            Cell::word(record.category.word()),
            Cell::word(record.state.word()),
            Cell::Amount(record.price),
            Cell::Count(messages),
            Cell::Count(messages * i64::from(record.parts)),
            Cell::Amount(charged),
            Cell::Amount(refunded),
        ])
    }
}

fn accepted_at(record: &MessageRecord) -> Timestamp {
    record.trail.first().map_or(record.id.made_at(), |entry| entry.at)
}

/// When the state that a message is in began, if it is one that a message ends in.
fn ended_at(record: &MessageRecord) -> Option<Timestamp> {
    use MessageState as S;
    let is_over = !matches!(record.state, S::Queued | S::Sending | S::Submitted | S::Uncertain);
    record.trail.last().filter(|_| is_over).map(|entry| entry.at)
}

impl View {
    /// Without its plus sign, which spreadsheet programs take for a formula's beginning.
    fn phone(&self, phone: Phone) -> Cell {
        let shown = if self.reveal { phone.e164().to_string() } else { phone.masked() };
        Cell::word(shown.trim_start_matches('+'))
    }

    fn message(&self, record: &MessageRecord) -> Row {
        let (zh, en) = record.reason.explain();
        let submitted = record.trail.iter().rev().find(|entry| entry.event == TrailEvent::Submitted);
        vec![
            Cell::word(&record.id.to_string()),
            self.phone(record.phone),
            Cell::maybe(record.campaign),
            Cell::maybe(record.contact),
            Cell::word(record.category.word()),
            Cell::word(record.carrier.as_str()),
            Cell::word(record.state.word()),
            Cell::word(record.reason.word()),
            Cell::Text(if zh.is_empty() { String::new() } else { format!("{zh} / {en}") }),
            Cell::word(record.code.as_str()),
            Cell::maybe(record.channel),
            Cell::Count(record.attempts.into()),
            Cell::Count(record.parts.into()),
            Cell::Amount(record.price),
            Cell::Moment(Some(accepted_at(record))),
            Cell::Moment(submitted.map(|entry| entry.at)),
            Cell::Moment(ended_at(record)),
        ]
    }

    fn contact(&self, contact: Contact) -> Row {
        // Personal ones are people's; queryable ones are not.
        let personal = contact.personal.into_iter().map(|(name, value)| {
            let shown = if self.reveal { value } else { value.chars().take(1).chain("**".chars()).collect() };
            format!("{name}={shown}")
        });
        let queryable = contact.queryable.iter().map(|(name, value)| format!("{name}={value}"));
        let attributes: Vec<String> = personal.chain(queryable).collect();
        vec![
            Cell::word(&contact.id.to_string()),
            self.phone(contact.phone),
            Cell::Text(contact.tags.join(";")),
            Cell::Text(attributes.join(";")),
            Cell::Moment(Some(contact.created_at)),
            Cell::Moment(Some(contact.updated_at)),
        ]
    }

    fn inbound(&self, record: InboundRecord) -> Row {
        vec![
            Cell::word(&record.id.to_string()),
            self.phone(record.from),
            Cell::Text(record.to.into()),
            Cell::Text(record.text),
            Cell::maybe(record.campaign),
            Cell::Flag(record.opted_out),
            Cell::Moment(Some(record.received_at)),
        ]
    }

    fn suppression(&self, record: &SuppressionRecord) -> Row {
        let suppressed = &record.suppressed;
        let scope = match suppressed.scope {
            Scope::Operator => "operator",
            Scope::Entity(_) => "entity",
        };
        vec![
            self.phone(record.phone),
            Cell::word(scope),
            Cell::Text(suppressed.category.map_or_else(String::new, |category| category.word().to_owned())),
            Cell::word(suppressed.source.word()),
            Cell::Moment(Some(suppressed.at)),
            Cell::Moment(record.lifted_at),
        ]
    }
}
