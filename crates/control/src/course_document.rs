//! A campaign's course as the document of its row: which routes carry whom, the canary, limits and stops, and of what it
//! sends failures again. Nothing in it is about a person.

use std::time::Duration;

use domain::campaign::{
    CampaignRoute, Canary, CanaryPhase, CanaryPlan, CanaryShare, CanaryThen, Finding, Limit, Limits,
    Observed, Resend, ResendFilter, StopRule, Stopped, Watch,
};
use domain::control::{Campaign, ControlError};
use domain::ids::{CampaignId, LaneId, RouteId};
use domain::message::{MessageState, Reason};
use domain::phone::{Carrier, Country};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::reading::Reading;

/// A release that knew none of it wrote no such document: then everything has its default.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct CourseDocument {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    routes: Vec<RouteDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    canary: Option<CanaryDocument>,
    #[serde(default)]
    watch: WatchDocument,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resend: Option<ResendDocument>,
}

/// What a course is made of, as the domain has it.
pub(super) struct Course {
    pub(super) routes: Vec<CampaignRoute>,
    pub(super) canary: Option<Canary>,
    pub(super) watch: Watch,
    pub(super) resend: Option<Resend>,
}

#[derive(Serialize, Deserialize)]
struct RouteDocument {
    route: u16,
    lane: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    carriers: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    countries: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    canary: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct CanaryDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    percent: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    people: Option<u32>,
    wait_millis: u64,
    then: String,
    bounds: [u64; Carrier::ALL.len()],
    counted: u64,
    phase: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    released_at: Option<i64>,
}

