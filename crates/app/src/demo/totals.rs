//! The demonstration's outcome for machines: one JSON object.

use std::collections::BTreeMap;

use domain::control::{ImportCounts, PreflightReport};
use domain::message::Reason;
use domain::report::{Amount, Funnel};
use serde::Serialize;
use sim::Counters;

use super::reckoning::Reckoning;

/// All totals. `agree` is the conjunction of `checks`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Totals {
    pub(super) agree: bool,
    checks: BTreeMap<&'static str, bool>,
    people: u32,
    seconds: f64,
    imports: [Rows; 2],
    opted_out_before: usize,
    preflight: Preflight,
    report: Report,
    reckoning: Reckoning,
    carriers: Vec<Counters>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Rows {
    read: u64,
    new: u64,
    updated: u64,
    duplicate: u64,
    invalid: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Preflight {
    eligible: u64,
    rejected: BTreeMap<&'static str, u64>,
    parts: u64,
    cost_micros: i64,
    held_groups: usize,
    samples: usize,
}

#[derive(Clone, Debug, Serialize)]
struct Report {
    audience: i64,
    eligible: i64,
    rejected: BTreeMap<&'static str, i64>,
    submitted: i64,
    delivered: i64,
    undelivered: i64,
    expired: i64,
    awaiting_receipt: i64,
    uncertain: i64,
    failed: i64,
    failures: BTreeMap<&'static str, i64>,
    opted_out: i64,
    parts: i64,
    cost_micros: i64,
}

impl Totals {
    #[expect(clippy::too_many_arguments, reason = "one of each step of the story, in its order")]
    pub(super) fn new(
        people: u32,
        imports: (ImportCounts, ImportCounts),
        opted_out_before: usize,
        preflight: &PreflightReport,
        funnel: &Funnel,
        reckoning: Reckoning,
        checks: &[(&'static str, bool)],
        seconds: f64,
    ) -> Self {
        Self {
            agree: checks.iter().all(|(_, holds)| *holds),
            checks: checks.iter().copied().collect(),
            people,
            seconds,
            imports: [rows(&imports.0), rows(&imports.1)],
            opted_out_before,
            preflight: Preflight {
                eligible: preflight.eligible,
                rejected: preflight
                    .rejected
                    .iter()
                    .map(|(reason, people)| (reason.word(), *people))
                    .collect(),
                parts: preflight.parts,
                cost_micros: preflight.cost.micros(),
                held_groups: preflight.held.len(),
                samples: preflight.samples.len(),
            },
            report: report(funnel),
            reckoning,
            carriers: Vec::new(),
        }
    }

    pub(super) fn with_carriers(self, primary: Counters, backup: Counters) -> Self {
        Self { carriers: vec![primary, backup], ..self }
    }
}

fn rows(counts: &ImportCounts) -> Rows {
    let ImportCounts { read, new, updated, duplicate, invalid } = *counts;
    Rows { read, new, updated, duplicate, invalid }
}

fn report(funnel: &Funnel) -> Report {
    let by_reason = |reasons: &[(Reason, Amount)]| {
        reasons.iter().map(|(reason, amount)| (reason.word(), amount.messages)).collect()
    };
    Report {
        audience: funnel.audience,
        eligible: funnel.eligible.messages,
        rejected: by_reason(&funnel.rejections),
        submitted: funnel.submitted.messages,
        delivered: funnel.delivered.messages,
        undelivered: funnel.undelivered.messages,
        expired: funnel.expired.messages,
        awaiting_receipt: funnel.awaiting_receipt.messages,
        uncertain: funnel.uncertain.messages,
        failed: funnel.failed.messages,
        failures: by_reason(&funnel.failures),
        opted_out: funnel.opted_out,
        parts: funnel.parts,
        cost_micros: funnel.cost.micros(),
    }
}
