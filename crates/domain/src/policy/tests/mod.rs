//! What the verdicts are, rule by rule; calendars against jiff; and the properties that hold for any history.

mod calendar;
mod properties;
mod verdicts;

use super::*;
use crate::billing::{Charge, Purse};
use crate::ids::{AccountId, CampaignId, LaneId, MessageId, RouteId};
use crate::lane::{Lane, LaneState, WindowClose};
use crate::message::Priority;

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// 2026-06-15T10:00:00+08:00, a Monday.
const MORNING: i64 = 1_781_488_800_000;
const TEXT: &str = "【鸿雁】王女士,您的会员积分即将到期,点击查看,拒收请回复R";

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn entity(number: i64) -> EntityId {
    EntityId::from_raw(number)
}

fn lane(category: Category) -> Lane {
    Lane {
        id: LaneId::from_raw(1),
        account: AccountId::from_raw(1),
        entity: entity(1),
        campaign: Some(CampaignId::from_raw(1)),
        route: RouteId(1),
        priority: Priority::from(category),
        category,
        state: LaneState::Open,
        speed: None,
        window_close: WindowClose::Hold,
        held_words_approved: false,
        charge: Charge::Submitted,
        purse: Purse::Open,
        version: 0,
    }
}

fn facts<'a>(lane: &'a Lane, person: &'a PersonFacts) -> Facts<'a> {
    Facts {
        message: MessageId::from_raw(1_000),
        lane,
        category: lane.category,
        test: false,
        text: TEXT,
        text_hash: text_hash(TEXT),
        valid_until: Timestamp::FAR_FUTURE,
        person,
    }
}

fn agreed() -> PersonFacts {
    let consent = Consented {
        entity: entity(1),
        basis: LegalBasis::Consent,
        since: at(MORNING - 30 * DAY),
        until: None,
        withdrawn: false,
    };
    PersonFacts { consents: vec![consent], ..PersonFacts::default() }
}

fn suppressed(scope: Scope, category: Option<Category>) -> Suppressed {
    Suppressed { scope, category, source: SuppressionSource::OptOut, at: at(MORNING - DAY) }
}

fn handed(message: i64, millis: i64, entity: EntityId, category: Category) -> Recent {
    Recent { handed_at: at(millis), message: MessageId::from_raw(message), entity, category, text_hash: 7 }
}

fn rejected(reason: Reason, rule: RuleId) -> Verdict {
    Verdict::Reject { reason, rule }
}
