//! The course of campaigns between the API's documents and the domain.

use std::time::Duration;

use domain::campaign::{
    Canary, CanaryPlan, CanaryShare, CanaryThen, Limit, Limits, Resend, Stopped, Unrouted,
};
use domain::control::{Campaign, RouteLoad};
use domain::phone::Country;

use super::convert::View;
use crate::json;
use crate::problem::{Problem, say};

/// The wait of a canary that names none: most receipts come within minutes.
const USUAL_WAIT_SECONDS: u64 = 600;

/// A canary as the engine takes it.
pub(super) fn canary_plan(plan: &json::CanaryPlan) -> Result<CanaryPlan, Problem> {
    let share = match (plan.percent, plan.people) {
        (Some(percent), None) => CanaryShare::Percent(percent),
        (None, Some(people)) => CanaryShare::People(people),
        _ => {
            let detail = say("percent 与 people 必须且只能填一个", "Give either percent or people");
            return Err(Problem::field("/canary", detail));
        }
    };
    Ok(CanaryPlan {
        share,
        wait: Duration::from_secs(plan.wait_seconds.unwrap_or(USUAL_WAIT_SECONDS)),
        then: plan.then.map_or(CanaryThen::GoOn, Into::into),
    })
}

pub(super) fn plan_document(plan: &CanaryPlan) -> json::CanaryPlan {
    let (percent, people) = match plan.share {
        CanaryShare::Percent(percent) => (Some(percent), None),
        CanaryShare::People(people) => (None, Some(people)),
    };
    json::CanaryPlan {
        percent,
        people,
        wait_seconds: Some(plan.wait.as_secs()),
        then: Some(plan.then.into()),
    }
}

pub(super) fn limits(limits: json::StopLimits) -> Limits {
    let limit = |limit: json::StopLimit| Limit { per_10_000: limit.per_10_000, at_least: limit.at_least };
    Limits {
        failures: limits.failures.map(limit),
        opt_outs: limits.opt_outs.map(limit),
        complaints: limits.complaints.map(limit),
    }
}

pub(super) fn limits_document(limits: &Limits) -> json::StopLimits {
    let limit = |limit: Limit| json::StopLimit { per_10_000: limit.per_10_000, at_least: limit.at_least };
    json::StopLimits {
        failures: limits.failures.map(limit),
        opt_outs: limits.opt_outs.map(limit),
        complaints: limits.complaints.map(limit),
    }
}

pub(super) fn routes(campaign: &Campaign) -> Vec<json::CampaignRoute> {
    let routes = campaign.routes.iter().map(|route| json::CampaignRoute {
        route: route.route.to_string(),
        carriers: route.carriers.iter().map(|carrier| (*carrier).into()).collect(),
        countries: route.countries.iter().map(Country::to_string).collect(),
    });
    routes.collect()
}

pub(super) fn resend_of(resend: &Resend) -> json::ResendOf {
    json::ResendOf {
        of: resend.of.to_string(),
        root: resend.root.to_string(),
        states: resend.filter.states.iter().map(|state| (*state).into()).collect(),
        reasons: resend.filter.reasons.iter().map(|reason| (*reason).into()).collect(),
        asked_by: resend.asked_by.clone(),
    }
}

pub(super) fn route_share(load: &RouteLoad) -> json::RouteShare {
    json::RouteShare {
        route: load.route.to_string(),
        people: load.people,
        parts: load.parts,
        cost: load.cost.into(),
    }
}

impl View<'_> {
    pub(super) fn canary(&self, canary: &Canary) -> json::Canary {
        json::Canary {
            plan: plan_document(&canary.plan),
            counted: canary.people,
            phase: canary.phase.into(),
            sent_at: canary.sent_at.map(|at| json::Moment::new(at, self.zone)),
            released_at: canary.released_at.map(|at| json::Moment::new(at, self.zone)),
        }
    }

    pub(super) fn stopped(&self, stopped: &Stopped) -> json::Stopped {
        let found = &stopped.found;
        json::Stopped {
            at: json::Moment::new(stopped.at, self.zone),
            rule: found.rule.into(),
            explanation: self.language.of_two(found.rule.explain()).to_owned(),
            bad: found.bad,
            of: found.of,
            per_10_000: found.per_10_000,
            resumed_at: stopped.resumed_at.map(|at| json::Moment::new(at, self.zone)),
        }
    }

    pub(super) fn unrouted(&self, left: &Unrouted) -> json::Unrouted {
        let (zh, en) = left.explain();
        json::Unrouted {
            carrier: left.carrier.into(),
            country: left.country.map(|country| country.to_string()),
            route: left.route.map(|route| route.to_string()),
            people: left.people,
            sample: left.sample.clone(),
            explanation: self.language.choose(&say(zh, en)).to_owned(),
        }
    }
}
