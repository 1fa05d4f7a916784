//! Campaigns: one personalised message to an audience.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    CampaignRoute, CampaignState, Canary, CanaryPlan, Category, Column, Moment, Preflight, ResendOf,
    StopLimits, Stopped,
};

/// Who is to get a campaign.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AudienceSource {
    /// The rows of an uploaded file; its other columns are variables.
    File {
        /// The upload.
        import: String,
        /// The upload's own mapping when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mapping: Option<Vec<Column>>,
    },
    /// Contacts that have any of these tags.
    Tags { tags: Vec<String> },
    /// Every contact.
    All,
}

/// What to do with messages that meet the end of the sending hours.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum WindowClose {
    /// Wait for the next opening.
    #[default]
    Hold,
    /// Pause until a person resumes the campaign.
    PauseForHuman,
    /// Wait for the next opening, but give up at this instant.
    DropAfter { at: Moment },
}

/// A campaign as you write it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "双十一会员日", "category": "marketing", "signature": "鸿雁",
    "text": "{{ 姓名 }}您好，{% if 等级 == \"VIP\" %}VIP专属折扣{% else %}新人首单立减{% endif %}已到账。",
    "audience": {"kind": "tags", "tags": ["双十一"]}, "scheduled_at": "2026-11-25T10:00:00+08:00", "speed": 2000
}))]
pub struct CampaignDraft {
    /// 1 to 30 characters.
    pub name: String,
    pub category: Category,
    /// With or without 【】.
    pub signature: String,
    /// The text with variables; wins over `template`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A stored template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    pub audience: AudienceSource,
    /// Sent to besides the audience; exempt from caps, not from opt-out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test_numbers: Vec<String>,
    /// Left out: as soon as it is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Moment>,
    /// Messages per second; left out: as fast as the channels go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<u32>,
    #[serde(default)]
    pub window_close: WindowClose,
    /// How long each message is of use from its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_for_seconds: Option<u64>,
    /// Each phone goes over the first route whose scope it fits if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Some people get it first; left out: all at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryPlan>,
    /// When it stops itself; left out: the usual for its category. An empty object: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<StopLimits>,
}

/// A campaign.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "cmp_0d4x0k1g00000", "name": "双十一会员日", "category": "marketing", "signature": "鸿雁",
    "text": "{{ 姓名 }}您好，您的专属券已到账。", "audience": {"kind": "tags", "tags": ["双十一"]}, "test_numbers": [],
    "scheduled_at": "2026-11-25T10:00:00.000+08:00", "speed": 2000, "window_close": {"kind": "hold"},
    "valid_for_seconds": 86400, "routes": [{"route": "rte_1", "carriers": [], "countries": []}],
    "limits": {"failures": {"per_10_000": 3000, "at_least": 200}}, "held_words_approved": false, "state": "preflighted",
    "preflight": {
        "at": "2026-11-24T16:00:00.000+08:00", "decided_for": "2026-11-25T10:00:00.000+08:00", "rows": 10000,
        "invalid": 120, "duplicate": 80, "people": 9800, "tests": 0, "eligible": 9500, "parts": 9600,
        "cost": {"micros": 432000000, "currency": "CNY"},
        "rejected": [{"reason": "suppressed", "explanation": "已退订或在黑名单中", "people": 300}],
        "deferred": 0, "held": [],
        "samples": [{"phone": "+86138****8000", "text": "【鸿雁】张三您好，您的专属券已到账。拒收请回复R",
            "encoding": "ucs2", "length": 26, "parts": 1, "price": {"micros": 45000, "currency": "CNY"}}],
        "done_at": "2026-11-25T10:00:05.000+08:00",
        "by_route": [{"route": "rte_1", "people": 9500, "parts": 9600, "cost": {"micros": 432000000, "currency": "CNY"}}],
        "unrouted": [],
        "by_carrier": [{"carrier": "mobile", "parts": 9600, "cost": {"micros": 432000000, "currency": "CNY"}}],
        "audience_checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    },
    "created_at": "2026-11-24T15:00:00.000+08:00"
}))]
pub struct Campaign {
    pub id: String,
    pub name: String,
    pub category: Category,
    pub signature: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    pub text: String,
    pub audience: AudienceSource,
    /// Masked unless asked for with `reveal=true`.
    pub test_numbers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<u32>,
    pub window_close: WindowClose,
    pub valid_for_seconds: u64,
    /// The route asked for; left out: each phone goes over the first whose scope it fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The routes that carry it, as its preflight has decided, in the order in which they are tried.
    #[serde(default)]
    pub routes: Vec<CampaignRoute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    #[serde(default)]
    pub limits: StopLimits,
    /// Its last stop by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// It sends failures of another campaign again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resend: Option<ResendOf>,
    pub held_words_approved: bool,
    pub state: CampaignState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preflight: Option<Preflight>,
    pub created_at: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Moment>,
}

/// How far a campaign is: cheap to ask for several times a second.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "state": "running", "preflight": "done", "preflight_done": 10000, "preflight_total": 10000, "people": 10000,
    "expanded": true, "queued": 4000, "sending": 120, "submitted": 5500, "delivered": 5300, "failed": 40,
    "rejected": 220, "cancelled": 0, "uncertain": 0
}))]
pub struct CampaignProgress {
    pub state: CampaignState,
    /// `none`, `freezing`, `counting`, `done` or `failed`.
    pub preflight: String,
    /// People frozen or counted so far.
    pub preflight_done: u64,
    /// People to be counted; 0 while that is not known.
    pub preflight_total: u64,
    /// People in the frozen audience.
    pub people: u64,
    /// Whether every person has become a message.
    pub expanded: bool,
    pub queued: i64,
    pub sending: i64,
    /// A carrier has them: with a receipt or waiting for one.
    pub submitted: i64,
    pub delivered: i64,
    /// Undelivered, expired, failed and unknown.
    pub failed: i64,
    pub rejected: i64,
    pub cancelled: i64,
    pub uncertain: i64,
    /// While some get it first: how far that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<super::CanaryPhase>,
    /// Why it stopped itself, until a person lets it go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<super::StopRule>,
}

/// Times to offer for a campaign.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"times": ["2026-11-25T10:00:00.000+08:00", "2026-11-25T15:00:00.000+08:00"]}))]
pub struct SuggestedTimes {
    pub times: Vec<Moment>,
}
