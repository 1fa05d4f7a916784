//! Messages: sending them, and what became of each.

mod list;
mod order;
mod send;
mod show;

pub(crate) use send::not_a_moment;

use domain::ledger::{MessageRecord, TrailEntry};
use domain::numbers::PrefixTable;
use domain::policy::{Policy, RuleId};
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::language::Language;
use crate::state::ApiState;
use crate::{json, privacy};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(send::send, list::list))
        .routes(routes!(show::show))
        .routes(routes!(order::cancel))
        .routes(routes!(order::redact))
}

/// How a reader wants messages shown.
struct View<'a> {
    zone: &'a TimeZone,
    policy: &'a Policy,
    numbers: &'a PrefixTable,
    language: Language,
    reveal: bool,
}

impl View<'_> {
    fn document(&self, record: MessageRecord, with_trail: bool) -> json::Message {
        let moment = |at| json::Moment::new(at, self.zone);
        let trail =
            if with_trail { record.trail.iter().map(|entry| self.step(entry)).collect() } else { Vec::new() };
        let redacted_at = record.redacted_at().map(moment);
        let (province, city) = privacy::place(self.numbers, record.phone);
        json::Message {
            id: record.id.to_string(),
            campaign: record.campaign.map(|id| id.to_string()),
            contact: record.contact.map(|id| id.to_string()),
            category: record.category.into(),
            state: record.state.into(),
            reason: record.reason.into(),
            explanation: self.language.of_two(record.reason.explain()).to_owned(),
            rule: self.rule(record.rule),
            code: record.code.as_str().to_owned(),
            channel: record.channel.map(|id| id.to_string()),
            attempts: record.attempts,
            phone: privacy::phone(record.phone, self.reveal),
            text: record.text,
            redacted_at,
            encoding: record.encoding.into(),
            parts: record.parts,
            price: record.price.into(),
            carrier: record.carrier.into(),
            province,
            city,
            test: record.test,
            possible_duplicate: record.possible_duplicate,
            accepted_at: moment(record.trail.first().map_or(record.id.made_at(), |entry| entry.at)),
            due_at: record.due_at.map(moment),
            valid_until: moment(record.valid_until),
            trail,
        }
    }

    fn step(&self, entry: &TrailEntry) -> json::TrailEntry {
        json::TrailEntry {
            at: json::Moment::new(entry.at, self.zone),
            event: entry.event.into(),
            channel: entry.channel.map(|id| id.to_string()),
            reason: entry.reason.into(),
            rule: self.rule(entry.rule),
        }
    }

    fn rule(&self, rule: RuleId) -> Option<String> {
        self.policy.explain(rule).map(|rule| rule.name.clone().into_owned())
    }
}