#[derive(Default, Serialize, Deserialize)]
struct WatchDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failures: Option<(u16, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opt_outs: Option<(u16, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    complaints: Option<(u16, u32)>,
    /// Taken, ended, failed, opted out, complained when a person last let it go on.
    #[serde(default)]
    since: [u64; 5],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stopped: Option<StoppedDocument>,
}

#[derive(Serialize, Deserialize)]
struct StoppedDocument {
    at: i64,
    rule: String,
    bad: u64,
    of: u64,
    per_10_000: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resumed_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct ResendDocument {
    of: i64,
    root: i64,
    states: Vec<String>,
    reasons: Vec<String>,
    asked_by: String,
}

impl CourseDocument {
    pub(super) fn of(campaign: &Campaign) -> Self {
        Self {
            routes: campaign.routes.iter().map(RouteDocument::of).collect(),
            canary: campaign.canary.as_ref().map(CanaryDocument::of),
            watch: WatchDocument::of(&campaign.watch),
            resend: campaign.resend.as_ref().map(ResendDocument::of),
        }
    }

    pub(super) fn read(self, reading: Reading) -> Result<Course, ControlError> {
        Ok(Course {
            routes: self.routes.into_iter().map(|route| route.read(reading)).collect::<Result<_, _>>()?,
            canary: self.canary.map(|canary| canary.read(reading)).transpose()?,
            watch: self.watch.read(reading)?,
            resend: self.resend.map(|resend| resend.read(reading)).transpose()?,
        })
    }
}

impl RouteDocument {
    fn of(route: &CampaignRoute) -> Self {
        Self {
            route: route.route.0,
            lane: route.lane.raw(),
            carriers: route.carriers.iter().map(|carrier| carrier.as_str().to_owned()).collect(),
            countries: route.countries.iter().map(|country| country.code().to_owned()).collect(),
            canary: route.canary.map(LaneId::raw),
        }
    }

    fn read(self, reading: Reading) -> Result<CampaignRoute, ControlError> {
        let carriers = self.carriers.iter().map(|word| reading.word("course", word, Carrier::from_word));
        let countries = self.countries.iter().map(|code| reading.word("course", code, Country::from_code));
        Ok(CampaignRoute {
            route: RouteId(self.route),
            carriers: carriers.collect::<Result<_, _>>()?,
            countries: countries.collect::<Result<_, _>>()?,
            lane: LaneId::from_raw(self.lane),
            canary: self.canary.map(LaneId::from_raw),
        })
    }
}

impl CanaryDocument {
    fn of(canary: &Canary) -> Self {
        let (percent, people) = match canary.plan.share {
            CanaryShare::Percent(percent) => (Some(percent), None),
            CanaryShare::People(people) => (None, Some(people)),
        };
        Self {
            percent,
            people,
            wait_millis: u64::try_from(canary.plan.wait.as_millis()).unwrap_or(u64::MAX),
            then: canary.plan.then.word().to_owned(),
            bounds: canary.bounds,
            counted: canary.people,
            phase: canary.phase.word().to_owned(),
            sent_at: canary.sent_at.map(Timestamp::millis),
            released_at: canary.released_at.map(Timestamp::millis),
        }
    }

    fn read(self, reading: Reading) -> Result<Canary, ControlError> {
        let share = match (self.percent, self.people) {
            (Some(percent), None) => CanaryShare::Percent(percent),
            (None, Some(people)) => CanaryShare::People(people),
            _ => return Err(reading.odd("course")),
        };
        let plan = CanaryPlan {
            share,
            wait: Duration::from_millis(self.wait_millis),
            then: reading.word("course", &self.then, CanaryThen::from_word)?,
        };
        Ok(Canary {
            plan,
            bounds: self.bounds,
            people: self.counted,
            phase: reading.word("course", &self.phase, CanaryPhase::from_word)?,
            sent_at: self.sent_at.map(Timestamp::from_millis),
            released_at: self.released_at.map(Timestamp::from_millis),
        })
    }
}

impl WatchDocument {
    fn of(watch: &Watch) -> Self {
        let limit = |limit: Limit| (limit.per_10_000, limit.at_least);
        let Observed { taken, ended, failed, opted_out, complained, unsent: _ } = watch.since;
        Self {
            failures: watch.limits.failures.map(limit),
            opt_outs: watch.limits.opt_outs.map(limit),
            complaints: watch.limits.complaints.map(limit),
            since: [taken, ended, failed, opted_out, complained],
            stopped: watch.stopped.as_ref().map(StoppedDocument::of),
        }
    }

    fn read(self, reading: Reading) -> Result<Watch, ControlError> {
        let limit = |(per_10_000, at_least)| Limit { per_10_000, at_least };
        let [taken, ended, failed, opted_out, complained] = self.since;
        Ok(Watch {
            limits: Limits {
                failures: self.failures.map(limit),
                opt_outs: self.opt_outs.map(limit),
                complaints: self.complaints.map(limit),
            },
            since: Observed { unsent: 0, taken, ended, failed, opted_out, complained },
            stopped: self.stopped.map(|stopped| stopped.read(reading)).transpose()?,
        })
    }
}

impl StoppedDocument {
    fn of(stopped: &Stopped) -> Self {
        let Finding { rule, bad, of, per_10_000 } = stopped.found;
        let resumed_at = stopped.resumed_at.map(Timestamp::millis);
        Self { at: stopped.at.millis(), rule: rule.word().to_owned(), bad, of, per_10_000, resumed_at }
    }

    fn read(self, reading: Reading) -> Result<Stopped, ControlError> {
        let Self { bad, of, per_10_000, .. } = self;
        let rule = reading.word("course", &self.rule, StopRule::from_word)?;
        Ok(Stopped {
            at: Timestamp::from_millis(self.at),
            found: Finding { rule, bad, of, per_10_000 },
            resumed_at: self.resumed_at.map(Timestamp::from_millis),
        })
    }
}

impl ResendDocument {
    fn of(resend: &Resend) -> Self {
        Self {
            of: resend.of.raw(),
            root: resend.root.raw(),
            states: resend.filter.states.iter().map(|state| state.word().to_owned()).collect(),
            reasons: resend.filter.reasons.iter().map(|reason| reason.word().to_owned()).collect(),
            asked_by: resend.asked_by.clone(),
        }
    }

    fn read(self, reading: Reading) -> Result<Resend, ControlError> {
        let states = self.states.iter().map(|word| reading.word("course", word, MessageState::from_word));
        let reasons = self.reasons.iter().map(|word| reading.word("course", word, Reason::from_word));
        Ok(Resend {
            of: CampaignId::from_raw(self.of),
            root: CampaignId::from_raw(self.root),
            filter: ResendFilter {
                states: states.collect::<Result<_, _>>()?,
                reasons: reasons.collect::<Result<_, _>>()?,
            },
            asked_by: self.asked_by,
        })
    }
}
