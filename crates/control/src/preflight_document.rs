//! A preflight's report as the document that a campaign's row holds, sealed: it quotes texts and shows phones.

use domain::campaign::Unrouted;
use domain::control::{ControlError, HeldSample, PreflightReport, RouteLoad, Sample};
use domain::ids::RouteId;
use domain::message::Reason;
use domain::money::Money;
use domain::phone::{Carrier, Country};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::StatsDocument;
use super::reading::Reading;

/// Carrier, country, route, people, masked phone.
type UnroutedDocument = (String, Option<String>, Option<u16>, u64, String);

#[derive(Serialize, Deserialize)]
pub(super) struct PreflightDocument {
    at: i64,
    decided_for: i64,
    audience: StatsDocument,
    eligible: u64,
    parts: u64,
    cost: i64,
    #[serde(default)]
    reserve: i64,
    rejected: Vec<(String, u64)>,
    deferred: u64,
    deferred_until: Option<i64>,
    held: Vec<HeldDocument>,
    samples: Vec<SampleDocument>,
    done_at: Option<i64>,
    by_carrier: Vec<(String, u64, i64)>,
    /// Route, people, parts, cost.
    #[serde(default)]
    by_route: Vec<(u16, u64, u64, i64)>,
    #[serde(default)]
    unrouted: Vec<UnroutedDocument>,
    audience_checksum: Vec<u8>,
    #[serde(default)]
    by_province: Vec<(String, u64)>,
}

#[derive(Serialize, Deserialize)]
struct SampleDocument {
    phone: String,
    text: String,
    encoding: String,
    length: u32,
    parts: u8,
    price: i64,
}

#[derive(Serialize, Deserialize)]
struct HeldDocument {
    text: String,
    spans: Vec<(u32, u32, String, String)>,
    people: u64,
}

impl PreflightDocument {
    pub(super) fn of(report: &PreflightReport) -> Self {
        let sample = |sample: &Sample| SampleDocument {
            phone: sample.phone.clone(),
            text: sample.text.clone(),
            encoding: sample.encoding.clone(),
            length: sample.length,
            parts: sample.parts,
            price: sample.price.micros(),
        };
        let held = |held: &HeldSample| HeldDocument {
            text: held.text.clone(),
            spans: held.spans.clone(),
            people: held.people,
        };
        let carrier = |(word, parts, cost): &(String, u64, Money)| (word.clone(), *parts, cost.micros());
        let load = |load: &RouteLoad| (load.route.0, load.people, load.parts, load.cost.micros());
        let unrouted = |left: &Unrouted| {
            let country = left.country.map(|country| country.code().to_owned());
            let route = left.route.map(|route| route.0);
            (left.carrier.as_str().to_owned(), country, route, left.people, left.sample.clone())
        };
        Self {
            at: report.at.millis(),
            decided_for: report.decided_for.millis(),
            audience: report.audience.into(),
            eligible: report.eligible,
            parts: report.parts,
            cost: report.cost.micros(),
            reserve: report.reserve.micros(),
            rejected: report.rejected.iter().map(|(reason, n)| (reason.word().to_owned(), *n)).collect(),
            deferred: report.deferred,
            deferred_until: report.deferred_until.map(Timestamp::millis),
            held: report.held.iter().map(held).collect(),
            samples: report.samples.iter().map(sample).collect(),
            done_at: report.done_at.map(Timestamp::millis),
            by_carrier: report.by_carrier.iter().map(carrier).collect(),
            by_route: report.by_route.iter().map(load).collect(),
            unrouted: report.unrouted.iter().map(unrouted).collect(),
            audience_checksum: report.audience_checksum.to_vec(),
            by_province: report.by_province.clone(),
        }
    }

    pub(super) fn read(self, reading: Reading) -> Result<PreflightReport, ControlError> {
        let sample = |sample: SampleDocument| Sample {
            phone: sample.phone,
            text: sample.text,
            encoding: sample.encoding,
            length: sample.length,
            parts: sample.parts,
            price: Money::from_micros(sample.price),
        };
        let held =
            |held: HeldDocument| HeldSample { text: held.text, spans: held.spans, people: held.people };
        let carrier = |(word, parts, cost)| (word, parts, Money::from_micros(cost));
        let load = |(route, people, parts, cost)| RouteLoad {
            route: RouteId(route),
            people,
            parts,
            cost: Money::from_micros(cost),
        };
        let unrouted =
            |(carrier, country, route, people, sample): (String, Option<String>, Option<u16>, _, _)| {
                let country = country.map(|code| reading.word("preflight", &code, Country::from_code));
                Ok(Unrouted {
                    carrier: reading.word("preflight", &carrier, Carrier::from_word)?,
                    country: country.transpose()?,
                    route: route.map(RouteId),
                    people,
                    sample,
                })
            };
        let reason = |(word, n): (String, u64)| Ok((reading.word("preflight", &word, Reason::from_word)?, n));
        Ok(PreflightReport {
            at: Timestamp::from_millis(self.at),
            decided_for: Timestamp::from_millis(self.decided_for),
            audience: self.audience.into(),
            eligible: self.eligible,
            parts: self.parts,
            cost: Money::from_micros(self.cost),
            // Of a version that did not know it: at least what is known.
            reserve: Money::from_micros(self.reserve.max(self.cost)),
            rejected: self.rejected.into_iter().map(reason).collect::<Result<_, ControlError>>()?,
            deferred: self.deferred,
            deferred_until: self.deferred_until.map(Timestamp::from_millis),
            held: self.held.into_iter().map(held).collect(),
            samples: self.samples.into_iter().map(sample).collect(),
            done_at: self.done_at.map(Timestamp::from_millis),
            by_carrier: self.by_carrier.into_iter().map(carrier).collect(),
            by_route: self.by_route.into_iter().map(load).collect(),
            unrouted: self.unrouted.into_iter().map(unrouted).collect::<Result<_, ControlError>>()?,
            audience_checksum: reading.digest("preflight", &self.audience_checksum)?,
            by_province: self.by_province,
        })
    }
}

/// What of a campaign is sealed: its text, its test numbers, and what its preflight quoted.
#[derive(Serialize, Deserialize)]
pub(super) struct CampaignSecrets {
    pub(super) text: String,
    pub(super) test_numbers: Vec<u64>,
    pub(super) preflight: Option<PreflightDocument>,
}
